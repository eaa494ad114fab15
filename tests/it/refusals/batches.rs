//! Batches that are too large, and answers that are too many.

use margay::backend::nft::{NftBackend, Ownership};
use margay::backend::{Backend, CommitError};
use margay::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
use margay::ruleset::{Datatype, Element, Key, Name, Set, TableFamily, TableKey};

use crate::support::netns::{again_in_namespaces, in_netns, nft};

fn commit(operations: Vec<Operation>) -> Commit {
    Commit {
        table: TableKey {
            family: TableFamily::Inet,
            name: Name::new("batches").unwrap(),
        },
        steps: vec![Step {
            phase: Phase::Populate,
            wait: Wait::None,
            operations,
        }],
    }
}

fn members() -> Name {
    Name::new("members").unwrap()
}

/// A table with one set of so many addresses.
fn table_of(elements: u32) -> Commit {
    let elements = (0..elements).map(|at| (Key::value(&at.to_be_bytes()), Element::default()));
    commit(vec![
        Operation::AddTable,
        Operation::AddSet(members(), Box::new(Set::of(&[Datatype::Ipv4Addr]))),
        Operation::AddElements(members(), elements.collect()),
    ])
}

#[test]
fn a_batch_above_what_may_be_sent_says_what_it_needs() {
    let test = "refusals::batches::a_batch_above_what_may_be_sent_says_what_it_needs";
    // Only a process without rights in the first user namespace has such a limit.
    again_in_namespaces("-Urn", test, || {
        let mut backend = NftBackend::new(Ownership::None).unwrap();
        let mut elements = 1 << 14;
        let (bytes, allowed, text) = loop {
            match backend.commit(&table_of(elements)) {
                Ok(()) => {
                    nft(&["flush", "ruleset"], "");
                    elements *= 2;
                }
                Err(error) => {
                    let CommitError::TooLarge { bytes, allowed } = &error else {
                        panic!("{error}");
                    };
                    break (*bytes, *allowed, error.to_string());
                }
            }
        };
        println!("{elements} elements: {text}");
        assert!(bytes > allowed && allowed > 0, "{text}");
        assert!(text.contains("needs CAP_NET_ADMIN"), "{text}");
        assert_eq!(nft(&["list", "ruleset"], ""), "");
        backend.commit(&table_of(10)).unwrap();
        let key = table_of(0).table;
        let held = backend.observe(&key).unwrap().unwrap();
        assert_eq!(held.sets[&members()].elements.len(), 10);
    });
}

#[test]
fn more_errors_than_the_socket_holds_still_name_the_first() {
    let test = "refusals::batches::more_errors_than_the_socket_holds_still_name_the_first";
    in_netns(test, || {
        const WRONG: usize = 50_000;
        let mut backend = NftBackend::new(Ownership::None).unwrap();
        backend.commit(&table_of(10)).unwrap();
        let generation = backend.generation().unwrap();
        let missing = (0..WRONG).map(|at| Name::new(&format!("missing-{at}")).unwrap());
        let operations = missing.map(Operation::DeleteSet).collect();
        let error = backend.commit(&commit(operations)).unwrap_err().to_string();
        println!("{error}");
        let rest = error.strip_prefix(
            "the kernel refused to delete set \"missing-0\" in the populate step: \
             No such file or directory, and ",
        );
        let more: usize = rest.unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!(more < WRONG - 1, "no answer was lost: {error}");
        assert_eq!(backend.generation().unwrap(), generation);
        backend
            .commit(&commit(vec![Operation::DeleteSet(members())]))
            .unwrap();
    });
}
