//! Which connections are suspected after a commit, and how each is judged.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Instant;

use margay::agent::dataplane::Dataplane;
use margay::agent::judge::{Judge, Judgement};
use margay::agent::suspects::{Suspects, Ways};
use margay::backend::memory::MemoryBackend;
use margay::codec;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::host::{Flow, FlowStatus, HostPlan, Tuple, TupleKey};
use margay::model::{Event, State};
use margay::net::{Family, Protocol};
use margay::ruleset::trace::Shortcuts;

const HOST: &str = "h";

fn state(text: &str) -> State {
    let loaded = codec::parse("judging.yaml", text);
    assert!(!loaded.has_errors(), "{:?}", loaded.problems);
    loaded.state
}

/// A policy for the workloads with a label that allows one port in, and of the others all.
fn policy(name: &str, port: u16) -> String {
    format!(
        "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: {name}}}\n\
         spec: {{selector: app == '{name}', types: [Ingress, Egress], egress: [{{action: Allow, \
         protocol: TCP, destination: {{nets: [10.0.0.0/8]}}}}], ingress: [{{action: Allow, protocol: TCP, \
         destination: {{ports: [{port}]}}}}]}}\n"
    )
}

fn workload(name: &str, last: u8, more: &str) -> String {
    format!(
        "---\napiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\n\
         metadata: {{name: h-k8s-{name}-eth0, namespace: ns, labels: {{app: {name}}}}}\n\
         spec: {{node: h, orchestrator: k8s, pod: {name}, endpoint: eth0, interfaceName: cali{name}, \
         ipNetworks: [10.0.0.{last}/32]{more}}}\n"
    )
}

const SPOOFING: &str = "---\napiVersion: projectcalico.org/v3\nkind: FelixConfiguration\n\
                        metadata: {name: default}\nspec: {workloadSourceSpoofing: Any}\n";

/// The events that make one state of another.
fn events(old: &State, new: &State) -> Vec<Event> {
    let gone = old
        .endpoints
        .keys()
        .filter(|name| !new.endpoints.contains_key(*name));
    let gone = gone.cloned().map(Event::EndpointGone);
    let policies = new
        .policies
        .values()
        .cloned()
        .map(|p| Event::Policy(Box::new(p)));
    let endpoints = new
        .endpoints
        .values()
        .cloned()
        .map(|e| Event::Endpoint(Box::new(e)));
    let said = new.configurations.values().cloned();
    let said = said.map(|c| Event::Configuration(Box::new(c)));
    let sets = new.network_sets.values().cloned();
    let sets = sets.map(Event::NetworkSet);
    let all = gone.chain(policies).chain(endpoints).chain(said);
    all.chain(sets).collect()
}

/// A host whose table follows what is said, and what of that may have been denied.
struct World {
    dataplane: Dataplane<MemoryBackend>,
    known: State,
}

impl World {
    fn new(text: &str) -> Self {
        let skeleton = Skeleton::builtin().unwrap();
        let backend = MemoryBackend::default();
        let dataplane = Dataplane::start(backend, HOST, skeleton, State::default()).unwrap();
        let known = State::default();
        let mut world = Self { dataplane, known };
        world.becomes(text);
        world
    }

    fn becomes(&mut self, text: &str) -> Suspects {
        let new = state(text);
        self.dataplane.take(events(&self.known, &new));
        self.dataplane.program(Instant::now()).unwrap();
        self.known = new;
        self.dataplane.suspects()
    }

    fn judge(&self, flow: &Flow, suspects: &Suspects) -> Judgement {
        let plan = HostPlan::of(&self.known, HOST);
        let own = BTreeSet::from(["192.0.2.1".parse().unwrap()]);
        let (table, shortcuts) = (self.dataplane.held().unwrap(), Shortcuts::default());
        let judge = Judge::new((&plan, &own), (table_key(), table), &shortcuts);
        judge.judge(flow, (suspects, &Ways::default()))
    }
}

/// A connection of TCP.
fn flow(from: &str, to: &str, port: u16) -> Flow {
    let [from, to]: [IpAddr; 2] = [from, to].map(|text| text.parse().unwrap());
    let tuple = |source, destination, (one, other)| Tuple {
        source,
        destination,
        key: TupleKey::Ports {
            source: one,
            destination: other,
        },
        zone: 0,
    };
    Flow {
        family: Family::of(from),
        protocol: Protocol::TCP,
        original: tuple(from, to, (40_000, port)),
        reply: tuple(to, from, (port, 40_000)),
        mark: 0,
        zone: 0,
        id: 1,
        status: FlowStatus::CONFIRMED,
    }
}

fn two(web: u16) -> String {
    [
        policy("web", web),
        policy("db", 80),
        workload("web", 1, ""),
        workload("db", 2, ""),
    ]
    .concat()
}

#[test]
fn only_whom_a_change_may_deny_is_suspected() {
    let mut world = World::new(&two(80));
    let outside = "198.51.100.7";
    let [web, db] = ["10.0.0.1", "10.0.0.2"].map(|to| flow(outside, to, 80));
    // A new endpoint is looked at alone.
    let more = two(80) + &policy("new", 80) + &workload("new", 3, "");
    let suspects = world.becomes(&more);
    assert_ne!(suspects, Suspects::All);
    for flow in [&web, &db] {
        assert_eq!(world.judge(flow, &suspects), Judgement::Keep);
    }
    // Another port: who is in the policy is suspected, and of those only what is denied is cut.
    let suspects = world.becomes(&more.replacen("ports: [80]", "ports: [81]", 1));
    assert!(!suspects.is_empty());
    assert_eq!(world.judge(&web, &suspects), Judgement::Cut);
    let allowed = flow(outside, "10.0.0.1", 81);
    assert_eq!(world.judge(&allowed, &suspects), Judgement::Keep);
    assert_eq!(world.judge(&db, &suspects), Judgement::Keep);
    // What is denied anyway is no suspect of a change of another policy.
    let suspects = world.becomes(&more.replace("ports: [80]", "ports: [81]"));
    assert_eq!(world.judge(&db, &suspects), Judgement::Cut);
    assert_eq!(world.judge(&web, &Suspects::All), Judgement::Cut);
    let announced = Flow {
        status: FlowStatus::EXPECTED,
        ..db
    };
    assert_eq!(world.judge(&announced, &Suspects::All), Judgement::Keep);
}

#[test]
fn what_comes_to_a_set_that_denies_is_suspected() {
    let bad = |nets: &str| {
        let set = format!(
            "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\n\
             metadata: {{name: bad, labels: {{bad: 'yes'}}}}\nspec: {{nets: [{nets}]}}\n"
        );
        let denied = policy("web", 80).replace(
            "ingress: [",
            "ingress: [{action: Deny, source: {selector: bad == 'yes'}}, ",
        );
        [denied, workload("web", 1, ""), set].concat()
    };
    let mut world = World::new(&bad("203.0.113.0/24"));
    let flows = ["198.51.100.7", "198.51.100.8"].map(|from| flow(from, "10.0.0.1", 80));
    let suspects = world.becomes(&bad("203.0.113.0/24, 198.51.100.7/32"));
    assert_eq!(world.judge(&flows[0], &suspects), Judgement::Cut);
    assert_eq!(world.judge(&flows[1], &suspects), Judgement::Keep);
}

#[test]
fn an_address_of_two_endpoints_lies_where_it_is_routed() {
    // The lower name has the address, and allows what the other one does not.
    let text = [
        policy("a", 80),
        policy("b", 443),
        workload("a", 1, ""),
        workload("b", 1, ""),
    ];
    let world = World::new(&text.concat());
    let judge = |port| world.judge(&flow("198.51.100.7", "10.0.0.1", port), &Suspects::All);
    assert_eq!(judge(80), Judgement::Keep);
    assert_eq!(judge(443), Judgement::Cut);
}

#[test]
fn who_may_use_other_sources_is_judged_by_them() {
    let spoofed = ", allowSpoofedSourcePrefixes: [172.16.0.0/16]";
    let text = [
        SPOOFING.to_owned(),
        policy("a", 80),
        policy("b", 80),
        workload("a", 1, spoofed),
        workload("b", 2, ""),
    ];
    let world = World::new(&text.concat());
    let judge = |from, to, port| world.judge(&flow(from, to, port), &Suspects::All);
    assert_eq!(judge("172.16.0.9", "10.9.9.9", 80), Judgement::Keep);
    assert_eq!(judge("172.16.0.9", "198.51.100.7", 80), Judgement::Cut);
    // It may also have come from outside, which has no policy of its own.
    assert_eq!(judge("172.16.0.9", "10.0.0.2", 80), Judgement::Keep);
    assert_eq!(judge("172.16.0.9", "10.0.0.2", 81), Judgement::Cut);
    // Between others than workloads, and from the host, nothing is cut.
    assert_eq!(judge("172.17.0.9", "198.51.100.7", 80), Judgement::Keep);
    assert_eq!(judge("192.0.2.1", "10.0.0.2", 81), Judgement::Keep);
}
