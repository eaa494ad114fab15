//! Rulesets as libnftables JSON, which `nft -j -f` loads.
//!
//! The objects stand in an order in which they can be loaded: nft's own listing names chains before
//! it declares them. nft 1.0.6 reads no comments of chains and sets from JSON; those of chains it
//! does not write either.

mod expression;
mod set;
mod statement;
mod value;

use serde_json::{Map, Value, json};

use super::{Chain, Limit, Ruleset, Table, TableKey, keyword};

/// A ruleset as a JSON document of libnftables. nft reads only the fields that it knows, so that a
/// caller may put others beside `nftables`.
pub fn document(ruleset: &Ruleset) -> Value {
    let mut objects = vec![json!({ "metainfo": { "json_schema_version": 1 } })];
    for (key, table) in &ruleset.tables {
        add_table(&mut objects, key, table);
    }
    json!({ "nftables": objects })
}

fn add_table(objects: &mut Vec<Value>, key: &TableKey, table: &Table) {
    let owner = Owner { key };
    objects.push(json!({
        "table": { "family": key.family.to_string(), "name": key.name.as_str() }
    }));
    for (name, comment) in &table.counters {
        let counter = json!({ "comment": comment });
        objects.push(owner.object("counter", name.as_str(), counter));
    }
    for (name, limit) in &table.limits {
        objects.push(owner.object("limit", name.as_str(), limit_value(*limit)));
    }
    for (name, chain) in &table.chains {
        let declared = chain_value(chain);
        objects.push(owner.object("chain", name.as_str(), declared));
    }
    for (name, set) in &table.sets {
        let (kind, declared) = set::declared(set);
        objects.push(owner.object(kind, name.as_str(), declared));
    }
    for (name, chain) in &table.chains {
        for rule in &chain.rules {
            objects.push(json!({ "rule": {
                "family": key.family.to_string(),
                "table": key.name.as_str(),
                "chain": name.as_str(),
                "comment": rule.comment,
                "expr": rule.statements.iter().map(statement::value).collect::<Vec<_>>(),
            }}));
        }
    }
    objects.iter_mut().for_each(without_absent);
}

/// The table that objects belong to.
struct Owner<'a> {
    key: &'a TableKey,
}

impl Owner<'_> {
    fn object(&self, kind: &str, name: &str, content: Value) -> Value {
        let mut object = json!({
            "family": self.key.family.to_string(),
            "table": self.key.name.as_str(),
            "name": name,
        });
        if let (Value::Object(object), Value::Object(content)) = (&mut object, content) {
            object.extend(content);
        }
        json!({ kind: object })
    }
}

/// A field that nothing is said about is left out; the `null` of `{"accept": null}` stays.
fn without_absent(object: &mut Value) {
    let fields = object.as_object_mut().into_iter().flat_map(Map::values_mut);
    for field in fields.filter_map(Value::as_object_mut) {
        field.retain(|_, value| !value.is_null());
    }
}

/// `type filter hook input priority -5; policy accept;`.
fn chain_value(chain: &Chain) -> Value {
    match chain.hook {
        None => json!({}),
        Some(hook) => json!({
            "type": "filter",
            "hook": hook.point.keyword(),
            "prio": hook.priority,
            "policy": keyword::word(&keyword::POLICIES, &hook.policy),
        }),
    }
}

/// `rate over 10/minute burst 6 packets`.
fn limit_value(limit: Limit) -> Value {
    let mut value = json!({
        "rate": limit.rate,
        "per": keyword::word(&keyword::LIMIT_UNITS, &limit.unit),
        "burst": limit.burst,
    });
    if limit.over {
        value["inv"] = json!(true);
    }
    value
}
