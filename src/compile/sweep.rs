//! A sweep over addresses: boxes of which the first that fits counts, made boxes that do not overlap.
//!
//! Prefixes are nested or apart, so there are few addresses at which anything changes. A box that goes on
//! while the addresses do is one element.

use std::collections::BTreeMap;

use super::outcome::Outcome;
use super::remark::Why;
use super::run::Run;
use crate::net::Cidr;

/// How many boxes one box of a rule may become on average.
const GROWTH_MAX: usize = 4;
/// How many ranges of services one sweep may look at in all its prefixes: about a second's work.
const STEPS_MAX: usize = 1 << 25;

/// A range of addresses and of services, and what becomes of packets there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area<'r> {
    /// First and last address, as numbers.
    pub(super) addresses: (u128, u128),
    /// First and last service, in the numbering of the shape.
    pub(super) services: (u32, u32),
    /// What the first rule that matches says.
    pub(super) outcome: &'r Outcome,
}

/// A box of a rule: a prefix, and the first and last of its services.
pub(super) type Ruled = (Cidr, u32, u32);

/// What the first of these runs to have a box there says of every address and service.
///
/// # Errors
/// There would be too many boxes, or they overlap too much to find out.
pub(super) fn swept<'r, B: Iterator<Item = Ruled>>(
    runs: &[(usize, &'r Run)],
    boxes: impl Fn(&'r Run) -> B,
) -> Result<Vec<Area<'r>>, Why> {
    let rules = by_prefix(runs, boxes);
    let count: usize = rules.iter().map(|(_, own)| own.len()).sum();
    let bounds = Bounds {
        boxes: count.saturating_mul(GROWTH_MAX),
        steps: STEPS_MAX,
    };
    let mut sweep = Sweep::new(runs, bounds);
    sweep.over(rules)?;
    Ok(sweep.closed)
}

/// What runs say of each prefix, every prefix after those around it.
fn by_prefix<'r, B: Iterator<Item = Ruled>>(
    runs: &[(usize, &'r Run)],
    boxes: impl Fn(&'r Run) -> B,
) -> Vec<(Cidr, Vec<Ranked>)> {
    let mut rules: BTreeMap<(u128, u8), (Cidr, Vec<Ranked>)> = BTreeMap::new();
    for (rank, (_, run)) in runs.iter().enumerate() {
        for (prefix, first, last) in boxes(run) {
            let key = (number(&prefix.bounds().0), prefix.prefix_len());
            let (_, own) = rules.entry(key).or_insert_with(|| (prefix, Vec::new()));
            own.push(Ranked { first, last, rank });
        }
    }
    rules.into_values().collect()
}

/// Where a sweep gives up.
#[derive(Debug, Clone, Copy)]
struct Bounds {
    /// How many boxes there may be.
    boxes: usize,
    /// How many ranges of services it may look at.
    steps: usize,
}

/// A range of services that a run of this rank is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ranked {
    first: u32,
    last: u32,
    rank: usize,
}

/// One end of a range. Where both are at one number, what begins is counted first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    Begins,
    Ends,
}

/// A prefix that the sweep is in.
#[derive(Debug)]
struct Around {
    last: u128,
    /// What is said there of each service, in ascending order and without overlaps.
    said: Vec<Ranked>,
}

/// A sweep over all addresses in ascending order.
struct Sweep<'s, 'r> {
    runs: &'s [(usize, &'r Run)],
    around: Vec<Around>,
    /// The first address of which nothing was said yet.
    next: Option<u128>,
    /// Boxes that end where nothing goes on from.
    open: Vec<Area<'r>>,
    closed: Vec<Area<'r>>,
    steps: usize,
    bounds: Bounds,
}

impl<'s, 'r> Sweep<'s, 'r> {
    fn new(runs: &'s [(usize, &'r Run)], bounds: Bounds) -> Self {
        Self {
            runs,
            around: Vec::new(),
            next: Some(0),
            open: Vec::new(),
            closed: Vec::new(),
            steps: 0,
            bounds,
        }
    }

    /// Goes over all addresses.
    fn over(&mut self, rules: Vec<(Cidr, Vec<Ranked>)>) -> Result<(), Why> {
        for (prefix, own) in rules {
            self.enter(prefix, &own)?;
        }
        self.leave_before(u128::MAX)?;
        while let Some(around) = self.around.last() {
            self.say_until(around.last)?;
            self.around.pop();
        }
        self.closed.append(&mut self.open);
        self.check()
    }

    /// Goes on to the first address of a prefix, after those around it.
    fn enter(&mut self, prefix: Cidr, own: &[Ranked]) -> Result<(), Why> {
        let (first, last) = prefix.bounds();
        let (first, last) = (number(&first), number(&last));
        self.leave_before(first)?;
        if let Some(before) = first.checked_sub(1) {
            self.say_until(before)?;
        }
        self.next = Some(first);
        let outer = self.around.last().map_or(&[][..], |around| &around.said);
        let ranges = [outer, own].concat();
        self.steps += ranges.len();
        let said = first_of(&ranges);
        self.around.push(Around { last, said });
        self.check()
    }

    /// Leaves the prefixes that end before an address.
    fn leave_before(&mut self, address: u128) -> Result<(), Why> {
        while let Some(around) = self.around.last()
            && around.last < address
        {
            self.say_until(around.last)?;
            self.around.pop();
        }
        Ok(())
    }

    /// Says what the innermost prefix says of the addresses that come until one.
    fn say_until(&mut self, last: u128) -> Result<(), Why> {
        let Some(first) = self.next.filter(|first| *first <= last) else {
            return Ok(());
        };
        self.next = last.checked_add(1);
        let said = self.around.last().map_or(&[][..], |around| &around.said);
        self.steps += said.len();
        let areas = areas(said, self.runs, (first, last));
        self.go_on(areas);
        self.check()
    }

    /// Boxes that are there at the next addresses as well go on; the others are closed.
    fn go_on(&mut self, areas: Vec<Area<'r>>) {
        let mut before = std::mem::take(&mut self.open).into_iter().peekable();
        for mut area in areas {
            while let Some(ended) = before.next_if(|open| open.services < area.services) {
                self.closed.push(ended);
            }
            if let Some(same) = before.next_if(|open| goes_on(open, &area)) {
                area.addresses.0 = same.addresses.0;
            }
            self.open.push(area);
        }
        self.closed.extend(before);
    }

    fn check(&self) -> Result<(), Why> {
        if self.closed.len() + self.open.len() > self.bounds.boxes {
            return Err(Why::Grows);
        }
        match self.steps > self.bounds.steps {
            true => Err(Why::Overlaps),
            false => Ok(()),
        }
    }
}

fn goes_on(open: &Area<'_>, area: &Area<'_>) -> bool {
    open.services == area.services
        && open.outcome == area.outcome
        && open.addresses.1.checked_add(1) == Some(area.addresses.0)
}

/// What is said of services as boxes, those beside each other joined where they say the same.
fn areas<'r>(said: &[Ranked], runs: &[(usize, &'r Run)], addresses: (u128, u128)) -> Vec<Area<'r>> {
    let mut areas: Vec<Area<'r>> = Vec::with_capacity(said.len());
    for one in said {
        let Some(&(_, run)) = runs.get(one.rank) else {
            continue;
        };
        match areas.last_mut() {
            Some(last)
                if *last.outcome == run.outcome
                    && last.services.1.checked_add(1) == Some(one.first) =>
            {
                last.services.1 = one.last;
            }
            Some(_) | None => areas.push(Area {
                addresses,
                services: (one.first, one.last),
                outcome: &run.outcome,
            }),
        }
    }
    areas
}

/// Ranges of which the lowest rank has its way, made ranges that do not overlap, in ascending order.
fn first_of(ranges: &[Ranked]) -> Vec<Ranked> {
    let begins = ranges.iter().map(|one| (one.first, one.rank, Edge::Begins));
    // Numbers of services have 24 bits.
    let ends = ranges
        .iter()
        .map(|one| (one.last.saturating_add(1), one.rank, Edge::Ends));
    let mut edges: Vec<(u32, usize, Edge)> = begins.chain(ends).collect();
    edges.sort_unstable();
    let mut result = Vec::with_capacity(ranges.len());
    let mut there: BTreeMap<usize, usize> = BTreeMap::new();
    let mut open: Option<(u32, usize)> = None;
    for at in edges.chunk_by(|a, b| a.0 == b.0) {
        for &(_, rank, edge) in at {
            note(&mut there, rank, edge);
        }
        let lowest = there.keys().next().copied();
        let position = at.first().map_or(0, |(position, ..)| *position);
        if open.map(|(_, rank)| rank) != lowest {
            result.extend(open.map(|(first, rank)| Ranked {
                first,
                last: position.saturating_sub(1),
                rank,
            }));
            open = lowest.map(|rank| (position, rank));
        }
    }
    result
}

/// Takes note of a rank that comes in or goes.
fn note(there: &mut BTreeMap<usize, usize>, rank: usize, edge: Edge) {
    let count = there.entry(rank).or_default();
    match edge {
        Edge::Begins => *count += 1,
        Edge::Ends if *count > 1 => *count -= 1,
        Edge::Ends => drop(there.remove(&rank)),
    }
}

/// An address as a number.
fn number(address: &[u8]) -> u128 {
    address
        .iter()
        .fold(0, |number, byte| number << 8 | u128::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::DenyAction;
    use crate::net::Family;

    const UNBOUND: Bounds = Bounds {
        boxes: usize::MAX,
        steps: usize::MAX,
    };

    /// Runs without rules: each of the outcomes in turn.
    fn runs(count: usize) -> Vec<Run> {
        let outcomes = [
            Outcome::Allowed,
            Outcome::Denied(DenyAction::Drop),
            Outcome::Passed,
        ];
        let outcomes = outcomes.into_iter().cycle().take(count);
        let run = |outcome| Run::new(Family::V4, outcome);
        outcomes.map(run).collect()
    }

    /// Sweeps over the boxes of each run.
    fn sweep<'s, 'r>(
        runs: &'s [(usize, &'r Run)],
        rules: &[Vec<Ruled>],
        bounds: Bounds,
    ) -> (Sweep<'s, 'r>, Result<(), Why>) {
        let own = |run: &Run| runs.iter().position(|(_, one)| std::ptr::eq(*one, run));
        let boxes = |run| own(run).map(|place| rules[place].clone());
        let rules = by_prefix(runs, |run| boxes(run).unwrap().into_iter());
        let mut sweep = Sweep::new(runs, bounds);
        let end = sweep.over(rules);
        (sweep, end)
    }

    /// Runs about services of one prefix and, in it, of many hosts.
    fn nested(hosts: u32, services: u32) -> [Vec<Ruled>; 3] {
        let prefix: Cidr = "10.0.0.0/8".parse().unwrap();
        let host = |n: u32| format!("10.0.{}.{}/32", n >> 8, n & 0xff).parse().unwrap();
        [
            (0..services).map(|n| (prefix, 4 * n, 4 * n)).collect(),
            (0..hosts).map(|n| (host(2 * n), 0, 0)).collect(),
            (0..services)
                .map(|n| (prefix, 4 * n + 1, 4 * n + 1))
                .collect(),
        ]
    }

    #[test]
    fn what_overlaps_too_much_is_given_up() {
        let made = runs(3);
        let made: Vec<(usize, &Run)> = made.iter().enumerate().collect();
        let rules = nested(1_000, 500);
        let (all, end) = sweep(&made, &rules, UNBOUND);
        assert_eq!(end, Ok(()));
        // The hosts say nothing new, so the bound of boxes does not see how much they overlap.
        assert_eq!(all.closed.len(), 1_000);
        assert!(all.steps > 1_000_000, "{}", all.steps);
        let steps = 100_000;
        let (some, end) = sweep(&made, &rules, Bounds { steps, ..UNBOUND });
        assert_eq!(end, Err(Why::Overlaps));
        assert!(some.steps < steps + 2_000, "{}", some.steps);
    }

    #[test]
    fn a_prefix_costs_what_is_said_there_whatever_number_of_runs_says_it() {
        let prefix: Cidr = "10.0.0.0/8".parse().unwrap();
        let made = runs(402);
        let made: Vec<(usize, &Run)> = made.iter().enumerate().collect();
        let rules: Vec<Vec<Ruled>> = (0..402)
            .map(|n| {
                (0..50)
                    .map(|m| (prefix, 402 * m + n, 402 * m + n))
                    .collect()
            })
            .collect();
        let (all, end) = sweep(&made, &rules, UNBOUND);
        assert_eq!((end, all.closed.len()), (Ok(()), 20_100));
        assert_eq!(all.steps, 2 * 20_100);
    }

    fn arbitrary_rules() -> impl Strategy<Value = Vec<Ruled>> {
        let rule = (0u32..64, 26u8..=32, 0u32..40, 0u32..20);
        let rule = rule.prop_map(|(host, length, first, more)| {
            let prefix = format!("10.0.0.{host}/{length}").parse().unwrap();
            (prefix, first, first + more)
        });
        prop::collection::vec(rule, 1..8)
    }

    proptest! {
        #[test]
        fn every_address_and_service_meets_its_first_rule_once(
            rules in prop::collection::vec(arbitrary_rules(), 3..7),
        ) {
            let made = runs(rules.len());
            let made: Vec<(usize, &Run)> = made.iter().enumerate().collect();
            let (sweep, end) = sweep(&made, &rules, UNBOUND);
            prop_assert_eq!(end, Ok(()));
            for host in 0..64u8 {
                let address = std::net::IpAddr::from([10, 0, 0, host]);
                let at = number(&[10, 0, 0, host]);
                for service in 0..64 {
                    let matches = |rules: &Vec<Ruled>| rules.iter().any(|(prefix, first, last)| {
                        prefix.contains(address) && (*first..=*last).contains(&service)
                    });
                    let first = rules.iter().position(matches);
                    let mut said = sweep.closed.iter().filter(|area| {
                        (area.addresses.0..=area.addresses.1).contains(&at)
                            && (area.services.0..=area.services.1).contains(&service)
                    });
                    prop_assert_eq!(
                        said.next().map(|area| area.outcome),
                        first.map(|place| &made[place].1.outcome)
                    );
                    prop_assert_eq!(said.next(), None);
                }
            }
        }
    }
}
