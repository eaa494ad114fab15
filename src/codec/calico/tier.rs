//! `Tier`.

use super::Document;
use super::field::{Group, enforced};
use super::word::Word;
use crate::codec::document::Reader;
use crate::codec::fields::Path;
use crate::model::{DefaultAction, Event, Order, Tier};

pub(super) const FIELDS: &[Group] = &[enforced(&["order", "defaultAction"])];

pub(super) fn read(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> Option<Event> {
    let Document {
        metadata,
        spec,
        path,
        ..
    } = document;
    let order: Option<Order> = reader.findings.some_value(spec, path, "order");
    Some(Event::Tier(Tier {
        name: document.name_as(reader)?,
        order: order.unwrap_or_default(),
        default_action: default_action(reader, document),
        origin: reader.origin(metadata.place),
    }))
}

/// Whatever is not `Pass` denies.
fn default_action(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> DefaultAction {
    let Document { spec, path, .. } = document;
    let Some((text, _)) = reader.findings.some_text(spec, path, "defaultAction") else {
        return DefaultAction::Deny;
    };
    match text.parse::<Word<DefaultAction>>() {
        Ok(word) => word.0,
        Err(invalid) => {
            let place = spec
                .get("defaultAction")
                .map_or(spec.place(), |node| node.place);
            let field = Path::Field(path, "defaultAction").to_string();
            let message = format!("{}: whatever is not Pass denies", invalid.finding());
            reader.findings.warning(place, field, message);
            DefaultAction::Deny
        }
    }
}
