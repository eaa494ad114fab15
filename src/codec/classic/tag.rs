//! Tags: what an endpoint carries because one of its profiles lists it.

use std::str::FromStr;

use crate::model::{LabelKey, LabelValue, Labels, ResourceName, Selector};
use crate::net::InvalidValue;

/// How the labels begin that stand for tags.
const PREFIX: &str = "classic-tag/";

/// A tag, `[A-Za-z0-9._-]{1,253}`: the label `classic-tag/<tag>`, without a value.
pub(super) struct Tag(LabelKey);

impl Tag {
    /// The label that an endpoint inherits.
    pub(super) fn label(self) -> Option<(LabelKey, LabelValue)> {
        Some((self.0, "".parse().ok()?))
    }

    /// The endpoints that carry it.
    pub(super) fn selector(self) -> Selector {
        Selector::has(self.0)
    }
}

impl FromStr for Tag {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let name: ResourceName = text.parse()?;
        format!("{PREFIX}{name}").parse().map(Self)
    }
}

/// Labels without those that would claim a tag: only a profile's list of tags gives one.
pub(super) fn without_tags(labels: Labels) -> Labels {
    let own = labels
        .iter()
        .filter(|(key, _)| !key.as_str().starts_with(PREFIX));
    own.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}
