//! Resources by their keys in etcd.

use margay::codec::calico::key::change;
use margay::model::{Event, State};

const KEY: &str = "/calico/resources/v3/projectcalico.org/";

fn said(key: &str, value: &str) -> (Vec<Event>, String) {
    let change = change(&format!("{KEY}{key}"), value).expect("a known key");
    let problems = change.problems.iter().map(|problem| format!("{problem}\n"));
    (change.events, problems.collect())
}

#[test]
fn the_key_says_the_name() {
    let value = r#"{"kind":"NetworkPolicy","apiVersion":"projectcalico.org/v3","metadata":{"name":"x","namespace":"y"},"spec":{}}"#;
    let (events, problems) = said("networkpolicies/ns/default.p", value);
    assert_eq!(problems, "");
    let [Event::Policy(policy)] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!(policy.name.to_string(), "NetworkPolicy ns/p");
    assert_eq!(
        policy.origin.to_string(),
        format!("{KEY}networkpolicies/ns/default.p:1")
    );
    let (events, _) = said(
        "felixconfigurations/node.a",
        r#"{"metadata":{},"spec":{"logPrefix":"x"}}"#,
    );
    let mut state = State::default();
    events.into_iter().for_each(|event| state.apply(event));
    assert_eq!(state.settings_of("a").log.prefix.as_str(), "x");
}

#[test]
fn json_is_read_as_clients_write_it() {
    let value = r#"{"metadata":{"labels":{"a":"\u00e9\ud83d\ude00","b":null}},"spec":{"order":1e3,"tier":null},"status":null}"#;
    let (events, problems) = said("globalnetworkpolicies/p", value);
    assert_eq!((events.len(), problems.as_str()), (1, ""));
    let (events, _) = said("globalnetworksets/s", value);
    let [Event::NetworkSet(set)] = events.as_slice() else {
        panic!("{events:?}")
    };
    let labels: Vec<_> = set.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(labels, ["a=\u{e9}\u{1f600}", "b="]);
}

#[test]
fn keys_of_others_say_nothing() {
    for key in [
        "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26",
        "/calico/felix/v2/no-region/host/h/status",
        "/calico/resources/v3/projectcalico.org/bgppeers/a",
        "/calico/resources/v3/projectcalico.org/tiers",
        "calico/resources/v3/projectcalico.org/tiers/a",
    ] {
        assert!(change(key, "{}").is_none(), "{key}");
    }
}

/// A policy that nobody hears of would not be enforced.
#[test]
fn a_known_kind_under_a_name_that_cannot_be_says_why() {
    for (key, why) in [
        (
            "networkpolicies/a",
            "invalid key \"a\": expected a namespace, / and a name",
        ),
        ("networkpolicies/a b/c", "invalid namespace \"a b\""),
        (
            "tiers/a%2fb",
            "invalid name \"a/b\": expected 1-253 of A-Z a-z 0-9 . _ -",
        ),
        ("tiers/", "invalid name \"\""),
        ("tiers/a\nb", "tiers/a\\nb: error: invalid name \"a\\nb\""),
    ] {
        let (events, problems) = said(key, r#"{"metadata":{}}"#);
        assert!(events.is_empty(), "{key}: {events:?}");
        assert!(problems.contains(why), "{key}: {problems}");
    }
}

#[test]
fn what_does_not_parse_says_nothing_and_why() {
    for (value, why) in [
        ("", ""),
        ("{", ":1:1: error: not JSON"),
        ("[]", ":1:1: error: found a list; allowed: a map"),
        (
            r#"{"metadata":{},"spec":{"order":"x"}}"#,
            ":1:32: error: spec.order: invalid order",
        ),
    ] {
        let (events, problems) = said("tiers/t", value);
        assert!(events.is_empty(), "{value}: {events:?}");
        assert!(problems.contains(why), "{value}: {problems}");
    }
}

#[test]
fn every_event_can_be_undone() {
    let mut state = State::default();
    let metadata =
        r#"{"metadata":{},"spec":{"interfaceName":"cali1","ipNetworks":["10.0.0.1/32"]}}"#;
    for (key, value) in [
        ("workloadendpoints/ns/n-k8s-p-eth0", metadata),
        ("networkpolicies/ns/p", r#"{"metadata":{}}"#),
        ("tiers/t", r#"{"metadata":{}}"#),
        ("profiles/p", r#"{"metadata":{}}"#),
        ("networksets/ns/s", r#"{"metadata":{}}"#),
        ("felixconfigurations/default", r#"{"metadata":{}}"#),
        ("nodes/n", r#"{"metadata":{}}"#),
        (
            "clusterinformations/default",
            r#"{"metadata":{},"spec":{"datastoreReady":false}}"#,
        ),
    ] {
        let (events, _) = said(key, value);
        assert_eq!(events.len(), 1, "{key}");
        for event in events {
            state.apply(event.clone());
            assert_ne!(state, State::default(), "{key}");
            state.apply(event.undone());
        }
        assert_eq!(state, State::default(), "{key}");
    }
}
