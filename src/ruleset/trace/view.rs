//! What a packet sees of the ruleset at each of its reads, also while a transaction commits.

use super::shortcuts::Shortcuts;
use crate::ruleset::{
    Bytes, Chain, Datatype, Element, Key, Name, Ruleset, Set, SetFlags, Table, TableKey,
};

/// Where in a packet's way a transaction falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instant {
    /// Reads before this one see the old ruleset, this one and later ones the new.
    pub cut: usize,
    /// When the new content of interval sets shows.
    pub intervals: Intervals,
}

/// When new content of interval sets shows (rbtree and pipapo publish later than rules do).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intervals {
    /// Together with everything else.
    Prompt,
    /// Not before the packet has left.
    Late,
}

/// The generation that one read sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Generation {
    /// Before the transaction.
    Old,
    /// After it.
    New,
}

/// The tables of a ruleset, or one alone.
#[derive(Debug, Clone)]
pub(super) struct Tables<'a>(Vec<(&'a TableKey, &'a Table)>);

impl<'a> Tables<'a> {
    pub(super) fn of(ruleset: &'a Ruleset) -> Self {
        Self(ruleset.tables.iter().collect())
    }

    pub(super) fn one(key: &'a TableKey, table: &'a Table) -> Self {
        Self(vec![(key, table)])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'a TableKey, &'a Table)> {
        self.0.iter().copied()
    }

    fn get(&self, key: &TableKey) -> Option<&'a Table> {
        let mut tables = self.iter();
        tables.find(|(own, _)| *own == key).map(|(_, table)| table)
    }
}

/// Two rulesets and the instant between them.
#[derive(Debug)]
pub(super) struct View<'a> {
    old: Tables<'a>,
    new: Tables<'a>,
    instant: Instant,
    reads: usize,
    shortcuts: Option<&'a Shortcuts>,
}

impl<'a> View<'a> {
    pub(super) fn new(old: Tables<'a>, new: Tables<'a>, instant: Instant) -> Self {
        Self {
            old,
            new,
            instant,
            reads: 0,
            shortcuts: None,
        }
    }

    /// The same, where one table is walked through many times.
    pub(super) fn with(self, shortcuts: &'a Shortcuts) -> Self {
        Self {
            shortcuts: Some(shortcuts),
            ..self
        }
    }

    /// What was worked out before.
    pub(super) fn shortcuts(&self) -> Option<&'a Shortcuts> {
        self.shortcuts
    }

    /// How many reads there were.
    pub(super) fn reads(&self) -> usize {
        self.reads
    }

    /// The generation that the next read sees.
    pub(super) fn read(&mut self) -> Generation {
        let before = self.reads < self.instant.cut;
        self.reads += 1;
        if before {
            Generation::Old
        } else {
            Generation::New
        }
    }

    /// Both rulesets, for the list of base chains.
    pub(super) fn rulesets(&self) -> [&Tables<'a>; 2] {
        [&self.old, &self.new]
    }

    /// A table in one generation.
    pub(super) fn table(&self, generation: Generation, key: &TableKey) -> Option<&'a Table> {
        match generation {
            Generation::Old => self.old.get(key),
            Generation::New => self.new.get(key),
        }
    }

    /// A chain in one generation; one that does not exist in it has no rules.
    pub(super) fn chain(
        &self,
        generation: Generation,
        table: &TableKey,
        name: &Name,
    ) -> Option<&'a Chain> {
        self.table(generation, table)?.chains.get(name)
    }

    /// Looks a key up in a named set; one read.
    ///
    /// A deleted set answers rules that still name it as it always did, because deleting a set does
    /// not deactivate its elements; deleting a map does.
    pub(super) fn look_up(
        &mut self,
        table: &TableKey,
        name: &Name,
        value: &Bytes,
    ) -> Option<(&'a Key, &'a Element)> {
        let generation = self.read();
        let [old, new] = [Generation::Old, Generation::New]
            .map(|g| self.table(g, table).and_then(|table| table.sets.get(name)));
        let seen = match generation {
            Generation::Old => old,
            Generation::New => match new {
                Some(set) if self.is_late(set.flags) => old,
                Some(set) => Some(set),
                None => old.filter(|set| set.data.is_none()),
            },
        };
        let seen = seen?;
        match self
            .shortcuts
            .map(|shortcuts| shortcuts.find(name, seen, value))
        {
            Some(Ok(found)) => found,
            Some(Err(_)) | None => find(seen, value),
        }
    }

    /// Whether the anonymous objects of a chain's rules are still empty for this packet: intervals and
    /// verdict maps that came with a rewritten chain.
    pub(super) fn hides_anonymous(
        &self,
        generation: Generation,
        table: &TableKey,
        chain: &Name,
    ) -> bool {
        let late = match self.instant.intervals {
            Intervals::Prompt => false,
            Intervals::Late => true,
        };
        let rules = |g| self.chain(g, table, chain).map(|chain| &chain.rules);
        late && generation == Generation::New && rules(Generation::Old) != rules(Generation::New)
    }

    fn is_late(&self, flags: SetFlags) -> bool {
        match self.instant.intervals {
            Intervals::Prompt => false,
            Intervals::Late => flags.contains(SetFlags::INTERVAL),
        }
    }
}

/// The element that covers a value.
fn find<'a>(set: &'a Set, value: &Bytes) -> Option<(&'a Key, &'a Element)> {
    let exact = Key {
        start: value.clone(),
        end: None,
    };
    if !set.flags.contains(SetFlags::INTERVAL) {
        return set.elements.get_key_value(&exact);
    }
    match set.key.as_slice() {
        [single] if !single.is_host_order() => {
            // Elements are disjoint: only the last that begins at or before the value can cover it.
            let end = Some(Bytes::from_elem(u8::MAX, value.len() + 1));
            let last = Key {
                start: value.clone(),
                end,
            };
            let (key, element) = set.elements.range(..=last).next_back()?;
            (key.last() >= value).then_some((key, element))
        }
        types => set
            .elements
            .iter()
            .take_while(|(key, _)| types.iter().any(|t| t.is_host_order()) || key.start <= *value)
            .find(|(key, _)| covers(key, types, value)),
    }
}

/// Whether a key covers a value; ranges of types in host order compare as numbers.
pub(in crate::ruleset) fn covers(key: &Key, types: &[Datatype], value: &Bytes) -> bool {
    if key.end.is_none() {
        return key.start == *value;
    }
    if !types.iter().any(|t| t.is_host_order()) {
        return key.contains(types, value);
    }
    let probe = Key::value(value);
    key.fields(types)
        .zip(probe.fields(types))
        .all(|((datatype, first, last), (_, value, _))| {
            let number = |bytes: &[u8]| in_network_order(datatype, bytes);
            number(first) <= number(value) && number(value) <= number(last)
        })
}

/// The bytes with the most significant first.
fn in_network_order(datatype: Datatype, bytes: &[u8]) -> Bytes {
    let mut bytes = Bytes::from_slice(bytes);
    if datatype.is_host_order() && cfg!(target_endian = "little") {
        bytes.reverse();
    }
    bytes
}
