//! What a change sends to the kernel depends on the change alone, not on how much there is.
//!
//! `bytes/golden.txt` beside this file is the golden table: `UPDATE_GOLDEN=1` rewrites it.

use std::fmt::Write as _;
use std::path::Path;

use margay::backend::nft::{Catalog, Ownership, encode};
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::model::{
    Endpoint, EndpointName, GroupName, GroupRule, GroupRules, Membership, Origin, Peer,
    SecurityGroup, Service, State,
};
use margay::net::{Family, PortRange, Protocol};
use margay::ruleset::Table;
use margay::ruleset::diff::{applied_after, between};
use margay::ruleset::transaction::Commit;
use margay::scenario::flat::POLICY;
use margay::scenario::place::HOST;
use margay::scenario::{Flat, flat};

/// Endpoints and bundles of the worlds that must not differ.
const WORLDS: [(usize, usize); 3] = [(100, 50), (10_000, 50), (10_000, 5_000)];

/// A kind of change, and how it is made.
type Kind = (&'static str, fn(&mut State));

const KINDS: [Kind; 9] = [
    ("a member added", |state| {
        address(state, "peer0-0", "10.250.0.1", Presence::Added);
    }),
    ("a member removed", |state| {
        address(state, "peer0-0", "10.240.0.0", Presence::Removed);
    }),
    ("two members swapped", |state| {
        join(state, "peer0-0", &["peer1"]);
        join(state, "peer1-0", &["peer0"]);
    }),
    ("one rule added", |state| {
        policy(state).ingress.push(rule("198.51.100.0/24", 9_000));
    }),
    ("one rule removed", |state| {
        rewrite(state, |rules| {
            let at = rules.iter().position(is_ranging).unwrap();
            rules.remove(at);
        });
    }),
    ("a rule's range edited", |state| {
        rewrite(state, |rules| {
            let rule = rules.iter_mut().find(|rule| is_ranging(rule)).unwrap();
            rule.service = Service::Ports(Protocol::TCP, PortRange::new(7, 9).unwrap());
        });
    }),
    ("an endpoint appears", |state| {
        let mut endpoint = endpoint(state, "vm7").clone();
        endpoint.name = "newcomer".parse().unwrap();
        endpoint.interface = "tap-new".parse().unwrap();
        endpoint.addresses = ["10.250.0.2".parse().unwrap()].into();
        state.endpoints.insert(endpoint.name.clone(), endpoint);
    }),
    ("an endpoint disappears", |state| {
        state
            .endpoints
            .remove(&"vm7".parse::<EndpointName>().unwrap());
    }),
    ("an endpoint changes groups", |state| {
        let groups = endpoint(state, "vm8").membership.clone();
        endpoint(state, "vm7").membership = groups;
    }),
];

/// Whether a thing is put there or taken away.
#[derive(Debug, Clone, Copy)]
enum Presence {
    Added,
    Removed,
}

#[test]
fn what_is_sent_depends_on_the_change_alone() {
    let [small, large, many] = WORLDS.map(|(endpoints, bundles)| table(endpoints, bundles));
    assert_eq!(small, large, "10,000 endpoints are not as 100");
    assert_eq!(large, many, "5,000 bundles are not as 50");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/bytes/golden.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &small).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == small, "{} differs from\n{small}", path.display());
}

/// One line a kind: the transactions, and the messages and bytes of each.
fn table(endpoints: usize, bundles: usize) -> String {
    let size = Flat {
        rules: 100,
        endpoints,
        bundles,
        ..Flat::default()
    };
    let mut state = flat(size, 1);
    spare_groups(&mut state);
    let load = between(None, &compiled(&state), &table_key());
    let held = applied_after(None, &load);
    let mut text = String::new();
    for (name, change) in KINDS {
        let mut changed = state.clone();
        change(&mut changed);
        let commit = between(Some(&held), &compiled(&changed), &table_key());
        assert!(!commit.is_empty(), "{name} changes nothing");
        // Encoding the load teaches the catalog which sets there are.
        let mut catalog = Catalog::default();
        batches(&load, &mut catalog);
        let _ = writeln!(text, "{name}:");
        let sizes = batches(&commit, &mut catalog);
        for (step, (messages, bytes)) in commit.steps.iter().zip(sizes) {
            let _ = writeln!(
                text,
                "    {}: {messages} messages, {bytes} bytes",
                step.phase
            );
        }
    }
    text
}

fn compiled(state: &State) -> Table {
    let mut ruleset = compile(state, HOST, &Skeleton::builtin().unwrap());
    ruleset.tables.remove(&table_key()).unwrap()
}

/// Messages and bytes of each transaction.
fn batches(commit: &Commit, catalog: &mut Catalog) -> Vec<(usize, usize)> {
    let steps = commit.steps.iter();
    steps
        .map(|step| {
            let batch = encode(&commit.table, Ownership::None, catalog, &step.operations);
            let batch = batch.unwrap();
            (messages(batch.bytes()), batch.bytes().len())
        })
        .collect()
}

fn messages(mut batch: &[u8]) -> usize {
    let mut count = 0;
    while let Some(length) = batch.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes)) {
        batch = &batch[usize::try_from(length).unwrap().next_multiple_of(4)..];
        count += 1;
    }
    count
}

/// The two endpoints that change have the same lists of groups in every world.
fn spare_groups(state: &mut State) {
    for (endpoint, name) in [("vm7", "spare7"), ("vm8", "spare8")] {
        let group = SecurityGroup {
            name: name.parse().unwrap(),
            ingress: [rule("192.0.2.0/24", 80)].into(),
            egress: GroupRules::NONE,
        };
        state.groups.insert(group.name.clone(), group);
        join(state, endpoint, &[POLICY, name]);
    }
    // Their bundles do not come and go with them.
    for (stays, like) in [("vm17", "vm7"), ("vm18", "vm8")] {
        let groups = endpoint(state, like).membership.clone();
        endpoint(state, stays).membership = groups;
    }
}

fn address(state: &mut State, name: &str, address: &str, presence: Presence) {
    let address = address.parse().unwrap();
    let addresses = &mut endpoint(state, name).addresses;
    let changed = match presence {
        Presence::Added => addresses.insert(address),
        Presence::Removed => addresses.remove(&address),
    };
    assert!(changed);
}

fn join(state: &mut State, name: &str, groups: &[&str]) {
    let groups = groups.iter().map(|group| group.parse().unwrap());
    endpoint(state, name).membership = Membership::Groups(groups.collect());
}

fn endpoint<'s>(state: &'s mut State, name: &str) -> &'s mut Endpoint {
    state
        .endpoints
        .get_mut(&name.parse::<EndpointName>().unwrap())
        .unwrap()
}

fn rewrite(state: &mut State, change: impl FnOnce(&mut Vec<GroupRule>)) {
    let mut rules: Vec<GroupRule> = policy(state).ingress.iter().cloned().collect();
    change(&mut rules);
    policy(state).ingress = rules.into();
}

fn policy(state: &mut State) -> &mut SecurityGroup {
    state
        .groups
        .get_mut(&POLICY.parse::<GroupName>().unwrap())
        .unwrap()
}

fn is_ranging(rule: &GroupRule) -> bool {
    let ports = matches!(rule.service, Service::Ports(Protocol::TCP, ports) if ports.first() < ports.last());
    ports && matches!(rule.peer, Peer::Cidr(_)) && rule.family == Family::V4
}

fn rule(prefix: &str, port: u16) -> GroupRule {
    GroupRule {
        family: Family::V4,
        service: Service::Ports(Protocol::TCP, PortRange::new(port, port + 9).unwrap()),
        peer: Peer::Cidr(prefix.parse().unwrap()),
        origin: Origin::default(),
    }
}
