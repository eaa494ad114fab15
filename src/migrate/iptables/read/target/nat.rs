//! Translation of addresses.

use std::net::IpAddr;

use super::{has, needed, value};
use crate::migrate::iptables::read::option::Given;
use crate::migrate::iptables::read::port::dashed;
use crate::migrate::iptables::{Nat, NatRange, Span, Target};
use crate::net::{Family, PortRange, decimal};

/// What an address becomes.
pub(super) fn read(name: &str, given: &[Given], family: Family) -> Result<Target, String> {
    let destinations = |option: &str| {
        let found = given.iter().filter(|given| given.name == option).count();
        match found {
            0 | 1 => needed(given, option),
            _ => Err(format!(
                "several {option} are not possible since Linux 2.6.11"
            )),
        }
    };
    Ok(match name {
        "DNAT" => Target::Dnat(whereto(destinations("--to-destination")?, given, family)?),
        "SNAT" => Target::Snat(whereto(destinations("--to-source")?, given, family)?),
        "MASQUERADE" => Target::Masquerade(local(given)?),
        "REDIRECT" => Target::Redirect(local(given)?),
        _ => {
            let prefix = needed(given, "--to")?;
            let read: crate::net::Cidr = prefix
                .parse()
                .map_err(|_| format!("{prefix:?} is no prefix"))?;
            match read.family() == family {
                true => Target::Netmap(read),
                false => return Err(format!("{prefix:?} is no {family} prefix")),
            }
        }
    })
}

fn local(given: &[Given]) -> Result<Nat, String> {
    let (ports, base) = value(given, "--to-ports").map_or(Ok((None, None)), shifted)?;
    Ok(nat(None, ports, base, given))
}

fn whereto(text: &str, given: &[Given], family: Family) -> Result<Nat, String> {
    let (addresses, ports) = halves(text);
    let range = (!addresses.is_empty())
        .then(|| {
            span(addresses, family)
                .ok_or_else(|| format!("{text:?} is no {family} address or range"))
        })
        .transpose()?;
    let (ports, base) = ports.map_or(Ok((None, None)), shifted)?;
    Ok(nat(range, ports, base, given))
}

fn nat(range: NatRange, ports: Option<PortRange>, base: Option<u16>, given: &[Given]) -> Nat {
    Nat {
        range,
        ports,
        base,
        random: has(given, "--random"),
        random_fully: has(given, "--random-fully"),
        persistent: has(given, "--persistent"),
    }
}

/// Addresses and ports of `a:p`, `[a]:p`, `a`.
fn halves(text: &str) -> (&str, Option<&str>) {
    match text.rsplit_once("]:") {
        Some((addresses, ports)) => (addresses, Some(ports)),
        None if text.starts_with('[') => (text, None),
        None => match (text.split_once(':'), text.matches(':').count()) {
            (Some((addresses, ports)), 1) => (addresses, Some(ports)),
            _ => (text, None),
        },
    }
}

fn span(text: &str, family: Family) -> Option<Span<IpAddr>> {
    let text: String = text.chars().filter(|c| !"[]".contains(*c)).collect();
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    let read = |text: &str| {
        text.parse()
            .ok()
            .filter(|address| Family::of(*address) == family)
    };
    let (first, last) = read(first).zip(read(last))?;
    (first <= last).then_some(Span { first, last })
}

/// `first-last/base`.
fn shifted(text: &str) -> Result<(Option<PortRange>, Option<u16>), String> {
    match text.split_once('/') {
        None => Ok((Some(dashed(text)?), None)),
        Some((ports, base)) => {
            let base = decimal(base).ok_or_else(|| format!("{base:?} is no port"))?;
            Ok((Some(dashed(ports)?), Some(base)))
        }
    }
}
