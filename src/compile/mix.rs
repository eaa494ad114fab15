//! Mixes: runs whose order matters, made one verdict map of boxes that do not overlap.
//!
//! A packet meets the first rule that matches. Where rules are boxes over address and service, what the
//! first rule says can be worked out for every address and service beforehand: then one lookup answers
//! for all of them.
//!
//! Prefixes are nested or apart, so a sweep over addresses sees few changes. A box that goes on while the
//! addresses do is one element.

use std::collections::{BTreeMap, BTreeSet};

use super::lane::Lane;
use super::outcome::Outcome;
use super::remark::Why;
use super::run::Run;
use super::service::Shape;
use crate::net::{Cidr, Family};

/// Fewer runs are looked up one after the other.
pub(super) const RUNS_MIN: usize = 3;
/// How many boxes one box of a rule may become on average.
const GROWTH_MAX: usize = 4;

/// A step of a policy's program.
#[derive(Debug)]
pub(super) enum Piece<'r> {
    /// A run, with its place among all.
    Run(usize, &'r Run),
    /// A mix of runs, with the place of the first.
    Mix(usize, Mix<'r>),
}

/// Several runs as one verdict map.
#[derive(Debug)]
pub(super) struct Mix<'r> {
    /// The family of all rules.
    pub(super) family: Family,
    /// What is looked up beside the address.
    pub(super) shape: Shape,
    /// The boxes, none of which overlaps another.
    pub(super) boxes: Vec<Area<'r>>,
}

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

/// The runs that packets of a lane can match, mixed where that is possible, and why elsewhere it is not.
pub(super) fn pieces(runs: &[Run], lane: Lane) -> (Vec<Piece<'_>>, BTreeSet<Why>) {
    let mut pieces = Vec::new();
    let mut reasons = BTreeSet::new();
    let present = runs.iter().enumerate().filter(|(_, run)| run.is_in(lane));
    let present: Vec<(usize, &Run)> = present.collect();
    let alike = |a: &(usize, &Run), b: &(usize, &Run)| obstacle(a.1) == obstacle(b.1);
    for stretch in present.chunk_by(alike) {
        let Some(&(first, run)) = stretch.first() else {
            continue;
        };
        let mixed = match (obstacle(run), lane) {
            (Some(why), _) => Err(Some(why)),
            // So few rules are cheaper than the way to a lane of their own.
            (None, Lane::Whole) => Err(None),
            (None, _) if stretch.len() < RUNS_MIN => Err(None),
            (None, _) => mixed(run.family, stretch, lane).map_err(Some),
        };
        match mixed {
            Ok(mix) => pieces.push(Piece::Mix(first, mix)),
            Err(why) => {
                reasons.extend(why);
                pieces.extend(stretch.iter().map(|&(place, run)| Piece::Run(place, run)));
            }
        }
    }
    (pieces, reasons)
}

/// What keeps a run out of any mix.
fn obstacle(run: &Run) -> Option<Why> {
    if !run.outcome.is_final() {
        Some(Why::Logs)
    } else if run.counter.is_some() {
        Some(Why::Counts)
    } else if !run.selected.is_empty() {
        Some(Why::Selects)
    } else if !run.plain.is_empty() {
        Some(Why::Compares)
    } else {
        None
    }
}

/// The runs as one map, if they have a shape in common and do not fall into too many pieces.
fn mixed<'r>(family: Family, runs: &[(usize, &'r Run)], lane: Lane) -> Result<Mix<'r>, Why> {
    let shape = common_shape(runs, lane).ok_or(Why::Differs)?;
    let mut rules: BTreeMap<(u128, u8), (Cidr, Vec<Ranked>)> = BTreeMap::new();
    let mut count = 0;
    for (rank, (_, run)) in runs.iter().enumerate() {
        for (prefix, (_, first, last)) in run.boxes(lane).flatten() {
            let key = (number(&prefix.bounds().0), prefix.prefix_len());
            let (_, own) = rules.entry(key).or_insert_with(|| (prefix, Vec::new()));
            own.push(Ranked { first, last, rank });
            count += 1;
        }
    }
    let mut sweep = Sweep::new(runs, count * GROWTH_MAX);
    for (prefix, own) in rules.into_values() {
        sweep.enter(prefix, &own)?;
    }
    let boxes = sweep.finish()?;
    Ok(Mix {
        family,
        shape,
        boxes,
    })
}

/// The one shape that can hold every rule of the runs.
fn common_shape(runs: &[(usize, &Run)], lane: Lane) -> Option<Shape> {
    let boxes = runs.iter().flat_map(|(_, run)| run.boxes(lane));
    let mut shapes = boxes.map(|one| one.map(|(_, (shape, ..))| shape));
    let first = shapes.next()?;
    shapes.all(|shape| shape == first).then_some(first)?
}

/// A range of services that a run of this rank is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ranked {
    first: u32,
    last: u32,
    rank: usize,
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
    most: usize,
}

impl<'s, 'r> Sweep<'s, 'r> {
    fn new(runs: &'s [(usize, &'r Run)], most: usize) -> Self {
        Self {
            runs,
            around: Vec::new(),
            next: Some(0),
            open: Vec::new(),
            closed: Vec::new(),
            most,
        }
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
        let said = own
            .iter()
            .fold(outer.to_vec(), |said, one| with(said, *one));
        self.around.push(Around { last, said });
        Ok(())
    }

    /// Every box, none overlapping another.
    fn finish(mut self) -> Result<Vec<Area<'r>>, Why> {
        self.leave_before(u128::MAX)?;
        while let Some(around) = self.around.last() {
            self.say_until(around.last)?;
            self.around.pop();
        }
        self.closed.append(&mut self.open);
        self.check()?;
        Ok(self.closed)
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
        match self.closed.len() + self.open.len() > self.most {
            true => Err(Why::Grows),
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

/// What is said once one more rule says something: the lower rank has its way.
fn with(said: Vec<Ranked>, more: Ranked) -> Vec<Ranked> {
    let mut result = Vec::with_capacity(said.len() + 2);
    // From here on nothing is said yet of what the rule is about.
    let mut next = Some(more.first);
    for one in said {
        if one.last < more.first || one.first > more.last {
            if one.first > more.last {
                result.extend(rest(&mut next, more, more.last));
            }
            result.push(one);
            continue;
        }
        if one.rank <= more.rank {
            if let Some(before) = one.first.checked_sub(1) {
                result.extend(rest(&mut next, more, before));
            }
            result.push(one);
            next = one.last.checked_add(1).filter(|next| *next <= more.last);
        } else {
            if one.first < more.first {
                result.push(Ranked {
                    last: more.first - 1,
                    ..one
                });
            }
            if one.last > more.last {
                result.extend(rest(&mut next, more, more.last));
                result.push(Ranked {
                    first: more.last + 1,
                    ..one
                });
            }
        }
    }
    result.extend(rest(&mut next, more, more.last));
    result
}

/// The part of a rule that begins where nothing is said yet, up to a last number.
fn rest(next: &mut Option<u32>, more: Ranked, last: u32) -> Option<Ranked> {
    let first = next.filter(|first| *first <= last)?;
    *next = last.checked_add(1).filter(|next| *next <= more.last);
    Some(Ranked {
        first,
        last,
        ..more
    })
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
    use crate::model::{DenyAction, Service};
    use crate::net::{PortRange, Protocol};

    fn run(outcome: Outcome, rules: &[(String, u16, u16)]) -> Run {
        let mut run = Run::new(Family::V4, outcome);
        for (prefix, first, last) in rules {
            let ports = PortRange::new(*first, *last).unwrap();
            let service = Service::Ports(Protocol::TCP, ports);
            run.prefixes.push((prefix.parse().unwrap(), service));
        }
        run
    }

    fn outcomes() -> [Outcome; 3] {
        [
            Outcome::Allowed,
            Outcome::Denied(DenyAction::Drop),
            Outcome::Passed,
        ]
    }

    fn alternating(rules: &[Vec<(String, u16, u16)>]) -> Vec<Run> {
        let outcomes = outcomes().into_iter().cycle();
        let runs = rules.iter().zip(outcomes);
        runs.map(|(rules, outcome)| run(outcome, rules)).collect()
    }

    fn rules(several: &[(&str, u16, u16)]) -> Vec<(String, u16, u16)> {
        let owned = |&(prefix, first, last): &(&str, u16, u16)| (prefix.to_owned(), first, last);
        several.iter().map(owned).collect()
    }

    #[test]
    fn the_first_rule_cuts_what_later_rules_say() {
        let runs = alternating(&[
            rules(&[("10.1.0.0/16", 80, 80)]),
            rules(&[("10.0.0.0/8", 1, 100)]),
            rules(&[("10.0.0.0/8", 90, 200)]),
        ]);
        let (pieces, why) = pieces(&runs, Lane::Tcp);
        assert!(why.is_empty());
        let [Piece::Mix(0, mix)] = &pieces[..] else {
            panic!("{pieces:?}");
        };
        // Below and above 10.1.0.0/16, in it on either side of port 80 and at it, and what is passed.
        assert_eq!(mix.boxes.len(), 6, "{:#?}", mix.boxes);
    }

    #[test]
    fn what_would_fall_to_pieces_stays_in_order() {
        let hosts: Vec<(String, u16, u16)> = (0..100)
            .map(|n| (format!("10.0.0.{}/32", 2 * n), 0, 65_535))
            .collect();
        let ports: Vec<(String, u16, u16)> = (0..100)
            .map(|n| ("10.0.0.0/8".to_owned(), 2 * n, 2 * n))
            .collect();
        let runs = alternating(&[hosts, ports, rules(&[("0.0.0.0/0", 1, 9)])]);
        let (pieces, why) = pieces(&runs, Lane::Tcp);
        assert_eq!((pieces.len(), why), (3, [Why::Grows].into()));
    }

    fn arbitrary_rules() -> impl Strategy<Value = Vec<(String, u16, u16)>> {
        let rule = (0u32..64, 26u8..=32, 0u16..40, 0u16..20);
        let rule = rule.prop_map(|(host, length, first, more)| {
            (format!("10.0.0.{host}/{length}"), first, first + more)
        });
        prop::collection::vec(rule, 1..8)
    }

    proptest! {
        #[test]
        fn every_address_and_service_meets_its_first_rule_once(
            rules in prop::collection::vec(arbitrary_rules(), 3..7),
        ) {
            let runs = alternating(&rules);
            let runs: Vec<(usize, &Run)> = runs.iter().enumerate().collect();
            let mut sweep = Sweep::new(&runs, usize::MAX);
            let mut sorted: BTreeMap<(u128, u8), (Cidr, Vec<Ranked>)> = BTreeMap::new();
            for (rank, (_, run)) in runs.iter().enumerate() {
                for (prefix, (_, first, last)) in run.boxes(Lane::Tcp).flatten() {
                    let key = (number(&prefix.bounds().0), prefix.prefix_len());
                    let (_, own) = sorted.entry(key).or_insert_with(|| (prefix, Vec::new()));
                    own.push(Ranked { first, last, rank });
                }
            }
            for (prefix, own) in sorted.into_values() {
                sweep.enter(prefix, &own).unwrap();
            }
            let boxes = sweep.finish().unwrap();
            for host in 0..64u8 {
                let address = std::net::IpAddr::from([10, 0, 0, host]);
                let at = number(&[10, 0, 0, host]);
                for port in 0..64u16 {
                    let matches = |run: &Run| run.prefixes.iter().any(|(prefix, service)| {
                        let Service::Ports(_, ports) = service else { return false };
                        prefix.contains(address) && ports.contains(port)
                    });
                    let first = runs.iter().find(|(_, run)| matches(run));
                    let service = (6 << 16) + u32::from(port);
                    let mut said = boxes.iter().filter(|area| {
                        (area.addresses.0..=area.addresses.1).contains(&at)
                            && (area.services.0..=area.services.1).contains(&service)
                    });
                    prop_assert_eq!(
                        said.next().map(|area| area.outcome),
                        first.map(|(_, run)| &run.outcome)
                    );
                    prop_assert_eq!(said.next(), None);
                }
            }
        }
    }
}
