//! What a command's tables should hold, as text by name, and what differs between two of them.

use std::collections::{BTreeMap, BTreeSet};

/// Everything that one peer programs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) sets: BTreeMap<Place, Set>,
    pub(super) chains: BTreeMap<Place, Chain>,
}

/// A table and a name in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The table as its command names it: `ip calico`.
    pub(super) table: String,
    pub(super) name: String,
}

/// A set or a map.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Set {
    /// What the command says to declare it, after its name.
    pub(super) declaration: String,
    pub(super) kind: SetKind,
    /// Keys, with what a map has for each.
    pub(super) elements: BTreeMap<String, String>,
}

/// Whether keys have values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SetKind {
    Set,
    Map,
}

/// A chain.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chain {
    /// Where packets come in, as its command says it; none where rules lead here.
    pub(super) hook: Option<String>,
    pub(super) lines: Vec<String>,
}

/// What must happen to make one program of another. In each list the order is that of names.
#[derive(Debug, Default)]
pub(super) struct Delta<'p> {
    /// Tables that come, and that go with everything in them.
    pub(super) new_tables: BTreeSet<&'p str>,
    pub(super) gone_tables: BTreeSet<&'p str>,
    /// Sets that come. What is in them is in `elements`.
    pub(super) new_sets: Vec<(&'p Place, &'p Set)>,
    pub(super) gone_sets: Vec<(&'p Place, &'p Set)>,
    pub(super) elements: Vec<Elements<'p>>,
    /// Chains that come.
    pub(super) new_chains: Vec<(&'p Place, &'p Chain)>,
    /// Chains that stay and get other rules.
    pub(super) rewritten: Vec<(&'p Place, &'p Chain)>,
    pub(super) gone_chains: Vec<(&'p Place, &'p Chain)>,
}

/// What changes in one set.
#[derive(Debug, Clone)]
pub(super) struct Elements<'p> {
    pub(super) place: &'p Place,
    pub(super) kind: SetKind,
    pub(super) gone: Vec<&'p str>,
    pub(super) new: Vec<(&'p str, &'p str)>,
}

impl Program {
    /// How to get from here to there.
    pub(super) fn to<'p>(&'p self, after: &'p Self) -> Delta<'p> {
        let [old, new] = [self.tables(), after.tables()];
        let mut delta = Delta {
            new_tables: new.difference(&old).copied().collect(),
            gone_tables: old.difference(&new).copied().collect(),
            ..Delta::default()
        };
        delta.sets(self, after);
        delta.chains(self, after);
        delta
    }

    /// Any element of a set, always the same.
    pub(super) fn first_element(&self) -> Option<(&Place, &str)> {
        let sets = self.sets.iter().filter(|(_, set)| set.kind == SetKind::Set);
        let mut keys = sets.filter_map(|(place, set)| Some((place, set.elements.keys().next()?)));
        keys.next().map(|(place, key)| (place, key.as_str()))
    }

    fn tables(&self) -> BTreeSet<&str> {
        let places = self.sets.keys().chain(self.chains.keys());
        places.map(|place| place.table.as_str()).collect()
    }

    /// How much there is.
    pub(super) fn inventory(&self) -> Inventory {
        let lines = self.chains.values().map(|chain| chain.lines.len());
        Inventory {
            rules: lines.sum(),
            sets: self.sets.len(),
            elements: self.sets.values().map(|set| set.elements.len()).sum(),
        }
    }
}

/// How much there is of each kind of object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Inventory {
    pub(super) rules: usize,
    pub(super) sets: usize,
    pub(super) elements: usize,
}

impl<'p> Delta<'p> {
    fn sets(&mut self, before: &'p Program, after: &'p Program) {
        let is_gone = |(place, _): &(&Place, &Set)| !after.sets.contains_key(place);
        self.gone_sets = before.sets.iter().filter(is_gone).collect();
        for (place, set) in &after.sets {
            let old = before.sets.get(place);
            if old.is_none() {
                self.new_sets.push((place, set));
            }
            let elements = Elements::between(place, old, set);
            if !(elements.gone.is_empty() && elements.new.is_empty()) {
                self.elements.push(elements);
            }
        }
    }

    fn chains(&mut self, before: &'p Program, after: &'p Program) {
        let is_gone = |(place, _): &(&Place, &Chain)| !after.chains.contains_key(place);
        self.gone_chains = before.chains.iter().filter(is_gone).collect();
        for (place, chain) in &after.chains {
            match before.chains.get(place) {
                None => self.new_chains.push((place, chain)),
                Some(old) if old != chain => self.rewritten.push((place, chain)),
                Some(_) => {}
            }
        }
    }

    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.new_sets.is_empty()
            && self.gone_sets.is_empty()
            && self.elements.is_empty()
            && self.new_chains.is_empty()
            && self.rewritten.is_empty()
            && self.gone_chains.is_empty()
    }

    /// What of it is in one table.
    pub(super) fn within(&self, table: &str) -> Delta<'_> {
        let is_here = |place: &Place| place.table == table;
        let sets = |all: &[(&'p Place, &'p Set)]| {
            let here = all.iter().filter(|(place, _)| is_here(place));
            here.copied().collect()
        };
        let chains = |all: &[(&'p Place, &'p Chain)]| {
            let here = all.iter().filter(|(place, _)| is_here(place));
            here.copied().collect()
        };
        let tables = |all: &BTreeSet<&'p str>| all.get(table).copied().into_iter().collect();
        let elements = self.elements.iter().filter(|one| is_here(one.place));
        Delta {
            new_tables: tables(&self.new_tables),
            gone_tables: tables(&self.gone_tables),
            new_sets: sets(&self.new_sets),
            gone_sets: sets(&self.gone_sets),
            elements: elements.cloned().collect(),
            new_chains: chains(&self.new_chains),
            rewritten: chains(&self.rewritten),
            gone_chains: chains(&self.gone_chains),
        }
    }

    /// The tables that it is about.
    pub(super) fn tables(&self) -> BTreeSet<&'p str> {
        let sets = self.new_sets.iter().chain(&self.gone_sets);
        let chains = [&self.new_chains, &self.rewritten, &self.gone_chains];
        sets.map(|(place, _)| *place)
            .chain(self.elements.iter().map(|elements| elements.place))
            .chain(chains.into_iter().flatten().map(|(place, _)| *place))
            .map(|place| place.table.as_str())
            .collect()
    }
}

impl<'p> Elements<'p> {
    /// An element whose value changes goes and comes.
    fn between(place: &'p Place, before: Option<&'p Set>, after: &'p Set) -> Self {
        let old = before.map(|set| &set.elements);
        let kept = |key: &str, value: &String| old.is_some_and(|old| old.get(key) == Some(value));
        let still = |key: &str, value: &String| after.elements.get(key) == Some(value);
        let gone = old.into_iter().flatten();
        let new = after.elements.iter();
        Self {
            place,
            kind: after.kind,
            gone: gone
                .filter(|(key, value)| !still(key, value))
                .map(|(key, _)| key.as_str())
                .collect(),
            new: new
                .filter(|(key, value)| !kept(key, value))
                .map(|(key, value)| (key.as_str(), value.as_str()))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(name: &str) -> Place {
        Place {
            table: "ip t".to_owned(),
            name: name.to_owned(),
        }
    }

    fn program(chains: &[(&str, &str)], elements: &[(&str, &str)]) -> Program {
        let chain = |(name, line): &(&str, &str)| {
            let lines = vec![(*line).to_owned()];
            (place(name), Chain { hook: None, lines })
        };
        let elements = elements.iter();
        let set = Set {
            declaration: "type ifname : verdict".to_owned(),
            kind: SetKind::Map,
            elements: elements
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect(),
        };
        Program {
            sets: [(place("m"), set)].into(),
            chains: chains.iter().map(chain).collect(),
        }
    }

    #[test]
    fn what_differs_is_said_once_and_nothing_else_is() {
        let before = program(
            &[("same", "a"), ("other", "a"), ("gone", "a")],
            &[("x", "1"), ("y", "1")],
        );
        let after = program(
            &[("same", "a"), ("other", "b"), ("new", "a")],
            &[("x", "2"), ("y", "1"), ("z", "1")],
        );
        let delta = before.to(&after);
        let names = |chains: &[(&Place, &Chain)]| -> Vec<String> {
            chains.iter().map(|(place, _)| place.name.clone()).collect()
        };
        assert_eq!(names(&delta.new_chains), ["new"]);
        assert_eq!(names(&delta.rewritten), ["other"]);
        assert_eq!(names(&delta.gone_chains), ["gone"]);
        assert_eq!(delta.elements[0].gone, ["x"]);
        assert_eq!(delta.elements[0].new, [("x", "2"), ("z", "1")]);
        assert!(before.to(&before).is_empty());
        assert!(delta.new_tables.is_empty() && delta.gone_tables.is_empty());
        let nothing = Program::default();
        assert_eq!(before.to(&nothing).gone_tables, BTreeSet::from(["ip t"]));
    }
}
