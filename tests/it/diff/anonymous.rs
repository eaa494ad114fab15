//! A chain that holds a set of its own: rewritten in place only where packets see set and rules at once.

use margay::backend::Backend;
use margay::backend::memory::MemoryBackend;
use margay::ruleset::diff::{applied_after, between};
use margay::ruleset::{Ruleset, Table, parse};

use super::world::table_key;

/// What becomes of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    /// It gets other rules.
    InPlace,
    /// Another takes its place.
    Replaced,
}

const CASES: [(&str, Change); 9] = [
    ("tcp dport 80-90 accept", Change::InPlace),
    ("tcp dport @ports accept", Change::InPlace),
    ("tcp dport { 80, 443 } accept", Change::InPlace),
    (
        "ip saddr . tcp dport { 10.0.0.1 . 80 } accept",
        Change::InPlace,
    ),
    ("tcp dport { 80-90, 443 } accept", Change::Replaced),
    ("ip saddr { 10.0.0.0/8 } accept", Change::Replaced),
    (
        "ip saddr . tcp dport { 10.0.0.0/8 . 80 } accept",
        Change::Replaced,
    ),
    (
        "tcp dport vmap { 80 : accept, 443 : drop }",
        Change::Replaced,
    ),
    ("tcp dport vmap { 80-90 : accept }", Change::Replaced),
];

/// A chain that packets reach, with these rules.
fn table(rules: &str) -> Table {
    let text = format!(
        "table inet margay {{
            set ports {{ type inet_service; }}
            chain forward {{ type filter hook forward priority filter; policy drop; ip saddr 10.0.0.1 goto web; }}
            chain web {{ {rules}; accept; }}
        }}"
    );
    let mut ruleset = parse("table", &text).unwrap();
    ruleset.tables.remove(&table_key()).unwrap()
}

#[test]
fn a_chain_with_a_set_that_shows_late_is_replaced() {
    for (rule, change) in CASES {
        let (applied, desired) = (table(rule), table(&format!("udp dport 53 accept; {rule}")));
        for (applied, desired) in [(&applied, &desired), (&desired, &applied)] {
            let commit = between(Some(applied), desired, &table_key());
            let ruleset = Ruleset {
                tables: [(table_key(), applied.clone())].into(),
            };
            let mut backend = MemoryBackend::holding(ruleset);
            backend
                .commit(&commit)
                .unwrap_or_else(|e| panic!("{rule}: {e}"));
            let after = applied_after(Some(applied), &commit);
            let kept = match change {
                Change::InPlace => "web",
                Change::Replaced => "web.0001",
            };
            assert!(
                after.chains.contains_key(kept),
                "{rule}: {:?}",
                after.chains.keys()
            );
        }
    }
}
