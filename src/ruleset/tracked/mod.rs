//! A table and what must be known to change it, and to tell what changed, without looking at all of it.
//!
//! Every change says what it touches and keeps an index of who names what. The table that the kernel
//! holds is of this kind and so is the desired one: `diff` looks only at what was touched in either
//! since they were last the same, which is when both are settled.

mod index;
mod ledger;
mod polarity;
mod sizes;
mod touched;

use std::collections::btree_map::Entry;

pub(super) use self::index::{Index, Use};
pub(super) use self::polarity::Polarity;
pub use self::sizes::Sizes;
pub(super) use self::touched::{Extent, Touched};

use self::index::Turn;
use self::ledger::Ledger;
use super::digest::{Digest, STATE_CHAIN};
use super::{Chain, Element, Key, Kind, Limit, Name, Rule, Set, Table};

/// A table that knows what of it changed.
///
/// A change costs in proportion to what it changes, one element, one chain, one set, and one that
/// makes no difference touches nothing.
#[derive(Debug, Clone, Default)]
pub struct Tracked {
    table: Table,
    ledger: Ledger,
}

impl From<Table> for Tracked {
    /// Nothing is known of where the table comes from, so everything is touched.
    fn from(table: Table) -> Self {
        let ledger = Ledger::default();
        Self { table, ledger }
    }
}

impl Tracked {
    /// The table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// The table alone.
    pub fn into_table(self) -> Table {
        self.table
    }

    /// Forgets what was touched: to be said of both tables that `diff` compared, and only when its
    /// commit ran to the end.
    pub fn settle(&mut self) {
        self.ledger.touched = Touched::nothing();
    }

    /// The digest of the table.
    pub fn digest(&self) -> Digest {
        self.ledger.digest(&self.table)
    }

    /// How much the table holds.
    pub fn sizes(&self) -> Sizes {
        self.ledger.sizes(&self.table)
    }

    /// Writes the digest into the chain that is there for it, if the table has one.
    pub fn sign(&mut self) {
        let rule = self.digest().rule();
        let signed = self.table.chains.get_key_value(STATE_CHAIN);
        let Some(name) = signed.map(|(name, _)| name.clone()) else {
            return;
        };
        let rules = self
            .table
            .chains
            .get_mut(&name)
            .map(|chain| &mut chain.rules[..]);
        match rules {
            Some([held]) if *held == rule => {}
            // Of a comment index and sizes take no notice, and of this chain nor does the digest.
            Some([held]) if held.statements == rule.statements => {
                *held = rule;
                self.ledger.touched.object(Kind::Chain, &name);
            }
            Some(_) | None => {
                self.flush_chain(&name);
                self.push_rule(&name, rule);
            }
        }
    }

    /// Whether what is known of the table is what a walk through it tells.
    pub fn is_up_to_date(&self) -> bool {
        *self.index() == Index::of(&self.table)
            && self.digest() == Digest::of(&self.table)
            && self.sizes() == Sizes::of(&self.table)
    }

    /// What may differ since the table was settled.
    pub(super) fn touched(&self) -> &Touched {
        &self.ledger.touched
    }

    /// Who names what in the table.
    pub(super) fn index(&self) -> &Index {
        self.ledger.index(&self.table)
    }

    /// Makes a set what is given. Where only elements differ, only those are touched.
    pub fn put_set(&mut self, name: Name, set: Set) {
        match self.table.sets.get(&name) {
            Some(held) if *held == set => {}
            Some(held) if is_declared_alike(held, &set) => {
                let held = held.elements.keys();
                let gone = held.filter(|key| !set.elements.contains_key(*key));
                for key in gone.cloned().collect::<Vec<_>>() {
                    self.remove_element(&name, &key);
                }
                self.insert_elements(&name, set.elements);
            }
            Some(_) | None => {
                self.remove_set(&name);
                self.ledger.set(&name, &set, Turn::Comes);
                self.table.sets.insert(name, set);
            }
        }
    }

    /// Removes a set with its elements.
    pub fn remove_set(&mut self, name: &Name) {
        if let Some(set) = self.table.sets.remove(name) {
            self.ledger.set(name, &set, Turn::Goes);
        }
    }

    /// Puts an element into a set that is there; what the key maps to is replaced.
    pub fn insert_element(&mut self, set: &Name, key: Key, element: Element) {
        self.insert_elements(set, [(key, element)]);
    }

    /// Puts elements into a set that is there.
    pub fn insert_elements(
        &mut self,
        set: &Name,
        elements: impl IntoIterator<Item = (Key, Element)>,
    ) {
        let Some(held) = self.table.sets.get_mut(set) else {
            return;
        };
        let (types, ledger) = ((&held.key[..], held.data.as_ref()), &mut self.ledger);
        for (key, element) in elements {
            match held.elements.entry(key) {
                Entry::Occupied(old) if *old.get() == element => {}
                Entry::Occupied(mut old) => {
                    ledger.element(set, types, (old.key(), old.get()), Turn::Goes);
                    ledger.element(set, types, (old.key(), &element), Turn::Comes);
                    old.insert(element);
                }
                Entry::Vacant(place) => {
                    ledger.element(set, types, (place.key(), &element), Turn::Comes);
                    place.insert(element);
                }
            }
        }
    }

    /// Takes an element out of a set.
    pub fn remove_element(&mut self, set: &Name, key: &Key) {
        let Some(held) = self.table.sets.get_mut(set) else {
            return;
        };
        if let Some(element) = held.elements.remove(key) {
            let (types, element) = ((&held.key[..], held.data.as_ref()), (key, &element));
            self.ledger.element(set, types, element, Turn::Goes);
        }
    }

    /// Makes a chain what is given.
    pub fn put_chain(&mut self, name: Name, chain: Chain) {
        if self.table.chains.get(&name) != Some(&chain) {
            self.remove_chain(&name);
            self.ledger.chain(&name, &chain, Turn::Comes);
            self.table.chains.insert(name, chain);
        }
    }

    /// Removes a chain with its rules.
    pub fn remove_chain(&mut self, name: &Name) {
        if let Some(chain) = self.table.chains.remove(name) {
            self.ledger.chain(name, &chain, Turn::Goes);
        }
    }

    /// Puts a rule at the end of a chain that is there.
    pub fn push_rule(&mut self, chain: &Name, rule: Rule) {
        if let Some(held) = self.table.chains.get_mut(chain) {
            let place = held.rules.len();
            self.ledger.rule(chain, place, &rule, Turn::Comes);
            held.rules.push(rule);
        }
    }

    /// Takes the rules out of a chain.
    pub fn flush_chain(&mut self, chain: &Name) {
        let held = self.table.chains.get_mut(chain);
        let rules = held.map(|held| std::mem::take(&mut held.rules));
        for (place, rule) in rules.into_iter().flatten().enumerate() {
            self.ledger.rule(chain, place, &rule, Turn::Goes);
        }
    }

    /// Makes a counter what is given, its comment.
    pub fn put_counter(&mut self, name: Name, comment: Option<String>) {
        if self.table.counters.get(&name) != Some(&comment) {
            self.remove_counter(&name);
            let part = || Digest::of_counter(&name, comment.as_deref());
            self.ledger.object(Kind::Counter, &name, part, Turn::Comes);
            self.table.counters.insert(name, comment);
        }
    }

    /// Removes a counter.
    pub fn remove_counter(&mut self, name: &Name) {
        if let Some(comment) = self.table.counters.remove(name) {
            let part = || Digest::of_counter(name, comment.as_deref());
            self.ledger.object(Kind::Counter, name, part, Turn::Goes);
        }
    }

    /// Makes a limit what is given.
    pub fn put_limit(&mut self, name: Name, limit: Limit) {
        if self.table.limits.get(&name) != Some(&limit) {
            self.remove_limit(&name);
            let part = || Digest::of_limit(&name, &limit);
            self.ledger.object(Kind::Limit, &name, part, Turn::Comes);
            self.table.limits.insert(name, limit);
        }
    }

    /// Removes a limit.
    pub fn remove_limit(&mut self, name: &Name) {
        if let Some(limit) = self.table.limits.remove(name) {
            let part = || Digest::of_limit(name, &limit);
            self.ledger.object(Kind::Limit, name, part, Turn::Goes);
        }
    }
}

/// Whether two sets differ in nothing but their elements.
fn is_declared_alike(one: &Set, other: &Set) -> bool {
    let declared = |set: &Set| (set.flags, set.size, set.timeout, set.counted);
    declared(one) == declared(other)
        && (&one.key, &one.data, &one.comment) == (&other.key, &other.data, &other.comment)
}
