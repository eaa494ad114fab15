//! The part of a table that a step touches, as it stands before the step or after it. Who puts the one in the place of
//! the other takes the step or takes it back, for what the step costs and not for what the table holds.
//!
//! As text it is the names of what is not there, and two tables: with keys that are not there, and with what is.

use std::collections::BTreeSet;

use crate::ruleset::transaction::{Operation, Step};
use crate::ruleset::{Elements, Key, Kind, Name, Ruleset, Set, Table, TableKey, Tracked, parse};

/// How the line begins that names an object that is not there.
const WITHOUT: &str = "# without ";

/// The line between the two tables.
const BETWEEN: &str = "# with";

/// Some objects of a table, each as it is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Part {
    /// Those that are not there, and sets that are not there with other elements.
    without: BTreeSet<(Kind, Name)>,
    /// Sets, each with keys that are not in it.
    absent: Table,
    /// What is there, of sets perhaps some elements alone.
    present: Table,
}

impl Part {
    /// What a step touches, as it is in a table; `None` where that is all of it.
    pub(super) fn of(step: &Step, table: &Table) -> Option<Self> {
        let mut part = Self::default();
        for operation in &step.operations {
            match operation {
                Operation::AddTable => {}
                Operation::DeleteTable => return None,
                Operation::AddCounter(name, _) | Operation::DeleteCounter(name) => {
                    part.object(Kind::Counter, name, table);
                }
                Operation::AddLimit(name, _) | Operation::DeleteLimit(name) => {
                    part.object(Kind::Limit, name, table);
                }
                Operation::AddSet(name, _) | Operation::DeleteSet(name) => {
                    part.object(Kind::Set, name, table);
                }
                Operation::AddChain(name, _)
                | Operation::FlushChain(name)
                | Operation::DeleteChain(name)
                | Operation::AddRule(name, _) => part.object(Kind::Chain, name, table),
                Operation::AddElements(name, elements) => part.keys(name, elements.keys(), table),
                Operation::DeleteElements(name, keys) => part.keys(name, keys.iter(), table),
            }
        }
        Some(part)
    }

    /// All of an object.
    fn object(&mut self, kind: Kind, name: &Name, table: &Table) {
        let is_new = self.without.insert((kind, name.clone()));
        let own = name.clone();
        match kind {
            Kind::Set if is_new => {
                self.absent.sets.remove(name);
                self.present.sets.remove(name);
                let set = table.sets.get(name).cloned();
                self.present.sets.extend(set.map(|set| (own, set)));
            }
            Kind::Chain if is_new => {
                let chain = table.chains.get(name).cloned();
                self.present.chains.extend(chain.map(|chain| (own, chain)));
            }
            Kind::Counter => {
                let counter = table.counters.get(name).cloned();
                self.present
                    .counters
                    .extend(counter.map(|comment| (own, comment)));
            }
            Kind::Limit => {
                let limit = table.limits.get(name).copied();
                self.present.limits.extend(limit.map(|limit| (own, limit)));
            }
            Kind::Set | Kind::Chain => {}
        }
    }

    /// Some keys of a set.
    fn keys<'k>(&mut self, name: &Name, keys: impl Iterator<Item = &'k Key>, table: &Table) {
        let Some(set) = table.sets.get(name) else {
            return self.object(Kind::Set, name, table);
        };
        if self.without.contains(&(Kind::Set, name.clone())) {
            return;
        }
        let absent = self.absent.sets.entry(name.clone());
        let absent = absent.or_insert_with(|| Set {
            data: None,
            ..declared(set)
        });
        let present = self.present.sets.entry(name.clone());
        let present = present.or_insert_with(|| declared(set));
        for key in keys {
            match set.elements.get(key) {
                Some(element) => _ = present.elements.insert(key.clone(), element.clone()),
                None => absent.insert(key.clone()),
            }
        }
    }

    /// Makes a table the same in this part.
    pub(super) fn put(self, table: &mut Tracked) {
        for (kind, name) in &self.without {
            match kind {
                Kind::Set => table.remove_set(name),
                Kind::Chain => table.remove_chain(name),
                Kind::Counter => table.remove_counter(name),
                Kind::Limit => table.remove_limit(name),
            }
        }
        for (name, set) in self.absent.sets {
            let keys = set.elements.keys();
            keys.for_each(|key| table.remove_element(&name, key));
        }
        let Table {
            counters,
            limits,
            sets,
            chains,
        } = self.present;
        for (name, comment) in counters {
            table.put_counter(name, comment);
        }
        for (name, limit) in limits {
            table.put_limit(name, limit);
        }
        for (name, set) in sets {
            match table.table().sets.contains_key(&name) {
                true => table.insert_elements(&name, set.elements),
                false => table.put_set(name, set),
            }
        }
        for (name, chain) in chains {
            table.put_chain(name, chain);
        }
    }

    /// The text that is read again.
    pub(super) fn text(&self, key: &TableKey) -> String {
        let without = self.without.iter();
        let without = without.map(|(kind, name)| format!("{WITHOUT}{} {name}\n", word(*kind)));
        let table = |table: &Table| ruleset(key, table.clone()).to_string();
        format!(
            "{}{}{BETWEEN}\n{}",
            without.collect::<String>(),
            table(&self.absent),
            table(&self.present)
        )
    }

    /// What was written down, if it can be read.
    pub(super) fn read(text: &str, key: &TableKey) -> Option<Self> {
        let (absent, present) = text.split_once(&format!("\n{BETWEEN}\n"))?;
        let table = |text: &str| parse("step", text).ok()?.tables.remove(key);
        let without = absent.lines().filter_map(|line| line.strip_prefix(WITHOUT));
        let without = without.map(|line| {
            let (kind, name) = line.split_once(' ')?;
            let kind = Kind::ALL.into_iter().find(|known| word(*known) == kind)?;
            Some((kind, Name::new(name).ok()?))
        });
        Some(Self {
            without: without.collect::<Option<_>>()?,
            absent: table(absent)?,
            present: table(present)?,
        })
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Set => "set",
        Kind::Chain => "chain",
        Kind::Counter => "counter",
        Kind::Limit => "limit",
    }
}

/// A set as it is declared, with no element.
fn declared(set: &Set) -> Set {
    Set {
        key: set.key.clone(),
        data: set.data.clone(),
        flags: set.flags,
        size: set.size,
        timeout: set.timeout,
        counted: set.counted,
        comment: set.comment.clone(),
        elements: Elements::new(),
    }
}

fn ruleset(key: &TableKey, table: Table) -> Ruleset {
    Ruleset {
        tables: [(key.clone(), table)].into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::diff::diff;
    use crate::ruleset::fixture::key;
    use crate::ruleset::transaction::{Commit, Phase, Wait};

    const BEFORE: &str = "table inet margay {
        counter seen { }
        limit slow { rate 10/second }
        set group { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.2 } }
        set old { type ipv4_addr . inet_service; flags interval; elements = { 10.0.0.0/24 . 80-90 } }
        map from { type ifname : verdict; elements = { \"tap1\" : goto one, \"tap2\" : goto two } }
        chain forward { type filter hook forward priority filter; policy drop;
            counter name \"seen\" ip saddr @group accept
            iifname vmap @from
        }
        chain one { ip saddr . tcp dport @old accept }
        chain two { limit name \"slow\" accept }
    }";

    const AFTER: &str = "table inet margay {
        counter met { comment \"packets\" }
        set group { type ipv4_addr; elements = { 10.0.0.1, 10.0.0.3 } }
        set new { type ipv4_addr; elements = { 10.0.0.1 } }
        map from { type ifname : verdict; elements = { \"tap1\" : goto three, \"tap3\" : goto three } }
        chain forward { type filter hook forward priority filter; policy drop;
            counter name \"met\" ip saddr @group accept
            iifname vmap @from
        }
        chain three { ip saddr @new drop }
    }";

    pub(crate) fn table(text: &str) -> Tracked {
        let mut tables = parse("test", text).unwrap().tables;
        Tracked::from(tables.pop_first().unwrap().1)
    }

    pub(crate) fn only(step: &Step) -> Commit {
        Commit {
            table: key("margay"),
            steps: vec![step.clone()],
        }
    }

    #[test]
    fn a_part_put_in_the_place_of_another_takes_a_step_and_takes_it_back() {
        for [from, to] in [[BEFORE, AFTER], [AFTER, BEFORE]] {
            let mut held = table(from);
            let commit = diff(Some(&held), &table(to), &key("margay"));
            assert!(commit.steps.len() > 2, "{commit:?}");
            for step in &commit.steps {
                let was = held.table().clone();
                let before = Part::of(step, &was).unwrap();
                held.apply(&only(step));
                let is = held.table().clone();
                let after = Part::of(step, &is).unwrap();
                for (part, whole) in [(before, was), (after, is)] {
                    let written = part.text(&key("margay"));
                    assert_eq!(
                        Part::read(&written, &key("margay")).as_ref(),
                        Some(&part),
                        "{written}"
                    );
                    part.put(&mut held);
                    assert_eq!(*held.table(), whole, "{step:?}");
                }
            }
        }
    }

    #[test]
    fn all_of_a_table_is_no_part() {
        let step = Step {
            phase: Phase::Collect,
            wait: Wait::None,
            operations: vec![Operation::DeleteTable],
        };
        assert_eq!(Part::of(&step, table(BEFORE).table()), None);
    }

    #[test]
    fn one_element_more_of_many_is_a_few_words() {
        let hosts = (1..=250).map(|host| format!("10.9.0.{host}"));
        let text = |hosts: Vec<String>| {
            let hosts = hosts.join(", ");
            format!(
                "table inet margay {{ set group {{ type ipv4_addr; elements = {{ {hosts} }} }} }}"
            )
        };
        let before = table(&text(hosts.clone().collect()));
        let after = table(&text(hosts.chain(["10.9.1.1".to_owned()]).collect()));
        let commit = diff(Some(&before), &after, &key("margay"));
        let part = Part::of(&commit.steps[0], after.table()).unwrap();
        let written = part.text(&key("margay"));
        assert!(written.len() < 400, "{written}");
        assert!(written.contains("10.9.1.1"), "{written}");
    }
}
