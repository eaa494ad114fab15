//! Classic keys, as a book reads them.

mod anything;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use margay::agent::book::Book;
use margay::agent::store::KeyChange;
use margay::codec::Keys;
use margay::compile::compile;
use margay::compile::skeleton::Skeleton;
use margay::model::{Action, EndpointName, HostAction, Membership, Readiness, Rule, Stage, State};

/// A whole store, as an orchestrator writes it.
const STORE: &[(&str, &str)] = &[
    ("Ready", "true"),
    ("config/InterfacePrefix", "tap,cali"),
    ("config/IpInIpEnabled", "false"),
    ("host/hA/config/DefaultEndpointToHostAction", "RETURN"),
    ("host/hA/bird_ip", "172.18.0.1"),
    (
        "host/hA/workload/openstack/vm-1/endpoint/p1",
        r#"{"state":"active","name":"tap0001","mac":"02:00:00:00:00:01","profile_ids":["openstack-sg-S1"],
            "ipv4_nets":["10.65.0.2/32"],"ipv4_gateway":"10.65.0.1","ipv6_nets":["fd00::2/128"],"ipv6_gateway":null,
            "ipv4_nat":[{"int_ip":"10.65.0.2","ext_ip":"192.0.2.5"}],"fqdn":"a.b","labels":{"role":"db"}}"#,
    ),
    ("policy/profile/openstack-sg-S1/tags", r#"["S1"]"#),
    (
        "policy/profile/openstack-sg-S1/rules",
        r#"{"inbound_rules":[{"ip_version":4,"protocol":"tcp","dst_ports":[22,"8000:8080"],"src_net":"0.0.0.0/0"},
                             {"ip_version":4,"src_tag":"S1"}],
            "outbound_rules":[{"ip_version":4,"dst_net":"0.0.0.0/0"},{"ip_version":6,"dst_net":"::/0"}]}"#,
    ),
    ("policy/profile/openstack-sg-S1/labels", r#"{"env":"prod"}"#),
    ("policy/tier/netsec/metadata", r#"{"order":10}"#),
    (
        "policy/tier/netsec/policy/block-infra",
        r#"{"selector":"all()","order":"default","inbound_rules":[{"action":"next-tier"}],
            "outbound_rules":[{"dst_net":"172.18.0.0/24","action":"deny","log_prefix":"infra"},{"action":"next-tier"}]}"#,
    ),
    (
        "ipam/v4/pool/10.65.0.0-16",
        r#"{"cidr":"10.65.0.0/16","masquerade":true}"#,
    ),
];

/// A store that is read.
struct Store {
    book: Book,
    state: State,
}

impl Store {
    fn empty() -> Self {
        let mut state = State::default();
        let unsaid = Keys::Classic.unsaid();
        unsaid.into_iter().for_each(|event| state.apply(event));
        Self {
            book: Book::new(Keys::Classic, BTreeMap::new()),
            state,
        }
    }

    fn whole() -> Self {
        let mut store = Self::empty();
        for (key, value) in STORE {
            store.put(key, value);
        }
        store
    }

    fn put(&mut self, key: &str, value: &str) {
        self.take(KeyChange::value(format!("/calico/v1/{key}"), value));
    }

    fn delete(&mut self, key: &str) {
        self.take(KeyChange::gone(format!("/calico/v1/{key}")));
    }

    fn take(&mut self, change: KeyChange) {
        for event in self.book.take(change) {
            self.state.apply(event);
        }
    }

    fn problems(&self) -> String {
        let all = self.book.problems().flat_map(|(_, problems)| problems);
        all.map(|problem| format!("{problem}\n")).collect()
    }
}

#[test]
fn a_store_of_an_orchestrator_is_read_whole() {
    let store = Store::whole();
    assert_eq!(store.problems(), "");
    let state = &store.state;
    assert_eq!(state.readiness, Readiness::Ready);
    let settings = state.settings_of("hA");
    assert_eq!(settings.endpoint_to_host, HostAction::Return);
    assert_eq!(state.settings_of("hB").endpoint_to_host, HostAction::Drop);
    let prefixes: Vec<_> = settings
        .interface_prefixes
        .iter()
        .map(|p| p.as_str())
        .collect();
    assert_eq!(prefixes, ["tap", "cali"]);

    let name: EndpointName = "classic/hA-openstack-vm--1-p1".parse().unwrap();
    let endpoint = &state.endpoints[&name];
    assert_eq!(endpoint.host, "hA");
    assert_eq!(endpoint.interface.as_str(), "tap0001");
    assert_eq!(endpoint.addresses.len(), 2);
    let parts = name.workload().unwrap();
    assert_eq!(
        (parts.orchestrator(), parts.endpoint()),
        ("openstack", "p1")
    );
    assert_eq!(parts.workload(), "classic/vm-1");
    let labels = state.labels_of(endpoint).unwrap().all();
    let labels: Vec<_> = labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(labels, ["classic-tag/S1=", "env=prod", "role=db"]);

    let profile = state.profile(&"openstack-sg-S1".parse().unwrap()).unwrap();
    let shown = |rules: &[Rule]| rules.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        shown(&profile.ingress),
        [
            "Allow IPv4 tcp from 0.0.0.0/0 to ports 22,8000:8080",
            "Allow IPv4 from has(classic-tag/S1)",
        ]
    );
    assert_eq!(
        shown(&profile.egress),
        ["Allow IPv4 to 0.0.0.0/0", "Allow IPv6 to ::/0"]
    );
    let [policy] = &state.policies.values().collect::<Vec<_>>()[..] else {
        panic!("{:?}", state.policies)
    };
    assert_eq!(
        policy.name.to_string(),
        "GlobalNetworkPolicy netsec.block-infra"
    );
    assert_eq!(
        shown(&policy.egress),
        ["Log to 172.18.0.0/24", "Deny to 172.18.0.0/24", "Pass"]
    );
    assert_eq!(state.tiers.len(), 1);
}

#[test]
fn a_store_that_goes_leaves_nothing() {
    let mut store = Store::whole();
    for (key, _) in STORE {
        store.delete(key);
    }
    assert_eq!(store.state, Store::empty().state);
    assert_eq!(store.state.readiness, Readiness::NotReady);
    store.put("Ready", "true");
    store.put("Ready", "false");
    assert_eq!(store.state.readiness, Readiness::NotReady);
}

#[test]
fn the_parts_of_a_profile_come_and_go_in_any_order() {
    let mut store = Store::empty();
    let at = |part: &str| format!("policy/profile/P/{part}");
    let name = "P".parse().unwrap();
    store.put(&at("tags"), r#"["a","b"]"#);
    let profile = store.state.profile(&name).unwrap().clone();
    assert_eq!(profile.labels.iter().count(), 2);
    let denies = |rules: &[Rule]| rules == [Rule::of_all(Action::Deny)];
    assert!(
        denies(&profile.ingress) && denies(&profile.egress),
        "as one that is not there"
    );
    store.put(&at("rules"), r#"{"inbound_rules":[{}]}"#);
    let profile = store.state.profile(&name).unwrap().clone();
    assert_eq!(profile.ingress, [Rule::of_all(Action::Allow)]);
    assert_eq!(profile.egress, []);
    store.put(&at("tags"), r#"["a",{}]"#);
    assert!(store.problems().contains("tags"), "{}", store.problems());
    assert_eq!(
        store.state.profile(&name),
        Some(&profile),
        "the last good list holds"
    );
    store.delete(&at("rules"));
    let profile = store.state.profile(&name).unwrap();
    assert!(denies(&profile.ingress));
    assert_eq!(profile.labels.iter().count(), 2);
    store.delete(&at("tags"));
    assert_eq!(store.state.profile(&name), None);
}

#[test]
fn nobody_claims_a_tag_by_a_label() {
    let mut store = Store::whole();
    store.put(
        "host/hA/workload/k8s/w/endpoint/e",
        r#"{"state":"active","name":"tap2","ipv4_nets":["10.65.0.9/32"],"labels":{"classic-tag/S1":"","a":"b"}}"#,
    );
    store.put(
        "policy/profile/openstack-sg-S1/labels",
        r#"{"classic-tag/other":""}"#,
    );
    let endpoint = &store.state.endpoints[&"classic/hA-k8s-w-e".parse().unwrap()];
    let labels = store.state.labels_of(endpoint).unwrap().all();
    assert_eq!(labels.iter().count(), 1);
    let profile = store
        .state
        .profile(&"openstack-sg-S1".parse().unwrap())
        .unwrap();
    let labels: Vec<_> = profile.labels.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(labels, ["classic-tag/S1"]);
}

#[test]
fn an_endpoint_that_is_switched_off_keeps_its_interface_and_has_no_traffic() {
    let mut store = Store::whole();
    let key = "host/hA/workload/openstack/vm-1/endpoint/p1";
    store.put(
        key,
        r#"{"state":"inactive","name":"tap0001","profile_id":"openstack-sg-S1","ipv4_nets":["10.65.0.2/32"]}"#,
    );
    assert_eq!(store.problems(), "");
    let endpoint = store.state.endpoints.values().next().unwrap();
    assert_eq!(endpoint.membership, Membership::Groups(BTreeSet::new()));
    store.put(
        key,
        r#"{"state":"active","name":"tap0001","mac":"02-00-00-00-00-0A","profile_id":"a_b","ipv4_nets":["10.65.0.2"]}"#,
    );
    let endpoint = store.state.endpoints.values().next().unwrap();
    assert_eq!(endpoint.mac.unwrap().to_string(), "02:00:00:00:00:0a");
    let profiles: Vec<_> = endpoint
        .labelled()
        .unwrap()
        .profiles
        .iter()
        .map(|p| p.as_str())
        .collect();
    assert_eq!(profiles, ["a_b"]);
    store.put(key, r#"{"state":"active","name":"tap0001"}"#);
    assert!(
        store.state.endpoints.is_empty(),
        "without addresses it is not there"
    );
}

#[test]
fn values_that_are_wrong_say_so_by_key() {
    let mut store = Store::empty();
    let wrong = [
        ("config/MetadataAddr", "metadata.example", "invalid address"),
        (
            "config/DefaultEndpointToHostAction",
            "MAYBE",
            "Drop, Return or Accept",
        ),
        ("config/Unheard", "1", "warning: unknown parameter"),
        (
            "host/h/endpoint/eth0",
            r#"{"name":"eth0"}"#,
            "host endpoints are not enforced",
        ),
        (
            "host/-h/workload/a/b/endpoint/c",
            r#"{"state":"active","name":"tap1"}"#,
            "workload endpoint name",
        ),
        (
            "host/h/workload/a/b/endpoint/c",
            r#"{"name":"tap1"}"#,
            "state: the field is missing",
        ),
        (
            "host/h/workload/a/b/endpoint/d",
            r#"{"state":"active","name":"tap1","ipv4_nets":["10.0.0.0/24"]}"#,
            "one address",
        ),
        (
            "host/h/workload/a/b/endpoint/e",
            r#"{"state":"active","name":"tap1","ipv4_nets":["::1"]}"#,
            "not an IPv4 address",
        ),
        (
            "policy/tier/t/metadata",
            r#"{"order":"x"}"#,
            "invalid order",
        ),
        (
            "policy/tier/t/policy/p",
            "{}",
            "selector: the field is missing",
        ),
        ("policy/tier/t/policy/q", "", "not JSON"),
        ("policy/profile/a%b/tags", "[]", "invalid profile"),
    ];
    for (key, value, _) in wrong {
        store.put(key, value);
    }
    let told: BTreeMap<_, _> = store
        .book
        .problems()
        .map(|(key, problems)| (key.to_owned(), problems[0].to_string()))
        .collect();
    for (key, value, why) in wrong {
        let told = told
            .get(&format!("/calico/v1/{key}"))
            .map_or("", String::as_str);
        assert!(told.contains(why), "{key} {value}: {told}");
    }
    assert!(store.state.endpoints.is_empty() && store.state.policies.is_empty());
}

#[test]
fn an_untracked_policy_is_for_hosts() {
    let mut store = Store::empty();
    store.put(
        "policy/tier/t/policy/p",
        r#"{"selector":"","untracked":true}"#,
    );
    let policy = store.state.policies.values().next().unwrap();
    assert_eq!(policy.stage, Stage::Untracked);
    assert!(policy.selector.is_all());
}

#[test]
fn what_is_read_compiles() {
    let mut store = Store::whole();
    store.put(
        "policy/profile/openstack-sg-S1/rules",
        r#"{"inbound_rules":[{"protocol":"udplite","dst_ports":[0,"5:6"]},{"protocol":"sctp","!src_ports":[1]},
            {"!src_tag":"S1","action":"deny"},{"action":"next-tier"},{"protocol":"icmp","!icmp_type":8}]}"#,
    );
    assert_eq!(store.problems(), "");
    let compiled = compile(&store.state, "hA", &Skeleton::builtin().unwrap());
    let text = compiled.to_string();
    for piece in ["udplite . 5-6", "l4proto sctp th sport != 1"] {
        assert!(text.contains(piece), "{piece}: {text}");
    }
}
