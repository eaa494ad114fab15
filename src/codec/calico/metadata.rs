//! `metadata`: the name, the namespace, the labels.

use super::Kind;
use super::field::{Group, enforced, ignored};
use super::kind::Reach;
use crate::codec::document::Reader;
use crate::codec::fields::{Fields, Path};
use crate::codec::node::{Node, Place, Value};
use crate::model::{LabelKey, LabelValue, Labels, Namespace, ResourceName, ScopedName};

pub(super) const FIELDS: &[Group] = &[
    enforced(&[
        "name",
        "namespace",
        "labels",
        "annotations",
        "creationTimestamp",
    ]),
    ignored(
        "it is of use to the store alone",
        &[
            "uid",
            "resourceVersion",
            "generation",
            "generateName",
            "ownerReferences",
            "finalizers",
            "managedFields",
            "selfLink",
            "deletionTimestamp",
            "deletionGracePeriodSeconds",
            "clusterName",
        ],
    ),
];

/// What a resource is called and labelled.
#[derive(Debug)]
pub(super) struct Metadata {
    /// Where the name stands.
    pub(super) place: Place,
    /// The name.
    pub(super) name: ResourceName,
    /// The namespace, of a namespaced kind.
    pub(super) namespace: Option<Namespace>,
    /// The labels.
    pub(super) labels: Labels,
    /// The annotations, in their order.
    pub(super) annotations: Vec<(String, String)>,
    /// When it was made, as written.
    pub(super) created: Option<Box<str>>,
}

impl Metadata {
    /// The name with its namespace.
    pub(super) fn scoped(&self) -> ScopedName {
        ScopedName {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    /// The value of an annotation that is not empty.
    pub(super) fn annotation(&self, key: &str) -> Option<&str> {
        let mut all = self.annotations.iter();
        let found = all.find_map(|(other, value)| (other == key).then_some(value.as_str()));
        found.filter(|value| !value.is_empty())
    }
}

/// Reads `metadata` of a document. Where the resource comes from a store, its key gives the name.
pub(super) fn read(
    reader: &mut Reader<'_>,
    document: &Fields<'_>,
    path: &Path<'_>,
    kind: Kind,
) -> Option<Metadata> {
    let node = reader.findings.required(document, path, "metadata")?;
    let path = Path::Field(path, "metadata");
    let fields = reader.findings.resource(node, &path, FIELDS)?;
    let (name, namespace) = match reader.identity.clone() {
        Some(identity) => (Some(identity.name), identity.namespace),
        None => names(reader, &fields, &path, kind),
    };
    let labels = labels(reader, fields.get("labels"), &Path::Field(&path, "labels"));
    let annotations = fields.get("annotations");
    let annotations = texts(reader, annotations, &Path::Field(&path, "annotations"));
    let created = reader
        .findings
        .some_text(&fields, &path, "creationTimestamp");
    if kind.reach() == Reach::Namespaced {
        namespace.as_ref()?;
    }
    Some(Metadata {
        place: fields.get("name").map_or(node.place, |name| name.place),
        name: name?,
        namespace,
        labels,
        annotations,
        created: created.map(|(text, _)| text.into()),
    })
}

fn names(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    path: &Path<'_>,
    kind: Kind,
) -> (Option<ResourceName>, Option<Namespace>) {
    let name = reader.findings.required_value(fields, path, "name");
    let namespace = match (kind.reach(), fields.get("namespace")) {
        (Reach::Namespaced, _) => reader.findings.required_value(fields, path, "namespace"),
        (Reach::Global, None) => None,
        (Reach::Global, Some(node)) => {
            let message = format!("a {kind} is in no namespace: it is ignored");
            let field = Path::Field(path, "namespace").to_string();
            reader.findings.warning(node.place, field, message);
            None
        }
    };
    (name, namespace)
}

/// Labels by key.
pub(in crate::codec) fn labels(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    path: &Path<'_>,
) -> Labels {
    let mut labels = Vec::new();
    for (key, value) in entries(reader, node, path) {
        let Some((text, _)) = reader.findings.text(key, path) else {
            continue;
        };
        let path = Path::Field(path, text);
        let key: Option<LabelKey> = reader.findings.value(key, &path);
        let value: Option<LabelValue> = match value.value {
            Value::Null => "".parse().ok(),
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => {
                reader.findings.value(value, &path)
            }
        };
        labels.extend(key.zip(value));
    }
    labels.into_iter().collect()
}

/// Texts by key, in their order.
pub(super) fn texts(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    path: &Path<'_>,
) -> Vec<(String, String)> {
    let mut texts = Vec::new();
    for (key, value) in entries(reader, node, path) {
        let key = reader.findings.text(key, path);
        let value = match value.value {
            Value::Null => Some(("", None)),
            Value::Scalar(_) | Value::List(_) | Value::Map(_) => reader.findings.text(value, path),
        };
        texts.extend(key.zip(value).map(|((k, _), (v, _))| (k.into(), v.into())));
    }
    texts
}

fn entries<'n>(
    reader: &mut Reader<'_>,
    node: Option<&'n Node>,
    path: &Path<'_>,
) -> &'n [(Node, Node)] {
    node.map_or(&[], |node| reader.findings.map(node, path))
}
