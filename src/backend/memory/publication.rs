//! When packets see a set that comes with the rule that looks it up, as measured with real packets
//! (`docs/commit-safety.md`). `ruleset::diff` decides by itself what it brings along; nothing here is
//! taken from there, so that neither can hide a mistake of the other.

use crate::ruleset::{Expression, Key, Operand, Statement, VmapSource};

/// What the kernel keeps a set in (`nft_set_hash.c`, `nft_set_rbtree.c` and `nft_set_pipapo.c`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    /// Single keys, of any number of fields.
    Hash,
    /// Ranges of one field.
    Tree,
    /// Boxes: ranges of several fields.
    Pipapo,
}

/// What a packet gets out of a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// Whether its key is in there.
    Presence,
    /// Where it goes on.
    Verdict,
}

/// When the elements of a new set show, seen from the rules of the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Publication {
    /// At the same instant.
    WithRules,
    /// After them: a packet in between finds nothing.
    Later,
}

/// When a kind of set shows. Only hashes of plain keys never gave a wrong verdict.
pub(super) fn publication(store: Store, answer: Answer) -> Publication {
    match (store, answer) {
        (Store::Hash, Answer::Presence) => Publication::WithRules,
        (Store::Hash, Answer::Verdict)
        | (Store::Tree | Store::Pipapo, Answer::Presence | Answer::Verdict) => Publication::Later,
    }
}

/// The set that comes and goes with a statement.
pub(super) fn own_set(statement: &Statement) -> Option<(Store, Answer)> {
    match statement {
        Statement::Match(test) => match &test.right {
            Operand::Anonymous(keys) => Some((store(&test.left, keys.iter()), Answer::Presence)),
            Operand::Key(_) | Operand::AnyBit(_) | Operand::Set(_) => None,
        },
        Statement::Vmap { key, map } => match map {
            VmapSource::Anonymous(map) => Some((store(key, map.keys()), Answer::Verdict)),
            VmapSource::Named(_) => None,
        },
        Statement::Verdict(_)
        | Statement::Counter
        | Statement::NamedCounter(_)
        | Statement::CounterMap { .. }
        | Statement::Limit(_)
        | Statement::NamedLimit(_)
        | Statement::Log { .. }
        | Statement::Reject(_)
        | Statement::Notrack
        | Statement::SetMark(_)
        | Statement::Dynamic { .. } => None,
    }
}

/// The store that `nft_select_set_ops` (net/netfilter/nf_tables_api.c) takes for these keys: one key of
/// which the last value is not the first makes it a set of ranges.
fn store<'a>(fields: &[Expression], mut keys: impl Iterator<Item = &'a Key>) -> Store {
    let ranges = keys.any(|key| *key.last() != key.start);
    match (ranges, fields.len()) {
        (false, _) => Store::Hash,
        (true, 0 | 1) => Store::Tree,
        (true, _) => Store::Pipapo,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ruleset::parse;

    /// The set of the first statement of a rule in nft text.
    fn set_of(rule: &str) -> Option<(Store, Answer)> {
        let text = format!("table inet t {{\n\tchain c {{\n\t\t{rule}\n\t}}\n}}\n");
        let ruleset = parse("rule", &text).unwrap();
        let table = ruleset.tables.into_values().next().unwrap();
        own_set(&table.chains["c"].rules[0].statements[0])
    }

    /// The last column was measured: packets that got a wrong verdict while a chain with such a set was
    /// rewritten in place, again and again.
    #[test]
    fn sets_show_when_they_were_seen_to() {
        use Answer::{Presence, Verdict};
        use Publication::{Later, WithRules};
        for (rule, set, shows, wrong) in [
            (
                "tcp dport { 80, 443 } accept",
                (Store::Hash, Presence),
                WithRules,
                0,
            ),
            (
                "tcp dport { 80-90, 443 } accept",
                (Store::Tree, Presence),
                Later,
                20_820,
            ),
            (
                "ip saddr . tcp dport { 10.0.0.0/8 . 80 } accept",
                (Store::Pipapo, Presence),
                Later,
                5_337,
            ),
            (
                "tcp dport vmap { 80 : accept, 443 : drop }",
                (Store::Hash, Verdict),
                Later,
                2_688,
            ),
        ] {
            assert_eq!(set_of(rule), Some(set), "{rule}");
            assert_eq!(publication(set.0, set.1), shows, "{rule}");
            assert_eq!(shows == WithRules, wrong == 0, "{rule}");
        }
    }

    #[test]
    fn what_the_kernel_keeps_a_set_in_depends_on_its_keys() {
        for (rule, store) in [
            ("ip saddr { 10.0.0.1, 10.0.0.0/8 } accept", Store::Tree),
            (
                "ip saddr { 10.0.0.1/32, 10.0.0.2-10.0.0.2 } accept",
                Store::Hash,
            ),
            ("ip saddr . tcp dport { 10.0.0.1 . 80 } accept", Store::Hash),
            (
                "ip saddr . tcp dport { 10.0.0.1 . 80-90 } accept",
                Store::Pipapo,
            ),
            ("iifname { \"tap*\" } accept", Store::Tree),
            ("tcp dport vmap { 80-90 : accept }", Store::Tree),
            (
                "ip saddr . tcp dport vmap { 10.0.0.0/8 . 80 : accept }",
                Store::Pipapo,
            ),
        ] {
            assert_eq!(set_of(rule).map(|(store, _)| store), Some(store), "{rule}");
        }
        for rule in [
            "tcp dport 80-90 accept",
            "tcp dport @ports accept",
            "tcp dport vmap @ports",
            "accept",
        ] {
            assert_eq!(set_of(rule), None, "{rule}");
        }
    }
}
