//! What of a phase is drawn together: peers at one size, or over several.

use std::collections::BTreeMap;

use crate::bench::measurement::Unit;
use crate::bench::outline::{Panel, Phase};

/// A drawing, and the panels whose numbers stand beside it.
#[derive(Debug)]
pub(super) enum Figure<'a, 'r> {
    /// Peers beside each other.
    Bars(&'a Panel<'r>),
    /// Peers over a scale axis.
    Lines(Sweep<'a, 'r>),
}

/// One quantity at several sizes of one thing, all else being equal.
#[derive(Debug)]
pub(super) struct Sweep<'a, 'r> {
    /// The quantity.
    pub(super) metric: &'a str,
    /// Of what its values are.
    pub(super) unit: Unit,
    /// What has several sizes.
    pub(super) axis: &'a str,
    /// What has the same size everywhere.
    pub(super) rest: BTreeMap<String, u64>,
    /// By size, in ascending order.
    pub(super) panels: Vec<(u64, &'a Panel<'r>)>,
}

impl Sweep<'_, '_> {
    /// The sizes, in ascending order.
    pub(super) fn sizes(&self) -> Vec<u64> {
        self.panels.iter().map(|(size, _)| *size).collect()
    }
}

/// The figures of a phase, in the order of its panels.
pub(super) fn figures<'a, 'r>(phase: &'a Phase<'r>) -> Vec<Figure<'a, 'r>> {
    let mut figures = Vec::new();
    let same = |a: &Panel<'_>, b: &Panel<'_>| a.metric == b.metric && a.unit == b.unit;
    for panels in phase.panels.chunk_by(same) {
        let sweeps = sweeps(panels);
        let drawn = |panel: &Panel<'_>| {
            let mut all = sweeps.iter().flat_map(|sweep| &sweep.panels);
            all.any(|(_, swept)| std::ptr::eq(*swept, panel))
        };
        let alone = panels.iter().filter(|panel| !drawn(panel));
        let alone: Vec<_> = alone.map(Figure::Bars).collect();
        figures.extend(sweeps.into_iter().map(Figure::Lines));
        figures.extend(alone);
    }
    figures
}

/// For each axis, the panels that differ in it alone.
fn sweeps<'a, 'r>(panels: &'a [Panel<'r>]) -> Vec<Sweep<'a, 'r>> {
    let mut found: BTreeMap<(&str, BTreeMap<String, u64>), Sweep<'a, 'r>> = BTreeMap::new();
    for panel in panels {
        for (axis, size) in panel.scale {
            let mut rest = panel.scale.clone();
            rest.remove(axis);
            let sweep = found.entry((axis, rest.clone())).or_insert_with(|| Sweep {
                metric: panel.metric,
                unit: panel.unit,
                axis,
                rest,
                panels: Vec::new(),
            });
            sweep.panels.push((*size, panel));
        }
    }
    let mut sweeps: Vec<_> = found
        .into_values()
        .filter(|sweep| sweep.panels.len() > 1)
        .collect();
    for sweep in &mut sweeps {
        sweep.panels.sort_by_key(|(size, _)| *size);
    }
    sweeps
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measurement::{Measurement, Run};
    use crate::bench::outline::Outline;

    #[test]
    fn sizes_of_one_thing_are_a_line_and_a_size_alone_is_a_bar() {
        let measurement = |metric: &str, scale: &[(&str, u64)]| Measurement {
            scenario: String::new(),
            scale: scale
                .iter()
                .map(|(axis, size)| ((*axis).to_owned(), *size))
                .collect(),
            phase: String::new(),
            peer: "margay".to_owned(),
            metric: metric.to_owned(),
            unit: Unit::Bytes,
            values: vec![1.0],
        };
        let run = Run {
            measurements: vec![
                measurement("wall", &[("rules", 100), ("groups", 1)]),
                measurement("wall", &[("rules", 10), ("groups", 1)]),
                measurement("wall", &[("rules", 100), ("groups", 2)]),
                measurement("wall", &[("rules", 7), ("groups", 7)]),
                measurement("cpu", &[]),
            ],
            ..Run::default()
        };
        let outline = Outline::of(&run);
        let figures = figures(&outline.scenarios[0].phases[0]);
        let told = figures.iter().map(|figure| match figure {
            Figure::Bars(panel) => format!("{} {:?}", panel.metric, panel.scale),
            Figure::Lines(sweep) => format!(
                "{} over {} {:?} of {:?}",
                sweep.metric,
                sweep.axis,
                sweep.sizes(),
                sweep.rest
            ),
        });
        let expected = [
            "wall over groups [1, 2] of {\"rules\": 100}",
            "wall over rules [10, 100] of {\"groups\": 1}",
            "wall {\"groups\": 7, \"rules\": 7}",
            "cpu {}",
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}
