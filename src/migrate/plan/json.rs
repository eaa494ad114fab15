//! A plan for programs.

use serde_json::{Value, json};

use super::{Plan, Share};
use crate::migrate::acknowledged::line;
use crate::migrate::translate::{Class, Judgement};

/// The plan as JSON: every rule, and the sums.
pub(super) fn render(plan: &Plan<'_>) -> String {
    let rules: Vec<_> = plan.judgements.iter().map(|one| rule(plan, one)).collect();
    let share = |share: Share| json!({ "rules": share.rules, "packets": share.packets });
    let coverage: serde_json::Map<String, Value> = Class::ALL
        .into_iter()
        .map(|class| (class.as_str().to_owned(), share(plan.coverage.share(class))))
        .chain([("all".to_owned(), share(plan.coverage.all))])
        .collect();
    let value = json!({
        "schema": "margay.migrate.plan/1",
        "open": plan.open().len(),
        "coverage": coverage,
        "rules": rules,
        "notes": plan.notes,
    });
    format!("{value:#}\n")
}

fn rule(plan: &Plan<'_>, judgement: &Judgement) -> Value {
    json!({
        "family": judgement.family.to_string(),
        "table": judgement.table.as_str(),
        "chain": judgement.chain,
        "line": judgement.line,
        "rule": judgement.text,
        "class": judgement.class.as_str(),
        "reasons": judgement.reasons,
        "suggestion": judgement.suggestion,
        "acknowledged": plan.acknowledged.covers(judgement),
        "acknowledge": line(judgement),
        "packets": judgement.counters.map(|counters| counters.packets),
        "bytes": judgement.counters.map(|counters| counters.bytes),
    })
}
