//! A busy host of iptables rules: read, counted, judged, translated, proven and tried with packets.

use std::hint::black_box;

use margay::migrate::acknowledged::Acknowledged;
use margay::migrate::host::{Host, Texts};
use margay::migrate::inventory::inventory;
use margay::migrate::nft::{Ruleset, parse, print};
use margay::migrate::plan::Plan;
use margay::migrate::translate::translate;
use margay::migrate::verify::empirical::{Original, replay};
use margay::migrate::verify::symbolic::verify;
use margay::scenario::saved;

use crate::arguments::Pace;
use crate::clock::seconds;
use crate::record::Record;
use crate::sample::{Sample, interleaved};

/// Rules of the host.
const RULES: usize = 6_000;
/// Seconds that it may take to read, count, judge and translate them.
const TRANSLATED: f64 = 2.0;
/// Seconds that the experiment may take.
const REPLAYED: f64 = 60.0;

/// What is timed.
#[derive(Debug, Clone, Copy)]
enum Part {
    Inventory,
    Plan,
    Translate,
    Idiomatic,
    Prove,
    ProveIdiomatic,
}

/// Every part with its name.
const PARTS: [(&str, Part); 6] = [
    ("inventory", Part::Inventory),
    ("plan", Part::Plan),
    ("translate", Part::Translate),
    ("translate --idiomatic", Part::Idiomatic),
    ("verify", Part::Prove),
    ("verify of --idiomatic", Part::ProveIdiomatic),
];

/// Measures each part from the texts on, as its command does it, and the experiment once.
pub(crate) fn measure(record: &mut Record, pace: Pace) {
    let rules = pace.size(RULES, RULES / 10);
    record.title(&format!(
        "migrate: an iptables host of {rules} rules, from text"
    ));
    record.note(
        "workloads of Felix, services of kube-proxy, a router of Neutron, sets: src/scenario/saved",
    );
    let saved = saved(rules, 1);
    let texts = Texts {
        v4: Some(saved.rules),
        v6: None,
        sets: Some(saved.sets),
    };
    let host = Host::read(&texts).unwrap();
    record.count("host", "rules", host.dumps[0].rules().count());
    record.count("host", "sets", host.sets.len());
    let mut parts = PARTS.map(|(_, part)| part);
    let samples = interleaved(pace.rounds(), &mut parts, |part| {
        seconds(|| done(&texts, *part))
    });
    for ((name, _), sample) in PARTS.iter().zip(&samples) {
        record.sample("a busy host", name, "s", sample);
    }
    let together: f64 = samples[..3].iter().map(Sample::median).sum();
    let what = "seconds of inventory, plan and translate";
    record.require(what, together, TRANSLATED);
    experiment(record, &texts, &host);
}

fn done(texts: &Texts, part: Part) {
    let host = Host::read(texts).unwrap();
    match part {
        Part::Inventory => {
            black_box(inventory(&[(None, &host.dumps[0])], &host.sets).text());
        }
        Part::Plan => {
            let nothing = Acknowledged::default();
            black_box(Plan::new(&translate(&host), &nothing).text());
        }
        Part::Translate => {
            black_box(print::print(&translate(&host).ruleset));
        }
        Part::Idiomatic => {
            black_box(print::print(&translate(&host).idiomatic().ruleset));
        }
        Part::Prove => proven(&host, &translate(&host).ruleset),
        Part::ProveIdiomatic => proven(&host, &translate(&host).idiomatic().ruleset),
    }
}

fn proven(host: &Host, ruleset: &Ruleset) {
    let parsed = parse(&print::print(ruleset)).unwrap();
    assert!(
        verify(&host.dumps, &host.sets, &parsed).unwrap().is_equal(),
        "the translation means something else"
    );
}

/// The same packets through iptables and through nft.
fn experiment(record: &mut Record, texts: &Texts, host: &Host) {
    let original = Original {
        text: texts.v4.as_deref().unwrap(),
        dump: &host.dumps[0],
        sets: texts.sets.as_deref(),
    };
    let nft = print::print(&translate(host).ruleset);
    let mut found = None;
    let took = seconds(|| found = Some(replay(&original, &nft).unwrap()));
    let found = found.unwrap();
    record.count("verify --packets", "packets", found.packets);
    record.count("verify --packets", "seen behind a hook", found.seen);
    record.count("verify --packets", "rules hit", found.rules_hit());
    record.count("verify --packets", "differences", found.differences.len());
    record.value("verify --packets", "the experiment", "s", took);
    let differences = found.differences.iter().take(5);
    differences.for_each(|difference| record.note(difference));
    record.require("differences", found.differences.len() as f64, 0.0);
    record.require("seconds of the experiment", took, REPLAYED);
}
