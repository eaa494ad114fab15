//! One label of one endpoint changes: compiling, finding the difference and committing it, in a small
//! and in a large cluster.

use margay::backend::Backend;
use margay::backend::nft::{Catalog, NftBackend, Ownership};
use margay::codec::calico::key::{PREFIX, change};
use margay::compile::Compiler;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::model::{Event, State};
use margay::ruleset::diff::diff;
use margay::ruleset::tracked::Tracked;
use margay::ruleset::transaction::Commit;
use serde_json::json;

use crate::arguments::Pace;
use crate::batch::{Batches, without_collect};
use crate::clock::seconds;
use crate::lane::in_namespace;
use crate::record::Record;
use crate::sample::Sample;
use crate::tun::enter_new_network;
use crate::walk::Walk;

/// Endpoints of the cluster, of which a tenth is on this host.
const ENDPOINTS: [usize; 2] = [1_000, 100_000];
/// Every so many endpoints there is one on this host.
const HERE: usize = 10;
/// Policies, each for the endpoints of one application.
const POLICIES: usize = 50;
/// How many times what takes place in the small cluster the same may take in the large one.
const MOST: f64 = 1.5;

/// How often the kernel's walk is measured.
const WALKS: usize = 50;

/// What one size of cluster took.
struct Times {
    working: Sample,
    whole: Sample,
    /// What another host takes to send the same bytes, encoded before, without waiting for packets.
    replay: Sample,
    /// What the kernel needs to walk the table.
    walk: Walk,
}

/// How a commit comes into the kernel.
#[derive(Debug, Clone, Copy)]
enum Way {
    Commit,
    Replay,
}

/// Which label changes.
#[derive(Debug, Clone, Copy)]
enum Label {
    /// One by which other policies know their peers.
    Role,
    /// One by which policies choose the endpoint, so that its bundle changes.
    Application,
    /// The same, and nothing on this host was chosen by the new policy: it is made, and what its
    /// selectors mean is loaded, which grows with the members.
    First,
}

/// Measures both sizes side by side.
pub(crate) fn measure(record: &mut Record, pace: Pace) {
    record.title("labels: one label of one endpoint changes, among 1,000 endpoints and 100,000");
    record.note("a tenth of them on this host; 50 policies, each for one application and with two selectors of peers");
    record.note("when an entry of a verdict map comes, the kernel walks all entries of all maps for loops (nft_table_validate): 10,000 here");
    record.note("time is from the event until the change is in force: compile, diff, commit without what it collects; there and back");
    let sizes = [ENDPOINTS[0], pace.size(ENDPOINTS[1], ENDPOINTS[1] / 10)];
    for (name, label) in [
        ("a role", Label::Role),
        ("an application", Label::Application),
        ("one that is new here", Label::First),
    ] {
        let times = changes(pace, sizes, label);
        for (size, times) in sizes.iter().zip(&times) {
            let subject = format!("{name}, {size} endpoints");
            record.sample(&subject, "compile and diff", "us", &times.working);
            record.sample(&subject, "to in force", "us", &times.whole);
            record.sample(&subject, "floor: replay of the bytes", "us", &times.replay);
            times.walk.report(record, &subject);
        }
        let [small, large] = &times;
        let working = large.working.over(&small.working);
        let whole = large.whole.over(&small.whole);
        let replay = large.replay.over(&small.replay);
        record.sample(name, "100,000 over 1,000: our work", "x", &working);
        record.sample(name, "100,000 over 1,000: all", "x", &whole);
        record.sample(name, "100,000 over 1,000: replay", "x", &replay);
        let ours = format!("times the work that {name} is among 100,000 endpoints");
        let all = format!("times that {name} takes to change among 100,000 endpoints");
        if !matches!(label, Label::First) {
            record.require(&ours, working.median(), MOST);
            record.require(&all, whole.median(), MOST);
        }
    }
}

/// Of each size, the time of compiling and comparing, the whole time and that of a replay, in rounds that take turns.
fn changes(pace: Pace, sizes: [usize; 2], label: Label) -> [Times; 2] {
    in_namespace(move || {
        let host = |size, way| {
            // The socket stays in the network that it was opened in, so each host has its own.
            enter_new_network().unwrap();
            Host::new(size, label, way)
        };
        let mut hosts = sizes.map(|size| [Way::Commit, Way::Replay].map(|way| host(size, way)));
        let mut times = [const { [Vec::new(), Vec::new(), Vec::new()] }; 2];
        for _ in 0..pace.rounds() {
            for ([commits, replays], times) in hosts.iter_mut().zip(&mut times) {
                let (working, sending) = commits.round();
                let (_, replaying) = replays.round();
                times[0].push(working * 1e6);
                times[1].push((working + sending) * 1e6);
                times[2].push(replaying * 1e6);
            }
        }
        let walks = hosts
            .each_mut()
            .map(|[commits, _]| Walk::measured(&mut commits.backend, pace.size(WALKS, WALKS / 10)));
        let mut walks = walks.into_iter();
        times.map(|times| {
            let [working, whole, replay] = times.map(|times| times.into_iter().collect());
            Times {
                working,
                whole,
                replay,
                walk: walks.next().unwrap(),
            }
        })
    })
}

/// A host of the cluster, with its policy in force.
struct Host {
    compiler: Compiler,
    held: Tracked,
    backend: NftBackend,
    way: Way,
    /// What was encoded for replays.
    catalog: Catalog,
    /// The same endpoint with one label and with another.
    turns: [Event; 2],
}

impl Host {
    fn new(size: usize, label: Label, way: Way) -> Self {
        let mut state = State::default();
        for event in (0..POLICIES).map(policy) {
            state.apply(event);
        }
        for event in (0..size).map(|n| endpoint(n, n, n)) {
            state.apply(event);
        }
        let turns = match label {
            Label::Role => [endpoint(0, 0, 1), endpoint(0, 0, 0)],
            Label::Application => [endpoint(0, HERE, 0), endpoint(0, 0, 0)],
            Label::First => [endpoint(0, 1, 0), endpoint(0, 0, 0)],
        };
        let mut host = Self {
            compiler: Compiler::of(state, "node0", &Skeleton::builtin().unwrap()),
            held: Tracked::default(),
            backend: NftBackend::new(Ownership::None).unwrap(),
            way,
            catalog: Catalog::default(),
            turns,
        };
        let load = diff(None, host.compiler.table(), &table_key());
        host.send(&load);
        host.held.apply(&load);
        host.settle();
        host
    }

    /// There and back: seconds of work, and seconds of sending until both were in force.
    fn round(&mut self) -> (f64, f64) {
        let (mut working, mut sending) = (0.0, 0.0);
        for turn in 0..self.turns.len() {
            let event = self.turns[turn].clone();
            let mut commit = None;
            working += seconds(|| {
                self.compiler.apply(event);
                commit = Some(diff(Some(&self.held), self.compiler.table(), &table_key()));
            });
            let commit = commit.unwrap();
            assert!(!commit.is_empty(), "a label that changes nothing");
            let (change, collect) = without_collect(&commit);
            sending += self.send(&change);
            self.send(&collect);
            self.held.apply(&commit);
            self.settle();
        }
        (working, sending)
    }

    /// Seconds until the kernel has acknowledged it.
    fn send(&mut self, commit: &Commit) -> f64 {
        let backend = &mut self.backend;
        match self.way {
            Way::Commit => seconds(|| backend.commit(commit).unwrap()),
            Way::Replay => {
                let batches = Batches::after(commit, &mut self.catalog);
                let bytes = batches.bytes();
                seconds(|| bytes.for_each(|batch| backend.send_raw(batch).unwrap()))
            }
        }
    }

    fn settle(&mut self) {
        self.held.settle();
        self.compiler.table().settle();
    }
}

/// The n-th endpoint; of every ten one is here.
fn endpoint(n: usize, application: usize, role: usize) -> Event {
    let node = if n.is_multiple_of(HERE) {
        0
    } else {
        1 + n % 1_000
    };
    let (name, key) = (format!("node{node}-k8s-pod{n}-eth0"), n.to_be_bytes());
    let [.., high, middle, low] = key;
    let value = json!({
        "kind": "WorkloadEndpoint", "apiVersion": "projectcalico.org/v3",
        "metadata": { "name": name, "namespace": "ns", "labels": {
            "app": format!("app{}", application % POLICIES), "role": format!("role{}", role % POLICIES),
            "projectcalico.org/namespace": "ns", "projectcalico.org/orchestrator": "k8s",
        }},
        "spec": {
            "orchestrator": "k8s", "node": format!("node{node}"), "pod": format!("pod{n}"),
            "endpoint": "eth0", "interfaceName": format!("cali{n}"),
            "ipNetworks": [format!("10.{high}.{middle}.{low}/32")],
        },
    });
    event("workloadendpoints", &format!("ns/{name}"), &value)
}

/// The policy of the n-th application: two roles may come.
fn policy(n: usize) -> Event {
    let peer = |role: usize, port: usize| {
        json!({
            "action": "Allow", "protocol": "TCP", "destination": { "ports": [port] },
            "source": { "selector": format!("role == 'role{}'", role % POLICIES) },
        })
    };
    let value = json!({
        "kind": "GlobalNetworkPolicy", "apiVersion": "projectcalico.org/v3",
        "metadata": { "name": format!("default.p{n}") },
        "spec": {
            "tier": "default", "order": n, "selector": format!("app == 'app{n}'"),
            "types": ["Ingress"], "ingress": [peer(n, 80), peer(n + 1, 443)],
        },
    });
    event("globalnetworkpolicies", &format!("default.p{n}"), &value)
}

fn event(plural: &str, name: &str, value: &serde_json::Value) -> Event {
    let change = change(&format!("{PREFIX}{plural}/{name}"), &value.to_string()).unwrap();
    assert!(!change.has_errors(), "{:?}", change.problems);
    let [event] = change.events.try_into().unwrap();
    event
}
