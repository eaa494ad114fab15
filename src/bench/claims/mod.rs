//! What must hold, judged by what a run measured. A claim speaks of one size, so a run that has not measured
//! at that size makes no such claim.

mod look;
#[cfg(test)]
mod tests;

use self::look::{Middle, Of, Which};
use super::measurement::{Claim, Limit, Run};
use super::scenario::{Phase, Word};

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

impl Of<'_> {
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
                Some(format!("the difference is {:.0} ns", least.value))
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
            || {
                Some(format!(
                    "margay is {:.0} ns above an empty table",
                    own?.value
                ))
            },
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
            let most = self.ratio(which("cpu"), "nft", "replay")?.value;
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

    fn large_policy(&self) -> Vec<Claim> {
        let which = Which {
            scenario: "linear",
            at: &[("rules", 100_000)],
            phase: Phase::ColdLoad,
            metric: "cpu",
        };
        let one = |(peer, start): (&str, &str)| {
            let value = self.ratio(which, "linear-nft", peer)?;
            let what = format!(
                "times margay's processor time from the {start} to its acknowledgement that linear nft takes, 100,000 rules"
            );
            Some(claim("linear", &what, value, Limit::AtLeast(10.0), || {
                let most = self.ratio(which, "linear-nft", "replay")?.value;
                Some(format!("replay of margay's bytes would be {most:.1} times"))
            }))
        };
        STARTS.into_iter().filter_map(one).collect()
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
                let most = self.ratio(which, "nft", "replay")?.value;
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
                Some(format!("a replay takes {:.2} times as long", least.value))
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
                let most = self.ratio(which("wall-listed"), "nft", "replay")?.value;
                Some(format!("listing without reading would be {most:.1} times"))
            })
        });
        let found = which("altered-element-found");
        let found = self.rounds([(found, "margay")], |[found]| found);
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
                    interval: None,
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
        let above = self.rounds([(which, "margay"), (which, "nft")], |[own, other]| {
            own - other
        })?;
        let replay = self.rounds([(which, "replay"), (which, "nft")], |[own, other]| {
            own - other
        });
        Some(claim(
            "update",
            "nanoseconds that an update of 100,000 elements adds to the 99th percentile of packets, above what nft -f adds",
            above,
            Limit::AtMost(0.0),
            || Some(format!("a replay is {:.0} ns above nft -f", replay?.value)),
        ))
    }
}

/// Peers that are margay, and from where they are measured.
const STARTS: [(&str, &str); 2] = [("margay", "policy"), ("margay-commit", "commit")];

/// The small changes, each from what operators say and from the commit at hand.
fn each_start() -> impl Iterator<Item = (Phase, (&'static str, &'static str))> {
    let with = move |phase| STARTS.map(|start| (phase, start));
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
    middle: Middle,
    limit: Limit,
    floor: impl FnOnce() -> Option<String>,
) -> Claim {
    let claim = Claim {
        scenario: scenario.to_owned(),
        what: what.to_owned(),
        value: middle.value,
        interval: middle.interval,
        limit,
        floor: None,
    };
    let floor = match claim.holds() {
        true => None,
        false => floor(),
    };
    Claim { floor, ..claim }
}

fn place(at: &[(&str, u64)]) -> String {
    let words = at.iter().map(|(axis, value)| format!("{value} {axis}"));
    words.collect::<Vec<_>>().join(", ")
}
