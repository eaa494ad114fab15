//! What the host has and the dump does not.

use super::TableName;

/// `iptables-nft-save` prints a comment in the place of what it does not understand, and exits with 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Of which table.
    pub table: TableName,
    /// What of it.
    pub gap: Gap,
    /// The line of the comment, from 1.
    pub line: usize,
    /// The comment.
    pub text: String,
}

/// What of a table is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// All of it.
    Table,
    /// Chains with hooks that are none of iptables.
    Chains,
}

impl Missing {
    /// What a line says is missing.
    pub(super) fn of(line: usize, text: &str) -> Option<Self> {
        let said = text
            .trim_start_matches(['#', ' '])
            .strip_prefix("Table `")?;
        let (name, rest) = said.split_once('\'')?;
        let mut tables = TableName::ALL.into_iter();
        let table = tables.find(|known| known.as_str() == name)?;
        let gaps = [
            (" is incompatible", Gap::Table),
            (" contains incompatible base-chains", Gap::Chains),
        ];
        let (_, gap) = gaps
            .into_iter()
            .find(|(words, _)| rest.starts_with(words))?;
        Some(Self {
            table,
            gap,
            line,
            text: text.to_owned(),
        })
    }
}

impl Gap {
    /// What is not there.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Table => {
                "the rules of this table, of which iptables-nft could not read one that nft made"
            }
            Self::Chains => "chains of this table that nft made",
        }
    }
}
