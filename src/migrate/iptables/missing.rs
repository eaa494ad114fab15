//! A table that the dump does not have although the host does.

use super::TableName;

/// `iptables-nft-save` prints a comment in the place of a table of which it does not understand a rule, and exits with 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Which table.
    pub name: TableName,
    /// The line of the comment, from 1.
    pub line: usize,
    /// The comment.
    pub text: String,
}

impl Missing {
    /// What a line says is missing.
    pub(super) fn of(line: usize, text: &str) -> Option<Self> {
        let said = text
            .trim_start_matches(['#', ' '])
            .strip_prefix("Table `")?;
        let (name, rest) = said.split_once('\'')?;
        let known = TableName::ALL.into_iter();
        let name = known
            .filter(|_| rest.contains("incompatible"))
            .find(|known| known.as_str() == name)?;
        Some(Self {
            name,
            line,
            text: text.to_owned(),
        })
    }
}
