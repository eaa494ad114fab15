//! The daemon itself is killed at random moments of updates from an etcd, under load all along.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use etcd_client::Client;
use margay::agent::control::Request;
use margay::agent::control::client::ask;
use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::codec::calico::key::change;
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::model::State;
use margay::net::Family;
use margay::ruleset::Table;
use margay::ruleset::diff::normalised;
use margay::scenario::{Random, place};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use super::kinds::{Kind, Size, States};
use super::load::{Clock, Seen, shots};
use super::record::Record;
use super::script::{far, remote_address};
use super::{is_soak, pause, under_load};
use crate::support::daemon::Process;
use crate::support::etcd::Etcd;
use crate::support::netns::{in_netns_alone, report};
use crate::support::prober::{Wiring, places};

pub(crate) const PREFIX: &str = "/calico/resources/v3/projectcalico.org/";

/// How long the daemon may take to be in sync, and its table to be right.
const PATIENCE: Duration = Duration::from_secs(30);

#[test]
fn the_daemon_killed_at_any_instant_leaves_no_half_policy() {
    let test = "the_daemon_killed_at_any_instant_leaves_no_half_policy";
    in_netns_alone(test, || {
        let kinds = kinds();
        let kills = if is_soak() { 2_000 } else { 100 };
        let mut wiring = Wiring::new(&places(), &place::host_addresses()).unwrap();
        let mut host = Host::start(&kinds[0]);
        let mut record = Record::begin("daemon");
        let mut found = Found::default();
        for change in &kinds {
            let before = found.kills;
            let seen = killed(
                &mut wiring,
                &mut host,
                change,
                kills / kinds.len(),
                &mut found,
            );
            record.add(change.kind.name, found.kills - before, &seen);
            assert!(seen.examples.is_empty(), "{:#?}", seen.examples);
        }
        report(&format!("the daemon: {found:?}"));
        assert!(found.kills >= kills, "{found:?}");
        // Without any of these nothing of it was tried.
        assert!(found.updates > kills, "{found:?}");
        assert!(found.inside > 0 && found.right > 0, "{found:?}");
        host.process.stop();
    });
}

/// What the kills were.
#[derive(Debug, Default)]
struct Found {
    /// How often the daemon was killed.
    kills: usize,
    /// Of these, while it was coming up.
    starting: usize,
    /// How often a resource was changed under it.
    updates: usize,
    /// Next starts that found a table between two states: the kill was inside a commit.
    inside: usize,
    /// Next starts that found the table as the etcd wanted it, and sent the adoption alone.
    right: usize,
    /// Next starts that found the other state: the last change had not come to the kernel yet.
    behind: usize,
}

/// One key, and what it says in either of two states; all else stays.
struct Switch {
    kind: Kind,
    key: String,
    values: [String; 2],
    others: Vec<(String, Value)>,
}

/// An etcd and the daemon that follows it, in the calling thread's namespace.
struct Host {
    runtime: Runtime,
    etcd: Etcd,
    client: Client,
    process: Process,
    witness: NftBackend,
    random: Random,
}

impl Host {
    fn start(first: &Switch) -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let etcd = Etcd::start();
        let client = runtime
            .block_on(Client::connect([etcd.endpoint()], None))
            .unwrap();
        let settings = [
            ("DATASTORETYPE", "etcdv3"),
            ("ETCDENDPOINTS", &etcd.endpoint()),
            ("BATCHDELAY", "1ms"),
        ];
        let process = Process::start(place::HOST, &settings);
        let mut host = Self {
            runtime,
            etcd,
            client,
            process,
            witness: NftBackend::new(Ownership::None).unwrap(),
            random: Random::new(1),
        };
        host.bring(first);
        host
    }

    /// Puts the first state of a kind in the place of all that was.
    fn bring(&mut self, switch: &Switch) {
        self.etcd.ctl(&["del", "--prefix", PREFIX]);
        for (key, value) in &switch.others {
            self.put(key, &value.to_string());
        }
        self.put(&switch.key, &switch.values[0]);
        let desired = desired(&switch.kind.states[0]);
        self.wait("the first state", |host| host.held() == desired);
    }

    fn put(&mut self, key: &str, value: &str) {
        let put = self.client.put(key, value, None);
        self.runtime.block_on(put).unwrap();
    }

    fn held(&mut self) -> Table {
        let held = self.witness.observe(&table_key()).unwrap();
        held.map(|table| normalised(&table)).unwrap_or_default()
    }

    fn generation(&mut self) -> u32 {
        self.witness.generation().unwrap()
    }

    fn wait(&mut self, what: &str, holds: impl Fn(&mut Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            let late = begun.elapsed() > PATIENCE;
            assert!(!late, "{what} in time: {}", self.process.log());
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    fn is_in_sync(&self) -> bool {
        let status = ask(&self.process.run_dir(), &Request::Status);
        status.is_ok_and(|status| status["status"]["sync"] == "in-sync")
    }

    /// Changes the resource until a random moment, and kills the daemon there; which state the etcd
    /// wants then.
    fn update_and_kill(&mut self, switch: &Switch, mut wanted: usize, found: &mut Found) -> usize {
        let begun = Instant::now();
        let moment = Duration::from_micros(u64::from(self.random.port()));
        loop {
            wanted = 1 - wanted;
            self.put(&switch.key, &switch.values[wanted]);
            found.updates += 1;
            let next = Duration::from_micros(u64::from(self.random.port()) / 8);
            let left = moment.saturating_sub(begun.elapsed());
            pause(next.min(left));
            if left <= next {
                break;
            }
        }
        self.process.kill();
        found.kills += 1;
        wanted
    }

    /// Starts the next daemon, which must come to what the etcd wants, and to nothing else.
    fn start_again(&mut self, desired: &[Table; 2], wanted: usize, found: &mut Found) {
        let (held, generation) = (self.held(), self.generation());
        self.process.run();
        self.wait("in sync", |host| host.is_in_sync());
        if held == desired[wanted] {
            found.right += 1;
            assert_eq!(self.generation(), generation + 1, "one adoption");
        } else if held == desired[1 - wanted] {
            found.behind += 1;
        } else {
            found.inside += 1;
        }
        self.wait("the table", |host| host.held() == desired[wanted]);
    }
}

/// Kills the daemon some times while its table goes back and forth.
fn killed(
    wiring: &mut Wiring,
    host: &mut Host,
    switch: &Switch,
    kills: usize,
    found: &mut Found,
) -> Seen {
    host.bring(switch);
    host.wait("in sync", |host| host.is_in_sync());
    let desired = switch.kind.states.each_ref().map(desired);
    let shots = shots(&switch.kind, wiring);
    let clock = Clock::default();
    let (last, mut wanted) = (found.kills + kills, 0);
    under_load(wiring, &shots, &clock, || {
        while found.kills < last {
            clock.epoch.fetch_add(1, Ordering::SeqCst);
            wanted = host.update_and_kill(switch, wanted, found);
            if found.kills.is_multiple_of(4) {
                host.process.run();
                found.starting += 1;
                wanted = host.update_and_kill(switch, wanted, found);
            }
            host.start_again(&desired, wanted, found);
            // The clock tells the state in force by its number: an even half is the first.
            let now = clock.epoch.load(Ordering::SeqCst) + 1;
            let is_other = usize::from(now % 4 == 2) != wanted;
            clock
                .epoch
                .store(now + 2 * u64::from(is_other), Ordering::SeqCst);
            pause(Duration::from_millis(2));
        }
    })
}

pub(crate) fn desired(state: &State) -> Table {
    let mut ruleset = compile(state, place::HOST, &Skeleton::builtin().unwrap());
    normalised(&ruleset.tables.remove(&table_key()).unwrap())
}

/// The kinds of update that the daemon is killed in, each of one key.
fn kinds() -> Vec<Switch> {
    let server = |ingress: &[Value]| policy("p", "server", "Ingress", ingress);
    let by_role = || {
        let roles = [
            ("open", 100),
            ("closed", 200),
            ("open", 300),
            ("closed", 300),
        ];
        server(&roles.map(|(role, port)| allow_role(role, port)))
    };
    let mover = |role: &str| endpoint(place::HOST, "c", place::SLOTS[2], &own(2), role);
    let remote = |role: &str| {
        let addresses = Family::ALL.map(|family| remote_address(1, family));
        endpoint("node2", "r", "tap0", &addresses, role)
    };
    let rules = [0, 1].map(|half| {
        let many = (0..100).map(|n| {
            let first = 1_000 + 6 * n + half;
            json!({"action": "Allow", "protocol": "UDP", "source": {"nets": [place::prefix(0, Family::V4)]},
                "destination": {"ports": [format!("{first}:{}", first + 2)]}})
        });
        let stable = json!({"action": "Allow", "protocol": "UDP", "destination": {"ports": [100]}});
        server(&[stable].into_iter().chain(many).collect::<Vec<_>>())
    });
    let denying = [2, 3].map(|slot| {
        let first = u16::try_from(slot).unwrap();
        let many = (0..100).map(|n| deny(&far(2 * n + first, Family::V4)));
        let own = Family::ALL.map(|family| deny(&place::prefix(slot, family)));
        let rest = json!({"action": "Allow", "protocol": "UDP"});
        server(&many.chain(own).chain([rest]).collect::<Vec<_>>())
    });
    let of_movers = || {
        let of = |role, port| {
            let rules = [300, port].map(|port| allow_ports(&[port]));
            policy(role, role, "Ingress", &rules)
        };
        [of("open", 100), of("closed", 200)]
    };
    let with = |more: Vec<(String, Value)>| [base(), more].concat();
    vec![
        switch("100 rules replaced", rules, base()),
        switch("a Deny set replaced", denying, base()),
        switch(
            "a label change moves an endpoint between bundles",
            ["open", "closed"].map(mover),
            with([vec![by_role()], of_movers().to_vec()].concat()),
        ),
        switch(
            "a selector's member moving",
            ["open", "closed"].map(remote),
            with(vec![by_role()]),
        ),
    ]
}

fn switch(name: &'static str, sides: [(String, Value); 2], others: Vec<(String, Value)>) -> Switch {
    let key = sides[0].0.clone();
    let values = sides.map(|(_, value)| value.to_string());
    let states = values.each_ref().map(|value| {
        let mut state = State::default();
        let rest = others.iter().map(|(key, value)| (key, value.to_string()));
        for (key, value) in rest.chain([(&key, value.clone())]) {
            let read = change(key, &value).unwrap();
            assert!(read.problems.is_empty(), "{:?}", read.problems);
            read.events.into_iter().for_each(|event| state.apply(event));
        }
        state
    });
    Switch {
        kind: Kind {
            name,
            size: Size::Small,
            states: States::new(Box::new(|| states)),
        },
        key,
        values,
        others,
    }
}

/// A client in slot 0 and a server in slot 1, and whoever has a role may send.
pub(crate) fn base() -> Vec<(String, Value)> {
    let anything = [json!({"action": "Allow", "protocol": "UDP"})];
    let mut all: Vec<_> = ["client", "server", "open", "closed"]
        .map(|role| policy(&format!("send-{role}"), role, "Egress", &anything))
        .to_vec();
    all.push(endpoint(
        place::HOST,
        "a",
        place::SLOTS[0],
        &own(0),
        "client",
    ));
    all.push(endpoint(
        place::HOST,
        "b",
        place::SLOTS[1],
        &own(1),
        "server",
    ));
    all
}

pub(crate) fn own(slot: usize) -> [String; 2] {
    Family::ALL.map(|family| place::in_slot(slot, family, 2).to_string())
}

pub(crate) fn allow_ports(ports: &[u16]) -> Value {
    json!({"action": "Allow", "protocol": "UDP", "destination": {"ports": ports}})
}

fn allow_role(role: &str, port: u16) -> Value {
    json!({"action": "Allow", "protocol": "UDP", "destination": {"ports": [port]},
        "source": {"selector": format!("role == '{role}'")}})
}

pub(crate) fn deny(net: &str) -> Value {
    json!({"action": "Deny", "protocol": "UDP", "source": {"nets": [net]}})
}

pub(crate) fn policy(name: &str, role: &str, direction: &str, rules: &[Value]) -> (String, Value) {
    let value = json!({
        "apiVersion": "projectcalico.org/v3",
        "kind": "GlobalNetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "order": 1,
            "selector": format!("role == '{role}'"),
            "types": [direction],
            direction.to_lowercase(): rules,
        },
    });
    (format!("{PREFIX}globalnetworkpolicies/{name}"), value)
}

pub(crate) fn endpoint(
    node: &str,
    pod: &str,
    interface: &str,
    addresses: &[String; 2],
    role: &str,
) -> (String, Value) {
    let name = format!("{node}-k8s-{pod}-eth0");
    let nets = addresses.each_ref().map(|address| {
        let length = if address.contains(':') { 128 } else { 32 };
        format!("{address}/{length}")
    });
    let value = json!({
        "apiVersion": "projectcalico.org/v3",
        "kind": "WorkloadEndpoint",
        "metadata": {"name": name, "namespace": "ns", "labels": {
            "role": role,
            "projectcalico.org/namespace": "ns",
            "projectcalico.org/orchestrator": "k8s",
        }},
        "spec": {
            "orchestrator": "k8s",
            "node": node,
            "pod": pod,
            "endpoint": "eth0",
            "interfaceName": interface,
            "ipNetworks": nets,
        },
    });
    (format!("{PREFIX}workloadendpoints/ns/{name}"), value)
}
