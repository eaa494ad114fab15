//! What is written down of every change of a table.

use std::cell::OnceCell;

use super::index::{Index, Turn};
use super::sizes::Sizes;
use super::touched::Touched;
use crate::ruleset::digest::Digest;
use crate::ruleset::{Chain, Data, Datatype, Element, Key, Kind, Name, Rule, Set, Table};

/// How the elements of a set are to be read: the types of their keys, and what they carry.
type Types<'a> = (&'a [Datatype], Option<&'a Data>);

/// What is known of a table beside itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger {
    pub(super) touched: Touched,
    /// Worked out when first asked for, and kept up to date from then on. A command that compares
    /// two tables once may never ask.
    index: OnceCell<Index>,
    /// The same.
    digest: OnceCell<Digest>,
    /// The same.
    sizes: OnceCell<Sizes>,
}

impl Ledger {
    pub(super) fn index(&self, table: &Table) -> &Index {
        self.index.get_or_init(|| Index::of(table))
    }

    pub(super) fn digest(&self, table: &Table) -> Digest {
        *self.digest.get_or_init(|| Digest::of(table))
    }

    pub(super) fn sizes(&self, table: &Table) -> Sizes {
        *self.sizes.get_or_init(|| Sizes::of(table))
    }

    /// A set comes or goes with its elements.
    pub(super) fn set(&mut self, name: &Name, set: &Set, turn: Turn) {
        self.touched.object(Kind::Set, name);
        self.index_with(|index| index.set(name, set, turn));
        self.digest_with(turn, || Digest::of_set(name, set));
        self.sizes_with(|sizes| sizes.set(set, turn));
    }

    /// An element of a set comes or goes.
    pub(super) fn element(
        &mut self,
        set: &Name,
        types: Types<'_>,
        (key, element): (&Key, &Element),
        turn: Turn,
    ) {
        self.touched.element(set, key);
        self.index_with(|index| index.element(set, types, (key, element), turn));
        self.digest_with(turn, || Digest::of_element(set, key, element));
    }

    /// A chain comes or goes with its rules.
    pub(super) fn chain(&mut self, name: &Name, chain: &Chain, turn: Turn) {
        self.touched.object(Kind::Chain, name);
        self.index_with(|index| index.chain(name, chain, turn));
        self.digest_with(turn, || Digest::of_chain(name, chain));
        self.sizes_with(|sizes| sizes.chain(chain, turn));
    }

    /// The rule of a chain at this place comes or goes.
    pub(super) fn rule(&mut self, chain: &Name, place: usize, rule: &Rule, turn: Turn) {
        self.touched.object(Kind::Chain, chain);
        self.index_with(|index| index.rule(chain, rule, turn));
        self.digest_with(turn, || Digest::of_rule(chain, place, rule));
        self.sizes_with(|sizes| sizes.rule(turn));
    }

    /// A named counter or limit, which names nothing, comes or goes.
    pub(super) fn object(
        &mut self,
        kind: Kind,
        name: &Name,
        part: impl FnOnce() -> Digest,
        turn: Turn,
    ) {
        self.touched.object(kind, name);
        self.digest_with(turn, part);
    }

    fn index_with(&mut self, change: impl FnOnce(&mut Index)) {
        if let Some(index) = self.index.get_mut() {
            change(index);
        }
    }

    fn sizes_with(&mut self, change: impl FnOnce(&mut Sizes)) {
        if let Some(sizes) = self.sizes.get_mut() {
            change(sizes);
        }
    }

    fn digest_with(&mut self, turn: Turn, part: impl FnOnce() -> Digest) {
        match (self.digest.get_mut(), turn) {
            (Some(digest), Turn::Comes) => *digest += part(),
            (Some(digest), Turn::Goes) => *digest -= part(),
            (None, _) => {}
        }
    }
}
