//! Addresses beyond `-s` and `-d`: ranges, types, sets, lists.

use super::header::bound;
use super::{has, option, plain, read, strange, whole};
use crate::migrate::iptables::read::address::range;
use crate::migrate::iptables::read::number::required;
use crate::migrate::iptables::read::option::Given;
use crate::migrate::iptables::{
    AddressKind, AddressTypes, Match, MatchSet, Recent, RecentAction, Sense, Side, Test,
};
use crate::net::{Family, decimal};

/// `iprange`.
pub(super) fn range_test(given: &Given, family: Family) -> Result<Test, String> {
    let side = match given.name {
        "--src-range" => Side::Source,
        "--dst-range" => Side::Destination,
        _ => return Err(strange(given)),
    };
    Ok(Test::AddressRange(side, range(given.value(), family)?))
}

/// `addrtype`.
pub(super) fn types(given: &[Given]) -> Result<Vec<Match>, String> {
    plain(given, &["--src-type", "--dst-type"])?;
    let kind = match (
        has(given, "--limit-iface-in"),
        has(given, "--limit-iface-out"),
    ) {
        (false, false) => AddressKind::Anywhere,
        (true, false) => AddressKind::OnInput,
        (false, true) => AddressKind::OnOutput,
        (true, true) => return Err("one interface limits addrtype, in or out".to_owned()),
    };
    let mut found = Vec::new();
    for (name, side) in [
        ("--src-type", Side::Source),
        ("--dst-type", Side::Destination),
    ] {
        if let Some(given) = option(given, name) {
            let types = address_types(given.value())?;
            found.extend(whole(given.sense, Test::AddressType(side, types, kind)));
        }
    }
    Ok(found)
}

/// `set`.
pub(super) fn set(given: &[Given]) -> Result<Vec<Match>, String> {
    const COUNTERS: [&str; 6] = [
        "--packets-eq",
        "--packets-lt",
        "--packets-gt",
        "--bytes-eq",
        "--bytes-lt",
        "--bytes-gt",
    ];
    let set = option(given, "--match-set").ok_or("--match-set is missing")?;
    let kept = |name: &str| option(given, name).is_some_and(|given| given.sense == Sense::IsNot);
    let counters = given.iter().filter(|given| COUNTERS.contains(&given.name));
    let counter = |given: &Given| {
        let what = match given.name.starts_with("--packets") {
            true => "packets",
            false => "bytes",
        };
        let value =
            decimal(given.value()).ok_or_else(|| format!("{:?} is no number", given.value()))?;
        Ok((what.to_owned(), bound(given.name), value, given.sense))
    };
    let test = Test::Set(MatchSet {
        name: set.value().to_owned(),
        sides: sides(set.values.get(1).map_or("", String::as_str))?,
        return_nomatch: has(given, "--return-nomatch"),
        keep_counters: kept("--update-counters"),
        keep_subcounters: kept("--update-subcounters"),
        counters: counters.map(counter).collect::<Result<_, String>>()?,
    });
    Ok(whole(set.sense, test))
}

/// `recent`.
pub(super) fn recent(given: &[Given]) -> Result<Vec<Match>, String> {
    const ACTIONS: [(&str, RecentAction); 4] = [
        ("--set", RecentAction::Set),
        ("--rcheck", RecentAction::Check),
        ("--update", RecentAction::Update),
        ("--remove", RecentAction::Remove),
    ];
    plain(given, &["--set", "--rcheck", "--update", "--remove"])?;
    let mut asked = ACTIONS
        .iter()
        .filter_map(|(name, action)| Some((option(given, name)?, *action)));
    let (chosen, action) = asked
        .next()
        .ok_or("one of --set, --rcheck, --update, --remove is missing")?;
    if asked.next().is_some() {
        return Err("only one of --set, --rcheck, --update, --remove can be".to_owned());
    }
    let number = |text: &str| required::<u32>("number", text);
    let mask = |text: &str| text.parse().map_err(|_| format!("{text:?} is no mask"));
    let name = option(given, "--name").map_or("DEFAULT", Given::value);
    let test = Test::Recent(Recent {
        name: name.to_owned(),
        action,
        seconds: read(given, "--seconds", number)?,
        hit_count: read(given, "--hitcount", number)?,
        side: match has(given, "--rdest") {
            true => Side::Destination,
            false => Side::Source,
        },
        mask: read(given, "--mask", mask)?,
        reap: has(given, "--reap"),
        same_ttl: has(given, "--rttl"),
    });
    Ok(whole(chosen.sense, test))
}

/// `src,dst,...`.
pub(in crate::migrate::iptables::read) fn sides(text: &str) -> Result<Vec<Side>, String> {
    let side = |name: &str| match name {
        "src" => Ok(Side::Source),
        "dst" => Ok(Side::Destination),
        _ => Err(format!("{name:?} is not src or dst")),
    };
    text.split(',').map(side).collect()
}

fn address_types(text: &str) -> Result<AddressTypes, String> {
    text.split(',')
        .try_fold(AddressTypes::empty(), |all, name| {
            AddressTypes::from_name(&name.to_ascii_uppercase())
                .map(|kind| all | kind)
                .ok_or_else(|| format!("{name:?} is no type of an address"))
        })
}
