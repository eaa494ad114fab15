//! A run in the order in which pages show it: scenarios, their phases, and in each the peers side by side.

use std::collections::BTreeMap;

use super::measurement::{Claim, Measurement, Run, Skip, Unit};
use super::statistics::{Ratio, Remark, Summary, paired, remarks};

/// The peer that others are compared with.
pub const BASELINE: &str = "margay";
/// What nobody can be below, by name: kernels that do no policy, or are sent bytes made beforehand.
pub const FLOORS: [&str; 2] = ["empty", "replay"];

/// Only rounds that took long enough have these, so values of two peers are not of the same rounds.
const APART: [&str; 2] = ["user", "system"];

/// What a peer is measured for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// Others are compared with it.
    Baseline,
    /// It does the same work.
    Rival,
    /// It shows what cannot be had for less.
    Floor,
}

impl Part {
    /// Of the peer of this name.
    pub fn of(peer: &str) -> Self {
        match peer {
            BASELINE => Self::Baseline,
            _ if FLOORS.contains(&peer) => Self::Floor,
            _ => Self::Rival,
        }
    }
}

/// All that a page shows beside the facts.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline<'r> {
    /// In the order of measuring.
    pub scenarios: Vec<Scenario<'r>>,
}

/// One scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario<'r> {
    /// Its name.
    pub name: &'r str,
    /// What was measured.
    pub phases: Vec<Phase<'r>>,
    /// Who was left out.
    pub skips: Vec<&'r Skip>,
    /// What must hold.
    pub claims: Vec<&'r Claim>,
}

/// One phase of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase<'r> {
    /// Its name.
    pub name: &'r str,
    /// By quantity, and of each by scale.
    pub panels: Vec<Panel<'r>>,
}

/// One quantity at one scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Panel<'r> {
    /// The quantity.
    pub metric: &'r str,
    /// Of what its values are.
    pub unit: Unit,
    /// How large the world was.
    pub scale: &'r BTreeMap<String, u64>,
    /// The peers.
    pub rows: Vec<Row<'r>>,
}

/// One peer.
#[derive(Debug, Clone, PartialEq)]
pub struct Row<'r> {
    /// What was measured.
    pub measurement: &'r Measurement,
    /// Its rounds in a few numbers; nothing where all of them failed.
    pub summary: Option<Summary>,
    /// How many times the baseline it is. The baseline itself has none.
    pub ratio: Option<Ratio>,
    /// What is odd about it.
    pub remarks: Vec<Remark>,
}

impl<'r> Outline<'r> {
    /// Puts a run into order.
    pub fn of(run: &'r Run) -> Self {
        let measured = run.measurements.iter().map(|m| m.scenario.as_str());
        let skipped = run.skips.iter().map(|skip| skip.scenario.as_str());
        let claimed = run.claims.iter().map(|claim| claim.scenario.as_str());
        let names = unique(measured.chain(skipped).chain(claimed));
        Self {
            scenarios: names.into_iter().map(|name| scenario(run, name)).collect(),
        }
    }

    /// Every panel with its scenario and phase.
    pub fn panels(&self) -> impl Iterator<Item = (&Scenario<'r>, &Phase<'r>, &Panel<'r>)> {
        self.scenarios.iter().flat_map(|scenario| {
            let phases = scenario.phases.iter();
            phases.flat_map(move |phase| {
                let panels = phase.panels.iter();
                panels.map(move |panel| (scenario, phase, panel))
            })
        })
    }

    /// The peers: the baseline first, floors last.
    pub fn peers(&self) -> Vec<&'r str> {
        let rows = self.panels().flat_map(|(_, _, panel)| &panel.rows);
        let mut peers = unique(rows.map(|row| row.measurement.peer.as_str()));
        peers.sort_by_key(|peer| Part::of(peer));
        peers
    }
}

fn scenario<'r>(run: &'r Run, name: &'r str) -> Scenario<'r> {
    let measurements = run.measurements.iter().filter(|m| m.scenario == name);
    let measurements: Vec<_> = measurements.collect();
    let phases = unique(measurements.iter().map(|m| m.phase.as_str())).into_iter();
    Scenario {
        name,
        phases: phases.map(|name| phase(&measurements, name)).collect(),
        skips: run
            .skips
            .iter()
            .filter(|skip| skip.scenario == name)
            .collect(),
        claims: run
            .claims
            .iter()
            .filter(|claim| claim.scenario == name)
            .collect(),
    }
}

fn phase<'r>(measurements: &[&'r Measurement], name: &'r str) -> Phase<'r> {
    let of_phase = measurements.iter().copied().filter(|m| m.phase == name);
    let of_phase: Vec<_> = of_phase.collect();
    let quantities = unique(of_phase.iter().map(|m| (m.metric.as_str(), m.unit)));
    let panels = quantities.into_iter().flat_map(|(metric, unit)| {
        let of_metric = of_phase.iter().copied();
        let of_metric = of_metric.filter(|m| m.metric == metric && m.unit == unit);
        let of_metric: Vec<_> = of_metric.collect();
        let mut scales = unique(of_metric.iter().map(|m| &m.scale));
        scales.sort();
        let panels = scales.into_iter().map(|scale| {
            let rows = of_metric.iter().copied().filter(|m| m.scale == *scale);
            let rows = rows_of(&rows.collect::<Vec<_>>());
            Panel {
                metric,
                unit,
                scale,
                rows,
            }
        });
        panels.collect::<Vec<_>>()
    });
    let panels = panels.collect();
    Phase { name, panels }
}

/// The baseline first, floors last, and else in the order of measuring.
fn rows_of<'r>(measurements: &[&'r Measurement]) -> Vec<Row<'r>> {
    let baseline = measurements.iter().find(|m| m.peer == BASELINE).copied();
    let most = measurements.iter().map(|m| m.values.len()).max();
    let row = |measurement: &&'r Measurement| {
        let other = baseline.filter(|_| measurement.peer != BASELINE);
        Row {
            measurement,
            summary: Summary::of(&measurement.values),
            ratio: other.and_then(|base| side_by_side(measurement, base)),
            remarks: odd(measurement, most.unwrap_or(0)),
        }
    };
    let mut rows: Vec<_> = measurements.iter().map(row).collect();
    rows.sort_by_key(|row| Part::of(&row.measurement.peer));
    rows
}

/// The ratio of rounds that were measured side by side.
fn side_by_side(measurement: &Measurement, base: &Measurement) -> Option<Ratio> {
    paired(&measurement.values, &base.values).filter(|_| !is_apart(&measurement.metric))
}

/// `user`, or `user-undone`.
fn is_apart(metric: &str) -> bool {
    metric
        .split('-')
        .next()
        .is_some_and(|of| APART.contains(&of))
}

/// What is odd about rounds, beside a peer that has so many.
fn odd(measurement: &Measurement, of: usize) -> Vec<Remark> {
    let rounds = measurement.values.len();
    let misses = rounds < of && !is_apart(&measurement.metric);
    let fewer = misses.then_some(Remark::Fewer { rounds, of });
    let odd = remarks(&measurement.values).into_iter();
    odd.chain(fewer).collect()
}

/// Each once, in the order of first appearance.
fn unique<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = Vec::new();
    for item in items {
        if !seen.contains(&item) {
            seen.push(item);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measurement(phase: &str, peer: &str, size: u64, values: &[f64]) -> Measurement {
        Measurement {
            scenario: "s".to_owned(),
            scale: [("size".to_owned(), size)].into(),
            phase: phase.to_owned(),
            peer: peer.to_owned(),
            metric: "wall".to_owned(),
            unit: Unit::Nanoseconds,
            values: values.to_vec(),
        }
    }

    #[test]
    fn what_only_long_rounds_have_is_not_paired() {
        let of = |peer, metric: &str, values: &[f64]| Measurement {
            metric: metric.to_owned(),
            ..measurement("load", peer, 100, values)
        };
        for (metric, paired) in [("cpu", true), ("user", false), ("system-undone", false)] {
            let (one, other) = (of("margay", metric, &[2.0, 3.0]), of("nft", metric, &[4.0]));
            let rows = rows_of(&[&one, &other]);
            assert_eq!(rows[1].ratio.is_some(), paired, "{metric}");
            assert_eq!(rows[1].remarks.is_empty(), !paired, "{metric}");
        }
    }

    #[test]
    fn peers_of_one_scale_stand_side_by_side_and_the_baseline_first() {
        let run = Run {
            measurements: vec![
                measurement("load", "replay", 100, &[1.0, 1.5]),
                measurement("load", "nft", 100, &[4.0, 6.0]),
                measurement("load", "nft", 20, &[1.0]),
                measurement("change", "nft", 100, &[9.0]),
                measurement("load", "margay", 100, &[2.0, 3.0]),
            ],
            ..Run::default()
        };
        let outline = Outline::of(&run);
        let told = outline.panels().map(|(scenario, phase, panel)| {
            let rows = panel.rows.iter().map(|row| {
                let ratio = row.ratio.map_or(String::new(), |ratio| ratio.to_string());
                format!("{} {ratio}", row.measurement.peer)
            });
            let rows: Vec<_> = rows.collect();
            format!(
                "{} {} {}: {}",
                scenario.name,
                phase.name,
                panel.scale["size"],
                rows.join(", ")
            )
        });
        let told: Vec<_> = told.collect();
        assert_eq!(
            told,
            [
                "s load 20: nft ",
                "s load 100: margay , nft 2.00, replay 0.50",
                "s change 100: nft "
            ]
        );
        assert_eq!(outline.peers(), ["margay", "nft", "replay"]);
        let run = Run {
            measurements: vec![
                measurement("load", "margay", 1, &[2.0, 3.0, 4.0]),
                measurement("load", "nft", 1, &[2.0]),
            ],
            ..Run::default()
        };
        let outline = Outline::of(&run);
        let rows = &outline.scenarios[0].phases[0].panels[0].rows;
        let said = rows.iter().map(|row| row.remarks.clone());
        let fewer = Remark::Fewer { rounds: 1, of: 3 };
        assert_eq!(said.collect::<Vec<_>>(), [vec![], vec![fewer]]);
    }

    #[test]
    fn a_scenario_that_was_left_out_is_shown() {
        let run = Run {
            skips: vec![Skip {
                scenario: "packets".to_owned(),
                peer: "iptables".to_owned(),
                reason: "not installed".to_owned(),
            }],
            ..Run::default()
        };
        let outline = Outline::of(&run);
        assert_eq!(
            (outline.scenarios.len(), outline.scenarios[0].skips.len()),
            (1, 1)
        );
    }
}
