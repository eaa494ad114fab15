//! One change in a large table: compiling, finding the difference, committing it.

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::compile::skeleton::table_key;
use margay::model::{EndpointName, GroupRule, Origin, Peer, Service, State};
use margay::net::{Family, PortRange, Protocol};
use margay::ruleset::diff::{applied_after, between, diff};
use margay::ruleset::transaction::Commit;
use margay::ruleset::{Table, Tracked};
use margay::scenario::Flat;
use margay::scenario::flat::{POLICY, flat};

use crate::arguments::Pace;
use crate::batch::{Batches, without_collect};
use crate::clock::seconds;
use crate::lane::in_namespace;
use crate::record::Record;
use crate::sample::Sample;
use crate::worlds;

/// Endpoints and bundles of the table that changes.
const ENDPOINTS: usize = 10_000;
const BUNDLES: usize = 50;

/// What is changed.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Member,
    Endpoint,
    Rule,
}

/// Measures each kind of change there and back.
pub(crate) fn measure(record: &mut Record, pace: Pace) {
    let endpoints = pace.size(ENDPOINTS, ENDPOINTS / 10);
    record.title(&format!(
        "change: one change among {endpoints} endpoints in {BUNDLES} bundles, 1,000 rules"
    ));
    record.note("'to in force' is the commit without its collect transactions, wall time; messages and bytes are those of adding");
    let size = Flat {
        endpoints,
        bundles: BUNDLES,
        ..Flat::default()
    };
    let state = flat(size, 1);
    for (name, kind) in [
        ("one member", Kind::Member),
        ("one endpoint", Kind::Endpoint),
        ("one rule", Kind::Rule),
    ] {
        one(record, pace, name, &state, kind);
    }
}

fn one(record: &mut Record, pace: Pace, name: &str, state: &State, kind: Kind) {
    let mut changed = state.clone();
    change(&mut changed, kind);
    let (before, after) = (worlds::table(state), worlds::table(&changed));
    let key = table_key();
    let repeat =
        |work: &dyn Fn()| -> Sample { (0..pace.rounds()).map(|_| seconds(work) * 1e6).collect() };
    let compiling = repeat(&|| drop(worlds::compiled(&changed)));
    let [held, goal] = [&before, &after].map(|table| Tracked::from(table.clone()));
    let comparing = repeat(&|| drop(diff(Some(&held), &goal, &key)));
    record.sample(name, "compile from scratch", "us", &compiling);
    record.sample(name, "diff of all", "us", &comparing);
    let load = between(None, &before, &key);
    let held = applied_after(None, &load);
    let batches = Batches::of(&between(Some(&held), &after, &key), Some(&held));
    record.count(name, "transactions", batches.bytes().len());
    record.count(name, "messages", batches.messages());
    record.count(name, "bytes", batches.length());
    let mut held = held;
    let rounds = pace.rounds();
    let times: Vec<Times> = in_namespace(|| {
        let mut backend = NftBackend::new(Ownership::None).unwrap();
        backend.commit(&load).unwrap();
        let mut to = |goal: &Table| {
            let commit = between(Some(&held), goal, &key);
            held = applied_after(Some(&held), &commit);
            timed(&mut backend, &commit)
        };
        (0..rounds)
            .map(|_| Times {
                there: to(&after),
                back: to(&before),
            })
            .collect()
    });
    let of = |time: fn(&Times) -> f64| -> Sample { times.iter().map(time).collect() };
    record.sample(name, "added: to in force", "us", &of(|times| times.there.0));
    record.sample(
        name,
        "removed: to in force",
        "us",
        &of(|times| times.back.0),
    );
    record.sample(name, "removed: collect", "us", &of(|times| times.back.1));
}

/// What a change took, and what undoing it took.
#[derive(Debug)]
struct Times {
    there: (f64, f64),
    back: (f64, f64),
}

/// Microseconds until the change is in force, and of what comes after.
fn timed(backend: &mut NftBackend, commit: &Commit) -> (f64, f64) {
    let (change, collect) = without_collect(commit);
    let mut run = |commit: &Commit| seconds(|| backend.commit(commit).unwrap()) * 1e6;
    (run(&change), run(&collect))
}

fn change(state: &mut State, kind: Kind) {
    let extra: EndpointName = "peer0-0".parse().unwrap();
    match kind {
        Kind::Member => {
            let endpoint = state.endpoints.get_mut(&extra).unwrap();
            endpoint.addresses.insert("10.250.0.1".parse().unwrap());
        }
        Kind::Endpoint => {
            let name: EndpointName = "vm0".parse().unwrap();
            let mut endpoint = state.endpoints[&name].clone();
            endpoint.name = "newcomer".parse().unwrap();
            endpoint.interface = "tap-new".parse().unwrap();
            endpoint.addresses = ["10.250.0.2".parse().unwrap()].into();
            state.endpoints.insert(endpoint.name.clone(), endpoint);
        }
        Kind::Rule => {
            let policy = state.groups.get_mut(&worlds::group(POLICY)).unwrap();
            policy.ingress.push(GroupRule {
                family: Family::V4,
                service: Service::Ports(Protocol::TCP, PortRange::new(9_000, 9_010).unwrap()),
                peer: Peer::Cidr("198.51.100.0/24".parse().unwrap()),
                origin: Origin::default(),
            });
        }
    }
}
