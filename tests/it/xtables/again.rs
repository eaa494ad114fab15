//! What a small change of a large policy leaves as it is is not said again, and not written again.

use std::collections::BTreeSet;
use std::sync::Arc;

use margay::backend::xtables::lower::{Lowering, Touched, lower};
use margay::backend::xtables::{Document, Ipset, IpsetName};
use margay::bench::world::{Altered, Size, World};
use margay::compile::skeleton::table_key;
use margay::net::Family;
use margay::ruleset::Tracked;
use margay::ruleset::diff::diff;
use margay::ruleset::transaction::Commit;
use margay::scenario::Flat;

/// A world of large sets.
fn world() -> World {
    let flat = Flat {
        rules: 400,
        ..Flat::default()
    };
    let size = Size {
        flat,
        members: 0,
        family: Family::V4,
        seed: 1,
    };
    World::new(size).unwrap()
}

/// The ipsets of a document that are not the very same in another one.
fn lowered<'d>(document: &'d Document, before: &Document) -> Vec<&'d IpsetName> {
    let known: BTreeSet<*const Ipset> = before.ipsets.values().map(Arc::as_ptr).collect();
    let ipsets = document.ipsets.iter();
    let again = ipsets.filter(|(_, ipset)| !known.contains(&Arc::as_ptr(ipset)));
    again.map(|(name, _)| name).collect()
}

#[test]
fn a_small_change_lowers_no_ipset_but_of_what_changed() {
    let world = world();
    let before = Tracked::from(World::table(&world.state).unwrap());
    for what in Altered::SMALL {
        let after = Tracked::from(World::table(&world.changed(what)).unwrap());
        let commit = diff(Some(&before), &after, &table_key());
        let mut lowering = Lowering::default();
        let mut held = before.clone();
        let mut document = lowering.lower(held.table(), &Touched::All).unwrap();
        for step in &commit.steps {
            held.apply(&Commit {
                table: table_key(),
                steps: vec![step.clone()],
            });
            let touched = Touched::by(step);
            let now = lowering.lower(held.table(), &touched).unwrap();
            assert_eq!(now, lower(held.table()).unwrap());
            let Touched::These(_, sets) = touched else {
                panic!("{what:?} touches everything");
            };
            for ipset in lowered(&now, &document) {
                let of = lowering.set(ipset).unwrap();
                assert!(sets.contains_key(of), "{what:?}: {ipset} of {of}");
            }
            document = now;
        }
        assert!(!commit.is_empty());
    }
}
