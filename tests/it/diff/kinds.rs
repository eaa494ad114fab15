//! What each kind of change becomes: its transactions, and what is in them.

use std::collections::BTreeSet;

use margay::ruleset::diff::{applied_after, between, normalised};
use margay::ruleset::transaction::{Commit, Operation, Phase, Wait};
use margay::ruleset::{Key, Name, Table};

use super::skeleton::prefix;
use super::world::{Allow, Direction, Endpoint, Peer, World, address, interface, name, table_key};

const DIGEST_OPERATIONS: usize = 2;

/// Two groups that talk to each other, and three endpoints, one of them with a MAC.
pub(super) fn world() -> World {
    let endpoint = |address, group, has_mac| Endpoint {
        address,
        groups: BTreeSet::from([group]),
        has_mac,
    };
    let allow = |direction, peer, ports: Option<&str>| Allow {
        direction,
        peer,
        ports: ports.map(|ports| ports.parse().unwrap()),
    };
    World {
        endpoints: [
            (1, endpoint(1, 1, true)),
            (2, endpoint(2, 2, false)),
            (3, endpoint(3, 2, false)),
        ]
        .into(),
        groups: [
            (
                1,
                BTreeSet::from([
                    allow(Direction::In, Peer::Group(2), None),
                    allow(Direction::In, Peer::Host(9), Some("80")),
                    allow(Direction::In, Peer::Range(16, 31), Some("1000-1999")),
                    allow(Direction::In, Peer::Range(48, 63), None),
                ]),
            ),
            (
                2,
                BTreeSet::from([allow(Direction::Out, Peer::Group(1), None)]),
            ),
        ]
        .into(),
    }
}

fn in_rule(peer: Peer, ports: Option<&str>) -> Allow {
    Allow {
        direction: Direction::In,
        peer,
        ports: ports.map(|ports| ports.parse().unwrap()),
    }
}

/// The commit from one world to another, checked to lead there and to leave nothing to do.
fn commit_to(applied: &Table, desired: &World) -> (Commit, Table) {
    let desired = desired.table();
    let commit = between(Some(applied), &desired, &table_key());
    let after = applied_after(Some(applied), &commit);
    assert_eq!(normalised(&after), normalised(&desired));
    assert!(between(Some(&after), &desired, &table_key()).is_empty());
    (commit, after)
}

fn change(edit: impl FnOnce(&mut World)) -> (Commit, Table) {
    let mut desired = world();
    edit(&mut desired);
    commit_to(&world().table(), &desired)
}

fn phases(commit: &Commit) -> Vec<Phase> {
    commit.steps.iter().map(|step| step.phase).collect()
}

/// Every change of a visible thing after another waits for packets in flight.
fn assert_waits(commit: &Commit, waits: &[Wait]) {
    let found: Vec<_> = commit.steps.iter().map(|step| step.wait).collect();
    assert_eq!(found, waits, "{:?}", phases(commit));
}

fn touched(commit: &Commit, phase: Phase) -> Vec<&Name> {
    let steps = commit.steps.iter().filter(|step| step.phase == phase);
    let operations = steps.flat_map(|step| &step.operations);
    let mut names = Vec::new();
    for operation in operations {
        if let Operation::AddElements(name, _) | Operation::DeleteElements(name, _) = operation {
            names.push(name);
        }
    }
    names
}

#[test]
fn an_equal_table_needs_nothing() {
    let (commit, _) = change(|_| ());
    assert!(commit.is_empty());
}

#[test]
fn a_member_that_comes_is_one_element() {
    let mut applied = world().table();
    let set = applied.sets.get_mut("group/g2/v4").unwrap();
    set.elements.remove(&Key::value(&address(3)));
    applied.chains.get_mut("state").unwrap().rules[0].comment = Some("old".to_owned());
    let commit = between(Some(&applied), &world().table(), &table_key());
    assert_eq!(phases(&commit), [Phase::Loosen]);
    assert_eq!(commit.steps[0].operations.len(), 1 + DIGEST_OPERATIONS);
    assert_waits(&commit, &[Wait::None]);
}

#[test]
fn a_member_that_goes_is_one_element() {
    let mut applied = world().table();
    let set = applied.sets.get_mut("group/g2/v4").unwrap();
    set.insert(Key::value(&address(77)));
    let commit = between(Some(&applied), &world().table(), &table_key());
    assert_eq!(phases(&commit), [Phase::Tighten]);
    assert_eq!(commit.steps[0].operations.len(), 1);
}

#[test]
fn the_digest_alone_is_one_switch() {
    let mut applied = world().table();
    applied.chains.get_mut("state").unwrap().rules[0].comment = Some("old".to_owned());
    let commit = between(Some(&applied), &world().table(), &table_key());
    assert_eq!(phases(&commit), [Phase::Switch]);
    assert_eq!(commit.steps[0].operations.len(), DIGEST_OPERATIONS);
}

#[test]
fn an_endpoint_appears_at_one_instant() {
    let (commit, _) = change(|world| {
        let endpoint = Endpoint {
            address: 4,
            groups: BTreeSet::from([2]),
            has_mac: true,
        };
        world.endpoints.insert(4, endpoint);
    });
    assert_eq!(phases(&commit), [Phase::Loosen]);
    let sets = [
        "endpoints",
        "from",
        "group/g2/v4",
        "source-mac4",
        "source-macs",
        "to",
    ];
    assert_eq!(touched(&commit, Phase::Loosen), sets.map(name).each_ref());
}

#[test]
fn an_endpoint_disappears_gates_first() {
    let (commit, _) = change(|world| drop(world.endpoints.remove(&3)));
    assert_eq!(phases(&commit), [Phase::Tighten, Phase::Collect]);
    assert_waits(&commit, &[Wait::None, Wait::Grace]);
    let sets = ["endpoints", "group/g2/v4", "source-any-mac", "source-ip4"];
    assert_eq!(touched(&commit, Phase::Tighten), sets.map(name).each_ref());
    let maps = ["from", "to"];
    assert_eq!(touched(&commit, Phase::Collect), maps.map(name).each_ref());
}

#[test]
fn a_bundle_goes_after_what_leads_to_it() {
    let (commit, _) = change(|world| drop(world.endpoints.remove(&1)));
    let phases = phases(&commit);
    assert_eq!(phases, [Phase::Tighten, Phase::Collect, Phase::Collect]);
    assert_waits(&commit, &[Wait::None, Wait::Grace, Wait::Grace]);
}

#[test]
fn an_endpoint_changes_groups_over_a_bridge() {
    let (commit, _) = change(|world| {
        world.endpoints.get_mut(&3).unwrap().groups = BTreeSet::from([1]);
    });
    let order = [
        Phase::Populate,
        Phase::Move,
        Phase::Loosen,
        Phase::Tighten,
        Phase::Move,
        Phase::Collect,
    ];
    assert_eq!(phases(&commit), order);
    let waits = [
        Wait::None,
        Wait::None,
        Wait::Grace,
        Wait::Grace,
        Wait::Grace,
        Wait::Grace,
    ];
    assert_waits(&commit, &waits);
    assert_eq!(touched(&commit, Phase::Tighten), [&name("group/g2/v4")]);
    assert_eq!(touched(&commit, Phase::Loosen), [&name("group/g1/v4")]);
}

#[test]
fn a_mac_that_becomes_known_leaves_the_sets_without_macs_first() {
    let (commit, _) = change(|world| world.endpoints.get_mut(&3).unwrap().has_mac = true);
    assert_eq!(phases(&commit), [Phase::Tighten, Phase::Loosen]);
    let without = ["source-any-mac", "source-ip4"];
    let with = ["source-mac4", "source-macs"];
    assert_eq!(
        touched(&commit, Phase::Tighten),
        without.map(name).each_ref()
    );
    assert_eq!(touched(&commit, Phase::Loosen), with.map(name).each_ref());
}

#[test]
fn a_mac_that_becomes_known_with_other_groups_changes_beside_the_switch() {
    let (commit, _) = change(|world| {
        world.endpoints.get_mut(&3).unwrap().has_mac = true;
        world.endpoints.get_mut(&3).unwrap().groups = BTreeSet::from([1]);
    });
    let order = [
        Phase::Populate,
        Phase::Tighten,
        Phase::Switch,
        Phase::Loosen,
        Phase::Collect,
    ];
    assert_eq!(phases(&commit), order);
    let without = ["source-any-mac", "source-ip4"];
    assert_eq!(
        touched(&commit, Phase::Tighten),
        without.map(name).each_ref()
    );
}

#[test]
fn two_endpoints_that_move_switch_to_copies_of_maps_and_groups() {
    let (commit, after) = change(|world| {
        world.endpoints.get_mut(&2).unwrap().groups = BTreeSet::from([1]);
        world.endpoints.get_mut(&3).unwrap().groups = BTreeSet::from([1]);
    });
    let order = [Phase::Populate, Phase::Switch, Phase::Collect];
    assert_eq!(phases(&commit), order);
    assert!(after.sets.contains_key("from.0001") && !after.sets.contains_key("from"));
    assert!(
        after.chains.contains_key("to-host.0001"),
        "holds an anonymous map"
    );
    for rewritten in ["forward", "destination"] {
        assert!(after.chains.contains_key(rewritten), "{rewritten}");
    }
    let (commit, _) = commit_to(&after, &world());
    assert!(!commit.is_empty());
}

#[test]
fn rules_that_only_come_or_only_go_edit_hash_sets_in_place() {
    let (commit, _) = change(|world| {
        let rules = world.groups.get_mut(&1).unwrap();
        rules.insert(in_rule(Peer::Host(8), Some("80")));
    });
    assert_eq!(phases(&commit), [Phase::Loosen]);

    let mut more = world();
    let rules = more.groups.get_mut(&1).unwrap();
    rules.insert(in_rule(Peer::Host(8), Some("80")));
    let (commit, _) = commit_to(&more.table(), &world());
    assert_eq!(phases(&commit), [Phase::Tighten]);
}

#[test]
fn intervals_that_come_go_alone() {
    let (commit, _) = change(|world| {
        let rules = world.groups.get_mut(&1).unwrap();
        rules.insert(in_rule(Peer::Range(32, 47), Some("1000-1999")));
        rules.insert(in_rule(Peer::Range(80, 95), None));
        rules.insert(in_rule(Peer::Host(8), Some("80")));
    });
    assert_eq!(phases(&commit), [Phase::Loosen; 3]);
    assert_waits(&commit, &[Wait::None, Wait::Grace, Wait::Grace]);
}

#[test]
fn boxes_that_only_go_leave_a_small_set_where_it_stands() {
    let (commit, after) = without_a_box(3);
    assert_eq!(phases(&commit), [Phase::Tighten; 2]);
    assert_waits(&commit, &[Wait::None, Wait::Grace]);
    // What hash sets lose goes first, and alone what the kernel publishes in its own time.
    let touched: Vec<&str> = touched(&commit, Phase::Tighten)
        .into_iter()
        .map(Name::as_str)
        .collect();
    assert_eq!(touched, ["policy/g1/in/port4", "policy/g1/in/box4"]);
    assert!(after.sets.contains_key("policy/g1/in/box4"));
}

/// Each box that a set holds makes it dearer to take one out.
#[test]
fn a_box_that_goes_from_a_large_set_makes_a_new_generation() {
    let (commit, _) = without_a_box(4_095);
    assert_eq!(phases(&commit), [Phase::Tighten; 2]);
    let (commit, after) = without_a_box(4_096);
    let built_anew = [Phase::Populate, Phase::Switch, Phase::Collect];
    assert_eq!(phases(&commit), built_anew);
    assert!(after.sets.contains_key("policy/g1/in/box4.0001"));
}

/// What becomes of a policy of so many boxes, and one more and two addresses, that loses that box and an address.
fn without_a_box(boxes: u16) -> (Commit, Table) {
    let mut less = world();
    let rules = less.groups.get_mut(&1).unwrap();
    // One of the world's own is a box as well.
    let ports = (1..boxes).map(|n| format!("{}-{}", 3 * n + 2_000, 3 * n + 2_001));
    rules.extend(ports.map(|ports| in_rule(Peer::Range(16, 31), Some(&ports))));
    rules.insert(in_rule(Peer::Host(10), Some("80")));
    let mut more = less.clone();
    let rules = more.groups.get_mut(&1).unwrap();
    rules.insert(in_rule(Peer::Range(32, 47), Some("1000-1999")));
    rules.insert(in_rule(Peer::Host(8), Some("80")));
    commit_to(&more.table(), &less)
}

#[test]
fn boxes_that_come_and_go_make_a_new_generation() {
    let (commit, after) = change(|world| {
        let rules = world.groups.get_mut(&1).unwrap();
        rules.insert(in_rule(Peer::Range(32, 47), Some("1000-1999")));
        rules.remove(&in_rule(Peer::Range(16, 31), Some("1000-1999")));
    });
    assert_eq!(
        phases(&commit),
        [Phase::Populate, Phase::Switch, Phase::Collect]
    );
    assert_waits(&commit, &[Wait::None, Wait::None, Wait::Grace]);
    assert!(after.sets.contains_key("policy/g1/in/box4.0001"));
    assert!(!after.sets.contains_key("policy/g1/in/box4"));
    let (_, again) = commit_to(&after, &world());
    assert!(again.sets.contains_key("policy/g1/in/box4.0002"));
}

#[test]
fn a_rule_of_a_new_shape_rewrites_its_chain_alone() {
    let (commit, _) = change(|world| {
        let rules = world.groups.get_mut(&1).unwrap();
        rules.insert(in_rule(Peer::Host(8), None));
    });
    assert_eq!(phases(&commit), [Phase::Populate, Phase::Switch]);
    let switch = &commit.steps[1].operations;
    let in_chain = |operation: &&Operation| {
        matches!(operation, Operation::FlushChain(chain) | Operation::AddRule(chain, _)
            if ["policy/g1/in", "state"].contains(&chain.as_str()))
    };
    assert_eq!(switch.iter().filter(in_chain).count(), switch.len());
}

#[test]
fn the_first_program_is_built_before_it_is_hooked() {
    let desired = world().table();
    let commit = between(None, &desired, &table_key());
    assert_eq!(
        phases(&commit),
        [Phase::Populate, Phase::Switch, Phase::Switch]
    );
    assert_eq!(commit.steps[0].operations[0], Operation::AddTable);
    let hooked = |operation: &Operation| matches!(operation, Operation::AddChain(_, chain) if chain.hook.is_some());
    assert!(!commit.steps[0].operations.iter().any(hooked));
    assert_eq!(applied_after(None, &commit), desired);
}

#[test]
fn a_base_chain_that_hangs_elsewhere_is_a_foreign_table() {
    let mut applied = world().table();
    let hook = applied.chains.get_mut("forward").unwrap().hook.as_mut();
    hook.unwrap().priority = 0;
    let desired = world().table();
    let commit = between(Some(&applied), &desired, &table_key());
    assert_eq!(commit.steps.len(), 1);
    assert_eq!(applied_after(Some(&applied), &commit), desired);
}

#[test]
fn a_set_that_outgrows_its_size_gets_a_larger_generation() {
    let mut applied = world().table();
    applied.sets.get_mut("group/g2/v4").unwrap().size = Some(2);
    let mut desired = world();
    desired.endpoints.get_mut(&1).unwrap().groups.insert(2);
    let (commit, after) = commit_to(&applied, &desired);
    assert_eq!(after.sets["group/g2/v4.0001"].size, None);
    assert!(phases(&commit).contains(&Phase::Switch));
}

#[test]
fn a_large_hash_set_declares_twice_its_elements() {
    let mut desired = world().table();
    let set = desired.sets.get_mut("group/g2/v4").unwrap();
    for number in 0..1500_u16 {
        let [high, low] = number.to_be_bytes();
        set.insert(Key::value(&[10, 1, high, low]));
    }
    let after = applied_after(None, &between(None, &desired, &table_key()));
    assert_eq!(after.sets["group/g2/v4"].size, Some(4096));
    assert!(between(Some(&after), &desired, &table_key()).is_empty());
}

#[test]
fn a_workload_prefix_is_refused_before_it_is_admitted() {
    let mut applied = world().table();
    let set = applied.sets.get_mut("workloads").unwrap();
    set.elements.clear();
    set.insert(prefix("cali"));
    let (commit, after) = commit_to(&applied, &world());
    assert!(after.sets.contains_key("workloads.0001"));
    let switches = commit
        .steps
        .iter()
        .filter(|step| step.phase == Phase::Switch);
    assert_eq!(switches.count(), 2, "one for each point of the path");
    let interfaces = interface(1);
    assert!(after.sets["endpoints"].elements.contains_key(&interfaces));
}
