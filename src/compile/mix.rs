//! Mixes: runs whose order matters, made one verdict map of boxes that do not overlap.
//!
//! A packet meets the first rule that matches. Where rules are boxes over address and service, what the
//! first rule says can be worked out for every address and service beforehand: then one lookup answers
//! for all of them.

use std::collections::BTreeSet;

use super::lane::Lane;
use super::remark::Why;
use super::run::Run;
use super::service::Shape;
use super::sweep::{Area, swept};
use crate::net::Family;

/// Fewer runs are looked up one after the other.
pub(super) const RUNS_MIN: usize = 3;

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
    /// What becomes of packets that the shape cannot be read of, by address alone. A packet of which it
    /// can comes past the boxes only where none of these is.
    pub(super) cut: Vec<Area<'r>>,
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
    let boxes = |run: &'r Run| run.boxes(lane).flatten();
    let boxes = swept(runs, |run| boxes(run).map(|(net, (_, a, b))| (net, a, b)))?;
    let cut = match shape.is_read_from_header() {
        true => swept(runs, |run| {
            let wholly = run.prefixes(lane).wholly.iter().copied();
            wholly.map(|net| (net, 0, 0))
        })?,
        false => Vec::new(),
    };
    Ok(Mix {
        family,
        shape,
        boxes,
        cut,
    })
}

/// The one shape that can hold every rule of the runs.
fn common_shape(runs: &[(usize, &Run)], lane: Lane) -> Option<Shape> {
    let boxes = runs.iter().flat_map(|(_, run)| run.boxes(lane));
    let mut shapes = boxes.map(|one| one.map(|(_, (shape, ..))| shape));
    let first = shapes.next()?;
    shapes.all(|shape| shape == first).then_some(first)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::outcome::Outcome;
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
}
