//! Matches that remember: asking them is something that happens.

use std::net::IpAddr;

use super::super::labels::{Change, Is, Kept};
use super::super::{Condition, Source, Step, Variable, fields, labels};
use super::Ground;
use super::test::{number, socket};
use crate::migrate::iptables::{
    HashLimit, HashMode, List, Rate, RateUnit, Recent, RecentAction, Side, SocketOption, Statistic,
    TIMES_MAX, Test, Threshold,
};
use crate::migrate::naming;

impl Ground<'_> {
    /// The steps of a match that remembers; nothing for another one.
    pub(super) fn stateful(&self, test: &Test, negated: bool) -> Option<Vec<Step>> {
        let ask = |device: String, negated| vec![Step::Ask { device, negated }];
        Some(match test {
            Test::Limit { rate, burst } => ask(rate_text(rate, (*burst).into()), negated),
            Test::HashLimit(limit) => {
                let above = limit.threshold == Threshold::Above;
                let ports = [HashMode::SourcePort, HashMode::DestinationPort];
                let ported = limit.modes.iter().any(|mode| ports.contains(mode));
                // A later fragment has no ports; iptables takes for them what stands there.
                let readable = ported.then(|| Step::Test(fields::not_a_later_fragment()));
                let asked = ask(self.hash_limit(limit), negated != above);
                readable.into_iter().chain(asked).collect()
            }
            Test::ConnLimit { above, mask, side } => {
                let key = [(self.address(*side), self.prefix_mask(*mask))];
                let key = labels::key(&key);
                let kept = Kept::for_seconds(Change::Add, None);
                let device = match *mask {
                    0 => labels::connections(*above, &key),
                    _ => labels::kept_connections(*above, &key, kept),
                };
                ask(device, negated)
            }
            Test::Quota(bytes) => ask(labels::bytes(*bytes), negated),
            Test::Statistic(Statistic::Random { probability }) => {
                ask(chance((*probability).into(), 1 << 31), negated)
            }
            Test::Statistic(Statistic::Nth { every, packet }) => ask(nth(*every, *packet), negated),
            Test::Recent(recent) => self.recent(recent, negated),
            Test::Socket(options) if options.contains(&SocketOption::RestoreMark) => vec![
                Step::Test(socket(options)),
                Step::Branch(vec![
                    (fields::whole_socket(), vec![mark_of_socket()]),
                    (fields::whole_socket().negated(), Vec::new()),
                ]),
            ],
            Test::ConnLabel { label, set: true } => {
                let set = vec![
                    Step::Test(fields::has_connection()),
                    Step::Note(format!("ct label {label} set")),
                ];
                // Where the label is set it is there, so that nothing is left for `!`.
                let never = negated.then_some(Step::Test(Condition::Never));
                set.into_iter().chain(never).collect()
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
        let first = self.rates.get(&limit.name).unwrap_or(limit);
        let burst = first.burst.unwrap_or(5);
        let once = if first.bursts_once() { ", once" } else { "" };
        let rate = format!("{}{once}", rate_text(&first.rate, burst));
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
        let set = naming::rate(&limit.name);
        let kept = Kept {
            change: Change::Update,
            time: Some(first.idle()),
            size: first.most(),
            cleared: None,
        };
        labels::rate_for_each(&rate, &sorted_key(key.collect()), &set, kept)
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
        let nothing = List::default();
        let list = self.lists.get(&recent.name).unwrap_or(&nothing);
        let set = |seconds: &Option<u32>| naming::list(&recent.name, *seconds);
        let asked = set(&recent.window());
        let window = recent.window();
        let there = match recent.times() {
            _ if !list.written => Condition::Never,
            Some(times) if times > TIMES_MAX => {
                let device = format!("recent {}: {key} {times} times", recent.name);
                return vec![Step::Ask { device, negated }];
            }
            Some(times) => Condition::atom(labels::seen_often(&asked, &key, times, window)),
            None => labels::learned(&asked, &key).is(1),
        };
        let changes: Vec<_> = match recent.action {
            RecentAction::Check => Vec::new(),
            RecentAction::Set | RecentAction::Update => {
                let each = list.windows.iter();
                let added = each.flat_map(|seconds| {
                    let (set, kept) = (set(seconds), Kept::for_seconds(Change::Update, *seconds));
                    let note = Step::Note(labels::added(&key, &set, kept));
                    [note, labels::learn(&set, &key, Is::There)]
                });
                let each = list.counted.iter();
                let noted = each.map(|(seconds, most)| {
                    let size = most.saturating_add(1);
                    Step::Note(labels::noted(&set(seconds), &key, size, *seconds))
                });
                added.chain(noted).collect()
            }
            RecentAction::Remove => {
                let each = list.windows.iter();
                let gone = each.flat_map(|seconds| {
                    let set = set(seconds);
                    let note = Step::Note(labels::deleted(&key, &set));
                    [note, labels::learn(&set, &key, Is::Gone)]
                });
                let each = list.counted.iter();
                let forgotten = each.map(|(seconds, most)| {
                    let size = most.saturating_add(1);
                    Step::Note(labels::forgotten(&set(seconds), &key, size))
                });
                gone.chain(forgotten).collect()
            }
        };
        let changes = changes.into_iter();
        let holds = |holds: Condition| Step::Test(holds.negated_if(negated));
        match recent.action {
            RecentAction::Set => changes.chain([holds(Condition::Always)]).collect(),
            RecentAction::Check | RecentAction::Update | RecentAction::Remove => {
                [holds(there)].into_iter().chain(changes).collect()
            }
        }
    }
}

fn mark_of_socket() -> Step {
    Step::Write {
        variable: fields::mark(),
        keep: 0,
        source: Source::Of(fields::socket_mark(), fields::socket_mark().largest(), 0),
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
