//! Connection tracking.

use super::{option, plain, strange, whole};
use crate::migrate::iptables::read::address::address;
use crate::migrate::iptables::read::number::{masked, span};
use crate::migrate::iptables::read::option::Given;
use crate::migrate::iptables::read::port::{ports, protocol};
use crate::migrate::iptables::{
    ConnectionField, ConnectionStates, ConnectionStatus, Match, Side, Span, Test,
};
use crate::net::{Family, decimal};

/// What an option asks.
pub(super) fn test(given: &Given, family: Family) -> Result<Test, String> {
    use ConnectionField::{Original, Reply};
    use Side::{Destination, Source};
    let value = given.value();
    let of = |field, side| {
        Ok(Test::ConnectionAddress(
            field,
            side,
            address(value, family)?,
        ))
    };
    let port = |field, side| Ok(Test::ConnectionPort(field, side, ports(value)?));
    match given.name {
        "--state" | "--ctstate" => states(value).map(Test::State),
        "--ctproto" => protocol(value)?
            .map(Test::ConnectionProtocol)
            .ok_or_else(|| "--ctproto names one protocol".to_owned()),
        "--ctorigsrc" => of(Original, Source),
        "--ctorigdst" => of(Original, Destination),
        "--ctreplsrc" => of(Reply, Source),
        "--ctrepldst" => of(Reply, Destination),
        "--ctorigsrcport" => port(Original, Source),
        "--ctorigdstport" => port(Original, Destination),
        "--ctreplsrcport" => port(Reply, Source),
        "--ctrepldstport" => port(Reply, Destination),
        "--ctstatus" => status(value).map(Test::Status),
        "--ctexpire" => span(value, ':', 0, u32::MAX).map(Test::ConnectionExpiry),
        "--ctdir" => match value.to_ascii_uppercase().as_str() {
            "ORIGINAL" => Ok(Test::ConnectionDirection(Original)),
            "REPLY" => Ok(Test::ConnectionDirection(Reply)),
            _ => Err(format!("{value:?} is not ORIGINAL or REPLY")),
        },
        "--mark" => masked(value, u32::MAX).map(Test::ConnectionMark),
        "--helper" if value.is_empty() => {
            Err("a connection of any helper: nft asks for one by its name".to_owned())
        }
        "--helper" => Ok(Test::Helper(value.to_owned())),
        _ => Err(strange(given)),
    }
}

/// `connbytes`.
pub(super) fn bytes(given: &[Given]) -> Result<Vec<Match>, String> {
    plain(given, &["--connbytes"])?;
    let value = |name: &str, allowed: &[&str]| {
        let value = option(given, name).map(Given::value).unwrap_or_default();
        match allowed.contains(&value) {
            true => Ok(value.to_owned()),
            false => Err(format!("{name} is one of {}", allowed.join(", "))),
        }
    };
    let range = option(given, "--connbytes").ok_or("--connbytes is missing")?;
    let (first, last) = range.value().split_once(':').unwrap_or((range.value(), ""));
    let number = |text: &str, default| match text {
        "" => Some(default),
        text => decimal::<u64>(text),
    };
    let both = number(first, 0).zip(number(last, u64::MAX));
    let (first, last) = both
        .filter(|(first, last)| first <= last)
        .ok_or_else(|| format!("{:?} is no range first:last", range.value()))?;
    let test = Test::ConnBytes {
        mode: value("--connbytes-mode", &["packets", "bytes", "avgpkt"])?,
        direction: value("--connbytes-dir", &["original", "reply", "both"])?,
        range: Span { first, last },
    };
    Ok(whole(range.sense, test))
}

/// `connlabel`.
pub(super) fn label(given: &[Given]) -> Result<Vec<Match>, String> {
    plain(given, &["--label"])?;
    let label = option(given, "--label").ok_or("--label is missing")?;
    let number = decimal::<u16>(label.value()).filter(|number| *number < 128);
    let test = Test::ConnLabel {
        label: number
            .ok_or("names of labels are in a file of the host: write the number, 0-127")?,
        set: option(given, "--set").is_some(),
    };
    Ok(whole(label.sense, test))
}

fn states(text: &str) -> Result<ConnectionStates, String> {
    text.split(',')
        .try_fold(ConnectionStates::empty(), |all, name| {
            ConnectionStates::from_name(&name.to_ascii_uppercase())
                .map(|state| all | state)
                .ok_or_else(|| {
                    format!(
                        "{name:?} is no state: INVALID NEW ESTABLISHED RELATED UNTRACKED SNAT DNAT"
                    )
                })
        })
}

fn status(text: &str) -> Result<ConnectionStatus, String> {
    text.split(',')
        .try_fold(ConnectionStatus::empty(), |all, name| {
            ConnectionStatus::from_name(&name.to_ascii_uppercase())
                .map(|status| all | status)
                .ok_or_else(|| {
                    format!("{name:?} is no status: NONE EXPECTED SEEN_REPLY ASSURED CONFIRMED")
                })
        })
}

#[cfg(test)]
mod tests {
    use super::states;
    use crate::migrate::iptables::ConnectionStates;

    #[test]
    fn states_are_a_set() {
        let both = ConnectionStates::NEW | ConnectionStates::RELATED;
        assert_eq!(states("new,RELATED"), Ok(both));
        assert!(states("OLD").is_err());
    }
}
