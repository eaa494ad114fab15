//! Runs that become lines and runs again, and lines that are none of ours.

use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

use super::{SCHEMA, read, write};
use crate::bench::measurement::{Claim, Limit, Measurement, Run, Skip, Unit};
use crate::bench::statistics::Interval;

/// Any text, also such as must be escaped.
const TEXT: &str = "\\PC{0,8}|[\"\\\\\n\t\u{0}é]{0,3}";

fn number() -> impl Strategy<Value = f64> {
    prop_oneof![any::<f64>(), 0.0..1e9, Just(f64::NAN), Just(f64::INFINITY)]
}

fn measurement() -> impl Strategy<Value = Measurement> {
    let names = (TEXT, TEXT, TEXT, TEXT);
    let scale = btree_map(TEXT, any::<u64>(), 0..3);
    let unit = prop::sample::select(Unit::ALL.to_vec());
    let parts = (names, scale, unit, vec(number(), 1..5));
    parts.prop_map(
        |((scenario, phase, peer, metric), scale, unit, values)| Measurement {
            scenario,
            scale,
            phase,
            peer,
            metric,
            unit,
            values,
        },
    )
}

fn claim() -> impl Strategy<Value = Claim> {
    let limit = prop_oneof![
        number().prop_map(Limit::AtMost),
        number().prop_map(Limit::AtLeast)
    ];
    let sure = option::of((-1e9..1e9, -1e9..1e9));
    let parts = (TEXT, TEXT, number(), sure, limit, option::of(TEXT));
    parts.prop_map(|(scenario, what, value, sure, limit, floor)| Claim {
        scenario,
        what,
        value,
        interval: sure.map(|(low, high)| Interval { low, high }),
        limit,
        floor,
    })
}

fn run() -> impl Strategy<Value = Run> {
    let skip = (TEXT, TEXT, TEXT).prop_map(|(scenario, peer, reason)| Skip {
        scenario,
        peer,
        reason,
    });
    // Few different measurements, so that some come twice.
    let measurements =
        vec(measurement(), 1..4).prop_flat_map(|some| vec(prop::sample::select(some), 0..6));
    let parts = (
        vec((TEXT, TEXT), 0..3),
        measurements,
        vec(skip, 0..3),
        vec(claim(), 0..3),
    );
    parts.prop_map(|(facts, measurements, skips, claims)| Run {
        facts,
        measurements,
        skips,
        claims,
    })
}

/// The run with NaN for all that is no number: what lines can say of it. As text, since NaN equals nothing.
fn sayable(mut run: Run) -> String {
    let told = |value: &mut f64| {
        if !value.is_finite() {
            *value = f64::NAN;
        }
    };
    let measurements = run.measurements.iter_mut();
    measurements
        .flat_map(|m| m.values.iter_mut())
        .for_each(told);
    for claim in &mut run.claims {
        told(&mut claim.value);
        let (Limit::AtMost(bound) | Limit::AtLeast(bound)) = &mut claim.limit;
        told(bound);
    }
    format!("{run:#?}")
}

proptest! {
    #[test]
    fn a_run_is_read_as_it_was(run in run()) {
        let text = write(&run);
        let again = read("results.jsonl", &text);
        // An infinite value or bound may decide a claim, and is none in the lines.
        let decided = run.claims.iter().any(|claim| {
            claim.holds() && !(claim.value.is_finite() && claim.limit.bound().is_finite())
        });
        if !decided {
            prop_assert_eq!(sayable(again.unwrap()), sayable(run));
        }
    }

    #[test]
    fn lines_are_flat(run in run()) {
        for line in write(&run).lines() {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let fields = value.as_object().unwrap();
            prop_assert_eq!(&fields["schema"], SCHEMA);
            prop_assert!(fields.values().all(|field| !field.is_array() && !field.is_object()), "{}", line);
        }
    }

    #[test]
    fn anything_is_read_or_refused(text in ".{0,200}", bytes in vec(any::<u8>(), 0..200)) {
        for text in [text.as_str(), &String::from_utf8_lossy(&bytes)] {
            if let Err(error) = read("f", text) {
                prop_assert!(error.line >= 1 && error.to_string().contains("allowed: "));
            }
        }
    }
}

const SAMPLE: &str = r#"{"schema":"margay.bench/v1","kind":"sample","scenario":"members","phase":"load","peer":"nft","metric":"wall","unit":"ns","iter":0,"value":1.5,"ok":true,"scale_members":1000}"#;

fn refused(text: &str) -> String {
    read("a.jsonl", text).unwrap_err().to_string()
}

#[test]
fn a_line_is_what_the_documentation_shows() {
    let run = read("a.jsonl", SAMPLE).unwrap();
    assert_eq!(write(&run), format!("{SAMPLE}\n"));
    assert_eq!(run.measurements[0].scale["members"], 1_000);
}

#[test]
fn a_fault_is_named_with_file_line_field_and_what_is_allowed() {
    let spoiled = |old: &str, new: &str| {
        assert!(SAMPLE.contains(old), "{old}");
        refused(&format!("\n{}", SAMPLE.replace(old, new)))
    };
    let faults = [
        (
            spoiled("\"iter\":0", "\"iter\":2"),
            "a.jsonl:2: field \"iter\": not 2; allowed: 0",
        ),
        (
            spoiled("\"iter\":0,", ""),
            "a.jsonl:2: field \"iter\": missing; allowed: 0",
        ),
        (
            spoiled("\"ns\"", "\"furlongs\""),
            "a.jsonl:2: field \"unit\": not \"furlongs\"; allowed: \"ns\", \"bytes\", \"count\", \"per_second\"",
        ),
        (
            spoiled("1.5", "null"),
            "a.jsonl:2: field \"ok\": not true; allowed: false",
        ),
        (
            spoiled("1.5", "[1]"),
            "a.jsonl:2: field \"value\": not [1]; allowed: a number, or null for none",
        ),
        (
            spoiled("1000}", "-1}"),
            "a.jsonl:2: field \"scale_members\": not -1; allowed: a whole number",
        ),
        (
            spoiled("bench/v1", "bench/v2"),
            "a.jsonl:2: field \"schema\": not \"margay.bench/v2\"; allowed: \"margay.bench/v1\"",
        ),
        (
            spoiled("\"ok\"", "\"colour\":1,\"ok\""),
            "a.jsonl:2: field \"colour\": unknown field; allowed: schema, kind, scenario, phase, peer, metric, \
             unit, iter, value, ok, scale_<axis>",
        ),
    ];
    for (told, expected) in faults {
        assert_eq!(told, expected);
    }
    assert!(refused("[1]").starts_with("a.jsonl:1: the line: not [1]; allowed: one JSON object"));
    assert!(refused("{").starts_with("a.jsonl:1: the line: no JSON: EOF while"));
    assert!(refused(&SAMPLE.replace("1.5", "1e999")).contains("out of range"));
}

#[test]
fn rounds_of_several_peers_may_alternate_but_not_be_out_of_order() {
    let second = SAMPLE.replace("\"iter\":0", "\"iter\":1");
    let other = SAMPLE.replace("nft", "margay");
    let run = read("a", &format!("{SAMPLE}\n{other}\n{second}\n")).unwrap();
    let rounds: Vec<_> = run.measurements.iter().map(|m| m.values.len()).collect();
    assert_eq!(rounds, [2, 1]);
    let third = refused(&format!(
        "{SAMPLE}\n{}",
        SAMPLE.replace("\"iter\":0", "\"iter\":2")
    ));
    assert!(third.contains("allowed: 1 or 0"), "{third}");
}

#[test]
fn a_claim_must_be_judged_as_its_numbers_say() {
    let claim = r#"{"schema":"margay.bench/v1","kind":"claim","scenario":"s","what":"w","value":2.0,"limit":"at most","bound":1.0,"holds":true}"#;
    assert_eq!(
        refused(claim),
        "a.jsonl:1: field \"holds\": not true; allowed: false"
    );
    let run = read("a", &claim.replace("true", "false")).unwrap();
    assert_eq!(
        (run.claims[0].holds(), &run.claims[0].floor),
        (false, &None)
    );
}
