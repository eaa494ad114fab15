//! The static part of the table: read from templates, checked against the slots that the compiler fills.

mod slot;

use std::collections::BTreeMap;
use std::fmt;

pub use slot::*;

use crate::ruleset::parse::{Declaration, Position, parse_into};
use crate::ruleset::{Name, ParseError, Ruleset, Table, TableFamily, TableKey};

/// The templates that are built in, in the order in which they are read.
pub const BUILTIN: [(&str, &str); 3] = [
    (SLOTS_FILE, include_str!("../../../nft-templates/slots.nft")),
    (
        "source.nft",
        include_str!("../../../nft-templates/source.nft"),
    ),
    (
        "filter.nft",
        include_str!("../../../nft-templates/filter.nft"),
    ),
];

/// The file that declares the slots.
const SLOTS_FILE: &str = "slots.nft";

/// A table in which every slot is declared as the compiler fills it.
///
/// Made once, at the start of the program, and lent to every `compile`, which then cannot fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skeleton(Table);

impl Skeleton {
    /// The skeleton of the built-in templates.
    ///
    /// # Errors
    /// None that the tests of this file let pass.
    pub fn builtin() -> Result<Self, SkeletonError> {
        Self::parse(&BUILTIN)
    }

    /// The skeleton of these files, each a name and its text, read in order.
    ///
    /// # Errors
    /// A text outside our subset of nft, another table, a name that is the compiler's, or a slot that
    /// is not declared or declared otherwise.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, SkeletonError> {
        let mut ruleset = Ruleset::default();
        let mut declared = Declared::default();
        for (file, text) in files {
            let declarations = parse_into(file, text, &mut ruleset)?;
            declared.add(file, declarations)?;
        }
        let table = ruleset.tables.remove(&table_key()).unwrap_or_default();
        for slot in &SLOTS {
            check(slot, &table, &declared, files)?;
        }
        Ok(Self(table))
    }

    /// The table, with empty slots.
    pub fn table(&self) -> &Table {
        &self.0
    }
}

/// The table that is ours: `inet margay`.
pub fn table_key() -> TableKey {
    TableKey {
        family: TableFamily::Inet,
        name: Name::from_parts("margay"),
    }
}

/// Why templates are no skeleton.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SkeletonError {
    /// The text is not in our subset of nft.
    #[error(transparent)]
    Text(#[from] ParseError),
    /// The skeleton is one table.
    #[error("{place}: found table {found}, expected table inet margay")]
    ForeignTable {
        /// Where the table stands.
        place: Place,
        /// The table.
        found: TableKey,
    },
    /// Names with `/` belong to what the compiler makes.
    #[error("{place}: found the name {found}, expected a name without `/`")]
    ReservedName {
        /// Where the name stands.
        place: Place,
        /// The name.
        found: Name,
    },
    /// A slot is not declared.
    #[error("{place}: slot {slot} is missing, expected {expected}")]
    MissingSlot {
        /// The end of the file that should declare it.
        place: Place,
        /// The name of the slot.
        slot: &'static str,
        /// The declaration.
        expected: String,
    },
    /// A slot is declared with another kind or type.
    #[error("{place}: slot {slot} is declared as {found}, expected {expected}")]
    RetypedSlot {
        /// Where it is declared.
        place: Place,
        /// The name of the slot.
        slot: &'static str,
        /// The declaration that is there.
        found: String,
        /// The declaration that the compiler fills.
        expected: String,
    },
}

/// A place in a template, as `file:line:column`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The name of the file.
    pub file: String,
    /// The line and column, from 1.
    pub position: Position,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}",
            self.file, self.position.line, self.position.column
        )
    }
}

/// The first declaration of each name.
#[derive(Default)]
struct Declared(BTreeMap<Name, Place>);

impl Declared {
    fn add(&mut self, file: &str, declarations: Vec<Declaration>) -> Result<(), SkeletonError> {
        for Declaration {
            table,
            name,
            position,
        } in declarations
        {
            let place = Place {
                file: file.to_owned(),
                position,
            };
            if table != table_key() {
                return Err(SkeletonError::ForeignTable {
                    place,
                    found: table,
                });
            }
            let Some(name) = name else { continue };
            if name.as_str().contains('/') {
                return Err(SkeletonError::ReservedName { place, found: name });
            }
            self.0.entry(name).or_insert(place);
        }
        Ok(())
    }
}

fn check(
    slot: &Slot,
    table: &Table,
    declared: &Declared,
    files: &[(&str, &str)],
) -> Result<(), SkeletonError> {
    let expected = slot.to_string();
    let Some(found) = slot.declaration(table) else {
        let place = end_of_slots(files);
        return Err(SkeletonError::MissingSlot {
            place,
            slot: slot.name,
            expected,
        });
    };
    if found == expected {
        return Ok(());
    }
    let place = declared
        .0
        .get(slot.name)
        .cloned()
        .unwrap_or_else(|| end_of_slots(files));
    Err(SkeletonError::RetypedSlot {
        place,
        slot: slot.name,
        found,
        expected,
    })
}

/// Where a slot that is missing could be declared: the end of the file of the slots, or of the last.
fn end_of_slots(files: &[(&str, &str)]) -> Place {
    let named = files.iter().find(|(file, _)| *file == SLOTS_FILE);
    let (file, text) = named.or(files.last()).copied().unwrap_or((SLOTS_FILE, ""));
    let line = text.lines().count().max(1);
    let column = text.lines().last().map_or(0, |last| last.chars().count()) + 1;
    Place {
        file: file.to_owned(),
        position: Position { line, column },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The built-in templates with one text replaced in one of them.
    fn altered(file: &str, from: &str, to: &str) -> SkeletonError {
        let files = BUILTIN.map(|(name, text)| {
            assert!(
                name != file || text.contains(from),
                "{from:?} is not in {file}"
            );
            (
                name,
                if name == file {
                    text.replacen(from, to, 1)
                } else {
                    text.to_owned()
                },
            )
        });
        let files: Vec<(&str, &str)> = files.iter().map(|(n, t)| (*n, t.as_str())).collect();
        Skeleton::parse(&files).unwrap_err()
    }

    /// The line of a built-in template on which a text first stands, so that templates may grow.
    fn line(file: &str, text: &str) -> usize {
        let (_, template) = BUILTIN.into_iter().find(|(name, _)| *name == file).unwrap();
        let before = template.split(text).next().unwrap();
        before.lines().count() + usize::from(before.ends_with('\n'))
    }

    #[test]
    fn the_builtin_templates_are_a_skeleton() {
        let skeleton = Skeleton::builtin().unwrap();
        let declared = SLOTS
            .iter()
            .filter(|slot| slot.declaration(skeleton.table()).is_some());
        assert_eq!(declared.count(), SLOTS.len());
    }

    /// So that the contract and the file that an operator reads cannot drift apart.
    #[test]
    fn every_object_of_the_slots_file_is_a_slot() {
        let mut ruleset = Ruleset::default();
        let (file, text) = BUILTIN[0];
        let declarations = parse_into(file, text, &mut ruleset).unwrap();
        for name in declarations
            .into_iter()
            .filter_map(|declaration| declaration.name)
        {
            assert!(
                SLOTS.iter().any(|slot| slot.name == name.as_str()),
                "{name} is no slot"
            );
        }
    }

    #[test]
    fn a_missing_slot_is_named_with_its_file() {
        let error = altered("slots.nft", "set source-ip4 {", "set source-ip5 {");
        let end = BUILTIN[0].1.lines().count();
        let expected =
            "slot source-ip4 is missing, expected set source-ip4 { type ifname . ipv4_addr; }";
        assert_eq!(error.to_string(), format!("slots.nft:{end}:2: {expected}"));
    }

    #[test]
    fn a_retyped_slot_is_shown_where_it_is_declared() {
        let error = altered("slots.nft", "type ifname : verdict", "type mark : verdict");
        let line = line("slots.nft", "map from {");
        let expected = "slot from is declared as map from { type mark : verdict; }, \
                        expected map from { type ifname : verdict; }";
        assert_eq!(error.to_string(), format!("slots.nft:{line}:6: {expected}"));
        let error = altered(
            "slots.nft",
            "chain host-action {",
            "chain host-action {\n\t\taccept",
        );
        assert!(
            matches!(
                error,
                SkeletonError::RetypedSlot {
                    slot: "host-action",
                    ..
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn a_construct_outside_the_subset_is_shown_where_it_stands() {
        let error = altered("filter.nft", "oif 0 goto host-action", "oif 0 masquerade");
        let line = line("filter.nft", "oif 0 goto host-action");
        let expected = format!("filter.nft:{line}:9: found `masquerade`, expected a match");
        assert!(error.to_string().starts_with(&expected), "{error}");
    }

    #[test]
    fn other_tables_and_reserved_names_are_refused() {
        let error = altered("source.nft", "table inet margay", "table ip margay");
        let at = line("source.nft", "table inet margay");
        let expected = "found table ip margay, expected table inet margay";
        assert_eq!(error.to_string(), format!("source.nft:{at}:10: {expected}"));
        let error = altered("source.nft", "chain source-check {", "chain source/check {");
        let at = line("source.nft", "chain source-check {");
        let expected = "found the name source/check, expected a name without `/`";
        assert_eq!(error.to_string(), format!("source.nft:{at}:8: {expected}"));
    }
}
