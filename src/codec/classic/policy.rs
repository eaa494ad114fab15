//! Tiers and the policies in them.

use std::str::FromStr;

use super::rule;
use crate::codec::calico::Group;
use crate::codec::calico::field::enforced;
use crate::codec::calico::word::Word;
use crate::codec::document::Reader;
use crate::codec::fields::{Fields, Path};
use crate::codec::node::Node;
use crate::model::{
    DefaultAction, Direction, Enforcement, Event, Order, Policy, PolicyKind, PolicyName,
    PolicyTypes, Selector, Stage, Tier, TierName,
};
use crate::net::InvalidValue;

pub(super) const TIER: &[Group] = &[enforced(&["order"])];

pub(super) const POLICY: &[Group] = &[enforced(&[
    "selector",
    "order",
    "inbound_rules",
    "outbound_rules",
    "untracked",
])];

pub(super) fn tier(reader: &mut Reader<'_>, node: &Node, name: &str) -> Option<Event> {
    let fields = reader.findings.resource(node, &Path::Document, TIER)?;
    let order = order(reader, &fields);
    Some(Event::Tier(Tier {
        name: super::name(reader, name)?,
        order,
        default_action: DefaultAction::Deny,
        origin: reader.origin(node.place),
    }))
}

pub(super) fn policy(
    reader: &mut Reader<'_>,
    node: &Node,
    tier: &str,
    name: &str,
) -> Option<Event> {
    let top = Path::Document;
    let fields = reader.findings.resource(node, &top, POLICY)?;
    let selector = match reader.findings.required(&fields, &top, "selector") {
        Some(node) => rule::selector(reader, node, &Path::Field(&top, "selector")),
        None => None,
    };
    let untracked: Option<Word<bool>> = reader.findings.some_value(&fields, &top, "untracked");
    let ingress = rule::list(reader, &fields, Direction::Ingress);
    let egress = rule::list(reader, &fields, Direction::Egress);
    let tier: TierName = super::name(reader, tier)?;
    let policy = Policy {
        // Policies of two tiers may have one name. Those of one tier stand in the order of theirs.
        name: PolicyName {
            kind: PolicyKind::GlobalNetworkPolicy,
            namespace: None,
            name: super::name(reader, &format!("{tier}.{name}"))?,
        },
        tier,
        order: order(reader, &fields),
        selector: selector.unwrap_or_else(Selector::nothing),
        types: PolicyTypes::Both,
        stage: match untracked {
            Some(Word(true)) => Stage::Untracked,
            Some(Word(false)) | None => Stage::Local,
        },
        enforcement: Enforcement::Enforced,
        ingress,
        egress,
        origin: reader.origin(node.place),
    };
    Some(Event::Policy(Box::new(policy)))
}

fn order(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Order {
    let order: Option<ClassicOrder> = reader.findings.some_value(fields, &Path::Document, "order");
    order.map_or(Order::LAST, |order| order.0)
}

/// A number, or the word that means the last.
struct ClassicOrder(Order);

impl FromStr for ClassicOrder {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "default" => Ok(Self(Order::LAST)),
            number => number.parse().map(Self),
        }
    }
}
