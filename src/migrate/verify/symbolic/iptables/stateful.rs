//! Matches that remember: asking them is something that happens.

use std::net::IpAddr;

use super::super::{Condition, Step, Variable, fields, labels};
use super::Ground;
use super::test::number;
use crate::migrate::iptables::{
    HashLimit, HashMode, Rate, RateUnit, Recent, RecentAction, Side, Statistic, Test, Threshold,
};

impl Ground<'_> {
    /// The steps of a match that remembers; nothing for another one.
    pub(super) fn stateful(&self, test: &Test, negated: bool) -> Option<Vec<Step>> {
        let ask = |device: String, negated| vec![Step::Ask { device, negated }];
        Some(match test {
            Test::Limit { rate, burst } => ask(rate_text(rate, (*burst).into()), negated),
            Test::HashLimit(limit) => {
                let above = limit.threshold == Threshold::Above;
                ask(self.hash_limit(limit), negated != above)
            }
            Test::ConnLimit { above, mask, side } => {
                let key = [(self.address(*side), self.prefix_mask(*mask))];
                ask(labels::connections(*above, &labels::key(&key)), negated)
            }
            Test::Quota(bytes) => ask(format!("no more than {bytes} bytes"), negated),
            Test::Statistic(Statistic::Random { probability }) => {
                ask(chance((*probability).into(), 1 << 31), negated)
            }
            Test::Statistic(Statistic::Nth { every, packet }) => ask(
                nth(*every, every.saturating_sub(1).saturating_sub(*packet)),
                negated,
            ),
            Test::Recent(recent) => self.recent(recent, negated),
            Test::ConnLabel { label, set: true } => {
                let there = Condition::atom(format!("ct label {label}"));
                vec![
                    Step::Test(fields::has_connection()),
                    Step::Note(format!("ct label {label} set")),
                    Step::Test(there.negated_if(negated)),
                ]
            }
            _ => return None,
        })
    }

    /// The bits of a prefix of that length.
    fn prefix_mask(&self, length: u8) -> u128 {
        let width = self.width().bits();
        let low = width.saturating_sub(length.into());
        let all = self.address(Side::Source).largest();
        if low >= 128 {
            0
        } else {
            all & (u128::MAX << low)
        }
    }

    fn hash_limit(&self, limit: &HashLimit) -> String {
        let burst = limit.burst.unwrap_or(5);
        let rate = rate_text(&limit.rate, burst);
        if limit.modes.is_empty() {
            return rate;
        }
        let key = limit.modes.iter().map(|mode| match mode {
            HashMode::SourceAddress => self.masked_address(Side::Source, limit.source_mask),
            HashMode::DestinationAddress => {
                self.masked_address(Side::Destination, limit.destination_mask)
            }
            HashMode::SourcePort => (fields::sport(), fields::sport().largest()),
            HashMode::DestinationPort => (fields::dport(), fields::dport().largest()),
        });
        labels::rate_for_each(&rate, &sorted_key(key.collect()))
    }

    fn masked_address(&self, side: Side, length: Option<u8>) -> (Variable, u128) {
        let variable = self.address(side);
        let mask = length.map_or(variable.largest(), |length| self.prefix_mask(length));
        (variable, mask)
    }

    fn recent(&self, recent: &Recent, negated: bool) -> Vec<Step> {
        let variable = self.address(recent.side);
        let mask = match recent.mask {
            Some(mask @ (IpAddr::V4(_) | IpAddr::V6(_))) => number(mask),
            None => variable.largest(),
        };
        let key = labels::key(&[(variable, mask)]);
        let name = &recent.name;
        match recent.action {
            RecentAction::Set => {
                let outcome = if negated {
                    Condition::Never
                } else {
                    Condition::Always
                };
                vec![
                    Step::Note(format!("recent {name}: {key} seen")),
                    Step::Test(outcome),
                ]
            }
            RecentAction::Check | RecentAction::Update | RecentAction::Remove => {
                let what = match recent.action {
                    RecentAction::Update => "update",
                    RecentAction::Remove => "remove",
                    RecentAction::Check | RecentAction::Set => "check",
                };
                let seconds = recent
                    .seconds
                    .map_or(String::new(), |s| format!(" in {s} s"));
                let hits = recent
                    .hit_count
                    .map_or(String::new(), |n| format!(" {n} times"));
                let ttl = if recent.same_ttl { " with its ttl" } else { "" };
                let device = format!("recent {name}: {what} {key}{seconds}{hits}{ttl}");
                vec![Step::Ask { device, negated }]
            }
        }
    }
}

/// Keys of the same parts are the same, in whatever order.
pub(in crate::migrate::verify::symbolic) fn sorted_key(mut key: Vec<(Variable, u128)>) -> String {
    key.sort();
    labels::key(&key)
}

fn rate_text(rate: &Rate, burst: u64) -> String {
    let unit = match rate.unit {
        RateUnit::Second => "second",
        RateUnit::Minute => "minute",
        RateUnit::Hour => "hour",
        RateUnit::Day => "day",
        RateUnit::Bytes => "second in bytes",
    };
    labels::rate(rate.amount, unit, burst)
}

/// One in so many, by chance.
pub(in crate::migrate::verify::symbolic) fn chance(of: u64, all: u64) -> String {
    let (mut a, mut b) = (of, all);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    let common = a.max(1);
    format!("a chance of {} in {}", of / common, all / common)
}

/// One of every so many, one after the other.
pub(in crate::migrate::verify::symbolic) fn nth(every: u32, at: u32) -> String {
    format!("packet {at} of every {every}")
}
