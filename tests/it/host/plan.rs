//! What a host's part of the state asks of it.

use margay::host::{Claim, HostPlan, ReversePath};

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
    let contested = plan.contested.iter().map(|contest| {
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
    assert!(plan.interfaces.is_empty());
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
        plan.interfaces[&"cali1".parse().unwrap()].reverse_path
    };
    assert_eq!(read("Any"), ReversePath::Off);
    assert_eq!(read("Disabled"), ReversePath::Strict);
}
