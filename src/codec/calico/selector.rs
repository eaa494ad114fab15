//! Fields that hold selectors.

use crate::codec::document::Reader;
use crate::codec::fields::{Fields, Path};
use crate::model::selector::Subject;
use crate::model::{InvalidSelector, Selector};
use crate::net::InvalidValue;

/// Longest selector, in characters (the limit of the Calico API).
const CHARACTERS_MAX: usize = 1024;

/// Where `global()` may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    /// Nowhere.
    Refused,
    /// Alone: `namespaceSelector` of a rule.
    Alone,
}

/// The selector of a field; a text that is empty is as none.
pub(super) fn read(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    path: &Path<'_>,
    name: &'static str,
    (subject, global): (Subject, Global),
) -> Option<Selector> {
    let (text, verbatim) = reader.findings.some_text(fields, path, name)?;
    let place = fields.get(name)?.place;
    let path = Path::Field(path, name);
    if text.chars().count() > CHARACTERS_MAX {
        let invalid = InvalidValue::new("selector", text, "at most 1024 characters");
        reader.findings.invalid(place, &path, &invalid);
        return None;
    }
    match checked(text, subject, global) {
        Ok(selector) => Some(selector),
        Err(error) => {
            let place = verbatim.map_or(place, |start| start.advanced(&text[..error.offset]));
            reader.findings.invalid(place, &path, &error.invalid);
            None
        }
    }
}

fn checked(text: &str, subject: Subject, global: Global) -> Result<Selector, InvalidSelector> {
    let selector = Selector::of(subject, text)?;
    let Some(offset) = text.find("global(") else {
        return Ok(selector);
    };
    // Read as one of namespaces, it is no longer there.
    let plain: Selector = text.parse()?;
    let allowed = match global {
        Global::Refused if plain.has_global() => "global() in namespaceSelector of a rule alone",
        Global::Alone if plain.has_global() && !plain.is_global() => {
            "global() with nothing beside it"
        }
        Global::Refused | Global::Alone => return Ok(selector),
    };
    Err(InvalidSelector {
        offset,
        invalid: InvalidValue::new("use of", "global()", allowed),
    })
}
