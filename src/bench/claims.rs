//! What must hold, judged by what a run measured. A claim speaks of one size, so a run that has not measured
//! at that size makes no such claim.

use super::measurement::{Claim, Limit, Measurement, Run};
use super::scenario::{Phase, Word};
use super::statistics::median;

/// At this many rules the cost of a packet is judged.
const RULES: u64 = 10_000;
/// What that many rules may cost a packet above ten, in nanoseconds, and as a share of an empty table's.
const GROWTH_NANOSECONDS: f64 = 1_000.0;
const GROWTH_SHARE: f64 = 0.45;
/// At this many members a load is judged.
const MEMBERS: u64 = 1_000_000;
/// Where one change is judged: the scenario, and its size.
const DELTAS_AT: [(&str, &[(&str, u64)]); 3] = [
    ("endpoints", &[("endpoints", 10_000)]),
    ("bundles", &[("bundles", 5_000)]),
    ("rules", &[("rules", 100_000)]),
];
const DELTAS: [Phase; 3] = [Phase::DeltaMember, Phase::DeltaEndpoint, Phase::DeltaPolicy];

/// The claims that the run has the measurements for.
pub fn judged(run: &Run) -> Vec<Claim> {
    let of = Of(run);
    let mut claims = Vec::new();
    claims.extend(of.growth());
    claims.extend(of.growth_without_intervals());
    claims.extend(of.against_linear("linear-nft", 150.0));
    claims.extend(of.against_linear("linear-iptables-legacy", 20.0));
    claims.extend(of.members());
    claims.extend(of.large_policy());
    claims.extend(
        DELTAS_AT
            .iter()
            .flat_map(|(scenario, at)| of.deltas(scenario, at)),
    );
    claims.extend(of.growth_of_deltas());
    claims.extend(of.deltas_above_replay());
    claims.extend(of.resync());
    claims.extend(of.wrong_verdicts());
    claims.extend(of.latency());
    claims
}

/// Looks things up in a run.
struct Of<'a>(&'a Run);

/// Which measurement.
#[derive(Clone, Copy)]
struct Which<'a> {
    scenario: &'a str,
    at: &'a [(&'a str, u64)],
    phase: Phase,
    metric: &'a str,
}

impl Of<'_> {
    fn values(&self, which: Which<'_>, peer: &str) -> Option<&[f64]> {
        let there = |known: &&Measurement| {
            let at = which.at.iter();
            let mut at = at.map(|(axis, value)| known.scale.get(*axis) == Some(value));
            known.scenario == which.scenario
                && known.phase == which.phase.word()
                && known.peer == peer
                && known.metric == which.metric
                && at.all(|same| same)
        };
        let found = self.0.measurements.iter().find(there)?;
        (!found.values.is_empty()).then_some(&found.values)
    }

    /// The median, over the rounds, of what is made of the values of some peers in the same round.
    fn rounds<const N: usize>(
        &self,
        sides: [(Which<'_>, &str); N],
        combine: impl Fn([f64; N]) -> f64,
    ) -> Option<f64> {
        let mut columns = Vec::new();
        for (which, peer) in sides {
            columns.push(self.values(which, peer)?);
        }
        let rounds = columns.iter().map(|column| column.len()).min()?;
        let of_round = |round: usize| {
            let values = columns.iter().filter_map(|column| column.get(round));
            let values: Vec<f64> = values.copied().collect();
            Some(combine(values.try_into().ok()?))
        };
        let values: Vec<f64> = (0..rounds).filter_map(of_round).collect();
        Some(median(&values))
    }

    fn median(&self, which: Which<'_>, peer: &str) -> Option<f64> {
        self.rounds([(which, peer)], |[value]| value)
    }

    /// How many times the second peer's values the first's are.
    fn ratio(&self, which: Which<'_>, first: &str, second: &str) -> Option<f64> {
        self.rounds([(which, first), (which, second)], |[a, b]| a / b)
    }

    fn growth(&self) -> Option<Claim> {
        let (small, large) = (packet(&[("rules", 10)]), packet(&[("rules", RULES)]));
        // The two worlds do not stand at once, so each is seen above the empty table beside it.
        let sides = above_empty([large, small]);
        let value = self.rounds(sides, |[a, b, c, d]| (a - b) - (c - d))?;
        let empty = self.median(large, "empty")?;
        let most = GROWTH_NANOSECONDS.max(GROWTH_SHARE * empty);
        Some(claim(
            "packets",
            "nanoseconds of a packet that opens a flow, at 10,000 rules above 10",
            value,
            Limit::AtMost(most),
            || {
                Some(format!(
                    "a packet through an empty table takes {empty:.0} ns"
                ))
            },
        ))
    }

    fn growth_without_intervals(&self) -> Option<Claim> {
        let exact = |at| Which {
            scenario: "exact",
            ..packet(at)
        };
        let (small, large) = (exact(&[("rules", 10)]), exact(&[("rules", RULES)]));
        let sides = above_empty([large, small]);
        let value = self.rounds(sides, |[a, b, c, d]| share(a - b, c - d))?;
        Some(claim(
            "exact",
            "times the cost above an empty table at 10 rules that 10,000 cost, where none needs an interval",
            value,
            Limit::AtMost(1.2),
            || {
                let least = self.rounds(sides, |[a, b, c, d]| (a - b) - (c - d))?;
                Some(format!("the difference is {least:.0} ns"))
            },
        ))
    }

    fn against_linear(&self, linear: &str, least: f64) -> Option<Claim> {
        let at = packet(&[("rules", RULES)]);
        let sides = [(at, linear), (at, "margay"), (at, "empty")];
        let value = self.rounds(sides, |[other, own, empty]| {
            share(other - empty, own - empty)
        })?;
        let own = self.rounds([(at, "margay"), (at, "empty")], |[a, b]| a - b);
        Some(claim(
            "packets",
            &format!(
                "times margay's cost above an empty table that {linear} costs, at 10,000 rules"
            ),
            value,
            Limit::AtLeast(least),
            || Some(format!("margay is {:.0} ns above an empty table", own?)),
        ))
    }

    fn members(&self) -> Vec<Claim> {
        let at = &[("members", MEMBERS)];
        let which = |metric| Which {
            scenario: "members",
            at,
            phase: Phase::ColdLoad,
            metric,
        };
        let replay = || {
            let most = self.ratio(which("cpu"), "nft", "replay")?;
            Some(format!("replay of the same bytes would be {most:.1} times"))
        };
        let above = self.ratio(which("cpu"), "margay-commit", "replay");
        let above = above.map(|value| {
            let what = "times the processor time of a replay, from commit to acknowledgement, 1,000,000 members";
            claim("members", what, value, Limit::AtMost(1.1), || None)
        });
        let less = self.ratio(which("cpu"), "nft", "margay-commit");
        let less = less.map(|value| {
            let what = "times margay's processor time that nft -f takes, 1,000,000 members";
            claim("members", what, value, Limit::AtLeast(2.5), replay)
        });
        let memory = self.ratio(which("peak-memory"), "nft", "margay-commit");
        let memory = memory.map(|value| {
            let what = "times margay's peak memory that nft -f takes, 1,000,000 members";
            claim("members", what, value, Limit::AtLeast(10.0), || {
                let bytes = self.median(which("bytes"), "margay-commit")?;
                Some(format!("the messages alone are {bytes:.0} bytes"))
            })
        });
        [above, less, memory].into_iter().flatten().collect()
    }

    fn large_policy(&self) -> Option<Claim> {
        let which = Which {
            scenario: "linear",
            at: &[("rules", 100_000)],
            phase: Phase::ColdLoad,
            metric: "cpu",
        };
        let value = self.ratio(which, "linear-nft", "margay")?;
        Some(claim(
            "linear",
            "times margay's processor time that linear nft takes, 100,000 rules",
            value,
            Limit::AtLeast(10.0),
            || {
                let most = self.ratio(which, "linear-nft", "replay")?;
                Some(format!("replay of margay's bytes would be {most:.1} times"))
            },
        ))
    }

    fn deltas(&self, scenario: &str, at: &[(&str, u64)]) -> Vec<Claim> {
        let one = |(phase, (peer, start)): (Phase, (&str, &str))| {
            let which = Which {
                scenario,
                at,
                phase,
                metric: "wall",
            };
            let value = self.ratio(which, "nft", peer)?;
            let what = format!(
                "times margay's time from the {start} to its acknowledgement that nft -f takes for text at hand, {}, {}",
                phase.word(),
                place(at)
            );
            Some(claim(scenario, &what, value, Limit::AtLeast(100.0), || {
                let most = self.ratio(which, "nft", "replay")?;
                Some(format!("replay of the same bytes would be {most:.0} times"))
            }))
        };
        each_start().filter_map(one).collect()
    }

    fn growth_of_deltas(&self) -> Vec<Claim> {
        let one = |phase: Phase| {
            let [large, small] = [10_000, 100].map(|endpoints| [("endpoints", endpoints)]);
            let which = |at| Which {
                scenario: "endpoints",
                at,
                phase,
                metric: "wall",
            };
            let (large, small) = (which(&large), which(&small));
            let value = self.rounds([(large, "margay"), (small, "margay")], |[a, b]| a / b)?;
            let what = format!(
                "times as long at 10,000 endpoints as at 100, {}",
                phase.word()
            );
            Some(claim("endpoints", &what, value, Limit::AtMost(1.5), || {
                let sides = [(large, "replay"), (small, "replay")];
                let least = self.rounds(sides, |[a, b]| a / b)?;
                Some(format!("a replay takes {least:.2} times as long"))
            }))
        };
        DELTAS.into_iter().filter_map(one).collect()
    }

    fn deltas_above_replay(&self) -> Vec<Claim> {
        let one = |(phase, (peer, start)): (Phase, (&str, &str))| {
            let which = Which {
                scenario: "bundles",
                at: &[("bundles", 5_000)],
                phase,
                metric: "wall",
            };
            let value = self.ratio(which, peer, "replay")?;
            let what = format!(
                "times a replay of the same bytes, from the {start} to its acknowledgement, {}, 5,000 bundles",
                phase.word()
            );
            Some(claim("bundles", &what, value, Limit::AtMost(1.2), || {
                let replay = self.median(which, "replay")?;
                Some(format!("a replay takes {:.1} us", replay / 1e3))
            }))
        };
        each_start().filter_map(one).collect()
    }

    fn resync(&self) -> Vec<Claim> {
        let which = |metric| Which {
            scenario: "resync",
            at: &[("members", 100_000)],
            phase: Phase::Resync,
            metric,
        };
        let faster = self.ratio(which("wall"), "nft", "margay").map(|value| {
            let what = "times margay's look at 100,000 elements that nft -j list ruleset takes";
            claim("resync", what, value, Limit::AtLeast(20.0), || None)
        });
        let listed = self.ratio(which("wall-listed"), "nft", "margay");
        let listed = listed.map(|value| {
            let what =
                "times margay's reading of all 100,000 elements that nft -j list ruleset takes";
            claim("resync", what, value, Limit::AtLeast(20.0), || {
                let most = self.ratio(which("wall-listed"), "nft", "replay")?;
                Some(format!("listing without reading would be {most:.1} times"))
            })
        });
        let found = self.median(which("altered-element-found"), "margay");
        let found = found.map(|value| {
            let what = "of one altered element that are found";
            claim("resync", what, value, Limit::AtLeast(1.0), || None)
        });
        [faster, listed, found].into_iter().flatten().collect()
    }

    /// The worst of every scenario and every kind of update.
    fn wrong_verdicts(&self) -> Vec<Claim> {
        let kinds = [
            (
                "wrong-per-update",
                "wrong verdicts per update, the worst of all rounds",
            ),
            (
                "packets-l",
                "packets lost or leaked by a restart, the worst of all rounds",
            ),
            (
                "messages-sent",
                "messages that a restart over a right state sends, the worst of all rounds",
            ),
        ];
        let of = |(metric, what)| self.never(metric, what);
        kinds.into_iter().flat_map(of).collect()
    }

    /// Of each scenario, what must never happen.
    fn never(&self, metric: &str, what: &str) -> Vec<Claim> {
        let mut claims: Vec<Claim> = Vec::new();
        let own = self.0.measurements.iter();
        let own = own.filter(|known| known.peer == "margay");
        for known in own.filter(|known| known.metric.starts_with(metric)) {
            let worst = known.values.iter().copied().fold(0.0, f64::max);
            let same = claims
                .iter_mut()
                .find(|claim| claim.scenario == known.scenario);
            match same {
                Some(claim) => claim.value = claim.value.max(worst),
                None => claims.push(Claim {
                    scenario: known.scenario.clone(),
                    what: what.to_owned(),
                    value: worst,
                    limit: Limit::AtMost(0.0),
                    floor: None,
                }),
            }
        }
        claims
    }

    fn latency(&self) -> Option<Claim> {
        let which = Which {
            scenario: "update",
            at: &[("members", 50_000)],
            phase: Phase::UpdateLatency,
            metric: "added-p99",
        };
        let most = self.median(which, "nft")?;
        let replay = self.median(which, "replay");
        Some(claim(
            "update",
            "nanoseconds that an update of 100,000 elements adds to the 99th percentile of packets, beside nft -f",
            self.median(which, "margay")?,
            Limit::AtMost(most),
            || Some(format!("a replay adds {:.0} ns", replay?)),
        ))
    }
}

/// The small changes, each from what operators say and from the commit at hand.
fn each_start() -> impl Iterator<Item = (Phase, (&'static str, &'static str))> {
    let starts = [("margay", "policy"), ("margay-commit", "commit")];
    let with = move |phase| starts.map(|start| (phase, start));
    DELTAS.into_iter().flat_map(with)
}

fn packet<'a>(at: &'a [(&'a str, u64)]) -> Which<'a> {
    Which {
        scenario: "packets",
        at,
        phase: Phase::PacketNew,
        metric: "packet",
    }
}

/// A share of what is above nothing; of what is not, there is none, and no claim about it holds.
fn share(part: f64, whole: f64) -> f64 {
    match whole > 0.0 {
        true => part / whole,
        false => f64::NAN,
    }
}

/// What must be known of two worlds to see margay above the empty table in each.
fn above_empty<'a>([large, small]: [Which<'a>; 2]) -> [(Which<'a>, &'static str); 4] {
    [
        (large, "margay"),
        (large, "empty"),
        (small, "margay"),
        (small, "empty"),
    ]
}

/// A claim, with its floor where it does not hold.
fn claim(
    scenario: &str,
    what: &str,
    value: f64,
    limit: Limit,
    floor: impl FnOnce() -> Option<String>,
) -> Claim {
    let holds = match limit {
        Limit::AtMost(most) => value <= most,
        Limit::AtLeast(least) => value >= least,
    };
    Claim {
        scenario: scenario.to_owned(),
        what: what.to_owned(),
        value,
        limit,
        floor: match holds {
            true => None,
            false => floor(),
        },
    }
}

fn place(at: &[(&str, u64)]) -> String {
    let words = at.iter().map(|(axis, value)| format!("{value} {axis}"));
    words.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::measurement::Unit;

    fn measured(peer: &str, rules: u64, values: &[f64]) -> Measurement {
        Measurement {
            scenario: "packets".to_owned(),
            scale: [("rules".to_owned(), rules)].into(),
            phase: Phase::PacketNew.word().to_owned(),
            peer: peer.to_owned(),
            metric: "packet".to_owned(),
            unit: Unit::Nanoseconds,
            values: values.to_vec(),
        }
    }

    #[test]
    fn what_was_not_measured_is_not_claimed() {
        assert_eq!(judged(&Run::default()), Vec::new());
    }

    #[test]
    fn rounds_are_compared_with_each_other() {
        let run = Run {
            measurements: vec![
                // The machine slows down from round to round; margay is always 1,000 above the floor.
                measured("empty", RULES, &[1_000.0, 2_000.0, 3_000.0]),
                measured("margay", RULES, &[2_000.0, 3_000.0, 4_000.0]),
                measured("empty", 10, &[1_100.0, 2_100.0, 3_100.0]),
                measured("margay", 10, &[2_000.0, 3_000.0, 4_000.0]),
                measured("linear-nft", RULES, &[101_000.0, 102_000.0, 103_000.0]),
            ],
            ..Run::default()
        };
        let claims = judged(&run);
        let values: Vec<f64> = claims.iter().map(|claim| claim.value).collect();
        assert_eq!(values, [100.0, 100.0]);
        let floors: Vec<_> = claims.iter().map(|claim| &claim.floor).collect();
        assert!(floors[0].is_none(), "it holds");
        assert!(
            floors[1]
                .as_ref()
                .is_some_and(|floor| floor.contains("1000 ns"))
        );
    }
}
