//! The parts that touch nothing: documents, compiling, text, differences, encoding.
#![allow(clippy::unwrap_used, reason = "a benchmark reports by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

use criterion::{BatchSize, Criterion};
use margay::backend::nft::{Catalog, Ownership, encode};
use margay::codec::Strictness;
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::model::{Direction, EndpointName, GroupName, GroupRule, Origin, Peer, Service, State};
use margay::net::{Family, PortRange, Protocol};
use margay::ruleset::diff::diff;
use margay::ruleset::parse::parse;
use margay::ruleset::transaction::Commit;
use margay::ruleset::{Element, Key, Name, Ruleset, Set, Table, Tracked};
use margay::scenario::flat::POLICY;
use margay::scenario::place::HOST;
use margay::scenario::{Flat, flat};

/// Rules of the policy, and as many endpoints.
const SIZES: [usize; 3] = [100, 1_000, 10_000];
/// Different lists of groups among the endpoints.
const BUNDLES: usize = 50;

/// Endpoints and bundles of the tables in which one thing changes.
const WORLDS: [(usize, usize); 3] = [(100, 50), (10_000, 50), (10_000, 5_000)];

/// A change of a state, and its name.
type Change = (&'static str, fn(&mut State));

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for size in SIZES {
        let state = flat(
            Flat {
                rules: size,
                endpoints: size,
                bundles: BUNDLES,
                ..Flat::default()
            },
            1,
        );
        documents(&mut criterion, size, &state);
        rulesets(&mut criterion, size, &state);
        differences(&mut criterion, size, &state);
    }
    for (endpoints, bundles) in WORLDS {
        edits(&mut criterion, endpoints, bundles);
    }
    criterion.final_summary();
}

fn documents(criterion: &mut Criterion, size: usize, state: &State) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("world.yaml");
    std::fs::write(&path, text_of(state)).unwrap();
    assert_eq!(read(&path).endpoints.len(), state.endpoints.len());
    criterion.bench_function(&format!("documents/{size}"), |b| {
        b.iter(|| read(&path));
    });
}

fn read(path: &Path) -> State {
    let loaded = margay::codec::read(&[path.to_owned()], Strictness::Lenient);
    assert!(!loaded.has_errors(), "{:?}", loaded.problems.first());
    loaded.state
}

fn rulesets(criterion: &mut Criterion, size: usize, state: &State) {
    let skeleton = Skeleton::builtin().unwrap();
    criterion.bench_function(&format!("compile/{size}"), |b| {
        b.iter(|| compile(black_box(state), HOST, &skeleton));
    });
    let ruleset = compile(state, HOST, &skeleton);
    criterion.bench_function(&format!("render/{size}"), |b| {
        b.iter(|| black_box(&ruleset).to_string());
    });
    let text = ruleset.to_string();
    criterion.bench_function(&format!("parse/{size}"), |b| {
        b.iter(|| parse("ruleset.nft", black_box(&text)).unwrap());
    });
}

/// Where nothing is known of either table, and all of both is looked at.
fn differences(criterion: &mut Criterion, size: usize, state: &State) {
    let key = table_key();
    let (held, _, load) = in_force(state);
    let changes: [Change; 3] = [
        ("diff of nothing", |_| {}),
        ("diff of one rule", without_a_rule),
        ("diff of one member", with_a_member),
    ];
    for (name, change) in changes {
        let mut changed = state.clone();
        change(&mut changed);
        let goal = Tracked::from(compiled(&changed));
        criterion.bench_function(&format!("{name}/{size}"), |b| {
            b.iter(|| diff(Some(black_box(&held)), &goal, &key));
        });
    }
    criterion.bench_function(&format!("encode/{size}"), |b| {
        let encode_all = |mut catalog: Catalog| -> usize {
            let batches = load.steps.iter().map(|step| {
                let batch = encode(&key, Ownership::None, &mut catalog, &step.operations);
                batch.unwrap().bytes().len()
            });
            batches.sum()
        };
        b.iter_batched(Catalog::default, encode_all, BatchSize::PerIteration);
    });
}

/// Where it is known what changed: the difference, and all that it takes to go there and back.
fn edits(criterion: &mut Criterion, endpoints: usize, bundles: usize) {
    let size = Flat {
        endpoints,
        bundles,
        ..Flat::default()
    };
    let state = flat(size, 1);
    let (mut held, mut desired, _) = in_force(&state);
    held.settle();
    desired.settle();
    let before = desired.table().clone();
    let changes: [Change; 3] = [
        ("one member", with_a_member),
        ("one endpoint", with_an_endpoint),
        ("one rule", with_a_rule),
    ];
    for (name, change) in changes {
        let mut changed = state.clone();
        change(&mut changed);
        let after = compiled(&changed);
        let elements = difference(&before, &after);
        let (mut held, mut desired) = (held.clone(), desired.clone());
        edit(&mut desired, &elements, &after);
        assert!(*desired.table() == after, "{name} is something else");
        let world = format!("{name}/{endpoints} in {bundles}");
        criterion.bench_function(&format!("known diff of {world}"), |b| {
            b.iter(|| diff(Some(black_box(&held)), &desired, &table_key()));
        });
        let mut goals = [&before, &after].into_iter().cycle();
        criterion.bench_function(&format!("known change of {world}"), |b| {
            b.iter(|| {
                edit(&mut desired, &elements, goals.next().unwrap());
                let commit = diff(Some(&held), &desired, &table_key());
                held.apply(&commit);
                held.settle();
                desired.settle();
            });
        });
    }
}

/// What the kernel holds after a load of this state, what was asked for, and the load.
fn in_force(state: &State) -> (Tracked, Tracked, Commit) {
    let desired = Tracked::from(compiled(state));
    let load = diff(None, &desired, &table_key());
    let mut held = Tracked::default();
    held.apply(&load);
    (held, desired, load)
}

/// The elements in which two tables differ: who makes a change knows them. The chain of the digest
/// aside, nothing else differs.
fn difference(before: &Table, after: &Table) -> BTreeSet<(Name, Key)> {
    let elements = |table: &Table| -> BTreeMap<(Name, Key), Element> {
        let of_set = |(name, set): (&Name, &Set)| -> Vec<_> {
            let elements = set.elements.iter();
            elements
                .map(|(key, element)| ((name.clone(), key.clone()), element.clone()))
                .collect()
        };
        table.sets.iter().flat_map(of_set).collect()
    };
    let (old, new) = (elements(before), elements(after));
    let differing = old
        .iter()
        .filter(|(at, element)| new.get(at) != Some(element));
    let added = new.keys().filter(|at| !old.contains_key(at));
    differing.map(|(at, _)| at).chain(added).cloned().collect()
}

/// Makes these elements what they are in the goal.
fn edit(desired: &mut Tracked, elements: &BTreeSet<(Name, Key)>, goal: &Table) {
    for (set, key) in elements {
        match goal.sets[set].elements.get(key) {
            Some(element) => desired.insert_element(set, key.clone(), element.clone()),
            None => desired.remove_element(set, key),
        }
    }
    desired.sign();
}

fn compiled(state: &State) -> Table {
    let Ruleset { mut tables } = compile(state, HOST, &Skeleton::builtin().unwrap());
    tables.remove(&table_key()).unwrap()
}

fn without_a_rule(state: &mut State) {
    let name: GroupName = POLICY.parse().unwrap();
    let policy = state.groups.get_mut(&name).unwrap();
    let kept = policy.ingress.iter().enumerate().filter(|(n, _)| *n != 2);
    policy.ingress = kept.map(|(_, rule)| rule.clone()).collect();
}

fn with_a_member(state: &mut State) {
    let name: EndpointName = "peer0-0".parse().unwrap();
    let endpoint = state.endpoints.get_mut(&name).unwrap();
    endpoint.addresses.insert("10.250.0.1".parse().unwrap());
}

fn with_an_endpoint(state: &mut State) {
    let like: EndpointName = "vm0".parse().unwrap();
    let mut endpoint = state.endpoints[&like].clone();
    endpoint.name = "newcomer".parse().unwrap();
    endpoint.interface = "tap-new".parse().unwrap();
    endpoint.addresses = ["10.250.0.2".parse().unwrap()].into();
    state.endpoints.insert(endpoint.name.clone(), endpoint);
}

fn with_a_rule(state: &mut State) {
    let name: GroupName = POLICY.parse().unwrap();
    let policy = state.groups.get_mut(&name).unwrap();
    policy.ingress.push(GroupRule {
        family: Family::V4,
        service: Service::Ports(Protocol::TCP, PortRange::new(9_000, 9_010).unwrap()),
        peer: Peer::Cidr("198.51.100.0/24".parse().unwrap()),
        origin: Origin::default(),
    });
}

/// The documents that say the state.
fn text_of(state: &State) -> String {
    let mut text = String::new();
    for group in state.groups.values() {
        let name = &group.name;
        let _ = writeln!(
            text,
            "apiVersion: margay/v1\nkind: SecurityGroup\nname: {name}\nrules:"
        );
        for direction in Direction::ALL {
            let rules = group.rules(direction);
            let none = if rules.is_empty() { " []" } else { "" };
            let _ = writeln!(text, "  {direction}:{none}");
            for rule in rules.iter() {
                let _ = writeln!(text, "    - {}", said(rule, direction));
            }
        }
        text.push_str("---\n");
    }
    for endpoint in state.endpoints.values() {
        let addresses = endpoint.addresses.iter();
        let addresses: Vec<String> = addresses.map(|address| format!("\"{address}\"")).collect();
        let groups: Vec<&str> = endpoint.groups().iter().map(GroupName::as_str).collect();
        let _ = writeln!(
            text,
            "apiVersion: margay/v1\nkind: Endpoint\nname: {}\nhost: {}\ninterface: {}\n\
             addresses: [{}]\ngroups: [{}]\n---",
            endpoint.name,
            endpoint.host,
            endpoint.interface,
            addresses.join(", "),
            groups.join(", "),
        );
    }
    text
}

/// A rule with the word that its direction wants before the peer.
fn said(rule: &GroupRule, direction: Direction) -> String {
    let peer = match &rule.peer {
        Peer::Cidr(cidr) => cidr.to_string(),
        Peer::Group(group) => format!("group {group}"),
    };
    let word = match direction {
        Direction::Ingress => "from",
        Direction::Egress => "to",
    };
    let text = rule.to_string();
    format!("{}{word} {peer}", text.trim_end_matches(&peer))
}
