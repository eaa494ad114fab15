//! Rules of which somebody said in a file that they may be translated as well as it goes, or left out.

use std::collections::BTreeSet;

use super::translate::{Class, Judgement};
use crate::net::Family;

/// The rules that were acknowledged, each by its own text, so that a rule that changed is asked about again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acknowledged(BTreeSet<String>);

impl Acknowledged {
    /// Reads a file: a rule a line, as [`line`] writes it; what follows `#` at the beginning of a line is a comment.
    pub fn read(text: &str) -> Self {
        let lines = text.lines().map(str::trim);
        let rules = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        Self(rules.map(str::to_owned).collect())
    }

    /// Whether a rule was acknowledged.
    pub fn covers(&self, judgement: &Judgement) -> bool {
        self.0.contains(&line(judgement))
    }

    /// The rules that stand in the way of a translation.
    pub fn open<'j>(&self, judgements: &'j [Judgement]) -> Vec<&'j Judgement> {
        let doubtful = judgements
            .iter()
            .filter(|one| one.class >= Class::Approximate);
        doubtful.filter(|one| !self.covers(one)).collect()
    }
}

/// So many rules, with the verb that goes with them: `1 rule stands`, `2 rules stand`.
pub fn counted(rules: usize, verbs: [&str; 2]) -> String {
    let [one, several] = verbs;
    match rules {
        1 => format!("1 rule {one}"),
        rules => format!("{rules} rules {several}"),
    }
}

/// The line that acknowledges a rule.
pub fn line(judgement: &Judgement) -> String {
    let family = match judgement.family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    };
    format!("{family} {} {}", judgement.table, judgement.text)
}
