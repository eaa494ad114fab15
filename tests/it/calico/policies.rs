//! What is read of policies and their rules.

use margay::codec::{self, Severity};
use margay::model::{
    Action, Direction, Enforcement, IcmpMatch, Order, PolicyKind, PolicyTypes, Stage, StagedAction,
};
use margay::net::{Family, Protocol};

use super::{good, only, policy, resource, rule, shown};

#[test]
fn policies_stand_by_order_then_by_name_namespace_and_kind() {
    let one = |kind: &str, name: &str, namespace: &str, spec: &str| {
        resource(kind, &format!("name: {name}{namespace}"), spec)
    };
    let text = [
        one("NetworkPolicy", "z", ", namespace: a", "order: 1"),
        one("NetworkPolicy", "a", ", namespace: z", ""),
        one("NetworkPolicy", "a.b", ", namespace: a", ""),
        one("GlobalNetworkPolicy", "a", "", ""),
        one("StagedGlobalNetworkPolicy", "a", "", ""),
        one("NetworkPolicy", "a", ", namespace: b", ""),
        one("NetworkPolicy", "b", ", namespace: a", "order: 2.5"),
    ];
    let state = good(&text.join("---\n"));
    let mut all: Vec<_> = state.policies.values().collect();
    all.sort_by_key(|policy| policy.rank());
    let names: Vec<_> = all.iter().map(|policy| policy.name.to_string()).collect();
    assert_eq!(
        names,
        [
            "NetworkPolicy a/z",
            "NetworkPolicy a/b",
            "NetworkPolicy a/a.b",
            "GlobalNetworkPolicy a",
            "StagedGlobalNetworkPolicy a",
            "NetworkPolicy b/a",
            "NetworkPolicy z/a",
        ]
    );
    assert_eq!(
        (all[0].order, all[6].order),
        (Order::new(1.0).unwrap(), Order::LAST)
    );
}

#[test]
fn a_rule_reads_its_whole_vocabulary() {
    let read = only(&rule(
        "action: Log, ipVersion: 4, protocol: TCP, notProtocol: 17, \
         source: {nets: [10.0.0.1/8], notNets: [10.1.0.0/16], ports: [1, '2:3', web], notPorts: [65535]}, \
         destination: {ports: [443]}, metadata: {annotations: {why: because}}",
    ));
    let rule = &read.rules(Direction::Ingress)[0];
    assert_eq!(rule.action, Action::Log);
    assert_eq!(
        (rule.family, rule.protocol, rule.not_protocol),
        (Some(Family::V4), Some(Protocol::TCP), Some(Protocol::UDP))
    );
    let shown = |list: Vec<String>| list.join(" ");
    let source = &rule.source;
    assert_eq!(
        shown(source.nets.iter().map(ToString::to_string).collect()),
        "10.0.0.0/8"
    );
    assert_eq!(
        shown(source.not_nets.iter().map(ToString::to_string).collect()),
        "10.1.0.0/16"
    );
    assert_eq!(
        shown(source.ports.iter().map(ToString::to_string).collect()),
        "1 2:3 web"
    );
    assert_eq!(
        shown(source.not_ports.iter().map(ToString::to_string).collect()),
        "65535"
    );
    assert_eq!(rule.annotations, [("why".to_owned(), "because".to_owned())]);
    assert_eq!(rule.origin.to_string(), "a.yaml:4");
    assert!(rule.speaks_of(Family::V4) && !rule.speaks_of(Family::V6) && !rule.is_void());
}

#[test]
fn protocols_go_by_name_and_number_and_icmp_by_type_and_code() {
    for (written, number) in [
        ("TCP", 6),
        ("tcp", 6),
        ("UDP", 17),
        ("ICMP", 1),
        ("ICMPv6", 58),
        ("icmpv6", 58),
        ("SCTP", 132),
        ("UDPLite", 136),
        ("47", 47),
        ("'6'", 6),
        ("255", 255),
    ] {
        let read = only(&rule(&format!("action: Allow, protocol: {written}")));
        assert_eq!(
            read.ingress[0].protocol,
            Some(Protocol(number)),
            "{written}"
        );
    }
    let read = only(&rule(
        "action: Deny, protocol: ICMP, icmp: {type: 3, code: 4}, notICMP: {type: 8}",
    ));
    let rule = &read.ingress[0];
    assert_eq!(
        rule.icmp,
        Some(IcmpMatch {
            kind: 3,
            code: Some(4)
        })
    );
    assert_eq!(
        rule.not_icmp,
        Some(IcmpMatch {
            kind: 8,
            code: None
        })
    );
    assert!(rule.speaks_of(Family::V4) && !rule.speaks_of(Family::V6));
    let matched = |kind, code| rule.icmp.unwrap().matches(kind, code);
    assert!(matched(3, 4) && !matched(3, 5) && !matched(4, 4));
}

#[test]
fn a_rule_is_left_out_of_a_family_that_it_says_nothing_of() {
    let families = |text: &str| {
        let read = only(&rule(text));
        Family::ALL.map(|family| read.ingress[0].speaks_of(family))
    };
    assert_eq!(families("action: Allow"), [true, true]);
    assert_eq!(families("action: Allow, ipVersion: 6"), [false, true]);
    assert_eq!(families("action: Allow, protocol: ICMPv6"), [false, true]);
    assert_eq!(families("action: Allow, notProtocol: ICMP"), [true, true]);
    assert_eq!(
        families("action: Allow, source: {nets: [10.0.0.0/8]}"),
        [true, false]
    );
    assert_eq!(
        families("action: Deny, destination: {notNets: ['fd00::/8']}"),
        [false, true]
    );
}

#[test]
fn types_decide_where_a_policy_takes_part() {
    let types = |spec: &str| {
        let loaded = codec::parse("a.yaml", &policy(spec));
        assert!(!loaded.has_errors(), "{}", shown(&loaded));
        loaded.state.policies.values().next().unwrap().types
    };
    assert_eq!(types(""), PolicyTypes::Both);
    assert_eq!(types("ingress: [], egress: []"), PolicyTypes::Both);
    assert_eq!(types("types: [Ingress]"), PolicyTypes::Ingress);
    assert_eq!(
        types("types: [Egress], ingress: [{action: Allow}]"),
        PolicyTypes::Egress
    );
    assert_eq!(types("types: [Egress, Ingress]"), PolicyTypes::Both);
    let idle = codec::parse(
        "a.yaml",
        &policy("types: [Egress], ingress: [{action: Allow}]"),
    );
    assert_eq!(
        shown(&idle),
        "a.yaml:4:34: warning: spec.ingress: types leaves ingress out: these rules are never asked\n"
    );
}

#[test]
fn global_policies_say_where_they_are_asked() {
    let global = |spec: &str| {
        let loaded = codec::parse("a.yaml", &resource("GlobalNetworkPolicy", "name: p", spec));
        assert!(!loaded.has_errors(), "{}", shown(&loaded));
        let policy = loaded.state.policies.into_values().next().unwrap();
        let decides = Direction::ALL.map(|direction| policy.decides(direction));
        (policy.stage, policy.types, decides, loaded.problems.len())
    };
    let both = PolicyTypes::Both;
    assert_eq!(global(""), (Stage::Local, both, [true, true], 0));
    assert_eq!(
        global("doNotTrack: false, preDNAT: false"),
        (Stage::Local, both, [true, true], 0)
    );
    assert_eq!(
        global("applyOnForward: true"),
        (Stage::LocalAndForwarded, both, [true, true], 0)
    );
    assert_eq!(
        global("applyOnForward: true, doNotTrack: true"),
        (Stage::Untracked, both, [false, false], 1)
    );
    assert_eq!(
        global("applyOnForward: true, preDNAT: true"),
        (Stage::BeforeDnat, PolicyTypes::Ingress, [false, false], 1)
    );
}

#[test]
fn staged_policies_are_read_and_decide_nothing() {
    let staged = |kind: &str, metadata: &str, spec: &str| {
        let policy = only(&resource(kind, metadata, spec));
        assert_eq!(
            Direction::ALL.map(|direction| policy.decides(direction)),
            [false, false]
        );
        (policy.name.kind, policy.enforcement, policy.ingress.len())
    };
    let rules = "ingress: [{action: Deny}]";
    assert_eq!(
        staged("StagedNetworkPolicy", "name: p, namespace: ns", rules),
        (
            PolicyKind::StagedNetworkPolicy,
            Enforcement::Staged(StagedAction::Set),
            1
        )
    );
    assert_eq!(
        staged(
            "StagedGlobalNetworkPolicy",
            "name: p",
            "stagedAction: Delete, tier: default"
        ),
        (
            PolicyKind::StagedGlobalNetworkPolicy,
            Enforcement::Staged(StagedAction::Delete),
            0
        )
    );
    let kubernetes = "podSelector: {matchLabels: {app: web}, matchExpressions: [{key: a, operator: NotIn, values: [b]}, \
                      {key: c, operator: Exists}]}, ingress: [{from: [{podSelector: {}}]}], policyTypes: [Ingress]";
    let policy = only(&resource(
        "StagedKubernetesNetworkPolicy",
        "name: p, namespace: ns",
        kubernetes,
    ));
    assert_eq!(
        policy.selector.to_string(),
        "(projectcalico.org/orchestrator == \"k8s\" && app == \"web\" && !a == \"b\" && has(c) && \
         projectcalico.org/namespace == \"ns\")"
    );
    assert_eq!(
        (policy.types, policy.decides(Direction::Ingress)),
        (PolicyTypes::Ingress, false)
    );
}

#[test]
fn a_rule_for_services_matches_nothing() {
    let text = rule("action: Allow, source: {services: {name: s}}");
    let loaded = codec::parse("a.yaml", &text);
    assert_eq!(loaded.count(Severity::Error), 0, "{}", shown(&loaded));
    assert!(shown(&loaded).contains("warning: spec.ingress[0].source.services: services are not"));
    assert!(loaded.state.policies.values().next().unwrap().ingress[0].is_void());
}
