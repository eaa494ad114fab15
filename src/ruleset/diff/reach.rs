//! What packets can reach in a table, where on their path, and what sets are used for.
//!
//! Asked of one object, the answer is found upwards, from those that name it to a base chain. The
//! first way that leads there is enough, so that it does not matter how many others there are.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use bitflags::bitflags;

use crate::ruleset::reference::Reference;
use crate::ruleset::tracked::{Tracked, Use};
use crate::ruleset::{Expression, HookPoint, Kind, Name, Statement, VmapSource};

bitflags! {
    /// What it does to traffic when a set gains elements.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) struct Polarity: u8 {
        /// More elements let more pass.
        const ADMITS = 1;
        /// More elements let less pass.
        const DENIES = 2;
    }
}

/// Points of a packet's path. Of the hooks that share one, a packet passes only one.
///
/// Rules switch in this order: where the table is new, policy is in force before anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Passage {
    /// Input or forward.
    Through,
    /// Before routing.
    Before,
    /// From a local socket.
    Output,
    /// After routing.
    After,
}

impl Passage {
    /// The point at which a hook lies.
    pub(super) fn of(point: HookPoint) -> Self {
        match point {
            HookPoint::Prerouting => Self::Before,
            HookPoint::Input | HookPoint::Forward => Self::Through,
            HookPoint::Output => Self::Output,
            HookPoint::Postrouting => Self::After,
        }
    }
}

/// From a set of a policy to a base chain it is no further than this, in what is compiled.
const WAY: usize = 8;

/// What packets can reach in one table.
#[derive(Debug)]
pub(super) struct Reached<'a> {
    tracked: &'a Tracked,
    /// What was found out before.
    known: RefCell<BTreeMap<Reference<'a>, bool>>,
}

impl<'a> Reached<'a> {
    /// What the base chains of a table lead to.
    pub(super) fn of(tracked: &'a Tracked) -> Self {
        Self {
            tracked,
            known: RefCell::default(),
        }
    }

    /// Whether packets can meet an object.
    pub(super) fn contains(&self, object: Reference<'a>) -> bool {
        let known = self.known.borrow().get(&object).copied();
        known.unwrap_or_else(|| self.find_out(object))
    }

    /// The first point of their path at which packets meet a chain; `None` where they never do.
    pub(super) fn passage(&self, chain: &'a Name) -> Option<Passage> {
        let object = Reference::Chain(chain);
        let mut first = self.base(object);
        let mut seen = BTreeSet::from([object]);
        let mut above = vec![self.users(object)];
        while first != Some(Passage::Through)
            && let Some(users) = above.last_mut()
        {
            let Some(user) = users.next() else {
                above.pop();
                continue;
            };
            if seen.insert(user) && self.contains(user) {
                first = first.into_iter().chain(self.base(user)).min();
                above.push(self.users(user));
            }
        }
        first
    }

    /// What the rules that packets meet use a set for.
    pub(super) fn polarity(&self, set: &'a Name) -> Polarity {
        let mut polarity = Polarity::empty();
        for (way, user) in self.tracked.index().users(Kind::Set, set.as_str()) {
            let adds = match way {
                Use::Denies => Polarity::DENIES,
                Use::Admits => Polarity::ADMITS,
                Use::Elements | Use::Rules => break,
            };
            if !polarity.contains(adds) && self.contains(user) {
                polarity |= adds;
            }
        }
        polarity
    }

    /// What is looked up in a verdict map.
    pub(super) fn lookups(&self, map: &'a Name) -> Vec<&'a [Expression]> {
        let chains = &self.tracked.table().chains;
        let users = self.users(Reference::Set(map));
        let met = users.filter(|user| self.contains(*user));
        met.filter_map(|user| chains.get(user.name()))
            .flat_map(|chain| &chain.rules)
            .flat_map(|rule| &rule.statements)
            .filter_map(|statement| key_looked_up(statement, map))
            .collect()
    }

    /// Goes up until a base chain is met, or something of which it is known whether packets meet it.
    fn find_out(&self, object: Reference<'a>) -> bool {
        let known = &mut self.known.borrow_mut();
        let mut way = Vec::with_capacity(WAY);
        way.push((object, self.users(object)));
        let mut is_met = self.base(object).is_some();
        while !is_met && let Some((below, users)) = way.last_mut() {
            let Some(user) = users.next() else {
                // No loop leads here: the kernel refuses one that packets could enter.
                known.insert(*below, false);
                way.pop();
                continue;
            };
            let told = known.get(&user).copied();
            is_met = told.unwrap_or_else(|| self.base(user).is_some());
            let is_new = told.is_none() && way.iter().all(|(passed, _)| *passed != user);
            if !is_met && is_new {
                way.push((user, self.users(user)));
            }
        }
        known.extend(way.into_iter().map(|(passed, _)| (passed, true)));
        is_met
    }

    /// Where packets come to a base chain.
    fn base(&self, object: Reference<'a>) -> Option<Passage> {
        match object {
            Reference::Chain(name) => self.tracked.index().base(name).map(Passage::of),
            Reference::Set(_) | Reference::Counter(_) | Reference::Limit(_) => None,
        }
    }

    fn users(&self, object: Reference<'a>) -> impl Iterator<Item = Reference<'a>> + use<'a> {
        let index = self.tracked.index();
        let users = index.users(object.kind(), object.name().as_str());
        users.map(|(_, user)| user)
    }
}

/// What the statement looks up in the map.
fn key_looked_up<'a>(statement: &'a Statement, in_map: &Name) -> Option<&'a [Expression]> {
    let Statement::Vmap {
        key,
        map: VmapSource::Named(map),
    } = statement
    else {
        return None;
    };
    (map == in_map).then_some(key)
}
