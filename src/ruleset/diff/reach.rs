//! What packets can reach in a table, where on their path, and what sets are used for.
//!
//! Asked of one object, the answer is found upwards, from those that name it to a base chain. The
//! first way that leads there is enough, so that it does not matter how many others there are.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::ruleset::reference::Reference;
use crate::ruleset::tracked::{Polarity, Tracked, Use};
use crate::ruleset::{Expression, HookPoint, Kind, Name, Statement, VmapSource};

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
        let index = self.tracked.index();
        index.polarity(set, || self.find_polarity(set))
    }

    fn find_polarity(&self, set: &'a Name) -> Polarity {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::Table;
    use crate::ruleset::parse::parse;

    /// What packets meet first, what leads on from there, the rules of the policy, and what its set is used for
    /// then.
    const STEPS: [(&str, &str, &str, Polarity); 13] = [
        (HOOKED, "", ADMIT, Polarity::empty()),
        (HOOKED, TO_IT, ADMIT, Polarity::ADMITS),
        (HOOKED, TO_IT, BOTH, Polarity::all()),
        (HOOKED, TO_IT, "tcp dport 22 accept", Polarity::empty()),
        (HOOKED, TO_IT, DENY, Polarity::DENIES),
        (HOOKED, ELSEWHERE, DENY, Polarity::empty()),
        (HOOKED, TO_IT, "ip saddr != @s drop", Polarity::ADMITS),
        (UNHOOKED, TO_IT, ADMIT, Polarity::empty()),
        (HOOKED, TO_IT, ADMIT, Polarity::ADMITS),
        (NO_LOOKUP, TO_IT, ADMIT, Polarity::empty()),
        (JUMP, "", DENY, Polarity::DENIES),
        (ANONYMOUS, "", BOTH, Polarity::all()),
        (HOOKED, "comment \"another map\"", ADMIT, Polarity::empty()),
    ];
    const HOOKED: &str = "type filter hook forward priority 0; policy drop; iifname vmap @to";
    const UNHOOKED: &str = "iifname vmap @to";
    const NO_LOOKUP: &str = "type filter hook forward priority 0; policy drop; counter";
    const JUMP: &str = "type filter hook forward priority 0; policy drop; jump policy";
    const ANONYMOUS: &str =
        "type filter hook forward priority 0; policy drop; meta l4proto vmap { tcp : goto policy }";
    const TO_IT: &str = "elements = { \"eth0\" : goto policy }";
    const ELSEWHERE: &str = "elements = { \"eth0\" : goto other }";
    const ADMIT: &str = "ip saddr @s accept";
    const DENY: &str = "ip saddr @s drop";
    const BOTH: &str = "ip saddr @s accept\n ip saddr @s drop";

    fn table(first: &str, entries: &str, rules: &str) -> Table {
        let text = format!(
            "table inet t {{
                set s {{ type ipv4_addr\n }}
                map to {{ type ifname : verdict\n {entries}\n }}
                chain other {{ accept\n }}
                chain policy {{ {rules}\n }}
                chain forward {{ {first}\n }}
            }}"
        );
        let ruleset = parse("a test", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        ruleset.tables.into_values().next().unwrap()
    }

    /// Makes chains what they are in a table.
    fn chain_by_chain(tracked: &mut Tracked, table: &Table) {
        for (name, chain) in &table.chains {
            tracked.put_chain(name.clone(), chain.clone());
        }
    }

    /// The same, but where a chain hangs is as it was: it gets its rules one by one.
    fn rule_by_rule(tracked: &mut Tracked, table: &Table) {
        for (name, chain) in &table.chains {
            if tracked.table().chains[name].hook == chain.hook {
                tracked.flush_chain(name);
                for rule in &chain.rules {
                    tracked.push_rule(name, rule.clone());
                }
            }
        }
        chain_by_chain(tracked, table);
    }

    #[test]
    fn what_a_set_is_used_for_is_found_anew_once_an_edge_or_a_base_chain_comes_or_goes() {
        let set = Name::new("s").unwrap();
        for change in [chain_by_chain, rule_by_rule] {
            let mut tracked = Tracked::from(table(HOOKED, "", ADMIT));
            for (first, entries, rules, used) in STEPS {
                let table = table(first, entries, rules);
                for (name, set) in &table.sets {
                    tracked.put_set(name.clone(), set.clone());
                }
                change(&mut tracked, &table);
                for _ in 0..2 {
                    let found = Reached::of(&tracked).polarity(&set);
                    assert_eq!(found, used, "{first} {entries} {rules}");
                }
            }
        }
    }
}
