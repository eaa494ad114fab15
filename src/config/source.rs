//! What one source says: names and texts.

use std::collections::BTreeMap;

use super::origin::Origin;

/// What the variables of the environment begin with, in any case.
const PREFIX: &str = "felix_";

/// What one source says, by name in lower case.
#[derive(Debug, Clone, Default)]
pub(super) struct Source {
    entries: BTreeMap<String, Entry>,
    /// What it says twice.
    pub(super) warnings: Vec<String>,
}

/// A name and a text.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The name as it was written.
    pub(super) name: Box<str>,
    /// The value as it was written.
    pub(super) text: Box<str>,
    /// Where.
    pub(super) origin: Origin,
}

impl Source {
    /// The variables of an environment that are meant for us.
    pub(super) fn of_environment(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        // Sorted, so that of names that differ in case alone it is always the same one that holds.
        let variables: BTreeMap<_, _> = variables.into_iter().collect();
        let mut source = Self::default();
        for (variable, text) in variables {
            let prefix = variable.get(..PREFIX.len());
            if prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(PREFIX)) {
                let name = variable.get(PREFIX.len()..).unwrap_or_default();
                source.put(Entry {
                    name: name.into(),
                    text: text.trim().into(),
                    origin: Origin::Environment(variable.as_str().into()),
                });
            }
        }
        source
    }

    /// Takes in an entry, in the place of one of the same name.
    pub(super) fn put(&mut self, entry: Entry) {
        let (name, origin) = (entry.name.clone(), entry.origin.clone());
        if let Some(old) = self.entries.insert(name.to_ascii_lowercase(), entry) {
            self.warnings.push(format!(
                "{} in {} is ignored: {name} in {origin} says so too",
                old.name, old.origin
            ));
        }
    }

    /// All entries, by name.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.values()
    }
}
