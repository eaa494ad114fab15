//! Resources as they stand in etcd: a key, and the resource as JSON.

use std::sync::Arc;

use super::kind::{Kind, Reach};
use crate::codec::document::Reader;
use crate::codec::fields::{Findings, Path};
use crate::codec::{Change, Strictness, json};
use crate::model::ScopedName;

/// Where the resources stand.
pub const PREFIX: &str = "/calico/resources/v3/projectcalico.org/";

/// What a key and its value say. A key that is not one of a known kind says nothing.
///
/// The name is that of the key, whatever the value says of itself.
pub fn change(key: &str, value: &str) -> Option<Change> {
    let (kind, identity) = parsed(key)?;
    let mut findings = Findings::new(Strictness::Lenient);
    let mut references = Vec::new();
    let mut events = Vec::new();
    let source: Arc<str> = key.into();
    for document in json::only(value) {
        let mut reader = Reader {
            findings: &mut findings,
            references: &mut references,
            source: source.clone(),
            identity: Some(identity.clone()),
        };
        match document {
            Ok(node) => {
                let resource = super::read(&mut reader, &node, &Path::Document, kind);
                events.extend(resource.into_iter().flat_map(|resource| resource.events));
            }
            Err(error) => findings.error(error.place, &Path::Document, error.message, None),
        }
    }
    let mut found = findings.into_vec();
    found.sort_by_key(|finding| finding.place);
    let problems = found
        .into_iter()
        .map(|finding| finding.of_source(&source, value));
    Some(Change {
        events,
        problems: problems.collect(),
    })
}

/// Whether a key is one of a known kind.
pub fn is_known(key: &str) -> bool {
    parsed(key).is_some()
}

/// The kind and the name of a key.
fn parsed(key: &str) -> Option<(Kind, ScopedName)> {
    let (plural, rest) = key.strip_prefix(PREFIX)?.split_once('/')?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.plural() == plural)?;
    let (namespace, name) = match kind.reach() {
        Reach::Namespaced => {
            let (namespace, name) = rest.split_once('/')?;
            (Some(unescaped(namespace).parse().ok()?), name)
        }
        Reach::Global => (None, rest),
    };
    let name = unescaped(name).parse().ok()?;
    Some((kind, ScopedName { namespace, name }))
}

fn unescaped(part: &str) -> String {
    part.replace("%2f", "/").replace("%25", "%")
}
