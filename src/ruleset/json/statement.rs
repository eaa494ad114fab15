//! The statements of rules.

use std::time::Duration;

use serde_json::{Value, json};

use super::{expression, limit_value, value};
use crate::ruleset::keyword::REJECTS;
use crate::ruleset::{
    Datatype, DynamicOperation, Expression, MarkSource, Match, Operand, Operator, RejectKind,
    Statement, Verdict, VmapSource,
};

/// One statement.
pub(super) fn value(statement: &Statement) -> Value {
    match statement {
        Statement::Match(test) => json!({ "match": match_value(test) }),
        Statement::Verdict(of) => verdict(of),
        Statement::Vmap { key, map } => json!({ "vmap": {
            "key": expression::several(key),
            "data": vmap(key, map),
        }}),
        Statement::Counter => json!({ "counter": null }),
        Statement::NamedCounter(name) => json!({ "counter": name.as_str() }),
        Statement::CounterMap { key, map } => json!({ "counter": looked_up(key, map.as_str()) }),
        Statement::Limit(limit) => json!({ "limit": limit_value(*limit) }),
        Statement::NamedLimit(name) => json!({ "limit": name.as_str() }),
        Statement::Log { prefix, group } => log(prefix.as_deref(), *group),
        Statement::Reject(kind) => json!({ "reject": reject(*kind) }),
        Statement::Notrack => json!({ "notrack": null }),
        Statement::SetMark(source) => json!({ "mangle": {
            "key": { "meta": { "key": "mark" } },
            "value": mark(source),
        }}),
        Statement::Dynamic {
            operation,
            set,
            key,
            timeout,
            limit,
        } => json!({ "set": {
            "op": match operation {
                DynamicOperation::Add => "add",
                DynamicOperation::Update => "update",
            },
            "elem": dynamic_element(key, *timeout),
            "set": format!("@{set}"),
            "stmt": limit.iter().map(|l| json!({ "limit": limit_value(*l) })).collect::<Vec<_>>(),
        }}),
    }
}

/// `accept`, `goto x`.
pub(super) fn verdict(verdict: &Verdict) -> Value {
    match verdict {
        Verdict::Accept => json!({ "accept": null }),
        Verdict::Drop => json!({ "drop": null }),
        Verdict::Continue => json!({ "continue": null }),
        Verdict::Return => json!({ "return": null }),
        Verdict::Jump(chain) => json!({ "jump": { "target": chain.as_str() } }),
        Verdict::Goto(chain) => json!({ "goto": { "target": chain.as_str() } }),
    }
}

fn match_value(test: &Match) -> Value {
    let types = datatypes(&test.left);
    let mut left = expression::several(&test.left);
    if let (Some(mask), [datatype]) = (&test.mask, types.as_slice()) {
        left = json!({ "&": [left, value::value(*datatype, mask)] });
    }
    let any_bit = matches!(test.right, Operand::AnyBit(_));
    let operator = match (test.operator, any_bit) {
        (Operator::Eq, false) => "==",
        (Operator::Ne, false) => "!=",
        (Operator::Eq, true) => "in",
        (Operator::Ne, true) => "!",
    };
    let right = match (&test.right, types.as_slice()) {
        (Operand::Key(key), types) => value::key(key, types),
        (Operand::AnyBit(bits), [datatype, ..]) => value::bits(*datatype, bits),
        (Operand::AnyBit(_), []) => Value::Null,
        (Operand::Set(name), _) => json!(format!("@{name}")),
        (Operand::Anonymous(keys), types) => {
            json!({ "set": keys.iter().map(|key| value::key(key, types)).collect::<Vec<_>>() })
        }
    };
    json!({ "op": operator, "left": left, "right": right })
}

fn vmap(key: &[Expression], map: &VmapSource) -> Value {
    match map {
        VmapSource::Named(name) => json!(format!("@{name}")),
        VmapSource::Anonymous(elements) => {
            let types = datatypes(key);
            let elements = elements
                .iter()
                .map(|(key, to)| json!([value::key(key, &types), verdict(to)]));
            json!({ "set": elements.collect::<Vec<_>>() })
        }
    }
}

/// `ip saddr map @m`.
fn looked_up(key: &[Expression], map: &str) -> Value {
    json!({ "map": { "key": expression::several(key), "data": format!("@{map}") } })
}

fn log(prefix: Option<&str>, group: Option<u16>) -> Value {
    let mut log = json!({});
    if let Some(prefix) = prefix {
        log["prefix"] = json!(prefix);
    }
    if let Some(group) = group {
        log["group"] = json!(group);
    }
    json!({ "log": log })
}

fn reject(kind: RejectKind) -> Value {
    let known = REJECTS.iter().find(|(known, ..)| *known == kind);
    let (with, what) = known.map_or(("", ""), |&(_, with, what)| (with, what));
    match kind {
        RejectKind::TcpReset => json!({ "type": "tcp reset" }),
        RejectKind::PortUnreachable | RejectKind::AdminProhibited => {
            json!({ "type": with, "expr": what })
        }
    }
}

/// `(meta mark & keep) ^ flip`, with bits that are both cleared and flipped as `|`, as nft has it.
fn mark(source: &MarkSource) -> Value {
    let (keep, flip) = match source {
        MarkSource::Map { key, map } => return looked_up(key, map.as_str()),
        MarkSource::Bits { keep: 0, flip } => return json!(flip),
        MarkSource::Bits { keep, flip } => (*keep, *flip),
    };
    let (set, inverted) = (flip & !keep, flip & keep);
    let mut value = json!({ "meta": { "key": "mark" } });
    if keep | set != u32::MAX || flip == 0 {
        value = json!({ "&": [value, keep | set] });
    }
    if inverted != 0 {
        value = json!({ "^": [value, inverted] });
    }
    if set != 0 {
        value = json!({ "|": [value, set] });
    }
    value
}

fn dynamic_element(key: &[Expression], timeout: Option<Duration>) -> Value {
    let key = expression::several(key);
    match timeout {
        Some(timeout) => json!({ "elem": { "val": key, "timeout": timeout.as_secs() } }),
        None => key,
    }
}

fn datatypes(expressions: &[Expression]) -> Vec<Datatype> {
    expressions
        .iter()
        .map(|expression| expression.datatype())
        .collect()
}
