//! `NetworkSet` and `GlobalNetworkSet`.

use super::Document;
use super::field::{Group, enforced};
use crate::codec::document::Reader;
use crate::codec::fields::Path;
use crate::model::{Event, LabelKey, LabelValue, LabelView, NetworkSet};
use crate::net::Cidr;

pub(super) const FIELDS: &[Group] = &[enforced(&["nets"])];

pub(super) fn read(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> Option<Event> {
    let Document {
        metadata,
        spec,
        path,
        ..
    } = document;
    let nets = reader.findings.values::<Cidr>(spec, path, "nets");
    let mut labels = metadata.labels.clone();
    let of_namespace = LabelKey::of_namespace();
    if labels.value(&of_namespace).is_some() {
        let message = format!("the label {of_namespace} is for endpoints, and says where they are");
        let path = Path::Field(&document.base, "metadata");
        let path = Path::Field(&path, "labels");
        reader.findings.error(metadata.place, &path, message, None);
    }
    if let Some(namespace) = &metadata.namespace {
        labels.insert(of_namespace, LabelValue::from(namespace));
    }
    Some(Event::NetworkSet(NetworkSet {
        name: metadata.scoped(),
        labels,
        nets: nets.into_iter().map(|(_, net)| net).collect(),
        origin: reader.origin(metadata.place),
    }))
}
