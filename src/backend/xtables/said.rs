//! How the kernel says our rules, which is how it is to say them at every later look.
//!
//! Who changes a rule in place can keep its comment. What a rule is in the words of `iptables-save` differs from
//! version to version, so it is not foretold: it is read back once when the rule was written.

use std::collections::{BTreeMap, BTreeSet};

use super::TableName;
use super::held::is_ours;
use super::name::{CHAIN_PREFIX, hash};
use super::saved::{SavedRule, SavedTable};
use crate::net::Family;

/// Hexadecimal digits of a hash of what a chain says.
const DIGITS: usize = 32;

/// Hashes of what our rules say, by family, table, chain and the last comment, in which is a hash of all that
/// was written there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Said(BTreeMap<String, String>);

impl Said {
    /// What a table says.
    pub(super) fn of((family, name): (Family, TableName), saved: &SavedTable) -> Self {
        let chains = saved.chains.iter();
        let said = chains.filter_map(|(chain, rules)| {
            let is_our_chain = chain.starts_with(CHAIN_PREFIX);
            let ours = rules.iter().filter(|rule| is_our_chain || is_ours(rule));
            let ours: Vec<&SavedRule> = ours.collect();
            let comment = ours.last()?.comment.as_ref()?;
            let texts: Vec<&str> = ours.iter().map(|rule| rule.text.as_str()).collect();
            let under = format!("{}{chain} {comment}", start(family, name));
            Some((under, hash(&texts.join("\n"), DIGITS)))
        });
        Self(said.collect())
    }

    /// What was written down.
    pub(super) fn read(text: &str) -> Self {
        let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        let lines = lines.map(|(under, hash)| (under.to_owned(), hash.to_owned()));
        Self(lines.collect())
    }

    /// The text that is read again.
    pub(super) fn text(&self) -> String {
        let lines = self.0.iter();
        lines
            .map(|(under, hash)| format!("{under} {hash}\n"))
            .collect()
    }

    /// The chains that said something else when their comments were the same.
    pub(super) fn contradicted<'n>(&self, now: &'n Self) -> impl Iterator<Item = &'n str> {
        let differing = now.0.iter().filter(|(under, hash)| {
            let known = self.0.get(*under);
            known.is_some_and(|known| known != *hash)
        });
        differing.filter_map(|(under, _)| chain(under))
    }

    /// Takes what nothing is known of for what is to be said.
    pub(super) fn believe(&mut self, now: Self) {
        for (under, hash) in now.0 {
            self.0.entry(under).or_insert(hash);
        }
    }

    /// Takes what a table says now in the place of what it said before, of chains that were written. Of
    /// others what is known stays, since somebody else may have changed them meanwhile.
    pub(super) fn learn(
        &mut self,
        (family, name): (Family, TableName),
        now: Self,
        written: &BTreeSet<String>,
    ) {
        let start = start(family, name);
        self.0.retain(|under, _| {
            let is_written = chain(under).is_some_and(|chain| written.contains(chain));
            !under.starts_with(&start) || now.0.contains_key(under) && !is_written
        });
        self.believe(now);
    }
}

/// The chain whose rules are said.
fn chain(under: &str) -> Option<&str> {
    under.split(' ').nth(2)
}

fn start(family: Family, name: TableName) -> String {
    format!("{family} {name} ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: (Family, TableName) = (Family::V4, TableName::Filter);

    fn said(rules: &str) -> Said {
        Said::of(KEY, &SavedTable::read(rules))
    }

    #[test]
    fn a_chain_that_says_something_else_under_its_comment_is_told() {
        let before = "-A FORWARD -m comment --comment mgy:1 -j mgy-a\n-A mgy-a -s 10.0.0.1/32 -m comment \
                      --comment mgy:2 -j DROP\n-A mgy-b -m comment --comment mgy:3 -j DROP\n";
        let known = said(before);
        let changed = before.replace("-s 10.0.0.1/32", "-s 10.0.0.2/32");
        let chains =
            |now: &Said| -> Vec<String> { known.contradicted(now).map(str::to_owned).collect() };
        assert_eq!(chains(&said(&changed)), ["mgy-a"]);
        let led_elsewhere = before.replace("-j mgy-a", "-j ACCEPT");
        assert_eq!(chains(&said(&led_elsewhere)), ["FORWARD"]);
        // Theirs is theirs, and what has another comment was written by us or is seen by that.
        let others = format!("{before}-A FORWARD -j ACCEPT\n-A theirs -j DROP\n");
        assert_eq!(chains(&said(&others)), [""; 0]);
        let rewritten = changed.replace("mgy:2", "mgy:4");
        assert_eq!(chains(&said(&rewritten)), [""; 0]);
    }

    #[test]
    fn what_is_written_down_is_read_again_and_only_the_last_word_of_a_table_stays() {
        let mut known = said("-A mgy-a -m comment --comment mgy:1 -j DROP\n");
        assert_eq!(Said::read(&known.text()), known);
        let now = said("-A mgy-b -m comment --comment mgy:2 -j DROP\n");
        known.learn(KEY, now.clone(), &BTreeSet::new());
        assert_eq!(known, now);
    }

    #[test]
    fn what_a_chain_that_was_not_written_says_is_not_learned_anew() {
        let before = "-A mgy-a -m comment --comment mgy:1 -j DROP\n-A mgy-b -m comment --comment mgy:2 -j DROP\n";
        let after = said(&before.replace("-j DROP", "-j ACCEPT"));
        let mut known = said(before);
        known.learn(KEY, after.clone(), &BTreeSet::from(["mgy-b".to_owned()]));
        assert_eq!(known.contradicted(&after).collect::<Vec<_>>(), ["mgy-a"]);
    }
}
