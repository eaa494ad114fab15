//! What `ipset restore` and `iptables-restore` are given, each line with whom it is about.

use super::{ChainName, IpsetName};

/// Whom a line is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Origin {
    /// A table as a whole.
    Whole,
    /// A rule of ours in a chain that is everybody's, which should be there.
    Head,
    /// A chain of ours.
    Chain(ChainName),
    /// A rule of one, counted from 0.
    Rule(ChainName, usize),
    /// A set.
    Set(IpsetName),
    /// A member that a set gets.
    Member(IpsetName, String),
}

/// Lines of input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Script {
    text: String,
    origins: Vec<Origin>,
}

impl Script {
    /// Adds a line.
    pub(super) fn push(&mut self, line: &str, origin: Origin) {
        self.text.push_str(line);
        self.text.push('\n');
        self.origins.push(origin);
    }

    /// Adds the lines of another.
    pub(super) fn append(&mut self, other: Self) {
        self.text.push_str(&other.text);
        self.origins.extend(other.origins);
    }

    /// Whether there is nothing to say.
    pub(super) fn is_empty(&self) -> bool {
        self.origins.is_empty()
    }

    /// The text.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The chains that it writes to: `:chain - [0:0]`, `-A chain ...` and its like.
    pub(super) fn chains(&self) -> impl Iterator<Item = &str> {
        self.text.lines().filter_map(|line| {
            let (first, rest) = line.split_once(' ')?;
            let declared = first.strip_prefix(':');
            declared.or_else(|| rest.split(' ').next())
        })
    }

    /// The same without the lines that delete chains; nothing where there are none.
    pub(super) fn without_deletions(&self) -> Option<Self> {
        let lines = || self.text.lines().zip(&self.origins);
        let deletes = |line: &str| line.starts_with("-X ");
        if !lines().any(|(line, _)| deletes(line)) {
            return None;
        }
        let mut kept = Self::default();
        for (line, origin) in lines().filter(|(line, _)| !deletes(line)) {
            kept.push(line, origin.clone());
        }
        Some(kept)
    }

    /// The rules of our chains, each with whom it is about.
    pub(super) fn rules(&self) -> Vec<(&str, &Origin)> {
        let lines = self.text.lines().zip(&self.origins);
        let rules = lines.filter(|(_, origin)| matches!(origin, Origin::Rule(..)));
        // `-A CHAIN RULE`.
        let rules = rules.filter_map(|(line, origin)| Some((line.splitn(3, ' ').nth(2)?, origin)));
        rules.collect()
    }

    /// Whom the line is about that a complaint names, if it names one.
    pub(super) fn blamed(&self, complaint: &str) -> Option<&Origin> {
        self.origins.get(line_of(complaint)?.checked_sub(1)?)
    }
}

/// The number of the line in what a program says: `Error in line 3: ...` of ipset, `line 3 failed`
/// and `Error occurred at line: 3` of iptables.
pub(super) fn line_of(complaint: &str) -> Option<usize> {
    let words: Vec<&str> = complaint.split_whitespace().collect();
    words.windows(2).find_map(|pair| match pair {
        ["line" | "line:", number] => number.trim_end_matches(':').parse().ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_s_complaint_names_a_line() {
        for (complaint, line) in [
            (
                "ipset v7.17: Error in line 12: Syntax error: cannot parse",
                Some(12),
            ),
            ("iptables-restore: line 3 failed", Some(3)),
            (
                "iptables-restore v1.8.9 (legacy): unknown option\nError occurred at line: 7\nTry",
                Some(7),
            ),
            ("iptables-restore v1.8.9: line 9 failed: No chain", Some(9)),
            ("out of memory on line", None),
        ] {
            assert_eq!(line_of(complaint), line, "{complaint}");
        }
    }
}
