//! Which transactions are refused because a packet could see them half done.

use rustix::io::Errno;

use super::*;
use crate::ruleset::fixture::*;
use crate::ruleset::key::interface_bytes;
use crate::ruleset::transaction::Phase;
use crate::ruleset::{
    Chain, Datatype, Element, ElementData, Expression, HookPoint, Key, MetaKey, Operand,
    PayloadField, Rule, Set, SetFlags, Statement, Verdict, VmapSource,
};

fn iif(name: &str) -> Key {
    Key::value(&interface_bytes(name))
}

fn dispatch(meta: MetaKey, map: &str) -> Rule {
    rule(vec![Statement::Vmap {
        key: vec![Expression::Meta(meta)],
        map: VmapSource::Named(name(map)),
    }])
}

fn goto(chain: &str) -> Element {
    Element::of(ElementData::Verdict(Verdict::Goto(name(chain))))
}

/// Two base chains on one route: prerouting looks `members` up, forward dispatches into `x`, which
/// looks `ranges` up; `y` and `spare` are unreachable.
fn held() -> Ruleset {
    let mut maps = ["from", "to", "source"]
        .map(|map| {
            let mut set = Set::verdict_map(&[Datatype::IfName]);
            for interface in ["a", "b"] {
                set.insert_verdict(iif(interface), Verdict::Goto(name("x")));
            }
            (map, set)
        })
        .to_vec();
    let mut ranges = interval(&[(BOB, BOB)]);
    ranges.elements.clear();
    maps.extend([
        ("members", hash(&[ALICE])),
        ("spare", hash(&[])),
        ("ranges", ranges.clone()),
        ("ranges2", ranges),
    ]);
    let member = |set| rule(vec![in_set(PayloadField::IpSaddr, set), accept()]);
    let chains = vec![
        (
            "pre",
            base(
                HookPoint::Prerouting,
                vec![member("members"), dispatch(MetaKey::IifName, "source")],
            ),
        ),
        (
            "forward",
            base(
                HookPoint::Forward,
                vec![
                    dispatch(MetaKey::IifName, "from"),
                    dispatch(MetaKey::OifName, "to"),
                ],
            ),
        ),
        (
            "x",
            regular(vec![member("ranges"), member("ranges2"), member("members")]),
        ),
        ("y", regular(vec![])),
        ("only-forward", regular(vec![])),
    ];
    world(chains, maps)
}

fn step(phase: Phase, operations: Vec<Operation>) -> Step {
    Step {
        phase,
        wait: Wait::None,
        operations,
    }
}

fn commit(steps: Vec<Step>) -> Result<(), CommitError> {
    let table = key("t");
    MemoryBackend::holding(held()).commit(&Commit { table, steps })
}

fn is_safe(phase: Phase, operations: Vec<Operation>) -> bool {
    match commit(vec![step(phase, operations)]) {
        Ok(()) => true,
        Err(CommitError::Unsafe { .. }) => false,
        Err(other) => panic!("{other}"),
    }
}

fn add(set: &str, keys: &[[u8; 4]]) -> Operation {
    let elements = keys.iter().map(|k| (Key::value(k), Element::default()));
    Operation::AddElements(name(set), elements.collect())
}

fn delete(set: &str, keys: &[[u8; 4]]) -> Operation {
    Operation::DeleteElements(name(set), keys.iter().map(|k| Key::value(k)).collect())
}

fn point(map: &str, interface: &str, chain: &str) -> Vec<Operation> {
    let element = [(iif(interface), goto(chain))].into();
    vec![
        Operation::DeleteElements(name(map), vec![iif(interface)]),
        Operation::AddElements(name(map), element),
    ]
}

fn rewrite(chain: &str, rules: Vec<Rule>) -> Vec<Operation> {
    let mut operations = vec![Operation::FlushChain(name(chain))];
    operations.extend(
        rules
            .into_iter()
            .map(|rule| Operation::AddRule(name(chain), rule)),
    );
    operations
}

fn looks_up(set: &str) -> Vec<Rule> {
    vec![rule(vec![in_set(PayloadField::IpSaddr, set), accept()])]
}

#[test]
fn populate_and_collect_touch_nothing_that_packets_reach() {
    for phase in [Phase::Populate, Phase::Collect] {
        assert!(
            is_safe(phase, rewrite("y", looks_up("spare"))),
            "unreachable chain"
        );
        assert!(
            is_safe(phase, vec![add("spare", &[BOB])]),
            "unreachable set"
        );
        assert!(
            !is_safe(phase, rewrite("x", looks_up("spare"))),
            "reachable chain"
        );
        assert!(
            !is_safe(phase, vec![add("members", &[BOB])]),
            "reachable set"
        );
        assert!(!is_safe(phase, vec![Operation::DeleteTable]), "everything");
    }
    let entry = || vec![Operation::DeleteElements(name("from"), vec![iif("a")])];
    assert!(is_safe(Phase::Collect, entry()));
    assert!(!is_safe(Phase::Populate, entry()));
}

#[test]
fn what_a_transaction_makes_reachable_counts() {
    let mut operations = rewrite("y", looks_up("spare"));
    operations.extend(point("from", "a", "y"));
    assert!(
        !is_safe(Phase::Move, operations),
        "a new chain and the map element to it"
    );
    let mut operations = vec![add("spare", &[BOB])];
    operations.extend(rewrite("only-forward", looks_up("spare")));
    operations.push(Operation::AddRule(
        name("forward"),
        rule(vec![jump("only-forward")]),
    ));
    assert!(!is_safe(Phase::Switch, operations), "rules and elements");
}

#[test]
fn switch_rewrites_rules_of_one_base_chain_on_a_route() {
    let forward = || rewrite("forward", vec![rule(vec![jump("y")])]);
    assert!(is_safe(Phase::Switch, forward()));
    let both = [forward(), rewrite("pre", vec![])].concat();
    assert!(!is_safe(Phase::Switch, both), "two hooks");
    assert!(
        !is_safe(Phase::Switch, rewrite("x", vec![])),
        "a chain that both hooks share"
    );
    let new_set = vec![
        Operation::AddSet(name("new"), Box::new(hash(&[]))),
        Operation::AddRule(name("forward"), looks_up("new").remove(0)),
    ];
    assert!(!is_safe(Phase::Switch, new_set), "a set that was not there");
    let among = |key| {
        let saddr = vec![field(PayloadField::IpSaddr)];
        vec![rule(vec![
            test(saddr, Operand::Anonymous(vec![key])),
            accept(),
        ])]
    };
    assert!(is_safe(
        Phase::Switch,
        rewrite("forward", among(Key::value(&ALICE)))
    ));
    assert!(!is_safe(
        Phase::Switch,
        rewrite("forward", among(Key::range(&ALICE, &BOB)))
    ));
}

#[test]
fn a_base_chain_appears_empty_and_is_then_switched_to() {
    let accepting = |policy| {
        let chain = base(HookPoint::Input, vec![]);
        let hook = chain
            .hook
            .map(|hook| crate::ruleset::Hook { policy, ..hook });
        Operation::AddChain(name("input"), Chain { hook, ..chain })
    };
    assert!(is_safe(
        Phase::Populate,
        vec![accepting(crate::ruleset::ChainPolicy::Accept)]
    ));
    assert!(!is_safe(
        Phase::Populate,
        vec![accepting(crate::ruleset::ChainPolicy::Drop)]
    ));
    let filled = vec![
        accepting(crate::ruleset::ChainPolicy::Drop),
        Operation::AddRule(name("input"), rule(vec![jump("x")])),
    ];
    assert!(is_safe(Phase::Switch, filled));
}

#[test]
fn move_changes_the_values_of_one_interface() {
    let both = || [point("from", "a", "y"), point("to", "a", "y")].concat();
    assert!(is_safe(Phase::Move, both()));
    let two = [point("from", "a", "y"), point("from", "b", "y")].concat();
    assert!(!is_safe(Phase::Move, two), "two interfaces");
    let twice = [point("from", "a", "y"), point("source", "a", "y")].concat();
    assert!(
        !is_safe(Phase::Move, twice),
        "two maps read by the same name"
    );
    let member = [both(), vec![add("members", &[BOB])]].concat();
    assert!(!is_safe(Phase::Move, member), "a member set too");
}

#[test]
fn tighten_only_removes_and_loosen_only_adds() {
    assert!(is_safe(Phase::Tighten, vec![delete("members", &[ALICE])]));
    let swap = || vec![delete("members", &[ALICE]), add("members", &[BOB])];
    for phase in [Phase::Tighten, Phase::Loosen, Phase::Move, Phase::Switch] {
        assert!(!is_safe(phase, swap()), "{phase}");
    }
    let entry = vec![Operation::DeleteElements(name("from"), vec![iif("a")])];
    assert!(!is_safe(Phase::Tighten, entry), "a map is no set");
    assert!(is_safe(Phase::Loosen, vec![add("members", &[BOB])]));
    assert!(is_safe(Phase::Loosen, vec![add("ranges", &[BOB])]));
    let mixed = vec![add("ranges", &[BOB]), add("members", &[BOB])];
    assert!(!is_safe(Phase::Loosen, mixed), "interval sets show later");
    assert!(!is_safe(
        Phase::Loosen,
        vec![add("ranges", &[BOB]), add("ranges2", &[BOB])]
    ));
}

#[test]
fn steps_that_packets_see_are_a_grace_period_apart() {
    let tighten = || step(Phase::Tighten, vec![delete("members", &[ALICE])]);
    let loosen = |wait| Step {
        wait,
        ..step(Phase::Loosen, vec![add("members", &[BOB])])
    };
    assert!(commit(vec![tighten(), loosen(Wait::Grace)]).is_ok());
    assert!(commit(vec![tighten(), loosen(Wait::None)]).is_err());
    let populate = || step(Phase::Populate, vec![add("spare", &[BOB])]);
    assert!(commit(vec![populate(), loosen(Wait::None)]).is_ok());
}

#[test]
fn a_refused_step_leaves_everything_as_it_was() {
    let mut backend = MemoryBackend::holding(held());
    let doomed = vec![add("spare", &[BOB]), Operation::DeleteSet(name("nowhere"))];
    let commit = Commit {
        table: key("t"),
        steps: vec![step(Phase::Populate, doomed)],
    };
    let Err(CommitError::Refused { errno, culprit, .. }) = backend.commit(&commit) else {
        panic!("a set that is not there was deleted");
    };
    assert_eq!(errno, Errno::NOENT.raw_os_error());
    assert_eq!(culprit.operation, Operation::DeleteSet(name("nowhere")));
    assert_eq!(*backend.ruleset(), held());
    assert_eq!(backend.generation().unwrap(), 0);
}

#[test]
fn boxes_overlap_only_where_every_field_does() {
    let box_of = |low: u8, first: u16| {
        crate::ruleset::key::KeyBuilder::default()
            .range(&[10, 0, 0, low], &[10, 0, 0, low + 9])
            .range(&first.to_be_bytes(), &(first + 9).to_be_bytes())
            .build()
    };
    let mut set = Set::of(&[Datatype::Ipv4Addr, Datatype::InetService]);
    set.flags = SetFlags::INTERVAL;
    let added = |keys: &[Key]| {
        let mut set = set.clone();
        let elements = keys.iter().map(|key| (key.clone(), Element::default()));
        elements::add(&mut set, &elements.collect()).map_err(|refusal| refusal.errno)
    };
    assert_eq!(
        added(&[box_of(0, 80), box_of(0, 90), box_of(10, 80)]),
        Ok(())
    );
    assert_eq!(added(&[box_of(0, 80), box_of(5, 85)]), Err(Errno::EXIST));
}
