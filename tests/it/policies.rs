//! Cases that others collected, read literally and with real packets: every step an update to the
//! last, through the compiler and the engine, all cases of a file in one namespace; then again in
//! IPv6.

mod case;

use std::collections::BTreeMap;

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::codec::calico::key::change;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::compile::{Compiler, compile};
use margay::model::{Endpoint, Event};
use margay::net::{Cidr, Family};
use margay::ruleset::Tracked;
use margay::ruleset::diff::{diff, normalised};
use margay::scenario::{Packet, Probe};
use serde_json::Value;

use crate::support::cases;
use crate::support::netns::{in_netns, ip, report};
use crate::support::packet::Part;
use crate::support::probe::facts;
use crate::support::prober::{Line, Wiring};
use crate::support::reference::{Connection, Reference, Verdict};
use crate::support::tun::Link;
use case::{Ask, Step};

/// The files, each with the host that its endpoints are on.
const FILES: [(&str, &str); 3] = [
    ("recipes.json", "node1"),
    ("sample-v4.json", "node1"),
    ("neutron-sg.json", "compute-1"),
];

#[test]
fn packets_meet_the_verdicts_of_policy_cases() {
    for (file, host) in FILES {
        let Some(text) = cases::text(&format!("policy-cases/{file}")) else {
            return;
        };
        for family in Family::ALL {
            let text = text.clone();
            in_netns("packets_meet_the_verdicts_of_policy_cases", move || {
                let steps = case::steps(&text, family);
                let mut world = World::new(&steps, host);
                let wrong: Vec<String> = steps.iter().flat_map(|step| world.step(step)).collect();
                let probes = world.probes;
                report(&format!(
                    "{file} in {family}: {} steps, {probes} packets",
                    steps.len()
                ));
                assert!(probes > 50, "{file}: {probes} packets");
                assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
            });
        }
    }
}

/// The host of a file's endpoints.
struct World {
    wiring: Wiring,
    backend: NftBackend,
    skeleton: Skeleton,
    host: String,
    compiler: Compiler,
    applied: Option<Tracked>,
    resources: BTreeMap<String, Value>,
    steps: u16,
    probes: usize,
}

impl World {
    fn new(steps: &[Step], host: &str) -> Self {
        let mut links = BTreeMap::new();
        for resource in steps.iter().flat_map(|step| step.resources.values()) {
            let spec = &resource["spec"];
            if let Some(interface) = spec["interfaceName"].as_str() {
                let link = match spec["mac"].as_str() {
                    Some(_) => Link::Ethernet,
                    None => Link::Ip,
                };
                links.insert(interface.to_owned(), link);
            }
        }
        let lines = links.into_iter().map(|(name, link)| Line {
            name,
            link,
            prefixes: Vec::new(),
        });
        let skeleton = Skeleton::builtin().unwrap();
        Self {
            wiring: Wiring::new(&lines.collect::<Vec<_>>(), &[]).unwrap(),
            backend: NftBackend::new(Ownership::Persist).unwrap(),
            compiler: Compiler::new(host, &skeleton),
            skeleton,
            host: host.to_owned(),
            applied: None,
            resources: BTreeMap::new(),
            steps: 0,
            probes: 0,
        }
    }

    /// Brings a step in force and asks all its questions; which are answered otherwise, and how by
    /// policy read literally and by the kernel.
    fn step(&mut self, step: &Step) -> Vec<String> {
        self.update(step);
        self.route();
        self.steps += 1;
        self.probes += step.asks.len();
        let mut wrong = Vec::new();
        for ask in &step.asks {
            let probe = self.probe(ask);
            let read = self.read(&probe);
            let seen = self.wiring.probe(&probe, Part::Opening);
            if [read, seen] != [ask.delivers; 2] {
                wrong.push(format!("{}: {ask:?}: {read} {seen}", step.name));
            }
        }
        wrong
    }

    /// Whether policy read literally delivers what opens a connection.
    fn read(&self, probe: &Probe) -> bool {
        let reference = Reference::new(self.compiler.state(), &self.host);
        reference.verdict(&facts(probe, Connection::New)) == Verdict::Deliver
    }

    /// The difference to the step before, as the events that a store would send.
    fn update(&mut self, step: &Step) {
        let gone = self
            .resources
            .iter()
            .filter(|(key, _)| !step.resources.contains_key(*key));
        let gone = gone.flat_map(|(key, value)| events(key, value));
        let mut all: Vec<Event> = gone.map(Event::undone).collect();
        let new = step.resources.iter();
        let new = new.filter(|(key, value)| self.resources.get(*key) != Some(value));
        all.extend(new.flat_map(|(key, value)| events(key, value)));
        self.compiler.apply_all(all);
        self.resources = step.resources.clone();
        let scratch = compile(self.compiler.state(), &self.host, &self.skeleton);
        let desired = self.compiler.table();
        assert_eq!(
            normalised(desired.table()),
            normalised(&scratch.tables[&table_key()]),
            "{}: not what a compile from scratch makes",
            step.name
        );
        let commit = diff(self.applied.as_ref(), desired, &table_key());
        self.backend.commit(&commit).unwrap();
        let applied = self.applied.get_or_insert_default();
        applied.apply(&commit);
        applied.settle();
        desired.settle();
        let observed = self.backend.observe(&table_key()).unwrap().unwrap();
        assert_eq!(
            normalised(&observed),
            normalised(self.compiler.table().table())
        );
    }

    /// Every address of an endpoint leads to its interface.
    fn route(&self) {
        let mut batch = String::new();
        for endpoint in self.compiler.state().endpoints.values() {
            for address in &endpoint.addresses {
                let via = if address.is_ipv4() {
                    "169.254.0.1"
                } else {
                    "fe80::1"
                };
                let prefix = Cidr::host(*address);
                batch += &format!(
                    "route replace {prefix} via {via} dev {} onlink\n",
                    endpoint.interface
                );
            }
        }
        ip(&batch);
    }

    /// The packet of a question. It opens a connection of its own: its source port is that of this
    /// step alone.
    fn probe(&self, ask: &Ask) -> Probe {
        let [from, to] = [&ask.from, &ask.to].map(|address| self.endpoint(address).clone());
        Probe {
            from: from.interface.clone(),
            to: Some(to.interface.clone()),
            mac: from.mac,
            packet: Packet {
                source: ask.from,
                destination: ask.to,
                transport: ask.transport,
            }
            .with_source_port(10_000 + self.steps),
        }
    }

    fn endpoint(&self, address: &std::net::IpAddr) -> &Endpoint {
        let mut endpoints = self.compiler.state().endpoints.values();
        endpoints
            .find(|endpoint| endpoint.addresses.contains(address))
            .unwrap()
    }
}

fn events(key: &str, value: &Value) -> Vec<Event> {
    change(key, &value.to_string()).unwrap().events
}
