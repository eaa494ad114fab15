//! `recent`: a set for each time that rules ask of a list, since an element of nft is there or not.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::case::{Cases, Outcome, member};
use super::super::class::Obstacle;
use super::super::draft::Draft;
use super::address::address_field;
use super::limit::address_type;
use super::ring::Ring;
use crate::migrate::iptables::{Recent, RecentAction, Sense, TIMES_MAX};
use crate::migrate::naming;
use crate::migrate::nft::{Amount, Expression, Limit, Statement, Value};
use crate::ruleset::{NAME_BYTES_MAX, Name};

/// So much longer is the name of a chain than that of its list.
const SUFFIX: usize = ".of1000.src".len();

/// Says what is done with a list.
pub(super) fn cases(draft: &mut Draft<'_>, sense: Sense, recent: &Recent) -> Outcome<Cases> {
    if recent.same_ttl {
        return Err(Obstacle::new(
            "recent --rttl compares the TTL with that of the packet before",
            "leave --rttl out",
        ));
    }
    if sense == Sense::IsNot && recent.action != RecentAction::Check {
        return Err(Obstacle::new(
            "a negated match that changes a list",
            "write one rule that changes the list and one that asks it with ! --rcheck",
        ));
    }
    let longest = naming::list(&recent.name, Some(u32::MAX)).len() + SUFFIX;
    if longest > NAME_BYTES_MAX {
        return Err(Obstacle::new(
            "the name of the list is longer than that of a set can be",
            "give the list a shorter name",
        ));
    }
    draft.equivalent("recent is a set, which keeps 65,535 addresses where a list keeps 100");
    let used = Used::of(draft, recent);
    match recent.times().filter(|times| *times > TIMES_MAX) {
        Some(count) => counted(draft, sense, recent, count, used.key),
        None => Ok(vec![used.said(draft, sense, recent)]),
    }
}

/// What of an address is kept where.
struct Used {
    key: Vec<Expression>,
    sets: Vec<(Name, Option<u32>)>,
    rings: BTreeMap<Option<u32>, Ring>,
}

impl Used {
    fn of(draft: &mut Draft<'_>, recent: &Recent) -> Self {
        let field = Expression::Field(address_field(draft.family, recent.side));
        let key = vec![match recent.mask {
            Some(mask) if !covers(mask) => Expression::And(Box::new(field), Value::Address(mask)),
            Some(_) | None => field,
        }];
        let list = draft.lists.get(&recent.name).cloned().unwrap_or_default();
        let mut sets = Vec::new();
        for seconds in list.windows {
            let name = set_name(&recent.name, seconds);
            let set = draft.dynamic_set(name.clone(), vec![address_type(draft.family)]);
            set.timeouts = seconds.is_some();
            sets.push((name, seconds));
        }
        let rings = list.counted.into_iter().map(|(seconds, most)| {
            let what = (recent.side, key.clone());
            (
                seconds,
                Ring::new(draft, &recent.name, (seconds, most), what),
            )
        });
        let rings = rings.collect();
        Self { key, sets, rings }
    }

    /// The one case of a match, with what has to happen first noted down.
    fn said(&self, draft: &mut Draft<'_>, sense: Sense, recent: &Recent) -> Vec<Statement> {
        let holds = self.holds(draft, sense, recent);
        let changes: Vec<_> = match recent.action {
            RecentAction::Set | RecentAction::Update => {
                self.rings.values().map(|ring| ring.note(draft)).collect()
            }
            RecentAction::Remove => self.rings.values().map(|ring| ring.forget(draft)).collect(),
            RecentAction::Check => Vec::new(),
        };
        for change in changes {
            let rule = holds.iter().cloned().chain([change]).collect();
            draft.rule.first.push(rule);
        }
        let written = match recent.action {
            RecentAction::Set | RecentAction::Update => self.noted(draft, &holds),
            RecentAction::Remove => {
                let sets = self.sets.iter();
                sets.map(|(name, _)| dynamic("delete", name, &self.key, None))
                    .collect()
            }
            RecentAction::Check => Vec::new(),
        };
        holds.into_iter().chain(written).collect()
    }

    /// Notes an address in every set, in rules of their own: a set that is full takes no more, which ends the rule that asks.
    /// What of that remains in the rule itself: all, where something is asked first that must be asked once, or that
    /// the note changes.
    fn noted(&self, draft: &mut Draft<'_>, holds: &Option<Statement>) -> Vec<Statement> {
        let written = self.sets.iter().map(|(name, seconds)| {
            let seconds = seconds.map(|seconds| Duration::from_secs(seconds.into()));
            dynamic("update", name, &self.key, seconds)
        });
        let changed = self
            .sets
            .iter()
            .any(|(name, _)| draft.rule.outside.contains(name));
        if draft.rule.remembers || changed {
            draft.approximate(
                "the rule ends where the set of recent is full, where iptables forgets the oldest address: what it asks \
                 before cannot be asked once more",
            );
            return written.collect();
        }
        let rules = written.map(|one| holds.iter().cloned().chain([one]).collect());
        draft.rule.first.extend(rules);
        Vec::new()
    }

    /// What must hold; where packets are counted, after a chain has counted them.
    fn holds(&self, draft: &mut Draft<'_>, sense: Sense, recent: &Recent) -> Option<Statement> {
        if recent.action == RecentAction::Set {
            return None;
        }
        let ring = self.rings.get(&recent.window());
        let asked = match recent.times().zip(ring) {
            Some((times, ring)) => {
                draft.equivalent(
                    "--hitcount is a ring of sets, one for each packet that counts; two packets of one address at \
                     once may count as one, and of more than 640 in a second some are not noted, so that those that \
                     count are up to a second older",
                );
                let (ask, answer) = ring.ask(draft, times);
                draft.rule.first.push(vec![ask]);
                answer
            }
            None => set_name(&recent.name, recent.window()),
        };
        Some(member(sense, self.key.clone(), &asked).into())
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
    let window = recent.window().unwrap_or(0);
    if recent.action == RecentAction::Remove || sense == Sense::IsNot || window == 0 {
        return Err(Obstacle::new(
            "--hitcount without --seconds, negated, or with --remove",
            "say it with a set whose elements have a limit",
        ));
    }
    draft.approximate(
        "so large a --hitcount is a limit in nft: as many at once, but the count runs off evenly \
         instead of a window that slides",
    );
    let asked = set_name(&recent.name, recent.window());
    let name = Name::from_parts(&format!("{asked}.rate{count}"));
    let set = draft.dynamic_set(name.clone(), vec![address_type(draft.family)]);
    set.timeouts = true;
    let limit = Statement::Limit(rate(count, window));
    let limited = Statement::Dynamic {
        operation: "update".to_owned(),
        set: name,
        key: key.clone(),
        timeout: Some(Duration::from_secs(window.into())),
        statements: vec![limit],
        data: None,
    };
    let statements = vec![Statement::from(member(Sense::Is, key, &asked)), limited];
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

/// A key is put into a set, or taken out of it.
pub(super) fn dynamic(
    operation: &str,
    set: &Name,
    key: &[Expression],
    timeout: Option<Duration>,
) -> Statement {
    Statement::Dynamic {
        operation: operation.to_owned(),
        set: set.clone(),
        key: key.to_vec(),
        timeout,
        statements: Vec::new(),
        data: None,
    }
}

fn set_name(list: &str, seconds: Option<u32>) -> Name {
    Name::from_parts(&naming::list(list, seconds))
}

fn covers(mask: std::net::IpAddr) -> bool {
    match mask {
        std::net::IpAddr::V4(mask) => mask.to_bits() == u32::MAX,
        std::net::IpAddr::V6(mask) => mask.to_bits() == u128::MAX,
    }
}
