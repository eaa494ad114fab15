//! Scenarios: which worlds are measured, and what is done in them.

mod axis;
mod builtin;
mod file;
mod phase;

use std::collections::BTreeMap;

pub use axis::Axis;
pub use builtin::{MUST_HOLD, builtin, must_hold};
pub use file::{FileError, parse, read};
pub use phase::Phase;

use super::world::Size;
use crate::net::Family;
use crate::scenario::{Families, Flat, Shapes};

/// Something that scenarios name by a word.
pub trait Word: Copy + PartialEq + 'static {
    /// Its name.
    fn word(self) -> &'static str;
    /// What it is, in a line.
    fn about(self) -> &'static str;
    /// All of its kind.
    fn all() -> &'static [Self];

    /// The one of this name.
    fn of(word: &str) -> Option<Self> {
        let mut all = Self::all().iter().copied();
        all.find(|known| known.word() == word)
    }
}

/// Worlds along some axes, and what is done in each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// What it is to show, in a line.
    pub about: String,
    /// From which everything random is made.
    pub seed: u64,
    /// The values of each axis; every combination is a world. An axis that is not here has its default.
    pub axes: BTreeMap<Axis, Vec<u64>>,
    /// What is done.
    pub phases: Vec<Phase>,
    /// The peers that take part; none is all.
    pub peers: Vec<String>,
}

/// One world of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Point {
    /// Its value on each axis.
    pub at: BTreeMap<Axis, u64>,
}

impl Scenario {
    /// Its worlds: every combination of the values of its axes.
    pub fn points(&self) -> Vec<Point> {
        let mut points = vec![BTreeMap::new()];
        for axis in Axis::ALL {
            let default = vec![axis.default_value()];
            let values = self.axes.get(&axis).unwrap_or(&default);
            let with = |point: &BTreeMap<Axis, u64>| -> Vec<_> {
                let more = values.iter().map(|value| {
                    let mut point = point.clone();
                    point.insert(axis, *value);
                    point
                });
                more.collect()
            };
            points = points.iter().flat_map(with).collect();
        }
        points.into_iter().map(|at| Point { at }).collect()
    }

    /// The values of a world on the axes that are named, as a report lists them. All others have their defaults.
    pub fn scale(&self, point: &Point) -> BTreeMap<String, u64> {
        let axes = self.axes.keys();
        axes.map(|axis| (axis.word().to_owned(), point.value(*axis)))
            .collect()
    }

    /// The same in small, to see that it runs.
    #[must_use]
    pub fn quick(mut self) -> Self {
        for (axis, values) in &mut self.axes {
            for value in values.iter_mut() {
                *value = (*value).min(axis.quick());
            }
            values.sort_unstable();
            values.dedup();
        }
        self
    }
}

impl Point {
    /// Its value on an axis.
    pub fn value(&self, axis: Axis) -> u64 {
        let value = self.at.get(&axis).copied();
        value.unwrap_or_else(|| axis.default_value())
    }

    /// How large its world is.
    pub fn size(&self, seed: u64) -> Size {
        let number = |axis| usize::try_from(self.value(axis)).unwrap_or(usize::MAX);
        let family = match self.value(Axis::Family) {
            6 => Family::V6,
            _ => Family::V4,
        };
        Size {
            flat: Flat {
                rules: number(Axis::Rules),
                first: family,
                // A rule of the other family costs a packet next to nothing, in linear rules as well.
                families: Families::First,
                shapes: match self.value(Axis::Prefixes) {
                    0 => Shapes::Exact,
                    _ => Shapes::Mixed,
                },
                groups_named: number(Axis::Groups),
                endpoints: number(Axis::Endpoints),
                bundles: number(Axis::Bundles),
            },
            members: u32::try_from(self.value(Axis::Members)).unwrap_or(u32::MAX),
            family,
            seed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_combination_is_a_world_once() {
        let scenario = Scenario {
            axes: [(Axis::Rules, vec![1, 2]), (Axis::Family, vec![4, 6])].into(),
            ..builtin()[0].clone()
        };
        let points = scenario.points();
        let at: std::collections::BTreeSet<_> = points
            .iter()
            .map(|point| (point.value(Axis::Rules), point.value(Axis::Family)))
            .collect();
        assert_eq!((points.len(), at.len()), (4, 4));
    }

    #[test]
    fn words_are_unique_and_name_what_they_say() {
        for phase in Phase::ALL {
            assert_eq!(Phase::of(phase.word()), Some(phase));
        }
        for axis in Axis::ALL {
            assert_eq!(Axis::of(axis.word()), Some(axis));
            assert!(axis.fits(axis.default_value()) && !axis.allowed().is_empty());
        }
    }

    #[test]
    fn what_is_quick_is_no_larger_than_a_quick_look_takes() {
        for scenario in builtin() {
            for point in scenario.quick().points() {
                for (axis, value) in point.at {
                    assert!(value <= axis.quick(), "{axis:?}");
                }
            }
        }
    }
}
