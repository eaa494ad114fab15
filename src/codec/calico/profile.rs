//! `Profile`.

use super::Document;
use super::field::{Group, enforced};
use super::{metadata, rule};
use crate::codec::document::Reader;
use crate::codec::fields::Path;
use crate::model::{Direction, Event, Profile};

pub(super) const FIELDS: &[Group] = &[enforced(&["ingress", "egress", "labelsToApply"])];

pub(super) fn read(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> Option<Event> {
    let Document {
        metadata,
        spec,
        path,
        ..
    } = document;
    let labels = spec.get("labelsToApply");
    let labels = metadata::labels(reader, labels, &Path::Field(path, "labelsToApply"));
    Some(Event::Profile(Box::new(Profile {
        name: document.name_as(reader)?,
        labels,
        ingress: rule::list(reader, spec, path, Direction::Ingress, None),
        egress: rule::list(reader, spec, path, Direction::Egress, None),
        origin: reader.origin(metadata.place),
    })))
}
