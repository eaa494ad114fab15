//! Cost per packet: an empty table, policies of growing size, and the same policy as linear rules.

use margay::net::Family;
use margay::scenario::{Families, Flat};

use crate::arguments::Pace;
use crate::lane::{Flow, Lane};
use crate::linear;
use crate::netns::nft;
use crate::record::{Limit, Record};
use crate::sample::{Sample, interleaved};
use crate::worlds::{self, Way};

/// Rules of the policies that are compared.
const SIZES: [usize; 4] = [10, 1_000, 10_000, 100_000];
/// At this many rules the requirements are stated.
const REQUIRED: usize = 10_000;
/// Fewer bursts where one takes longer than a second.
const LINEAR_BURSTS: usize = 3;

/// One lane and how many bursts make a measurement of it.
#[derive(Debug)]
struct Subject {
    lane: Lane,
    bursts: usize,
}

/// Measures and judges.
pub(crate) fn measure(record: &mut Record, pace: Pace) {
    record.title("packets: nanoseconds that the opening packet of a UDP flow costs, allowed by the last rule");
    record.note("20 groups named, 10 endpoints, every rule of a prefix IPv4 as the packets are; every packet a new flow, its table of connections emptied before each round");
    record.note("'above empty' is above base chains without rules that track connections");
    let bursts = pace.size(200, 20);
    let mut subjects = subjects(bursts, pace);
    let samples = interleaved(pace.rounds(), &mut subjects, |subject| {
        subject.lane.cost(subject.bursts)
    });
    let named = |name: &str| -> &Sample {
        let at = subjects
            .iter()
            .position(|subject| subject.lane.name == name);
        &samples[at.unwrap()]
    };
    let empty = named("empty table");
    for (subject, sample) in subjects.iter().zip(&samples) {
        record.sample(&subject.lane.name, "whole path", "ns", sample);
        record.sample(
            &subject.lane.name,
            "above empty",
            "ns",
            &sample.minus(empty),
        );
    }
    let (small, large) = (
        named(&label(SIZES[0], Way::Ingress)),
        named(&label(REQUIRED, Way::Ingress)),
    );
    let growth = large.minus(small);
    record.sample(
        &label(REQUIRED, Way::Ingress),
        "above 10 rules",
        "ns",
        &growth,
    );
    let naive = named(&naive_label()).minus(empty).over(&large.minus(empty));
    record.sample(&naive_label(), "times the cost of margay", "x", &naive);
    let both = named(&label(REQUIRED, Way::Both)).minus(named(&label(SIZES[0], Way::Both)));
    record.sample(&label(REQUIRED, Way::Both), "above 10 rules", "ns", &both);
    record.require(
        "nanoseconds that 10,000 rules cost above 10",
        growth.median(),
        Limit::AtMost(1_000.0),
    );
    record.require(
        "times that linear nft costs, above an empty table, at 10,000 rules",
        naive.median(),
        Limit::AtLeast(100.0),
    );
}

fn subjects(bursts: usize, pace: Pace) -> Vec<Subject> {
    let (state, flow) = world(REQUIRED, Way::Ingress);
    let naive = linear::script(&state, &flow);
    let linear_bursts = pace.size(LINEAR_BURSTS * 3, LINEAR_BURSTS);
    let mut subjects = vec![
        Subject {
            lane: loaded("no table", &flow, String::new()),
            bursts,
        },
        Subject {
            lane: loaded("empty table", &flow, linear::EMPTY.to_owned()),
            bursts,
        },
        Subject {
            lane: loaded(&naive_label(), &flow, naive),
            bursts: linear_bursts,
        },
    ];
    for way in [Way::Ingress, Way::Both] {
        for rules in SIZES {
            let (state, flow) = world(rules, way);
            let script = worlds::compiled(&state).to_string();
            let lane = loaded(&label(rules, way), &flow, script);
            subjects.push(Subject { lane, bursts });
        }
    }
    subjects
}

fn world(rules: usize, way: Way) -> (margay::model::State, Flow) {
    let size = Flat {
        rules,
        // What is sent is IPv4, so that the smallest policy must have every shape in this family.
        first: Family::V4,
        // A rule of the other family costs an IPv4 packet next to nothing, in linear rules as well.
        families: Families::First,
        ..Flat::default()
    };
    worlds::with_flow(size, way)
}

fn loaded(name: &str, flow: &Flow, script: String) -> Lane {
    let lane = Lane::new(name, flow);
    lane.run(move |_| nft(&["-f", "-"], &script));
    lane
}

fn label(rules: usize, way: Way) -> String {
    match way {
        Way::Ingress => format!("margay {rules} rules"),
        Way::Both => format!("margay 2 x {rules} rules"),
    }
}

fn naive_label() -> String {
    format!("linear nft {REQUIRED} rules")
}
