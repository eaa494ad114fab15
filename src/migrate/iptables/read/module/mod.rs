//! Modules: what their options ask.

mod address;
mod connection;
mod extension;
mod header;
mod limit;
mod meta;
mod time;

pub(in crate::migrate::iptables::read) use address::sides;
pub(in crate::migrate::iptables::read) use header::{class, code_point, tos};

use super::option::Given;
use crate::migrate::iptables::{Match, Sense, Test};
use crate::net::Family;

/// What a module asks of a packet.
pub(super) fn tests(name: &str, given: &[Given], family: Family) -> Result<Vec<Match>, String> {
    if given.is_empty()
        && let Some(readable) = header::bare(name)
    {
        return Ok(whole(Sense::Is, readable?));
    }
    match name {
        "tcp" | "udp" | "udplite" | "sctp" | "dccp" | "tcpmss" | "multiport" | "icmp" | "icmp6"
        | "icmpv6" | "ipv6-icmp" | "length" | "ttl" | "hl" | "dscp" | "tos" | "ecn" | "ah"
        | "esp" | "ipcomp" => each(given, |given| header::test(name, given, family)),
        "state" | "conntrack" | "connmark" | "helper" => {
            each(given, |given| connection::test(given, family))
        }
        "connbytes" => connection::bytes(given),
        "connlabel" => connection::label(given),
        "connlimit" => limit::connections(given, family),
        "iprange" => each(given, |given| address::range_test(given, family)),
        "addrtype" => address::types(given),
        "set" => address::set(given),
        "recent" => address::recent(given),
        "limit" => limit::limit(given),
        "hashlimit" => limit::hash_limit(given),
        "time" => time::calendar(given),
        "frag" => extension::fragment(given),
        "dst" | "hbh" => extension::options(name, given),
        "ipv6header" => extension::headers(given),
        "rt" | "mh" => each(given, extension::test),
        "policy" => meta::ipsec(given),
        "statistic" => meta::statistic(given),
        "osf" => meta::system(given),
        "socket" => meta::socket(given),
        "rpfilter" => meta::reverse_path(given),
        _ => each(given, meta::test),
    }
}

/// Every option is a test of its own.
fn each(
    given: &[Given],
    test: impl Fn(&Given) -> Result<Test, String>,
) -> Result<Vec<Match>, String> {
    let one = |given: &Given| {
        Ok(Match {
            sense: given.sense,
            test: test(given)?,
        })
    };
    given.iter().map(one).collect()
}

/// All options together are one test.
fn whole(sense: Sense, test: Test) -> Vec<Match> {
    vec![Match { sense, test }]
}

/// The option of a name, if it was given.
fn option<'g>(given: &'g [Given], name: &str) -> Option<&'g Given> {
    given.iter().find(|given| given.name == name)
}

/// Whether an option was given.
fn has(given: &[Given], name: &str) -> bool {
    option(given, name).is_some()
}

/// The value of an option, read.
fn read<T>(
    given: &[Given],
    name: &str,
    read: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    option(given, name)
        .map(|given| read(given.value()))
        .transpose()
}

/// No option is negated, other than those named.
fn plain(given: &[Given], but: &[&str]) -> Result<(), String> {
    let negated = given
        .iter()
        .find(|given| given.sense == Sense::IsNot && !but.contains(&given.name));
    match negated {
        Some(given) => Err(format!("{} cannot be negated", given.name)),
        None => Ok(()),
    }
}

/// An option that the module does not have.
fn strange(given: &Given) -> String {
    format!("option {} is not known", given.name)
}
