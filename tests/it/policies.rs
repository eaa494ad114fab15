//! Cases that others collected, read literally and with real packets: every step an update to the
//! last, all cases of a file in one namespace; then again in IPv6. Once through the compiler and the
//! engine in process, of either backend, and once through etcd and the daemon.

mod case;
mod driven;

use std::collections::BTreeMap;

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::backend::xtables::Variant;
use margay::codec::calico::key::change;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::compile::{Compiler, compile};
use margay::model::{Endpoint, Event, State};
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
use crate::support::programs::Programs;
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
    each_file("packets_meet_the_verdicts_of_policy_cases", |_| InProcess {
        backend: NftBackend::new(Ownership::Persist).unwrap(),
        applied: None,
    });
}

#[test]
fn packets_meet_the_verdicts_of_policy_cases_through_legacy_iptables() {
    each_file(
        "packets_meet_the_verdicts_of_policy_cases_through_legacy_iptables",
        |_| Programs::new(Variant::Legacy),
    );
}

#[test]
fn packets_meet_the_verdicts_of_policy_cases_through_iptables_over_nf_tables() {
    each_file(
        "packets_meet_the_verdicts_of_policy_cases_through_iptables_over_nf_tables",
        |_| Programs::new(Variant::Nft),
    );
}

#[test]
fn packets_meet_the_verdicts_of_policy_cases_through_etcd() {
    each_file(
        "packets_meet_the_verdicts_of_policy_cases_through_etcd",
        driven::Daemon::start,
    );
}

/// All cases of each file, in each family, with a driver of their own.
fn each_file<D: Drive>(test: &str, driver: fn(&str) -> D) {
    for (file, host) in FILES {
        let Some(text) = cases::text(&format!("policy-cases/{file}")) else {
            return;
        };
        for family in Family::ALL {
            let text = text.clone();
            in_netns(test, move || {
                let steps = case::steps(&text, family);
                let mut world = World::new(&steps, host, driver);
                let wrong: Vec<String> = steps.iter().flat_map(|step| world.step(step)).collect();
                let probes = world.probes;
                report(&format!(
                    "{file} in {family}: {} steps, {probes} packets",
                    steps.len()
                ));
                assert!(probes > 50, "{file}: {probes} packets");
                assert!(wrong.is_empty(), "{} wrong: {wrong:#?}", wrong.len());
                world.driver.finish(world.compiler.state());
            });
        }
    }
}

/// Who puts changes of resources in force, with routes to all endpoints.
trait Drive {
    /// Puts them in force; the table is what the compiler makes of everything.
    fn bring(&mut self, changes: &[Change<'_>], compiler: &mut Compiler);

    /// What must hold at the end, with everything in force that is known.
    fn finish(&mut self, state: &State);
}

/// A key, and what it says now; nothing if it is gone.
type Change<'a> = (&'a str, Option<&'a Value>);

/// The compiler and the engine, without a store.
struct InProcess {
    backend: NftBackend,
    applied: Option<Tracked>,
}

impl Drive for InProcess {
    fn bring(&mut self, _: &[Change<'_>], compiler: &mut Compiler) {
        let desired = compiler.table();
        let commit = diff(self.applied.as_ref(), desired, &table_key());
        self.backend.commit(&commit).unwrap();
        let applied = self.applied.get_or_insert_default();
        applied.apply(&commit);
        applied.settle();
        desired.settle();
        let observed = self.backend.observe(&table_key()).unwrap().unwrap();
        assert_eq!(normalised(&observed), normalised(compiler.table().table()));
        route(compiler.state());
    }

    fn finish(&mut self, _: &State) {}
}

impl Drive for Programs {
    fn bring(&mut self, _: &[Change<'_>], compiler: &mut Compiler) {
        Self::bring(self, compiler.table());
        assert!(self.holds(compiler.table().table()), "not in force");
        route(compiler.state());
    }

    fn finish(&mut self, _: &State) {}
}

/// The host of a file's endpoints.
struct World<D> {
    wiring: Wiring,
    driver: D,
    skeleton: Skeleton,
    host: String,
    compiler: Compiler,
    resources: BTreeMap<String, Value>,
    steps: u16,
    probes: usize,
}

impl<D: Drive> World<D> {
    fn new(steps: &[Step], host: &str, driver: fn(&str) -> D) -> Self {
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
            driver: driver(host),
            compiler: Compiler::new(host, &skeleton),
            skeleton,
            host: host.to_owned(),
            resources: BTreeMap::new(),
            steps: 0,
            probes: 0,
        }
    }

    /// Brings a step in force and asks all its questions; which are answered otherwise, and how by
    /// policy read literally and by the kernel.
    fn step(&mut self, step: &Step) -> Vec<String> {
        self.update(step);
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

    /// The difference to the step before, as a store would tell it.
    fn update(&mut self, step: &Step) {
        let gone = self
            .resources
            .iter()
            .filter(|(key, _)| !step.resources.contains_key(*key));
        let mut all: Vec<Event> = gone
            .clone()
            .flat_map(|(key, value)| events(key, value))
            .map(Event::undone)
            .collect();
        let mut changes: Vec<Change<'_>> = gone.map(|(key, _)| (key.as_str(), None)).collect();
        let new = step.resources.iter();
        let new = new.filter(|(key, value)| self.resources.get(*key) != Some(value));
        for (key, value) in new {
            all.extend(events(key, value));
            changes.push((key, Some(value)));
        }
        self.compiler.apply_all(all);
        let scratch = compile(self.compiler.state(), &self.host, &self.skeleton);
        assert_eq!(
            normalised(self.compiler.table().table()),
            normalised(&scratch.tables[&table_key()]),
            "{}: not what a compile from scratch makes",
            step.name
        );
        self.driver.bring(&changes, &mut self.compiler);
        self.resources = step.resources.clone();
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

/// Every address of an endpoint leads to its interface.
fn route(state: &State) {
    let mut batch = String::new();
    for endpoint in state.endpoints.values() {
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

fn events(key: &str, value: &Value) -> Vec<Event> {
    change(key, &value.to_string()).unwrap().events
}
