//! Lists of resources, as `calicoctl` and `kubectl` print them.

use super::kind::Kind;
use crate::codec::fields::{Findings, Path};
use crate::codec::node::{Node, Value};

/// Whether a kind is that of a list: `List`, `NetworkPolicyList`.
pub(in crate::codec) fn is_list(kind: &str) -> bool {
    kind == "List" || of_items(kind).is_some()
}

/// The kind of the items, where the kind of the list says it.
pub(in crate::codec) fn of_items(list: &str) -> Option<Kind> {
    list.strip_suffix("List").and_then(Kind::of)
}

/// The items of a list.
pub(in crate::codec) fn documents<'n>(findings: &mut Findings, node: &'n Node) -> &'n [Node] {
    let Value::Map(entries) = &node.value else {
        return &[];
    };
    let items = entries
        .iter()
        .find(|(key, _)| matches!(&key.value, Value::Scalar(scalar) if scalar.text == "items"))
        .map(|(_, items)| items)
        .filter(|items| !matches!(items.value, Value::Null));
    findings.list(items, &Path::Field(&Path::Document, "items"))
}
