//! The daemon when its etcd fails, lies, or has not answered yet, and when the table is another's.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use etcd_client::Client;
use margay::agent::book::Book;
use margay::agent::control::Request;
use margay::agent::control::client::ask;
use margay::agent::store::KeyChange;
use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::codec::Keys;
use margay::compile::skeleton::table_key;
use margay::model::State;
use margay::ruleset::Table;
use margay::ruleset::diff::normalised;
use margay::scenario::place;
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::gapless::daemon::{PREFIX, allow_ports, base, desired, endpoint, own, policy};
use crate::gapless::load::probes;
use crate::support::daemon::Process;
use crate::support::engine::Engine;
use crate::support::etcd::Etcd;
use crate::support::netns::{in_netns, nft, report};
use crate::support::packet::Part;
use crate::support::prober::{Wiring, places};
use crate::support::proxy::Proxy;

/// Longer than the longest wait between two attempts to connect.
const PATIENCE: Duration = Duration::from_secs(60);

/// A key and its value.
type Pair = (String, Vec<u8>);

/// An etcd, a daemon that follows it, and the devices of workloads, in the calling thread's namespace.
struct Host {
    wiring: Wiring,
    runtime: Runtime,
    etcd: Etcd,
    process: Process,
    witness: NftBackend,
}

impl Host {
    /// With an etcd of some keys; the daemon reaches it where `endpoint` says.
    fn start(pairs: &[Pair], endpoint: impl FnOnce(&Etcd) -> String) -> Self {
        let wiring = Wiring::new(&places(), &place::host_addresses()).unwrap();
        let etcd = Etcd::start();
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        put(&runtime, &etcd, pairs);
        let settings = [
            ("DATASTORETYPE", "etcdv3"),
            ("ETCDENDPOINTS", &endpoint(&etcd)),
        ];
        Self {
            wiring,
            runtime,
            process: Process::start(place::HOST, &settings),
            etcd,
            witness: NftBackend::new(Ownership::None).unwrap(),
        }
    }

    fn put(&self, pairs: &[Pair]) {
        put(&self.runtime, &self.etcd, pairs);
    }

    fn held(&mut self) -> Table {
        let held = self.witness.observe(&table_key()).unwrap();
        held.map(|table| normalised(&table)).unwrap_or_default()
    }

    fn status(&self) -> Value {
        let status = ask(&self.process.run_dir(), &Request::Status);
        status.map_or(Value::Null, |mut reply| reply["status"].take())
    }

    fn wait(&mut self, what: &str, holds: impl Fn(&mut Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            let late = begun.elapsed() > PATIENCE;
            assert!(!late, "{what}: {} {}", self.status(), self.process.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn wait_for(&mut self, state: &State) {
        let desired = desired(state);
        self.wait("the table", |host| host.held() == desired);
    }

    /// How many of the load's packets arrive.
    fn arriving(&mut self) -> usize {
        let mut all = probes(0);
        all.retain(|probe| self.wiring.probe(probe, Part::Opening));
        all.len()
    }

    /// What the daemon used of the processor.
    fn processor_time(&self) -> Duration {
        let path = format!("/proc/{}/stat", self.process.id());
        let text = std::fs::read_to_string(path).unwrap();
        // After the name in brackets: user and system time are the fields 14 and 15.
        let (_, fields) = text.rsplit_once(')').unwrap();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks: u64 = fields[11..13]
            .iter()
            .map(|n| n.parse::<u64>().unwrap())
            .sum();
        // A tick is 10 ms to whoever reads it (USER_HZ), whatever the kernel counts in.
        Duration::from_millis(10 * ticks)
    }
}

fn put(runtime: &Runtime, etcd: &Etcd, pairs: &[Pair]) {
    runtime.block_on(async {
        let mut client = Client::connect([etcd.endpoint()], None).await.unwrap();
        for (key, value) in pairs {
            client.put(key.as_str(), value.clone(), None).await.unwrap();
        }
    });
}

fn pair((key, value): (String, Value)) -> Pair {
    (key, value.to_string().into_bytes())
}

/// Two workloads, of which the second lets the first in on a port.
fn allowing(port: u16) -> Vec<Pair> {
    let server = policy("p", "server", "Ingress", &[allow_ports(&[port])]);
    base().into_iter().chain([server]).map(pair).collect()
}

/// What keys mean, and those of which something is wrong.
fn meaning(pairs: &[Pair]) -> (State, Vec<String>) {
    let mut book = Book::new(Keys::Resources, BTreeMap::new());
    let mut state = State::default();
    for (key, value) in pairs {
        let events = book.take(KeyChange::value(key.as_str(), value.clone()));
        events.into_iter().for_each(|event| state.apply(event));
    }
    let wrong = book.problems().map(|(key, _)| key.to_owned()).collect();
    (state, wrong)
}

fn state(pairs: &[Pair]) -> State {
    let (state, wrong) = meaning(pairs);
    assert!(wrong.is_empty(), "{wrong:?}");
    state
}

#[test]
fn nothing_passes_before_the_store_has_answered() {
    in_netns("nothing_passes_before_the_store_has_answered", || {
        let pairs = allowing(100);
        let mut proxy = None;
        let mut host = Host::start(&pairs, |etcd| {
            let before = proxy.insert(Proxy::to(etcd.port()));
            before.stall(true);
            before.endpoint()
        });
        host.wait_for(&State::default());
        let begun = Instant::now();
        let mut rounds = 0;
        while begun.elapsed() < Duration::from_secs(2) {
            assert_eq!(host.arriving(), 0, "before anything is known");
            rounds += 1;
        }
        assert_ne!(host.status()["sync"], "in-sync");
        report(&format!(
            "{rounds} rounds of {} packets at boot",
            probes(0).len()
        ));
        assert!(proxy.as_ref().unwrap().accepted() > 0);
        proxy.as_ref().unwrap().stall(false);
        host.wait_for(&state(&pairs));
        assert!(host.arriving() > 0);
    });
}

#[test]
fn an_etcd_that_is_gone_takes_nothing_and_costs_nothing() {
    in_netns(
        "an_etcd_that_is_gone_takes_nothing_and_costs_nothing",
        || {
            let older = allowing(100);
            let mut host = Host::start(&older, Etcd::endpoint);
            host.wait_for(&state(&older));
            let backup = host.etcd.back_up();
            let newer = allowing(200);
            host.put(&newer);
            host.wait_for(&state(&newer));
            let arriving = host.arriving();
            assert!(arriving > 0);
            host.etcd.kill();
            host.wait("lost", |host| host.status()["store"]["link"] != "connected");
            let used = host.processor_time();
            std::thread::sleep(Duration::from_secs(5));
            let used = host.processor_time() - used;
            report(&format!("5 s without an etcd: {used:?} of the processor"));
            assert!(used < Duration::from_millis(400), "{used:?}");
            assert_eq!(host.held(), desired(&state(&newer)));
            assert_eq!(host.arriving(), arriving);
            // With older data it is what it says that counts.
            host.etcd.replace_data(Some(&backup));
            host.etcd.run();
            host.wait_for(&state(&older));
        },
    );
}

#[test]
fn an_etcd_that_lost_everything_takes_no_policy_away() {
    in_netns("an_etcd_that_lost_everything_takes_no_policy_away", || {
        let pairs = allowing(100);
        let mut host = Host::start(&pairs, Etcd::endpoint);
        host.wait_for(&state(&pairs));
        host.etcd.replace_data(None);
        host.etcd.run();
        host.wait("said", |host| {
            host.status()["store"]
                .to_string()
                .contains("no key of ours")
        });
        assert_eq!(host.held(), desired(&state(&pairs)));
        assert!(host.arriving() > 0);
        host.put(&allowing(200));
        host.wait_for(&state(&allowing(200)));
    });
}

/// What becomes of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Refused,
    Taken,
}

/// Values that nobody should write.
fn hostile() -> Vec<(Pair, Fate)> {
    let at = |rest: &str, value: &[u8]| (format!("{PREFIX}{rest}"), value.to_vec());
    let rule = |rule: &str| {
        format!(
            r#"{{"metadata":{{}},"spec":{{"selector":"role == 'server'","types":["Ingress"],"ingress":[{rule}]}}}}"#
        )
    };
    let deep = format!(
        r#"{{"metadata":{{}},"spec":{{"selector":"{}all(){}"}}}}"#,
        "(".repeat(600),
        ")".repeat(600)
    );
    let labels: Vec<_> = (0..100_000).map(|n| format!(r#""l{n}":"""#)).collect();
    let labels = format!(
        r#"{{"metadata":{{"labels":{{{}}}}},"spec":{{}}}}"#,
        labels.join(",")
    );
    let long = format!(r#"{{"metadata":{{"x":"{}"#, "a".repeat(10 << 20));
    let port = rule(r#"{"action":"Allow","protocol":"UDP","destination":{"ports":[70000]}}"#);
    let family = rule(r#"{"action":"Allow","ipVersion":4,"source":{"nets":["fd00::/8"]}}"#);
    let command = rule(r#"{"action":"Allow; flush ruleset"}"#);
    let order = br#"{"metadata":{},"spec":{"selector":"all()","order":"NaN"}}"#;
    let bare = br#"{"metadata":{},"spec":{"selector":"all()","order":NaN}}"#;
    let good = rule(r#"{"action":"Deny"}"#);
    vec![
        (
            at("globalnetworkpolicies/deep", deep.as_bytes()),
            Fate::Refused,
        ),
        (
            at("globalnetworkpolicies/port", port.as_bytes()),
            Fate::Refused,
        ),
        (at("globalnetworkpolicies/order", order), Fate::Refused),
        (at("globalnetworkpolicies/bare", bare), Fate::Refused),
        (
            at("globalnetworkpolicies/command", command.as_bytes()),
            Fate::Refused,
        ),
        (
            at("globalnetworkpolicies/family", family.as_bytes()),
            Fate::Refused,
        ),
        (at("globalnetworkpolicies/nul", b"\0"), Fate::Refused),
        (
            at("globalnetworkpolicies/bytes", b"\xff\xfe"),
            Fate::Refused,
        ),
        (
            at(
                "globalnetworkpolicies/a\";flush ruleset;\n'",
                good.as_bytes(),
            ),
            Fate::Refused,
        ),
        (at("globalnetworksets/long", long.as_bytes()), Fate::Refused),
        (
            at("globalnetworksets/labels", labels.as_bytes()),
            Fate::Taken,
        ),
    ]
}

#[test]
fn hostile_values_are_reported_and_cost_nobody_else() {
    in_netns("hostile_values_are_reported_and_cost_nobody_else", || {
        let good = allowing(100);
        let mut host = Host::start(&good, Etcd::endpoint);
        host.wait_for(&state(&good));
        let arriving = host.arriving();
        let hostile = hostile();
        for (pair, _) in &hostile {
            host.put(std::slice::from_ref(pair));
        }
        let rejected = hostile.iter().filter(|(_, fate)| *fate == Fate::Refused);
        let mut rejected: Vec<String> = rejected.map(|((key, _), _)| key.clone()).collect();
        rejected.sort();
        host.wait("reported", |host| {
            let problems = &host.status()["problems"];
            let problems = problems.as_object().into_iter().flatten();
            let mut keys: Vec<String> = problems.map(|(key, _)| key.clone()).collect();
            keys.sort();
            keys == rejected
        });
        assert_eq!(host.held(), desired(&state(&good)));
        assert_eq!(host.arriving(), arriving);
        // All others go on, across a restart too.
        host.put(&allowing(200));
        host.wait_for(&state(&allowing(200)));
        host.process.kill();
        host.process.run();
        host.put(&allowing(300));
        host.wait_for(&state(&allowing(300)));
    });
}

#[test]
fn what_two_endpoints_claim_is_decided_whatever_came_first() {
    in_netns(
        "what_two_endpoints_claim_is_decided_whatever_came_first",
        || {
            let good = allowing(100);
            let mut host = Host::start(&good, Etcd::endpoint);
            host.wait_for(&state(&good));
            // The same interface and address as `b`, by a name before and one after it.
            let claims = ["aa", "zz"].map(|pod| {
                let role = ["open", "closed"][usize::from(pod == "zz")];
                pair(endpoint(place::HOST, pod, place::SLOTS[1], &own(1), role))
            });
            let both = state(&[&good[..], &claims].concat());
            let mut counts = Vec::new();
            for order in [[0, 1], [1, 0]] {
                for n in order {
                    host.put(std::slice::from_ref(&claims[n]));
                }
                host.wait_for(&both);
                counts.push(host.arriving());
                for (key, _) in &claims {
                    host.etcd.delete(key);
                }
                host.wait_for(&state(&good));
            }
            assert_eq!(counts[0], counts[1], "the winner is the same");
        },
    );
}

#[test]
fn a_table_that_was_left_is_taken_over_and_others_stay() {
    in_netns(
        "a_table_that_was_left_is_taken_over_and_others_stay",
        || {
            let others = "table ip filter {
            chain FORWARD { type filter hook forward priority 0; policy accept; ip daddr 10.9.9.9 drop; }
        }
        table inet margay2 {
            set s { type ipv4_addr; elements = { 10.0.0.1 }; }
        }";
            nft(&["-f", "-"], others);
            let listed = || {
                ["ip filter", "inet margay2"].map(|table| {
                    let words: Vec<&str> = ["list", "table"]
                        .into_iter()
                        .chain(table.split(' '))
                        .collect();
                    nft(&words, "")
                })
            };
            let before = listed();
            // What an older run left, of another policy.
            let mut engine = Engine::new();
            let old = engine.compiled(&state(&allowing(300)));
            engine.update(&old);
            let good = allowing(100);
            let mut host = Host::start(&good, Etcd::endpoint);
            host.wait_for(&state(&good));
            assert_eq!(listed(), before);
            // What is not ours in our table, and a table that never was ours but by its name.
            for foreign in [
                "add chain inet margay intruder; add rule inet margay forward accept",
                "delete table inet margay; add table inet margay; add chain inet margay forward \
             { type filter hook forward priority -5; policy accept; }; \
             add rule inet margay forward ip daddr 10.0.0.0/8 log prefix \"x\" accept",
            ] {
                host.process.kill();
                nft(&["-f", "-"], foreign);
                assert_ne!(host.held(), desired(&state(&good)));
                host.process.run();
                host.wait_for(&state(&good));
                assert_eq!(listed(), before);
            }
        },
    );
}
