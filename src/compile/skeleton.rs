//! The static part of the table: nft text with named slots, read and checked once.

use std::fmt;

use crate::ruleset::parse::{ParseError, parse};
use crate::ruleset::{Data, Datatype, Name, SetFlags, Table, TableFamily, TableKey};

/// The built-in templates, in the order in which they are read.
const TEMPLATES: [(&str, &str); 3] = [
    (
        "nft-templates/slots.nft",
        include_str!("../../nft-templates/slots.nft"),
    ),
    (
        "nft-templates/source.nft",
        include_str!("../../nft-templates/source.nft"),
    ),
    (
        "nft-templates/filter.nft",
        include_str!("../../nft-templates/filter.nft"),
    ),
];

/// What the compiler fills, by name: the contract between it and the templates.
const SLOTS: [(&str, Slot); 14] = {
    use Datatype::{EtherAddr, IfName, InetService, Ipv4Addr, Ipv6Addr};
    [
        ("endpoints", Slot::Set(&[IfName])),
        ("workloads", Slot::Intervals(&[IfName])),
        ("source", Slot::VerdictMap(&[IfName])),
        ("source-ip4", Slot::Set(&[IfName, Ipv4Addr])),
        ("source-ip6", Slot::Set(&[IfName, Ipv6Addr])),
        ("source-mac4", Slot::Set(&[IfName, Ipv4Addr, EtherAddr])),
        ("source-mac6", Slot::Set(&[IfName, Ipv6Addr, EtherAddr])),
        ("source-macs", Slot::Set(&[IfName, EtherAddr])),
        ("from", Slot::VerdictMap(&[IfName])),
        ("to", Slot::VerdictMap(&[IfName])),
        ("metadata4", Slot::Set(&[Ipv4Addr, InetService])),
        ("metadata6", Slot::Set(&[Ipv6Addr, InetService])),
        ("host-action", Slot::Chain),
        ("state", Slot::Chain),
    ]
};

/// The chains that the compiler leads to without filling them.
const TARGETS: [&str; 4] = ["source-ip", "source-mac", "destination", "allowed"];

/// A skeleton that has every slot.
#[derive(Debug, Clone)]
pub struct Skeleton(Table);

impl Skeleton {
    /// The skeleton that is built in.
    ///
    /// # Errors
    /// None for the templates of a released program: a test reads them.
    pub fn builtin() -> Result<Self, SkeletonError> {
        Self::parse(&TEMPLATES)
    }

    /// Reads templates, given as pairs of file name and nft text.
    ///
    /// # Errors
    /// A text leaves the subset of nft, or a slot is missing or of another type.
    pub fn parse(files: &[(&str, &str)]) -> Result<Self, SkeletonError> {
        let mut table = Table::default();
        for (file, text) in files {
            let ruleset = parse(file, text)?;
            for (key, part) in ruleset.tables {
                if key != table_key() {
                    return Err(SkeletonError::Foreign {
                        file: (*file).to_owned(),
                        table: key,
                    });
                }
                merge(&mut table, part);
            }
        }
        for (name, slot) in SLOTS
            .into_iter()
            .chain(TARGETS.map(|name| (name, Slot::Chain)))
        {
            if !slot.is_declared(&table, name) {
                let place = declared_at(files, name);
                return Err(SkeletonError::Slot {
                    place,
                    expected: slot.declaration(name),
                });
            }
        }
        Ok(Self(table))
    }

    /// The table with its slots empty.
    pub fn table(&self) -> &Table {
        &self.0
    }
}

/// `table inet margay`.
pub fn table_key() -> TableKey {
    TableKey {
        family: TableFamily::Inet,
        name: Name::from_parts("margay"),
    }
}

/// Why templates make no skeleton.
#[derive(Debug, thiserror::Error)]
pub enum SkeletonError {
    /// A construct outside the subset.
    #[error(transparent)]
    Parse(#[from] ParseError),
    /// A slot is missing or declared as something else.
    #[error("{place}: the slot `{expected}` is missing or declared otherwise")]
    Slot {
        /// File, line and column of what bears its name, or of the end of the last template.
        place: Place,
        /// The declaration that the compiler needs.
        expected: String,
    },
    /// A template declares a table that is not ours.
    #[error("{file}: only `table inet margay` may stand in a template, found `table {table}`")]
    Foreign {
        /// The file.
        file: String,
        /// The table found.
        table: TableKey,
    },
}

/// A place in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// What a slot must be declared as.
#[derive(Debug, Clone, Copy)]
enum Slot {
    Set(&'static [Datatype]),
    Intervals(&'static [Datatype]),
    VerdictMap(&'static [Datatype]),
    Chain,
}

impl Slot {
    fn is_declared(self, table: &Table, name: &str) -> bool {
        let (key, flags, data) = match self {
            Self::Chain => {
                return table
                    .chains
                    .get(name)
                    .is_some_and(|chain| chain.hook.is_none());
            }
            Self::Set(key) => (key, SetFlags::empty(), None),
            Self::Intervals(key) => (key, SetFlags::INTERVAL, None),
            Self::VerdictMap(key) => (key, SetFlags::empty(), Some(Data::Verdict)),
        };
        table
            .sets
            .get(name)
            .is_some_and(|set| set.key == key && set.flags == flags && set.data == data)
    }

    fn declaration(self, name: &str) -> String {
        let types = |key: &[Datatype]| {
            key.iter()
                .map(|datatype| datatype.keyword())
                .collect::<Vec<_>>()
                .join(" . ")
        };
        match self {
            Self::Chain => format!("chain {name} {{ }}"),
            Self::Set(key) => format!("set {name} {{ type {}; }}", types(key)),
            Self::Intervals(key) => {
                format!("set {name} {{ type {}; flags interval; }}", types(key))
            }
            Self::VerdictMap(key) => format!("map {name} {{ type {} : verdict; }}", types(key)),
        }
    }
}

/// Where a template declares something of this name; else the end of the last one.
fn declared_at(files: &[(&str, &str)], name: &str) -> Place {
    for (file, text) in files {
        for (line, content) in text.lines().enumerate() {
            let words: Vec<&str> = content.split_whitespace().collect();
            if let ["set" | "map" | "chain", found, ..] = words[..]
                && found == name
            {
                let column = content.len() - content.trim_start().len() + 1;
                return Place {
                    file: (*file).to_owned(),
                    line: line + 1,
                    column,
                };
            }
        }
    }
    let (file, text) = files.last().copied().unwrap_or_default();
    Place {
        file: file.to_owned(),
        line: text.lines().count().max(1),
        column: 1,
    }
}

fn merge(table: &mut Table, part: Table) {
    table.counters.extend(part.counters);
    table.limits.extend(part.limits);
    table.sets.extend(part.sets);
    table.chains.extend(part.chains);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(change: impl Fn(&str) -> String) -> String {
        let changed = TEMPLATES.map(|(file, text)| (file, change(text)));
        let files: Vec<_> = changed
            .iter()
            .map(|(file, text)| (*file, text.as_str()))
            .collect();
        Skeleton::parse(&files).unwrap_err().to_string()
    }

    #[test]
    fn the_builtin_templates_make_a_skeleton() {
        let skeleton = Skeleton::builtin().unwrap();
        assert!(skeleton.table().chains.contains_key("forward"));
    }

    #[test]
    fn a_missing_slot_is_named() {
        let error = error(|text| text.replace("set endpoints", "set endpoint"));
        assert!(error.starts_with("nft-templates/filter.nft:"), "{error}");
        assert!(
            error.contains("`set endpoints { type ifname; }` is missing"),
            "{error}"
        );
    }

    #[test]
    fn a_retyped_slot_is_named_with_its_place() {
        let error = error(|text| text.replace("type ifname : verdict", "type mark : verdict"));
        assert!(
            error.starts_with("nft-templates/slots.nft:16:2: the slot `map source"),
            "{error}"
        );
    }

    #[test]
    fn a_construct_outside_the_subset_is_named_with_its_place() {
        let error =
            error(|text| text.replace("iifname @workloads drop", "iifname @workloads queue"));
        assert!(error.starts_with("nft-templates/source.nft:8:"), "{error}");
    }
}
