//! The kernel as such, and what this process may do with it.

use rustix::system::uname;
use rustix::thread::{CapabilitySet, MembarrierCommand, capabilities, membarrier};

use super::Check;

/// The oldest kernel with every construct that is needed: concatenated intervals are of 5.6, and 5.10 is
/// the first long-term release after it. Measured was 6.18 alone.
pub(super) const OLDEST: (u32, u32) = (5, 10);

pub(super) fn version() -> Check {
    const NAME: &str = "kernel version";
    let release = uname().release().to_string_lossy().into_owned();
    let (major, minor) = OLDEST;
    match number(&release) {
        Some(version) if version >= OLDEST => Check::fine(
            NAME,
            format!("Linux {release}; the oldest that will do is {major}.{minor}"),
        ),
        Some(_) => Check::failure(
            NAME,
            format!("Linux {release} is older than {major}.{minor}"),
            "install a newer kernel",
        ),
        None => Check::warning(
            NAME,
            format!("Linux {release:?} does not say which version it is"),
            "make sure that it is 5.10 or newer",
        ),
    }
}

fn number(release: &str) -> Option<(u32, u32)> {
    let mut parts = release.split(|c: char| !c.is_ascii_digit());
    let mut part = || parts.next()?.parse().ok();
    Some((part()?, part()?))
}

pub(super) fn rights() -> Check {
    const NAME: &str = "rights";
    let held = capabilities(None).map(|sets| sets.effective);
    let held = held.unwrap_or(CapabilitySet::empty());
    let wanted = [
        (CapabilitySet::NET_ADMIN, "CAP_NET_ADMIN"),
        (CapabilitySet::NET_RAW, "CAP_NET_RAW"),
    ];
    let missing = wanted.iter().filter(|(right, _)| !held.contains(*right));
    let missing: Vec<_> = missing.map(|(_, name)| *name).collect();
    match missing.is_empty() {
        true => Check::fine(NAME, "CAP_NET_ADMIN and CAP_NET_RAW"),
        false => Check::failure(
            NAME,
            format!("this process lacks {}", missing.join(" and ")),
            "run it as root, or give it these capabilities",
        ),
    }
}

pub(super) fn barrier() -> Check {
    const NAME: &str = "barrier";
    match membarrier(MembarrierCommand::Global) {
        Ok(()) => Check::fine(NAME, "membarrier waits for packets in flight"),
        Err(error) => Check::warning(
            NAME,
            format!("there is no membarrier ({error}): updates wait 100 ms between some steps"),
            "a kernel with CONFIG_MEMBARRIER makes updates faster",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn releases_are_read() {
        assert_eq!(number("6.18.44"), Some((6, 18)));
        assert_eq!(number("5.10-rc1+deb"), Some((5, 10)));
        assert_eq!(number("mine"), None);
    }
}
