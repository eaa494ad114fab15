//! Sets and maps with their elements.

use serde_json::{Value, json};

use super::{statement, value};
use crate::ruleset::keyword::SET_FLAGS;
use crate::ruleset::{Data, Datatype, Element, ElementData, Key, ObjectKind, Set};

/// `set` or `map`, and its declaration.
pub(super) fn declared(set: &Set) -> (&'static str, Value) {
    let flags = SET_FLAGS
        .iter()
        .filter(|(flag, _)| set.flags.contains(*flag));
    let flags: Vec<_> = flags.map(|(_, word)| *word).collect();
    let elements = set
        .elements
        .iter()
        .map(|(key, element)| one(set, key, element));
    let elements: Vec<_> = elements.collect();
    let value = json!({
        "type": types(&set.key),
        "map": set.data.as_ref().map(data),
        "size": set.size,
        "flags": (!flags.is_empty()).then_some(flags),
        "timeout": set.timeout.map(|timeout| timeout.as_secs()),
        "comment": set.comment,
        "stmt": set.counted.then(|| json!([{ "counter": null }])),
        "elem": (!elements.is_empty()).then_some(elements),
    });
    (if set.data.is_some() { "map" } else { "set" }, value)
}

fn types(types: &[Datatype]) -> Value {
    match types {
        [one] => json!(one.keyword()),
        _ => types.iter().map(|datatype| datatype.keyword()).collect(),
    }
}

fn data(data: &Data) -> Value {
    match data {
        Data::Verdict => json!("verdict"),
        Data::Value(of) => types(of),
        Data::Object(ObjectKind::Counter) => json!("counter"),
        Data::Object(ObjectKind::Limit) => json!("limit"),
    }
}

fn one(set: &Set, key: &Key, element: &Element) -> Value {
    let mut left = value::key(key, &set.key);
    if element.timeout.is_some() || element.comment.is_some() {
        let mut more = json!({ "val": left });
        if let Some(timeout) = element.timeout {
            more["timeout"] = json!(timeout.as_secs());
        }
        if let Some(comment) = &element.comment {
            more["comment"] = json!(comment);
        }
        left = json!({ "elem": more });
    }
    match (&element.data, &set.data) {
        (ElementData::None, _) => left,
        (ElementData::Verdict(verdict), _) => json!([left, statement::verdict(verdict)]),
        (ElementData::Object(name), _) => json!([left, name.as_str()]),
        (ElementData::Value(bytes), Some(Data::Value(of))) => {
            json!([left, value::key(&Key::value(bytes), of)])
        }
        (ElementData::Value(_), _) => left,
    }
}
