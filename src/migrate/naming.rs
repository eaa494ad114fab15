//! Names of sets for what iptables keeps under a name of its own. No two of those have one name here.

/// The set of a list of `recent`, for a time that rules ask of it.
pub(super) fn list(name: &str, seconds: Option<u32>) -> String {
    match seconds {
        None => format!("recent-{}", spelled(name)),
        Some(seconds) => format!("recent-{}.{seconds}", spelled(name)),
    }
}

/// One of the sets that keep when packets came, for what [`list`] names.
pub(super) fn slot(list: &str, number: u32) -> String {
    format!("{list}.s{number}")
}

/// The set of a name of `hashlimit`.
pub(super) fn rate(name: &str) -> String {
    format!("hashlimit-{}", spelled(name))
}

/// A point begins what is no letter of the name: the number of a letter that nft does not take, or a suffix.
fn spelled(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            plain if plain.is_ascii_alphanumeric() || b"-_".contains(&plain) => {
                text.push(char::from(plain));
            }
            other => text.push_str(&format!(".x{other:02x}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{list, rate, slot};

    #[test]
    fn no_two_are_called_the_same() {
        let names = [
            "a", "a b", "a_b", "a.b", "a.x20b", "a-60", "a.60", "a.s1", "ä",
        ];
        let mut all = Vec::new();
        for name in names {
            all.extend([list(name, None), list(name, Some(60)), rate(name)]);
            all.extend([slot(&list(name, None), 1), slot(&list(name, Some(60)), 1)]);
        }
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count, "{all:?}");
    }
}
