//! `recent`: a set for each time that rules ask of a list, since an element of nft is there or not.

use std::time::Duration;

use super::super::case::{Cases, Outcome, member};
use super::super::class::Obstacle;
use super::super::draft::Draft;
use super::address::address_field;
use super::limit::address_type;
use crate::migrate::iptables::{Recent, RecentAction, Sense};
use crate::migrate::nft::{Amount, Expression, Limit, Statement, Value};
use crate::ruleset::Name;

/// Says what is done with a list.
pub(super) fn cases(draft: &mut Draft<'_>, sense: Sense, recent: &Recent) -> Outcome<Cases> {
    if recent.same_ttl {
        return Err(Obstacle::new(
            "recent --rttl compares the TTL with that of the packet before",
            "leave --rttl out",
        ));
    }
    draft.equivalent("recent is a set, which keeps 65,535 addresses where a list keeps 100");
    let field = Expression::Field(address_field(draft.family, recent.side));
    let key = vec![match recent.mask {
        Some(mask) if !covers(mask) => Expression::And(Box::new(field), Value::Address(mask)),
        Some(_) | None => field,
    }];
    let windows: Vec<_> = draft
        .windows
        .get(&recent.name)
        .into_iter()
        .flatten()
        .copied()
        .collect();
    let mut sets = Vec::new();
    for seconds in windows {
        let name = set_name(&recent.name, seconds);
        let set = draft.dynamic_set(name.clone(), vec![address_type(draft.family)]);
        set.timeouts = seconds.is_some();
        sets.push((name, seconds));
    }
    let written = |operation: &str| {
        let each = sets.iter().map(|(name, seconds)| {
            let timeout = seconds.filter(|_| operation != "delete");
            dynamic(operation, name, &key, timeout, Vec::new())
        });
        each.collect::<Vec<_>>()
    };
    let asked = set_name(&recent.name, recent.seconds);
    if let Some(count) = recent.hit_count.filter(|count| *count > 1) {
        return counted(draft, sense, recent, count, key);
    }
    let found = |sense| Statement::from(member(sense, key.clone(), &asked));
    match (recent.action, sense) {
        (RecentAction::Set, Sense::Is) => Ok(vec![written("update")]),
        (RecentAction::Check, sense) => Ok(vec![vec![found(sense)]]),
        (RecentAction::Update, Sense::Is) => {
            let statements = std::iter::once(found(Sense::Is)).chain(written("update"));
            Ok(vec![statements.collect()])
        }
        (RecentAction::Remove, Sense::Is) => {
            let statements = std::iter::once(found(Sense::Is)).chain(written("delete"));
            Ok(vec![statements.collect()])
        }
        (RecentAction::Set | RecentAction::Update | RecentAction::Remove, Sense::IsNot) => {
            Err(Obstacle::new(
                "a negated match that changes a list",
                "write one rule that changes the list and one that asks it with ! --rcheck",
            ))
        }
    }
}

/// So many times in so long is a rate, which is near it: a bucket runs dry where a window slides.
fn counted(
    draft: &mut Draft<'_>,
    sense: Sense,
    recent: &Recent,
    count: u32,
    key: Vec<Expression>,
) -> Outcome<Cases> {
    let window = recent.seconds.unwrap_or(0);
    if recent.action == RecentAction::Remove || sense == Sense::IsNot || window == 0 {
        return Err(Obstacle::new(
            "--hitcount without --seconds, negated, or with --remove",
            "say it with a set whose elements have a limit",
        ));
    }
    draft.approximate(
        "--hitcount in --seconds is a limit in nft: as many at once, but the count runs off evenly \
         instead of a window that slides",
    );
    let name = Name::from_parts(&format!("recent-{}-{count}-in-{window}", recent.name));
    let set = draft.dynamic_set(name.clone(), vec![address_type(draft.family)]);
    set.timeouts = true;
    let limit = Statement::Limit(rate(count, window));
    let asked = set_name(&recent.name, recent.seconds);
    let statements = vec![
        Statement::from(member(Sense::Is, key.clone(), &asked)),
        dynamic("update", &name, &key, Some(window), vec![limit]),
    ];
    Ok(vec![statements])
}

/// The rate in the unit in which it is no less than one.
fn rate(count: u32, window: u32) -> Limit {
    const UNITS: [(&str, u64); 4] = [
        ("second", 1),
        ("minute", 60),
        ("hour", 3600),
        ("day", 86_400),
    ];
    let (count, window) = (u64::from(count), u64::from(window));
    let fits = UNITS.iter().find(|(_, seconds)| count * seconds >= window);
    let (unit, seconds) = fits.copied().unwrap_or(UNITS[3]);
    Limit {
        over: true,
        rate: (count * seconds / window).max(1),
        amount: Amount::Packets,
        unit: unit.to_owned(),
        burst: Some(count.saturating_sub(1)),
    }
}

fn dynamic(
    operation: &str,
    set: &Name,
    key: &[Expression],
    seconds: Option<u32>,
    statements: Vec<Statement>,
) -> Statement {
    Statement::Dynamic {
        operation: operation.to_owned(),
        set: set.clone(),
        key: key.to_vec(),
        timeout: seconds.map(|seconds| Duration::from_secs(seconds.into())),
        statements,
        data: None,
    }
}

fn set_name(list: &str, seconds: Option<u32>) -> Name {
    Name::from_parts(&match seconds {
        None => format!("recent-{list}"),
        Some(seconds) => format!("recent-{list}-{seconds}"),
    })
}

fn covers(mask: std::net::IpAddr) -> bool {
    match mask {
        std::net::IpAddr::V4(mask) => mask.to_bits() == u32::MAX,
        std::net::IpAddr::V6(mask) => mask.to_bits() == u128::MAX,
    }
}
