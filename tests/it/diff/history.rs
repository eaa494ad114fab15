//! Random histories leave what a compile from scratch makes, whatever died on the way.

use std::collections::BTreeSet;

use margay::ruleset::Table;
use margay::ruleset::diff::{applied_after, between, normalised};
use margay::ruleset::transaction::Commit;
use proptest::prelude::*;

use super::world::{Allow, Direction, Endpoint, Peer, World, table_key};

/// One edit of a world; what it names may or may not be there.
#[derive(Debug, Clone)]
pub(super) enum Edit {
    Appear(u8, Endpoint),
    Disappear(u8),
    Regroup(u8, BTreeSet<u8>),
    Address(u8, u8),
    Mac(u8),
    NewGroup(u8, BTreeSet<Allow>),
    DropGroup(u8),
    AddRule(u8, Allow),
    DropRule(u8, usize),
}

impl Edit {
    pub(super) fn apply(&self, world: &mut World) {
        match self {
            Self::Appear(id, endpoint) => drop(world.endpoints.insert(*id, endpoint.clone())),
            Self::Disappear(id) => drop(world.endpoints.remove(id)),
            Self::NewGroup(id, rules) => drop(world.groups.insert(*id, rules.clone())),
            Self::DropGroup(id) => drop(world.groups.remove(id)),
            Self::Regroup(id, groups) => {
                if let Some(endpoint) = world.endpoints.get_mut(id) {
                    endpoint.groups.clone_from(groups);
                }
            }
            Self::Address(id, address) => {
                if let Some(endpoint) = world.endpoints.get_mut(id) {
                    endpoint.address = *address;
                }
            }
            Self::Mac(id) => {
                if let Some(endpoint) = world.endpoints.get_mut(id) {
                    endpoint.has_mac = !endpoint.has_mac;
                }
            }
            Self::AddRule(id, allow) => {
                if let Some(rules) = world.groups.get_mut(id) {
                    rules.insert(*allow);
                }
            }
            Self::DropRule(id, at) => {
                if let Some(rules) = world.groups.get_mut(id)
                    && let Some(rule) = rules.iter().nth(at % rules.len().max(1)).copied()
                {
                    rules.remove(&rule);
                }
            }
        }
    }
}

const ENDPOINTS: std::ops::Range<u8> = 1..6;
const GROUPS: std::ops::Range<u8> = 1..4;

/// Ranges and ports that never overlap, as the compiler makes them.
fn allow() -> impl Strategy<Value = Allow> {
    let peer = prop_oneof![
        3 => GROUPS.prop_map(Peer::Group),
        2 => ENDPOINTS.prop_map(Peer::Host),
        2 => (0..4_u8).prop_map(|block| Peer::Range(block * 2, block * 2 + 1)),
    ];
    let ports = prop::sample::select(vec!["80", "443", "1000-1999", "2000-2999"]);
    let ports = prop::option::of(ports.prop_map(|text| text.parse().unwrap()));
    let direction = prop_oneof![Just(Direction::In), Just(Direction::Out)];
    (direction, peer, ports).prop_map(|(direction, peer, ports)| Allow {
        direction,
        peer,
        ports,
    })
}

fn groups() -> impl Strategy<Value = BTreeSet<u8>> {
    prop::collection::btree_set(GROUPS, 0..3)
}

fn endpoint() -> impl Strategy<Value = Endpoint> {
    let parts = (ENDPOINTS, groups(), any::<bool>());
    parts.prop_map(|(address, groups, has_mac)| Endpoint {
        address,
        groups,
        has_mac,
    })
}

fn edit() -> impl Strategy<Value = Edit> {
    let rules = prop::collection::btree_set(allow(), 0..5);
    prop_oneof![
        3 => (ENDPOINTS, endpoint()).prop_map(|(id, endpoint)| Edit::Appear(id, endpoint)),
        2 => ENDPOINTS.prop_map(Edit::Disappear),
        4 => (ENDPOINTS, groups()).prop_map(|(id, groups)| Edit::Regroup(id, groups)),
        2 => (ENDPOINTS, ENDPOINTS).prop_map(|(id, address)| Edit::Address(id, address)),
        1 => ENDPOINTS.prop_map(Edit::Mac),
        2 => (GROUPS, rules).prop_map(|(id, rules)| Edit::NewGroup(id, rules)),
        1 => GROUPS.prop_map(Edit::DropGroup),
        5 => (GROUPS, allow()).prop_map(|(id, allow)| Edit::AddRule(id, allow)),
        4 => (GROUPS, any::<usize>()).prop_map(|(id, at)| Edit::DropRule(id, at)),
    ]
}

/// Updates of one or more edits, each with the number of steps after which its process dies.
pub(super) fn updates() -> impl Strategy<Value = Vec<(Vec<Edit>, Option<usize>)>> {
    let edits = prop_oneof![
        3 => prop::collection::vec(edit(), 1..2),
        2 => prop::collection::vec(edit(), 2..6),
    ];
    prop::collection::vec((edits, prop::option::weighted(0.3, 0..5_usize)), 1..10)
}

fn cut(mut commit: Commit, steps: Option<usize>) -> Commit {
    commit.steps.truncate(steps.unwrap_or(usize::MAX));
    commit
}

/// A commit that runs to its end leaves the desired table, and nothing to do.
fn assert_arrived(after: &Table, desired: &Table) -> Result<(), TestCaseError> {
    prop_assert_eq!(normalised(after), normalised(desired));
    let again = between(Some(after), desired, &table_key());
    prop_assert!(again.is_empty(), "{:?}", again);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn every_history_ends_as_a_compile_from_scratch(updates in updates()) {
        let mut world = World::default();
        let mut applied: Option<Table> = None;
        for (edits, dies_after) in updates {
            edits.iter().for_each(|edit| edit.apply(&mut world));
            let desired = world.table();
            let commit = cut(between(applied.as_ref(), &desired, &table_key()), dies_after);
            let after = applied_after(applied.as_ref(), &commit);
            if dies_after.is_none() {
                assert_arrived(&after, &desired)?;
            }
            applied = Some(after);
        }
        let desired = world.table();
        let last = between(applied.as_ref(), &desired, &table_key());
        assert_arrived(&applied_after(applied.as_ref(), &last), &desired)?;
    }
}
