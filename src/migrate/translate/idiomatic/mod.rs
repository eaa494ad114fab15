//! Tables as somebody would write them who knows nft: rules that differ in one value are one rule with a set, rules that
//! ask one thing are a verdict map, and what is the same for IPv4 and IPv6 stands once.

mod inet;
mod items;
mod named;
mod run;
mod verdicts;
mod writes;

use writes::Writes;

use crate::migrate::nft::{Chain, Expression, Rule, Ruleset, Statement, Table, Verdict};

/// The same rules, shorter.
pub(super) fn shortened(ruleset: Ruleset) -> Ruleset {
    let tables = ruleset.tables.into_iter().map(|mut table| {
        let writes = Writes::of(&table);
        for chain in &mut table.chains {
            shorten(chain, &writes);
        }
        table
    });
    let tables = inet::merged(tables.collect());
    let tables = tables.into_iter().map(|mut table: Table| {
        named::name(&mut table);
        table
    });
    Ruleset {
        tables: tables.collect(),
    }
}

fn shorten(chain: &mut Chain, writes: &Writes) {
    chain.rules = run::merged(std::mem::take(&mut chain.rules), writes);
    chain.rules = verdicts::merged(std::mem::take(&mut chain.rules), writes);
}

/// A rule that only compares, then counts, then gives a verdict.
#[derive(Debug)]
struct Plain<'r> {
    matches: &'r [Statement],
    counter: Option<(u64, u64)>,
    verdict: &'r Verdict,
}

/// A rule, if it is a plain one.
fn plain(rule: &Rule) -> Option<Plain<'_>> {
    let (last, before) = rule.statements.split_last()?;
    let Statement::Verdict(verdict) = last else {
        return None;
    };
    let (counter, matches) = match before.split_last() {
        Some((Statement::Counter(counter), matches)) => (*counter, matches),
        Some(_) | None => (None, before),
    };
    // What numbers packets remembers them, so that its place and its number of rules matter.
    let numbers = |left: &Expression| matches!(left, Expression::Numgen { .. });
    let compares = |statement: &Statement| matches!(statement, Statement::Match(test) if !test.left.iter().any(numbers));
    matches.iter().all(compares).then_some(Plain {
        matches,
        counter,
        verdict,
    })
}
