//! Every resource of the cases that others collected is read, and without a complaint.

use std::collections::BTreeMap;

use margay::codec::calico::key::change;
use margay::model::label::LabelView;
use margay::model::{Direction, State};
use serde_json::Value;

use crate::support::cases;

#[test]
fn every_resource_of_the_cases_is_read() {
    let mut kinds = BTreeMap::new();
    for name in ["recipes.json", "sample-v4.json", "neutron-sg.json"] {
        let Some(text) = cases::text(&format!("policy-cases/{name}")) else {
            return;
        };
        let all: Value = serde_json::from_str(&text).unwrap();
        for step in all
            .as_array()
            .unwrap()
            .iter()
            .flat_map(|case| case["steps"].as_array().unwrap())
        {
            let mut state = State::default();
            for (key, value) in step["resources"].as_object().unwrap() {
                let change = change(key, &value.to_string()).expect("a known key");
                assert!(change.problems.is_empty(), "{name}: {:?}", change.problems);
                assert_eq!(change.events.len(), 1, "{name}: {key}");
                *kinds
                    .entry(value["kind"].as_str().unwrap().to_owned())
                    .or_insert(0) += 1;
                change
                    .events
                    .into_iter()
                    .for_each(|event| state.apply(event));
            }
            look(&state);
        }
    }
    println!("resources read: {kinds:?}");
    assert_eq!(kinds["WorkloadEndpoint"], 769);
    assert_eq!(kinds["NetworkPolicy"], 150);
    assert_eq!(kinds["Profile"], 228);
}

/// What holds in every case: each endpoint has its namespace as a label, each policy decides.
fn look(state: &State) {
    let namespace = "projectcalico.org/namespace".parse().unwrap();
    for endpoint in state.endpoints.values() {
        let labels = state.labels_of(endpoint).unwrap();
        assert!(labels.value(&namespace).is_some(), "{}", endpoint.name);
        assert!(!endpoint.addresses.is_empty() && !endpoint.host.is_empty());
    }
    for policy in state.policies.values() {
        let decides = Direction::ALL.map(|direction| policy.decides(direction));
        assert_ne!(decides, [false, false], "{}", policy.name);
    }
}
