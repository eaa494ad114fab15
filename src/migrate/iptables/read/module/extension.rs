//! Extension headers of IPv6.

use super::{has, option, plain, read, strange, whole};
use crate::migrate::iptables::read::number::{required, span};
use crate::migrate::iptables::read::option::Given;
use crate::migrate::iptables::{ExtensionHeaders, Match, RoutingHeader, Sense, Test};

/// `rt` and `mh`.
pub(super) fn test(given: &Given) -> Result<Test, String> {
    let value = given.value();
    Ok(match given.name {
        "--rt-type" => Test::Routing(RoutingHeader::Kind(required("type", value)?)),
        "--rt-segsleft" => {
            Test::Routing(RoutingHeader::SegmentsLeft(span(value, ':', 0, u32::MAX)?))
        }
        "--rt-len" => Test::Routing(RoutingHeader::Length(required("length", value)?)),
        "--rt-0-res" => Test::Routing(RoutingHeader::Reserved),
        "--mh-type" => Test::MobilityType(span(value, ':', 0, u8::MAX)?),
        _ => return Err(strange(given)),
    })
}

/// `frag`.
pub(super) fn fragment(given: &[Given]) -> Result<Vec<Match>, String> {
    plain(given, &["--fragid", "--fraglen"])?;
    let ids = |text: &str| span(text, ':', 0, u32::MAX);
    let length = |text: &str| required("length", text);
    let more = match (has(given, "--fragmore"), has(given, "--fraglast")) {
        (true, true) => return Err("--fragmore and --fraglast exclude each other".to_owned()),
        (true, false) => Some(true),
        (false, true) => Some(false),
        (false, false) => None,
    };
    let test = Test::Frag6 {
        id: signed(given, "--fragid", ids)?,
        first: has(given, "--fragfirst").then_some(true),
        more,
        reserved: has(given, "--fragres"),
        length: read(given, "--fraglen", length)?,
    };
    Ok(whole(Sense::Is, test))
}

/// `dst` and `hbh`.
pub(super) fn options(module: &str, given: &[Given]) -> Result<Vec<Match>, String> {
    let destination = module == "dst";
    let (length, options) = match destination {
        true => ("--dst-len", "--dst-opts"),
        false => ("--hbh-len", "--hbh-opts"),
    };
    plain(given, &[length])?;
    let test = Test::Options6 {
        destination,
        length: signed(given, length, |text| required("length", text))?,
        options: option(given, options).map(|given| given.value().to_owned()),
    };
    Ok(whole(Sense::Is, test))
}

/// The value of an option, read, and whether it must be so.
fn signed<T>(
    given: &[Given],
    name: &str,
    of: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<(Sense, T)>, String> {
    let sense = option(given, name).map(|given| given.sense);
    Ok(sense.zip(read(given, name, of)?))
}

/// `ipv6header`.
pub(super) fn headers(given: &[Given]) -> Result<Vec<Match>, String> {
    plain(given, &["--header"])?;
    let header = option(given, "--header").ok_or("--header is missing")?;
    let one = |name: &str| match name {
        "hop" | "hop-by-hop" | "0" => Ok(ExtensionHeaders::HOP),
        "dst" | "ipv6-opts" | "60" => Ok(ExtensionHeaders::DST),
        "route" | "ipv6-route" | "43" => Ok(ExtensionHeaders::ROUTE),
        "frag" | "ipv6-frag" | "44" => Ok(ExtensionHeaders::FRAG),
        "auth" | "ah" | "51" => Ok(ExtensionHeaders::AUTH),
        "esp" | "50" => Ok(ExtensionHeaders::ESP),
        "none" | "ipv6-nonxt" | "59" => Ok(ExtensionHeaders::NONE),
        "prot" | "protocol" | "255" => Ok(ExtensionHeaders::PROTO),
        _ => Err(format!("{name:?} is no extension header")),
    };
    let headers = header
        .value()
        .split(',')
        .try_fold(ExtensionHeaders::empty(), |all, name| {
            Ok::<_, String>(all | one(name)?)
        })?;
    let test = Test::Headers {
        headers,
        soft: has(given, "--soft"),
    };
    Ok(whole(header.sense, test))
}
