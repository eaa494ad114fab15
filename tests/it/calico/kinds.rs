//! What is read of each kind that is not a policy.

use margay::codec;
use margay::model::label::{LabelKey, LabelView};
use margay::model::{Action, DefaultAction, Direction, Profile, ProfileName, Readiness, State};
use margay::net::Protocol;

use super::{good, resource, shown};

const WORKLOAD: &str = "\
apiVersion: projectcalico.org/v3
kind: WorkloadEndpoint
metadata:
  name: felix--host--1-openstack-instance--1-DEADBEEF--1234--5678
  namespace: openstack
  uid: 9d5b0d9e-0000-0000-0000-000000000000
  creationTimestamp: 2026-01-01T00:00:00Z
  labels:
    projectcalico.org/namespace: openstack
    projectcalico.org/orchestrator: openstack
    sg.projectcalico.org/openstack-SGID-default: My_default_SG
    pcns.team: forged
    pcsa.team: forged
spec:
  orchestrator: openstack
  workload: instance-1
  node: felix-host-1
  endpoint: DEADBEEF-1234-5678
  interfaceName: tapDEADBEEF-12
  mac: 00:11:22:33:44:55
  ipNetworks: [10.65.0.2/32, fd00::2/128]
  ipNATs: [{internalIP: 10.65.0.2, externalIP: 192.168.0.1}]
  ipv4Gateway: 10.65.0.1
  serviceAccountName: robot
  profiles: [projectcalico-default-allow]
  ports: [{name: web, protocol: TCP, port: 8080}, {protocol: UDP, port: 53, hostPort: 53}]
  allowSpoofedSourcePrefixes: [10.1.2.3/16]
  allowedIps: []
---
apiVersion: projectcalico.org/v3
kind: FelixConfiguration
metadata: {name: default}
spec: {workloadSourceSpoofing: Any}
---
";

#[test]
fn a_workload_endpoint_is_an_endpoint_with_labels() {
    let state = good(WORKLOAD);
    let endpoint = state.endpoints.values().next().unwrap();
    assert_eq!(
        (endpoint.host.as_str(), endpoint.interface.as_str()),
        ("felix-host-1", "tapDEADBEEF-12")
    );
    assert_eq!(
        endpoint.name.as_str(),
        "openstack/felix--host--1-openstack-instance--1-DEADBEEF--1234--5678"
    );
    assert_eq!(endpoint.mac.unwrap().to_string(), "00:11:22:33:44:55");
    assert_eq!(endpoint.origin.to_string(), "a.yaml:4");
    let addresses: Vec<_> = endpoint.addresses.iter().map(ToString::to_string).collect();
    assert_eq!(addresses, ["10.65.0.2", "fd00::2"]);
    let labelled = endpoint.labelled().unwrap();
    let labels: Vec<_> = labelled
        .labels
        .iter()
        .map(|(k, v)| format!("{k}={v}"))
        .collect();
    assert_eq!(
        labels,
        [
            "projectcalico.org/namespace=openstack",
            "projectcalico.org/orchestrator=openstack",
            "projectcalico.org/serviceaccount=robot",
            "sg.projectcalico.org/openstack-SGID-default=My_default_SG",
        ]
    );
    assert_eq!(labelled.profiles, [ProfileName::of_default_allow()]);
    let ports: Vec<_> = labelled
        .ports
        .iter()
        .map(|p| (p.name.as_str(), p.protocol, p.port))
        .collect();
    assert_eq!(ports, [("web", Protocol::TCP, 8080)]);
    let spoofed: Vec<_> = labelled.spoofed.iter().map(ToString::to_string).collect();
    assert_eq!(spoofed, ["10.1.0.0/16"]);
    assert!(endpoint.groups().is_empty());
}

#[test]
fn a_workload_endpoint_without_addresses_is_not_there() {
    let text = WORKLOAD.replace("[10.65.0.2/32, fd00::2/128]", "[]");
    let loaded = codec::parse("a.yaml", &text);
    assert!(loaded.state.endpoints.is_empty());
    assert!(
        shown(&loaded).contains("warning: spec.ipNetworks: no addresses"),
        "{}",
        shown(&loaded)
    );
    let text = WORKLOAD.replace("node: felix-host-1", "node: elsewhere");
    let loaded = codec::parse("a.yaml", &text);
    assert_eq!(
        loaded.state.endpoints.values().next().unwrap().host,
        "felix-host-1"
    );
    assert!(
        shown(&loaded).contains("it is on felix-host-1, and that holds"),
        "{}",
        shown(&loaded)
    );
}

#[test]
fn prefixes_beside_the_addresses_are_for_the_operator_to_allow() {
    let text = WORKLOAD.replace("Spoofing: Any", "Spoofing: Disabled");
    assert_eq!(
        shown(&codec::parse("a.yaml", &text)),
        "a.yaml:4:9: warning: spec.allowSpoofedSourcePrefixes: workloadSourceSpoofing is not Any on \
         host felix-host-1: openstack/felix--host--1-openstack-instance--1-DEADBEEF--1234--5678 may \
         not use these prefixes\n"
    );
}

#[test]
fn profiles_give_labels_and_rules() {
    let text = resource(
        "Profile",
        "name: kns.red",
        "labelsToApply: {pcns.team: red, pcns.empty: ''}, ingress: [{action: Allow}], egress: [{action: Deny}]",
    );
    let state = good(&text);
    let profile = state.profile(&"kns.red".parse().unwrap()).unwrap();
    assert_eq!(
        profile
            .labels
            .value(&"pcns.team".parse().unwrap())
            .unwrap()
            .as_str(),
        "red"
    );
    assert_eq!(profile.rules(Direction::Ingress)[0].action, Action::Allow);
    assert_eq!(profile.rules(Direction::Egress)[0].action, Action::Deny);
    let default = state.profile(&ProfileName::of_default_allow());
    assert_eq!(default, Some(Profile::default_allow()));
    assert!(state.profile(&"other".parse().unwrap()).is_none());
}

#[test]
fn endpoints_and_network_sets_inherit_from_profiles() {
    let text = [
        WORKLOAD
            .replace("[projectcalico-default-allow]", "[ksa, kns.openstack]")
            .trim_end_matches("---\n")
            .to_owned(),
        resource(
            "Profile",
            "name: kns.openstack",
            "labelsToApply: {pcns.a: ns, b: ns}",
        ),
        resource(
            "Profile",
            "name: ksa",
            "labelsToApply: {b: sa, projectcalico.org/namespace: other}",
        ),
        resource(
            "NetworkSet",
            "name: set, namespace: openstack, labels: {b: own}",
            "nets: [10.0.0.0/8]",
        ),
    ];
    let state = good(&text.join("---\n"));
    let key = |text: &str| text.parse::<LabelKey>().unwrap();
    let endpoint = state.endpoints.values().next().unwrap();
    let labels = state.labels_of(endpoint).unwrap();
    let seen = ["pcns.a", "b", "projectcalico.org/namespace", "pcns.team"];
    let seen = seen.map(|k| {
        labels
            .value(&key(k))
            .map(ToString::to_string)
            .unwrap_or_default()
    });
    assert_eq!(seen, ["ns", "sa", "openstack", ""]);
    let set = state.network_sets.values().next().unwrap();
    let labels = state.labels_of_set(set);
    let seen = ["pcns.a", "b", "projectcalico.org/namespace"];
    let seen = seen.map(|k| labels.value(&key(k)).unwrap().to_string());
    assert_eq!(seen, ["ns", "own", "openstack"]);
}

#[test]
fn network_sets_hold_prefixes_of_both_families() {
    let text = resource(
        "GlobalNetworkSet",
        "name: g, labels: {a: b}",
        "nets: [10.1.2.3/8, 192.0.2.1, 'fd00::/8']",
    );
    let set = good(&text).network_sets.into_values().next().unwrap();
    let nets: Vec<_> = set.nets.iter().map(ToString::to_string).collect();
    assert_eq!(nets, ["10.0.0.0/8", "192.0.2.1/32", "fd00::/8"]);
    assert_eq!((set.name.to_string(), set.parent()), ("g".to_owned(), None));
}

#[test]
fn tiers_stand_by_order_and_name_and_those_that_are_missing_last() {
    let tier = |name, spec| resource("Tier", &format!("name: {name}"), spec);
    let text = [
        tier("last", ""),
        tier("b", "order: 10, defaultAction: Pass"),
        tier("a", "order: 10"),
        tier("first", "order: -0.5e1, defaultAction: Deny"),
    ];
    let state = good(&text.join("---\n"));
    let name = |text: &str| text.parse().unwrap();
    let mut ranks: Vec<_> = ["missing", "last", "b", "a", "first", "absent"]
        .map(|text| state.tier_rank(&name(text)))
        .into();
    ranks.sort();
    let order: Vec<_> = ranks.iter().map(|rank| rank.name().as_str()).collect();
    assert_eq!(order, ["first", "a", "b", "last", "absent", "missing"]);
    assert_eq!(state.default_action(&name("b")), DefaultAction::Pass);
    for denying in ["a", "last", "missing"] {
        assert_eq!(state.default_action(&name(denying)), DefaultAction::Deny);
    }
    let odd = codec::parse("a.yaml", &tier("t", "defaultAction: Allow"));
    assert_eq!(odd.state.default_action(&name("t")), DefaultAction::Deny);
    assert!(
        shown(&odd).contains("warning: spec.defaultAction"),
        "{}",
        shown(&odd)
    );
}

#[test]
fn clusters_pools_and_host_endpoints_are_read_as_far_as_policy_needs_them() {
    let cluster = |ready: &str| {
        good(&resource(
            "ClusterInformation",
            "name: default",
            &format!("clusterGUID: x, datastoreReady: {ready}"),
        ))
        .readiness
    };
    assert_eq!(cluster("false"), Readiness::NotReady);
    assert_eq!(cluster("true"), Readiness::Ready);
    let nothing = State::default();
    assert_eq!(
        good(&resource(
            "IPPool",
            "name: p",
            "cidr: 10.0.0.0/16, natOutgoing: true"
        )),
        nothing
    );
    let host = codec::parse(
        "a.yaml",
        &resource("HostEndpoint", "name: h", "node: n, interfaceName: eth0"),
    );
    assert_eq!(
        shown(&host),
        "a.yaml:3:18: warning: kind: host endpoints are not enforced: this one changes nothing\n"
    );
    let other = codec::parse(
        "a.yaml",
        &resource("BGPPeer", "name: b", "peerIP: 10.0.0.1"),
    );
    assert!(
        shown(&other).contains("warning: kind: BGPPeer has no part in policy"),
        "{}",
        shown(&other)
    );
    assert_eq!(other.state, nothing);
}
