//! What a rule reads from a packet.

use serde_json::{Value, json};

use crate::ruleset::Expression;
use crate::ruleset::keyword::{CT_KEYS, FIB_FLAGS, FIB_RESULTS, META_KEYS, PAYLOAD_FIELDS, word};

/// One expression, or the concatenation of several.
pub(super) fn several(expressions: &[Expression]) -> Value {
    match expressions {
        [one] => value(*one),
        _ => json!({ "concat": expressions.iter().map(|e| value(*e)).collect::<Vec<_>>() }),
    }
}

fn value(expression: Expression) -> Value {
    match expression {
        Expression::Payload(field) => {
            let known = PAYLOAD_FIELDS.iter().find(|(known, ..)| *known == field);
            let (protocol, name) = known.map_or(("", ""), |&(_, header, name)| (header, name));
            json!({ "payload": { "protocol": protocol, "field": name } })
        }
        Expression::Meta(key) => json!({ "meta": { "key": word(&META_KEYS, &key) } }),
        Expression::Ct(key) => json!({ "ct": { "key": word(&CT_KEYS, &key) } }),
        Expression::Fib(flags, result) => {
            let set = FIB_FLAGS.iter().filter(|(flag, _)| flags.contains(*flag));
            let words: Vec<_> = set.map(|(_, word)| *word).collect();
            json!({ "fib": { "result": word(&FIB_RESULTS, &result), "flags": words } })
        }
    }
}
