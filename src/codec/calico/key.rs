//! Resources as they stand in etcd: a key, and the resource as JSON.

use std::sync::Arc;

use super::kind::{Kind, Reach};
use crate::codec::document::Reader;
use crate::codec::fields::{Findings, Path};
use crate::codec::{Change, Strictness, json};
use crate::model::ScopedName;
use crate::net::InvalidValue;

/// Where the resources stand.
pub const PREFIX: &str = "/calico/resources/v3/projectcalico.org/";

/// What a key and its value say. A key that is not one of a known kind says nothing; one that is, with a
/// name that no resource can have, says what is wrong with it.
///
/// The name is that of the key, whatever the value says of itself.
pub fn change(key: &str, value: &str) -> Option<Change> {
    let (kind, path) = known(key)?;
    let identity = match identity(kind, path) {
        Ok(identity) => identity,
        Err(error) => return Some(Change::unreadable(key, error.to_string())),
    };
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
    known(key).is_some()
}

/// The kind of a key, and the part of it that names the resource.
fn known(key: &str) -> Option<(Kind, &str)> {
    let (plural, rest) = key.strip_prefix(PREFIX)?.split_once('/')?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.plural() == plural)?;
    Some((kind, rest))
}

fn identity(kind: Kind, path: &str) -> Result<ScopedName, InvalidValue> {
    let unnamed = || InvalidValue::new("key", path, "a namespace, / and a name");
    let (namespace, name) = match kind.reach() {
        Reach::Namespaced => {
            let (namespace, name) = path.split_once('/').ok_or_else(unnamed)?;
            (Some(unescaped(namespace).parse()?), name)
        }
        Reach::Global => (None, path),
    };
    let name = unescaped(name).parse()?;
    Ok(ScopedName { namespace, name })
}

fn unescaped(part: &str) -> String {
    part.replace("%2f", "/").replace("%25", "%")
}
