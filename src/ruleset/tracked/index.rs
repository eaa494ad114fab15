//! Who names an object, and who sends from an address: what a table does not tell without a walk.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

use super::polarity::{Polarities, Polarity};
use crate::ruleset::kind::ByKind;
use crate::ruleset::reference::Reference;
use crate::ruleset::{
    Bytes, Chain, Data, Datatype, Element, HookPoint, Key, Kind, Match, Name, Operator, Rule, Set,
    Statement, Table, Verdict,
};

/// How an object is named, in the order in which users are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Use {
    /// Rules of a chain look a set up, and more elements let less pass.
    Denies,
    /// Rules of a chain look a set up, and more elements let more pass.
    Admits,
    /// Elements of a map name it.
    Elements,
    /// Rules of a chain name it in another way.
    Rules,
}

/// How often each chain or map names one object, and how.
type Users = BTreeMap<(Use, Name), usize>;

/// Something for each name, in no order. Where a table is large, to look a name up in an ordered map
/// takes 20 others to compare it with, each somewhere else in memory.
type ByName<T> = HashMap<Name, T>;

/// The edges of a table backwards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Index {
    users: ByKind<ByName<Users>>,
    /// Where the base chains hang.
    bases: ByName<HookPoint>,
    /// Addresses and interfaces of the source checks, `iifname . ip saddr` with and without a MAC:
    /// how many elements say that the one may send from the other.
    senders: BTreeMap<(Bytes, Bytes), usize>,
    /// What sets are used for, as far as users and bases were asked for it.
    polarities: Polarities,
}

/// Whether something is there from now on or no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    Comes,
    Goes,
}

impl Index {
    /// The index of a whole table.
    pub(super) fn of(table: &Table) -> Self {
        let mut index = Self::default();
        for (name, chain) in &table.chains {
            index.chain(name, chain, Turn::Comes);
        }
        for (name, set) in &table.sets {
            index.set(name, set, Turn::Comes);
        }
        index
    }

    /// The chains and maps that name an object, and how; those that deny by it first.
    pub(crate) fn users(
        &self,
        kind: Kind,
        name: &str,
    ) -> impl Iterator<Item = (Use, Reference<'_>)> + use<'_> {
        let users = self.users.of(kind).get(name).into_iter().flatten();
        users.map(|((way, user), _)| match way {
            Use::Elements => (*way, Reference::Set(user)),
            Use::Denies | Use::Admits | Use::Rules => (*way, Reference::Chain(user)),
        })
    }

    /// What a set is used for, found out if it is not known.
    pub(crate) fn polarity(&self, set: &Name, find_out: impl FnOnce() -> Polarity) -> Polarity {
        self.polarities.of(set, find_out)
    }

    /// Where packets come to a chain, if it is a base chain.
    pub(crate) fn base(&self, chain: &Name) -> Option<HookPoint> {
        self.bases.get(chain).copied()
    }

    /// The interfaces that may send from one of these addresses, of the first to the last.
    pub(crate) fn senders<'i>(
        &'i self,
        first: &[u8],
        last: &'i [u8],
    ) -> impl Iterator<Item = &'i [u8]> {
        let first = Bytes::from_slice(first);
        let from = self.senders.range((first, Bytes::new())..);
        from.map(|(pair, _)| pair)
            .take_while(move |(sends_from, _)| sends_from[..] <= *last)
            .filter(move |(sends_from, _)| sends_from.len() == last.len())
            .map(|(_, interface)| &interface[..])
    }

    pub(super) fn chain(&mut self, name: &Name, chain: &Chain, turn: Turn) {
        if let Some(hook) = chain.hook {
            self.polarities.forget();
            match turn {
                Turn::Comes => self.bases.insert(name.clone(), hook.point),
                Turn::Goes => self.bases.remove(name),
            };
        }
        for rule in &chain.rules {
            self.rule(name, rule, turn);
        }
    }

    pub(super) fn rule(&mut self, chain: &Name, rule: &Rule, turn: Turn) {
        for (object, way) in uses(rule) {
            self.count(object, (way, chain.clone()), turn);
        }
    }

    pub(super) fn set(&mut self, name: &Name, set: &Set, turn: Turn) {
        if names_nothing(set) && address_type(&set.key).is_none() {
            return;
        }
        for (key, element) in &set.elements {
            self.element(name, (&set.key, set.data.as_ref()), (key, element), turn);
        }
    }

    /// One element of a set with this key and data.
    pub(super) fn element(
        &mut self,
        set: &Name,
        (types, data): (&[Datatype], Option<&Data>),
        (key, element): (&Key, &Element),
        turn: Turn,
    ) {
        if let Some(object) = element.reference(data) {
            self.count(object, (Use::Elements, set.clone()), turn);
        }
        if let Some(pair) = address_and_interface(types, key) {
            turned(self.senders.entry(pair), turn);
        }
    }

    fn count(&mut self, object: Reference<'_>, user: (Use, Name), turn: Turn) {
        self.polarities.forget();
        let users = self.users.of_mut(object.kind());
        match (users.get_mut(object.name()), turn) {
            (Some(known), Turn::Comes) => turned(known.entry(user), turn),
            (Some(known), Turn::Goes) => {
                turned(known.entry(user), turn);
                if known.is_empty() {
                    users.remove(object.name());
                }
            }
            (None, Turn::Comes) => {
                users.insert(object.name().clone(), Users::from([(user, 1)]));
            }
            (None, Turn::Goes) => {}
        }
    }
}

/// One more, or one less; what is counted to nothing is forgotten.
fn turned<K: Ord>(entry: Entry<'_, K, usize>, turn: Turn) {
    match (entry, turn) {
        (entry, Turn::Comes) => *entry.or_default() += 1,
        (Entry::Occupied(mut entry), Turn::Goes) if *entry.get() > 1 => *entry.get_mut() -= 1,
        (Entry::Occupied(entry), Turn::Goes) => drop(entry.remove()),
        (Entry::Vacant(_), Turn::Goes) => {}
    }
}

/// What a rule names, and how.
fn uses(rule: &Rule) -> impl Iterator<Item = (Reference<'_>, Use)> {
    let (more, less) = effects(rule);
    rule.statements.iter().flat_map(move |statement| {
        let ways: &[Use] = match statement {
            Statement::Match(Match {
                operator: Operator::Eq,
                ..
            }) => more,
            Statement::Match(_) => less,
            Statement::Verdict(_)
            | Statement::Vmap { .. }
            | Statement::Counter
            | Statement::NamedCounter(_)
            | Statement::CounterMap { .. }
            | Statement::Limit(_)
            | Statement::NamedLimit(_)
            | Statement::Log { .. }
            | Statement::Reject(_)
            | Statement::Notrack
            | Statement::SetMark(_)
            | Statement::Dynamic { .. } => &[Use::Rules],
        };
        let references = statement.references().into_iter();
        references.flat_map(move |object| ways.iter().map(move |way| (object, *way)))
    })
}

/// What it does to traffic when a rule matches more of it, and when less.
fn effects(rule: &Rule) -> (&'static [Use], &'static [Use]) {
    let last = rule.statements.iter().rev().find_map(|statement| {
        Some(match statement {
            Statement::Verdict(Verdict::Drop) | Statement::Reject(_) => {
                (&[Use::Denies][..], &[Use::Admits][..])
            }
            // Others decide then, and they may do either.
            Statement::Verdict(Verdict::Return | Verdict::Continue) => (
                &[Use::Denies, Use::Admits][..],
                &[Use::Denies, Use::Admits][..],
            ),
            Statement::Verdict(Verdict::Accept | Verdict::Jump(_) | Verdict::Goto(_)) => {
                (&[Use::Admits][..], &[Use::Denies][..])
            }
            Statement::Match(_)
            | Statement::Vmap { .. }
            | Statement::Counter
            | Statement::NamedCounter(_)
            | Statement::CounterMap { .. }
            | Statement::Limit(_)
            | Statement::NamedLimit(_)
            | Statement::Log { .. }
            | Statement::Notrack
            | Statement::SetMark(_)
            | Statement::Dynamic { .. } => return None,
        })
    });
    last.unwrap_or((&[Use::Admits], &[Use::Denies]))
}

/// Whether no element of the set can name an object.
fn names_nothing(set: &Set) -> bool {
    match set.data {
        None | Some(Data::Value(_)) => true,
        Some(Data::Verdict | Data::Object(_)) => false,
    }
}

fn address_type(key: &[Datatype]) -> Option<Datatype> {
    match key {
        [
            Datatype::IfName,
            address @ (Datatype::Ipv4Addr | Datatype::Ipv6Addr),
            ..,
        ] => Some(*address),
        _ => None,
    }
}

fn address_and_interface(types: &[Datatype], key: &Key) -> Option<(Bytes, Bytes)> {
    let address = address_type(types)?.bytes();
    let (interface, rest) = key
        .start
        .split_at_checked(Datatype::IfName.padded_bytes())?;
    let address = rest.get(..address)?;
    Some((Bytes::from_slice(address), Bytes::from_slice(interface)))
}
