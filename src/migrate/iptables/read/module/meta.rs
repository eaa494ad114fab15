//! What is known of a packet beside its headers.

use super::{has, option, plain, read, strange, whole};
use crate::migrate::iptables::read::address::interface;
use crate::migrate::iptables::read::number::{flip, masked, required, span};
use crate::migrate::iptables::read::option::Given;
use crate::migrate::iptables::{
    Direction, LoopbackRoute, Match, PacketType, Physical, PolicyElement, Sense, SocketOption,
    Span, Statistic, Test,
};
use crate::net::decimal;

/// What an option asks.
pub(super) fn test(given: &Given) -> Result<Test, String> {
    let value = given.value();
    Ok(match given.name {
        "--mark" => Test::Mark(masked(value, u32::MAX)?),
        "--mac-source" => Test::Mac(value.parse().map_err(|_| format!("{value:?} is no MAC"))?),
        "--physdev-in" => Test::PhysicalInterface(Direction::In, interface(value)?),
        "--physdev-out" => Test::PhysicalInterface(Direction::Out, interface(value)?),
        "--physdev-is-in" => Test::Physical(Physical::IsIn),
        "--physdev-is-out" => Test::Physical(Physical::IsOut),
        "--physdev-is-bridged" => Test::Physical(Physical::IsBridged),
        "--uid-owner" => Test::User(owner(value)?),
        "--gid-owner" => Test::Group(owner(value)?),
        "--socket-exists" => Test::SocketExists,
        "--pkt-type" => Test::PacketType(packet_type(value)?),
        "--cgroup" => Test::CgroupClass(required("class", value)?),
        "--path" => Test::CgroupPath(value.to_owned()),
        "--comment" => Test::Comment(value.to_owned()),
        "--realm" => Test::Realm(masked(value, u32::MAX)?),
        "--src-group" => Test::DeviceGroup(Direction::In, masked(value, u32::MAX)?),
        "--dst-group" => Test::DeviceGroup(Direction::Out, masked(value, u32::MAX)?),
        "--cpu" => Test::Cpu(required("CPU", value)?),
        "--quota" => {
            Test::Quota(decimal(value).ok_or_else(|| format!("{value:?} is no number of bytes"))?)
        }
        _ => return Err(strange(given)),
    })
}

/// `socket`.
pub(super) fn socket(given: &[Given]) -> Result<Vec<Match>, String> {
    plain(given, &[])?;
    let option = |given: &Given| match given.name {
        "--transparent" => Ok(SocketOption::Transparent),
        "--nowildcard" => Ok(SocketOption::NoWildcard),
        "--restore-skmark" => Ok(SocketOption::RestoreMark),
        _ => Err(strange(given)),
    };
    let mut options: Vec<_> = given.iter().map(option).collect::<Result<_, _>>()?;
    options.sort();
    Ok(whole(Sense::Is, Test::Socket(options)))
}

/// `rpfilter`.
pub(super) fn reverse_path(given: &[Given]) -> Result<Vec<Match>, String> {
    plain(given, &[])?;
    let mut sense = Sense::Is;
    let mut options = Vec::new();
    for given in given {
        match given.name {
            "--loose" => options.push(LoopbackRoute::Loose),
            "--validmark" => options.push(LoopbackRoute::ValidMark),
            "--accept-local" => options.push(LoopbackRoute::AcceptLocal),
            _ => sense = flip(sense),
        }
    }
    options.sort();
    Ok(whole(sense, Test::ReversePath(options)))
}

/// `osf`. Its TTL is compared as it is where nothing else is said.
pub(super) fn system(given: &[Given]) -> Result<Vec<Match>, String> {
    plain(given, &["--genre"])?;
    let genre = option(given, "--genre").ok_or("--genre is missing")?;
    let ttl = option(given, "--ttl").map(Given::value);
    if ttl.is_some_and(|ttl| ttl != "0") || has(given, "--log") {
        return Err("--ttl other than 0, and --log, are not known".to_owned());
    }
    Ok(whole(genre.sense, Test::System(genre.value().to_owned())))
}

/// `statistic`.
pub(super) fn statistic(given: &[Given]) -> Result<Vec<Match>, String> {
    plain(given, &["--probability", "--every"])?;
    let number = |text: &str| required::<u32>("number", text);
    match option(given, "--mode").map(Given::value) {
        Some("random") => {
            let chance = option(given, "--probability").ok_or("--probability is missing")?;
            let probability = fraction(chance.value())?;
            let test = Test::Statistic(Statistic::Random { probability });
            Ok(whole(chance.sense, test))
        }
        Some("nth") => {
            let every = option(given, "--every").ok_or("--every is missing")?;
            let count = number(every.value())?;
            let packet = read(given, "--packet", number)?;
            let packet = packet.ok_or("--every also asks for --packet")?;
            if count == 0 || packet >= count {
                return Err("--packet is below --every, which is above 0".to_owned());
            }
            let test = Test::Statistic(Statistic::Nth {
                every: count,
                packet,
            });
            Ok(whole(every.sense, test))
        }
        _ => Err("--mode is random or nth".to_owned()),
    }
}

/// `policy`.
pub(super) fn ipsec(given: &[Given]) -> Result<Vec<Match>, String> {
    let direction = match option(given, "--dir").map(Given::value) {
        Some("in") => Direction::In,
        Some("out") => Direction::Out,
        _ => return Err("--dir is in or out".to_owned()),
    };
    let policy = option(given, "--pol").ok_or("--pol is missing")?;
    let elements = match policy.value() {
        "none" => None,
        "ipsec" => Some(elements(given)),
        other => return Err(format!("{other:?} is not none or ipsec")),
    };
    let test = Test::Ipsec {
        direction,
        elements,
        strict: has(given, "--strict"),
    };
    Ok(whole(Sense::Is, test))
}

fn elements(given: &[Given]) -> Vec<PolicyElement> {
    let of_all = ["--dir", "--pol", "--strict"];
    let options = given.iter().filter(|given| !of_all.contains(&given.name));
    let mut elements = vec![PolicyElement {
        options: Vec::new(),
    }];
    for given in options {
        match elements.last_mut() {
            Some(last) if given.name != "--next" => {
                last.options
                    .push((given.sense, given.name.to_owned(), given.value().to_owned()))
            }
            _ => elements.push(PolicyElement {
                options: Vec::new(),
            }),
        }
    }
    elements
}

/// A user or group by number, or a range of them.
fn owner(text: &str) -> Result<Span<u32>, String> {
    if text == "root" {
        return Ok(Span { first: 0, last: 0 });
    }
    let missing = "names of users and groups are known to their host alone: write the number";
    span(text, '-', 0, u32::MAX).map_err(|_| format!("{text:?}: {missing}"))
}

fn packet_type(text: &str) -> Result<PacketType, String> {
    match text.to_ascii_lowercase().as_str() {
        "unicast" | "host" => Ok(PacketType::Unicast),
        "broadcast" => Ok(PacketType::Broadcast),
        "multicast" => Ok(PacketType::Multicast),
        _ => Err(format!("{text:?} is not unicast, broadcast or multicast")),
    }
}

/// A probability as iptables keeps it, of 2^31, rounded.
fn fraction(text: &str) -> Result<u32, String> {
    const ONE: u128 = 1 << 31;
    const DIGITS_MAX: usize = 18;
    let wrong = || format!("{text:?} is no probability from 0 to 1");
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let whole: u128 = decimal(whole).ok_or_else(wrong)?;
    let digits: String = part.chars().take(DIGITS_MAX).collect();
    let scale = 10_u128.pow(u32::try_from(digits.len()).map_err(|_| wrong())?);
    let part: u128 = decimal(&digits).ok_or_else(wrong)?;
    let value = (whole.min(2) * scale + part) * ONE;
    let rounded = (value + scale / 2) / scale;
    let fits = u32::try_from(rounded).ok().filter(|_| rounded <= ONE);
    fits.ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::fraction;

    #[test]
    fn probabilities_are_of_two_to_the_31st() {
        assert_eq!(fraction("0.5"), Ok(1 << 30));
        assert_eq!(fraction("1"), Ok(1 << 31));
        assert_eq!(fraction("0.33333333349"), Ok(715_827_883));
        assert!(fraction("1.1").is_err());
    }
}
