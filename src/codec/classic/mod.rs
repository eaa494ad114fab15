//! The keys of Calico before there were resources, `/calico/v1/...`.
//!
//! ```text
//! rules, tags, labels of a profile --+
//! the parameters of a scope ---------+--> Piece --assembled--> events
//! endpoint, tier, policy, Ready -----+
//! ```
//!
//! `docs/classic-keys.md` says of every key and field what becomes of it, and where Margay differs
//! from what Felix did. A tag of a profile is a label that its endpoints inherit.

mod configuration;
mod endpoint;
mod key;
mod policy;
mod profile;
mod rule;
mod tag;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calico::{Field, Group, fields_of};
use super::document::Reader;
use super::fields::{Findings, Path};
use super::node::{Node, Place};
use super::{Change, Strictness, json};
use crate::model::{Event, ProfileName, Readiness};
use configuration::Given;
use key::{Key, ProfilePart};
use profile::Part;

/// How all keys begin.
pub const PREFIX: &str = "/calico/v1/";

/// The document that a key is a part of, if it says anything: itself, or how the keys begin that say
/// something together.
pub fn document(key: &str) -> Option<&str> {
    let parsed = Key::of(key)?;
    Some(match parsed {
        Key::Profile(..) | Key::Parameter { .. } => {
            key.rfind('/').and_then(|slash| key.get(..=slash))?
        }
        Key::Ready
        | Key::Workload { .. }
        | Key::Host { .. }
        | Key::Tier(_)
        | Key::Policy { .. } => key,
    })
}

/// What a key of a document says.
enum Piece {
    Whole(Event),
    Profile(ProfileName, Part),
    Parameter(Given),
}

/// What the keys of one document and their values say together.
pub(super) fn read(parts: &[(&str, String)]) -> Change {
    let mut change = Change::default();
    let mut pieces = Vec::new();
    for (key, text) in parts {
        let Some(parsed) = Key::of(key) else { continue };
        let mut findings = Findings::new(Strictness::Lenient);
        let source: Arc<str> = (*key).into();
        let mut reader = Reader {
            findings: &mut findings,
            references: &mut Vec::new(),
            source: source.clone(),
            identity: None,
        };
        let piece = piece(&mut reader, &parsed, text);
        if findings.errors() == 0 {
            pieces.extend(piece);
        }
        let mut found = findings.into_vec();
        found.sort_by_key(|finding| finding.place);
        let problems = found
            .into_iter()
            .map(|found| found.of_source(&source, text));
        change.problems.extend(problems);
    }
    change.events = assembled(pieces);
    change
}

/// The fields that are known, for the table in the documentation.
pub fn fields() -> impl Iterator<Item = Field> {
    const OBJECTS: &[(&str, &[Group])] = &[
        ("config", configuration::PARAMETERS),
        ("workload endpoint", endpoint::WORKLOAD),
        ("host endpoint", endpoint::HOST),
        ("profile rules", profile::RULES),
        ("tier metadata", policy::TIER),
        ("policy", policy::POLICY),
        ("rule", rule::FIELDS),
    ];
    fields_of(OBJECTS)
}

fn piece(reader: &mut Reader<'_>, key: &Key<'_>, text: &str) -> Option<Piece> {
    match key {
        Key::Ready => {
            let readiness = match text.trim() {
                "true" => Readiness::Ready,
                _ => Readiness::NotReady,
            };
            return Some(Piece::Whole(Event::Readiness(readiness)));
        }
        Key::Parameter { host, name } => {
            return configuration::read(reader, *host, name, text).map(Piece::Parameter);
        }
        Key::Workload { .. }
        | Key::Host { .. }
        | Key::Profile(..)
        | Key::Tier(_)
        | Key::Policy { .. } => {}
    }
    let mut nodes = Vec::new();
    for document in json::only(text) {
        match document {
            Ok(node) => nodes.push(node),
            Err(error) => {
                let top = Path::Document;
                reader
                    .findings
                    .error(error.place, &top, error.message, None);
            }
        }
    }
    value(reader, key, &nodes.pop()?)
}

fn value(reader: &mut Reader<'_>, key: &Key<'_>, node: &Node) -> Option<Piece> {
    match key {
        Key::Workload {
            host,
            orchestrator,
            workload,
            endpoint,
        } => {
            let parts = [*host, *orchestrator, *workload, *endpoint];
            endpoint::workload(reader, node, parts).map(Piece::Whole)
        }
        Key::Host { .. } => {
            endpoint::host(reader, node);
            None
        }
        Key::Profile(name, part) => {
            let name = self::name(reader, name)?;
            let part = match part {
                ProfilePart::Rules => profile::rules(reader, node)?,
                ProfilePart::Tags => profile::tags(reader, node),
                ProfilePart::Labels => profile::labels(reader, node),
            };
            Some(Piece::Profile(name, part))
        }
        Key::Tier(name) => policy::tier(reader, node, name).map(Piece::Whole),
        Key::Policy { tier, name } => policy::policy(reader, node, tier, name).map(Piece::Whole),
        Key::Ready | Key::Parameter { .. } => None,
    }
}

/// A name that stands in the key.
fn name<T>(reader: &mut Reader<'_>, text: &str) -> Option<T>
where
    T: std::str::FromStr<Err = crate::net::InvalidValue>,
{
    let invalid = |invalid| {
        reader
            .findings
            .invalid(Place::start(0), &Path::Document, &invalid)
    };
    text.parse().map_err(invalid).ok()
}

/// What the pieces of one document are together.
fn assembled(pieces: Vec<Piece>) -> Vec<Event> {
    let mut events = Vec::new();
    let mut profiles: BTreeMap<ProfileName, Vec<Part>> = BTreeMap::new();
    let mut given = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Whole(event) => events.push(event),
            Piece::Profile(name, part) => profiles.entry(name).or_default().push(part),
            Piece::Parameter(one) => given.push(one),
        }
    }
    events.extend(profiles.into_iter().map(profile::assembled));
    events.extend(configuration::assembled(given));
    events
}
