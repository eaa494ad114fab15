//! Profiles: a key each for rules, tags and labels.

use super::rule;
use super::tag::{Tag, without_tags};
use crate::codec::calico::Group;
use crate::codec::calico::field::enforced;
use crate::codec::calico::metadata;
use crate::codec::document::Reader;
use crate::codec::fields::Path;
use crate::codec::node::Node;
use crate::model::{Action, Direction, Event, Labels, Origin, Profile, ProfileName, Rule};

pub(super) const RULES: &[Group] = &[enforced(&["inbound_rules", "outbound_rules"])];

/// What one key of a profile says.
pub(super) enum Part {
    Rules {
        ingress: Vec<Rule>,
        egress: Vec<Rule>,
        origin: Origin,
    },
    /// Labels, or the labels that tags stand for.
    Labels(Labels),
}

pub(super) fn rules(reader: &mut Reader<'_>, node: &Node) -> Option<Part> {
    let top = Path::Document;
    let fields = reader.findings.resource(node, &top, RULES)?;
    Some(Part::Rules {
        ingress: rule::list(reader, &fields, Direction::Ingress),
        egress: rule::list(reader, &fields, Direction::Egress),
        origin: reader.origin(node.place),
    })
}

pub(super) fn tags(reader: &mut Reader<'_>, node: &Node) -> Part {
    let top = Path::Document;
    let items = reader.findings.list(Some(node), &top).iter().enumerate();
    let tags = items.filter_map(|(index, item)| {
        let tag: Option<Tag> = reader.findings.value(item, &Path::Item(&top, index));
        tag?.label()
    });
    Part::Labels(tags.collect())
}

pub(super) fn labels(reader: &mut Reader<'_>, node: &Node) -> Part {
    let labels = metadata::labels(reader, Some(node), &Path::Document);
    Part::Labels(without_tags(labels))
}

/// A profile. Without rules it denies in its place, as one that does not exist.
pub(super) fn assembled((name, parts): (ProfileName, Vec<Part>)) -> Event {
    let mut profile = Profile {
        name,
        labels: Labels::default(),
        ingress: vec![Rule::of_all(Action::Deny)],
        egress: vec![Rule::of_all(Action::Deny)],
        origin: Origin::default(),
    };
    for part in parts {
        match part {
            Part::Rules {
                ingress,
                egress,
                origin,
            } => {
                (profile.ingress, profile.egress) = (ingress, egress);
                profile.origin = origin;
            }
            Part::Labels(labels) => {
                for (key, value) in labels.iter() {
                    profile.labels.insert(key.clone(), value.clone());
                }
            }
        }
    }
    Event::Profile(Box::new(profile))
}
