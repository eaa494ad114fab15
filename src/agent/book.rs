//! What each key of a store said last that made sense, and what that declares.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use smallvec::SmallVec;

use super::store::{Content, KeyChange};
use crate::codec::{Change, Keys, Problem, Severity};
use crate::model::{Event, Object, Readiness};

/// What each key of a store said last that made sense.
///
/// A value that does not parse changes nothing: the last good one of its key holds. What two documents
/// declare is what the first of them by key says.
#[derive(Debug)]
pub struct Book {
    keys: Keys,
    /// The last good value of each key.
    good: BTreeMap<Arc<str>, Arc<[u8]>>,
    /// What documents say that declare nothing but groups. Policy shares their rules, so that they take no
    /// room, and the document, which may be very long, need not be read to know what it said.
    groups: BTreeMap<Arc<str>, BTreeMap<Object, Event>>,
    /// What is wrong with the present value of each key.
    problems: BTreeMap<Arc<str>, Vec<Problem>>,
    /// The documents that declare an object, by key.
    declared: BTreeMap<Object, SmallVec<[Arc<str>; 1]>>,
    /// Those of them that more than one document declares.
    contested: BTreeSet<Object>,
    /// Good values of before a restart, for keys whose present value may be faulty.
    remembered: BTreeMap<String, Vec<u8>>,
    heard: Heard,
}

/// Whether a key was ever heard of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Nothing,
    Something,
}

impl Book {
    /// A book of keys of which nothing was said yet, with good values of before a restart.
    pub fn new(keys: Keys, remembered: BTreeMap<String, Vec<u8>>) -> Self {
        Self {
            keys,
            good: BTreeMap::new(),
            groups: BTreeMap::new(),
            problems: BTreeMap::new(),
            declared: BTreeMap::new(),
            contested: BTreeSet::new(),
            remembered,
            heard: Heard::Nothing,
        }
    }

    /// Takes a change in, and says what it changes.
    pub fn take(&mut self, change: KeyChange) -> Vec<Event> {
        let KeyChange { key, content } = change;
        let Some(document) = self.keys.document(&key) else {
            return Vec::new();
        };
        let document: Arc<str> = document.into();
        self.heard = Heard::Something;
        match content {
            Content::Value(value) => self.value(&key, &document, value),
            Content::Unreadable(why) => {
                self.faulty(&key, &document, Change::unreadable(&key, why).problems)
            }
            Content::Gone => {
                self.problems.remove(key.as_str());
                self.replace(&key, &document, None)
            }
        }
    }

    /// What the store says of an object.
    pub fn says(&self, object: &Object) -> Option<Event> {
        self.said_of(self.declared.get(object)?.first()?, object)
    }

    /// Everything that the store holds was said: good values of before serve no more.
    pub fn in_sync(&mut self) {
        self.remembered.clear();
    }

    /// What is wrong, by key.
    pub fn problems(&self) -> impl Iterator<Item = (&str, &[Problem])> {
        let problems = self.problems.iter();
        problems.map(|(key, problems)| (&**key, problems.as_slice()))
    }

    /// Whether an etcd says nothing at all, as none of Calico's does: it was begun anew, and what it
    /// lacks was not taken away by anybody.
    pub fn is_blank(&self) -> bool {
        match self.keys {
            Keys::Resources | Keys::Classic => self.heard == Heard::Nothing,
            Keys::Files => false,
        }
    }

    /// What more than one document declares: the documents by key, of which the first one counts.
    pub fn contested(&self) -> impl Iterator<Item = (&Object, impl Iterator<Item = &str>)> {
        let contested = self.contested.iter();
        contested.filter_map(|object| {
            let documents = self.declared.get(object)?;
            Some((object, documents.iter().map(|key| &**key)))
        })
    }

    /// The good values that hold in the place of faulty ones: what a restart would lose.
    pub fn held(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let faulty = self.problems.iter().filter(|(_, all)| has_errors(all));
        let held = faulty.filter_map(|(key, _)| Some((&**key, &**self.good.get(key)?)));
        let waiting = self.remembered.iter();
        held.chain(waiting.map(|(key, value)| (key.as_str(), value.as_slice())))
    }

    fn value(&mut self, key: &str, document: &Arc<str>, value: Vec<u8>) -> Vec<Event> {
        let said_before = self.good.get(key).is_some_and(|good| **good == *value);
        if said_before && !self.problems.contains_key(key) {
            return Vec::new();
        }
        let read = self.keys.read(&[(key, &value)]);
        if read.has_errors() {
            return self.faulty(key, document, read.problems);
        }
        self.remembered.remove(key);
        self.note(key, read.problems);
        if said_before {
            return Vec::new();
        }
        self.replace(key, document, Some((value, read.events)))
    }

    /// The last good value of a key holds, also one of before a restart.
    fn faulty(&mut self, key: &str, document: &Arc<str>, problems: Vec<Problem>) -> Vec<Event> {
        self.note(key, problems);
        let Some(value) = self.remembered.remove(key) else {
            return Vec::new();
        };
        let read = self.keys.read(&[(key, &value)]);
        if read.has_errors() || self.good.contains_key(key) {
            return Vec::new();
        }
        self.replace(key, document, Some((value, read.events)))
    }

    fn note(&mut self, key: &str, problems: Vec<Problem>) {
        match problems.is_empty() {
            true => drop(self.problems.remove(key)),
            false => drop(self.problems.insert(key.into(), problems)),
        }
    }

    /// Puts a good value in the place of another, and says what that changes.
    fn replace(
        &mut self,
        key: &str,
        document: &Arc<str>,
        new: Option<(Vec<u8>, Vec<Event>)>,
    ) -> Vec<Event> {
        let before = self.groups.remove(document);
        let before = before.unwrap_or_else(|| self.said(document));
        let alone = **document == *key;
        let read = match new {
            Some((value, events)) => {
                let key = if alone { document.clone() } else { key.into() };
                self.good.insert(key, value.into());
                alone.then_some(events)
            }
            None => {
                self.good.remove(key);
                None
            }
        };
        let after = read.map_or_else(|| self.said(document), by_object);
        let after: BTreeMap<_, _> = after
            .into_iter()
            .map(|said| sharing(said, &before))
            .collect();
        let is_group = |event: &Event| matches!(event, Event::Group(_));
        if !after.is_empty() && after.values().all(is_group) {
            self.groups.insert(document.clone(), after.clone());
        }
        self.changed(document, before, after)
    }

    /// What a document declares an object to be.
    fn said_of(&self, document: &Arc<str>, object: &Object) -> Option<Event> {
        match self.groups.get(document) {
            Some(groups) => groups.get(object).cloned(),
            None => self.said(document).remove(object),
        }
    }

    /// What a document declares by its good values, which are read for it.
    fn said(&self, document: &Arc<str>) -> BTreeMap<Object, Event> {
        let is_part = |key: &str| match document.ends_with('/') {
            true => key.starts_with(&**document),
            false => *key == **document,
        };
        let from = self.good.range(document.clone()..);
        let parts = from.take_while(|(key, _)| is_part(key));
        let parts: Vec<_> = parts.map(|(key, value)| (&**key, &**value)).collect();
        match parts.is_empty() {
            true => BTreeMap::new(),
            false => by_object(self.keys.read(&parts).events),
        }
    }

    /// What a change of what one document declares is, beside what others declare.
    fn changed(
        &mut self,
        document: &Arc<str>,
        mut before: BTreeMap<Object, Event>,
        after: BTreeMap<Object, Event>,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        for (object, event) in after {
            let old = before.remove(&object);
            let documents = self.declared.entry(object.clone()).or_default();
            if let Err(place) = documents.binary_search(document) {
                documents.insert(place, document.clone());
            }
            if documents.len() > 1 {
                self.contested.insert(object);
            }
            let counts = documents.first() == Some(document);
            if counts && !old.is_some_and(|old| is_told(&old, &event)) {
                events.push(event);
            }
        }
        let withdrawn = before.into_iter();
        let gone = withdrawn.filter_map(|(object, event)| self.withdrawn(document, object, event));
        let mut all: Vec<_> = gone.collect();
        all.extend(events);
        all
    }

    /// What follows where a document no longer declares an object: another one may.
    fn withdrawn(&mut self, document: &Arc<str>, object: Object, event: Event) -> Option<Event> {
        let documents = self.declared.get_mut(&object)?;
        let counted = documents.first() == Some(document);
        documents.retain(|other| other != document);
        let next = documents.first().cloned();
        if documents.len() < 2 {
            self.contested.remove(&object);
        }
        if next.is_none() {
            self.declared.remove(&object);
        }
        if !counted {
            return None;
        }
        let unsaid = || {
            // Whoever takes the word of the store away that it is fit to be read may begin it anew.
            if (self.keys, &object) == (Keys::Resources, &Object::Readiness) {
                return Event::Readiness(Readiness::NotReady);
            }
            let mut unsaid = self.keys.unsaid().into_iter();
            let other = unsaid.find(|other| other.object() == object);
            other.unwrap_or_else(|| event.undone())
        };
        Some(match next {
            Some(next) => self.said_of(&next, &object).unwrap_or_else(unsaid),
            None => unsaid(),
        })
    }
}

/// What events declare, by what they are about.
fn by_object(events: Vec<Event>) -> BTreeMap<Object, Event> {
    let declaring = events.into_iter().filter(Event::declares);
    declaring.map(|event| (event.object(), event)).collect()
}

/// What is declared, its rules those of before as far as they are the same.
fn sharing((object, event): (Object, Event), before: &BTreeMap<Object, Event>) -> (Object, Event) {
    let event = match (event, before.get(&object)) {
        (Event::Group(group), Some(Event::Group(old))) => Event::Group(group.sharing(old)),
        (event, _) => event,
    };
    (object, event)
}

/// Whether who was told of the old knows all of the new. The lines of a group's rules are part of it, since
/// explanations name them and what is known shares its rules with this book.
fn is_told(old: &Event, new: &Event) -> bool {
    match (old, new) {
        (Event::Group(old), Event::Group(new)) => old.is_twin(new),
        (old, new) => old == new,
    }
}

fn has_errors(problems: &[Problem]) -> bool {
    let mut problems = problems.iter();
    problems.any(|problem| problem.severity == Severity::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups(names: &[&str]) -> String {
        let rule = "rules:\n  ingress:\n    - allow IPv4 tcp 80 from 0.0.0.0/0\n";
        let documents = names.iter().map(|name| {
            format!("---\napiVersion: margay/v1\nkind: SecurityGroup\nname: {name}\n{rule}")
        });
        documents.collect()
    }

    #[test]
    fn what_a_document_says_of_each_of_its_groups_is_known_without_reading_it() {
        let mut book = Book::new(Keys::Files, BTreeMap::new());
        let events = book.take(KeyChange::value("p/b.yaml", groups(&["web", "db"])));
        assert_eq!(events.len(), 2);
        book.take(KeyChange::value("p/a.yaml", groups(&["db"])));
        book.good.clear();
        for event in events {
            let object = event.object();
            assert_eq!(book.says(&object), Some(event));
        }
        // What the first document no longer says the second does.
        let gone = book.take(KeyChange::gone("p/a.yaml"));
        assert!(matches!(&gone[..], [Event::Group(_)]), "{gone:?}");
    }
}
