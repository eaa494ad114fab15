//! What the kernel refuses, told by operation and element; and batches of any size.

use std::time::Instant;

use margay::backend::nft::{NftBackend, Ownership};
use margay::backend::{Backend, CommitError, Culprit};
use margay::ruleset::transaction::Operation;
use margay::ruleset::{
    Datatype, Element, ElementData, Elements, Key, Name, Rule, Set, SetFlags, Statement,
    TableFamily, TableKey, Verdict,
};

use super::program::commit_of;
use crate::support::netns::{in_netns, nft};

pub(super) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub(super) fn table() -> TableKey {
    TableKey {
        family: TableFamily::Inet,
        name: name("t"),
    }
}

fn backend() -> NftBackend {
    NftBackend::new(Ownership::None).unwrap()
}

fn run(backend: &mut NftBackend, operations: Vec<Operation>) -> Result<(), CommitError> {
    backend.commit(&commit_of(&table(), operations))
}

fn addresses(count: u32) -> Elements {
    let keys = (0..count).map(|n| Key::value(&(0x0a00_0000 + n * 2).to_be_bytes()));
    keys.map(|key| (key, Element::default())).collect()
}

fn add_set(set: Set) -> Operation {
    Operation::AddSet(name("s"), Box::new(set))
}

fn refusal(result: Result<(), CommitError>) -> (i32, Culprit, String) {
    match result {
        Err(CommitError::Refused {
            errno,
            culprit,
            reason,
            ..
        }) => (errno, *culprit, reason),
        other => panic!("not refused: {other:?}"),
    }
}

#[test]
fn a_missing_chain_is_named_with_its_rule() {
    in_netns(
        "netlink::refusals::a_missing_chain_is_named_with_its_rule",
        || {
            let mut backend = backend();
            let rule = Rule::new(vec![Statement::Verdict(Verdict::Jump(name("nowhere")))]);
            let operations = vec![
                Operation::AddTable,
                Operation::AddChain(name("c"), margay::ruleset::Chain::default()),
                Operation::AddRule(name("c"), Rule::new(vec![Statement::Counter])),
                Operation::AddRule(name("c"), rule.clone()),
            ];
            let (errno, culprit, _) = refusal(run(&mut backend, operations));
            assert_eq!(errno, libc::ENOENT);
            assert_eq!(culprit.operation, Operation::AddRule(name("c"), rule));
            assert_eq!(backend.observe(&table()).unwrap(), None);
        },
    );
}

#[test]
fn an_element_that_maps_elsewhere_is_pointed_at() {
    in_netns(
        "netlink::refusals::an_element_that_maps_elsewhere_is_pointed_at",
        || {
            let mut backend = backend();
            let verdicts = |verdict: Verdict, keys: Elements| -> Elements {
                let element = Element::of(ElementData::Verdict(verdict));
                keys.into_keys().map(|key| (key, element.clone())).collect()
            };
            let one: Elements = addresses(6_000).into_iter().skip(5_432).take(1).collect();
            let first = vec![
                Operation::AddTable,
                add_set(Set::verdict_map(&[Datatype::Ipv4Addr])),
                Operation::AddElements(name("s"), verdicts(Verdict::Accept, one)),
            ];
            run(&mut backend, first).unwrap();
            let all = verdicts(Verdict::Drop, addresses(6_000));
            let second = vec![Operation::AddElements(name("s"), all)];
            let (errno, culprit, reason) = refusal(run(&mut backend, second));
            assert_eq!(
                (errno, culprit.element),
                (libc::EEXIST, Some(5_432)),
                "{reason}"
            );
        },
    );
}

#[test]
fn an_element_is_pointed_at_among_ranges() {
    in_netns(
        "netlink::refusals::an_element_is_pointed_at_among_ranges",
        || {
            let mut backend = backend();
            let mut set = Set::of(&[Datatype::Ipv4Addr]);
            set.flags = SetFlags::INTERVAL;
            let operations = vec![
                Operation::AddTable,
                add_set(set),
                Operation::AddElements(name("s"), addresses(5_000)),
            ];
            run(&mut backend, operations).unwrap();
            let keys: Vec<Key> = [7, 11, 4, 1]
                .map(|n: u32| Key::value(&(0x0a00_0000 + n).to_be_bytes()))
                .to_vec();
            let gone = vec![Operation::DeleteElements(name("s"), keys[2..].to_vec())];
            let (errno, culprit, _) = refusal(run(&mut backend, gone));
            assert_eq!((errno, culprit.element), (libc::ENOENT, Some(1)));
        },
    );
}

#[test]
fn a_full_set_is_named() {
    in_netns("netlink::refusals::a_full_set_is_named", || {
        let mut set = Set::of(&[Datatype::Ipv4Addr]);
        set.size = Some(4);
        let operations = vec![
            Operation::AddTable,
            add_set(set),
            Operation::AddElements(name("s"), addresses(9)),
        ];
        let (errno, culprit, _) = refusal(run(&mut backend(), operations));
        assert_eq!(errno, libc::ENFILE);
        assert!(matches!(culprit.operation, Operation::AddElements(..)));
    });
}

#[test]
fn a_set_of_100_000_is_one_batch_and_is_read_back() {
    in_netns(
        "netlink::refusals::a_set_of_100_000_is_one_batch_and_is_read_back",
        || {
            let mut backend = backend();
            let mut set = Set::of(&[Datatype::Ipv4Addr]);
            set.size = Some(200_000);
            let elements = addresses(100_000);
            let operations = vec![
                Operation::AddTable,
                add_set(set),
                Operation::AddElements(name("s"), elements.clone()),
            ];
            let encoded = backend.encode_step(&table(), &operations).unwrap();
            // The default send buffer holds 212,848 bytes.
            assert!(encoded.bytes().len() > 1_000_000);
            let start = Instant::now();
            run(&mut backend, operations).unwrap();
            println!("100,000 elements: {:?}", start.elapsed());
            let observed = backend.observe(&table()).unwrap().unwrap();
            assert_eq!(observed.sets[&name("s")].elements, elements);
            let last = elements.keys().last().unwrap().clone();
            run(
                &mut backend,
                vec![Operation::DeleteElements(name("s"), vec![last])],
            )
            .unwrap();
            let observed = backend.observe(&table()).unwrap().unwrap();
            assert_eq!(observed.sets[&name("s")].elements.len(), 99_999);
        },
    );
}

#[test]
fn a_persisting_table_is_adopted_either_way() {
    in_netns(
        "netlink::refusals::a_persisting_table_is_adopted_either_way",
        || {
            for first in [Ownership::None, Ownership::Persist] {
                for second in [Ownership::None, Ownership::Persist] {
                    let add = || vec![Operation::AddTable];
                    run(&mut NftBackend::new(first).unwrap(), add()).unwrap();
                    run(&mut NftBackend::new(second).unwrap(), add()).unwrap();
                    run(&mut backend(), vec![Operation::DeleteTable]).unwrap();
                }
            }
        },
    );
}

#[test]
fn what_others_do_to_their_tables_is_nothing_to_a_table_that_is_owned() {
    in_netns(
        "netlink::refusals::what_others_do_to_their_tables_is_nothing_to_a_table_that_is_owned",
        || {
            let mut backend = NftBackend::new(Ownership::Owner).unwrap();
            backend.observe(&table()).unwrap();
            run(&mut backend, vec![Operation::AddTable]).unwrap();
            assert!(backend.is_owned());
            nft(&["-f", "-"], "add table inet another");
            let counter = Operation::AddCounter(name("c"), Default::default());
            run(&mut backend, vec![counter]).unwrap();
        },
    );
}

#[test]
fn what_nft_changed_is_seen() {
    in_netns("netlink::refusals::what_nft_changed_is_seen", || {
        let mut backend = backend();
        let before = backend.generation().unwrap();
        nft(&["-f", "-"], "table inet t { chain c { masquerade; }; }");
        assert_ne!(backend.generation().unwrap(), before);
        let error = backend.observe(&table()).unwrap_err().to_string();
        assert_eq!(
            error,
            "table inet t holds something foreign: \
             rule 1 of chain \"c\" has an unknown form of the expression \"masq\""
        );
    });
}
