//! What a host's part of the state asks of it.

use std::collections::BTreeSet;

use margay::host::{Claim, HostPlan, ReversePath};
use proptest::prelude::*;

use super::{plan, state};

#[test]
fn the_lower_name_has_an_interface_and_an_address() {
    let plan = plan(&[
        ("b", "tap1", "-", "10.65.0.2, fd00::2"),
        ("c", "tap1", "-", "10.65.0.9"),
        ("a", "tap2", "-", "10.65.0.2, 10.65.0.3"),
    ]);
    let all: Vec<_> = plan
        .addresses()
        .map(|(a, name)| format!("{a} {name}"))
        .collect();
    assert_eq!(all, ["fd00::2 tap1", "10.65.0.2 tap2", "10.65.0.3 tap2"]);
    let contested = plan.endpoints().flat_map(|endpoint| plan.lost(endpoint));
    let contested = contested.map(|contest| {
        let claim = match &contest.claim {
            Claim::Interface(name) => name.to_string(),
            Claim::Address(address) => address.to_string(),
        };
        format!("{claim}: {} before {}", contest.winner, contest.loser)
    });
    let contested: Vec<_> = contested.collect();
    assert_eq!(contested, ["10.65.0.2: a before b", "tap1: b before c"]);
}

#[test]
fn other_hosts_and_their_prefixes_are_not_this_hosts() {
    let state = state(&[("a", "tap1", "-", "10.65.0.2")]);
    let plan = HostPlan::of(&state, "node2");
    assert!(plan.interfaces().is_empty());
    for (name, is) in [("tap1", true), ("cali7", true), ("eth0", false)] {
        assert_eq!(plan.is_workload(&name.parse().unwrap()), is, "{name}");
    }
}

#[test]
fn only_who_may_use_other_sources_is_free_of_the_kernels_check() {
    let read = |spoofing: &str| {
        let text = format!(
            "apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {{name: default}}\n\
             spec: {{workloadSourceSpoofing: {spoofing}}}\n---\n\
             apiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\n\
             metadata: {{name: node1-k8s-a-eth0, namespace: ns}}\n\
             spec: {{node: node1, orchestrator: k8s, pod: a, endpoint: eth0, interfaceName: cali1, \
             ipNetworks: [10.65.0.2/32], allowSpoofedSourcePrefixes: [10.66.0.0/16]}}\n"
        );
        let loaded = margay::codec::parse("spoof.yaml", &text);
        assert!(!loaded.has_errors(), "{:?}", loaded.problems);
        let plan = HostPlan::of(&loaded.state, "node1");
        plan.interfaces()[&"cali1".parse().unwrap()].reverse_path
    };
    assert_eq!(read("Any"), ReversePath::Off);
    assert_eq!(read("Disabled"), ReversePath::Strict);
}

/// What is said of one of few endpoints: nothing, or an interface and addresses that others may have.
fn said() -> impl Strategy<Value = (usize, Option<(u8, u8, u8, bool)>)> {
    let some = (0..3_u8, 0..4_u8, 0..4_u8, any::<bool>());
    (0..4_usize, proptest::option::weighted(0.8, some))
}

proptest! {
    #[test]
    fn a_plan_kept_up_to_date_is_the_plan_from_nothing(
        changes in proptest::collection::vec(said(), 1..40),
    ) {
        const NAMES: [&str; 4] = ["a", "b", "c", "d"];
        let mut known = state(&[]);
        let mut plan = HostPlan::of(&known, "node1");
        for (who, what) in changes {
            let name = NAMES[who].parse().unwrap();
            known.endpoints.remove(&name);
            if let Some((interface, one, other, mac)) = what {
                let mac = if mac { "02:00:00:00:00:01" } else { "-" };
                let interface = format!("tap{interface}");
                let addresses = format!("10.65.0.{one}, fd00::{other}");
                let one = state(&[(NAMES[who], &interface, mac, &addresses)]);
                known.endpoints.extend(one.endpoints);
            }
            let before = plan.clone();
            let touched = plan.put(&name, known.endpoints.get(&name));
            let whole = HostPlan::of(&known, "node1");
            prop_assert_eq!(&plan, &whole);
            let both = before.interfaces().keys().chain(plan.interfaces().keys());
            let changed = both.filter(|i| before.interfaces().get(i) != plan.interfaces().get(i));
            let changed: BTreeSet<_> = changed.cloned().collect();
            prop_assert!(changed.is_subset(&touched), "{:?} of {:?}", changed, touched);
            for (address, interface) in plan.addresses() {
                prop_assert_eq!(plan.behind(address), Some(interface));
            }
            for endpoint in plan.endpoints().filter(|endpoint| **endpoint != name) {
                let lost = |plan: &HostPlan| !plan.lost(endpoint).is_empty();
                let told = plan.interface_of(endpoint).is_some_and(|i| touched.contains(i));
                prop_assert!(lost(&before) == lost(&plan) || told, "{endpoint}");
            }
        }
    }
}
