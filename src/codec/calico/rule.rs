//! Rules of policies and profiles.

use std::borrow::Cow;

use super::entity::{self, End, Entity, Numbered, Side};
use super::field::{Group, enforced, ignored};
use super::metadata::texts;
use super::word::{IcmpCode, IcmpType, Word};
use crate::codec::document::Reader;
use crate::codec::fields::{Fields, Path};
use crate::codec::node::Node;
use crate::model::{Action, Direction, IcmpMatch, Namespace, Rule};
use crate::net::{Family, Protocol};

pub(super) const FIELDS: &[Group] = &[
    enforced(&[
        "action",
        "ipVersion",
        "protocol",
        "notProtocol",
        "icmp",
        "notICMP",
        "source",
        "destination",
        "metadata",
    ]),
    ignored(
        "a packet does not show it; the rest of the rule holds, as in Felix",
        &["http"],
    ),
];

pub(super) const ICMP: &[Group] = &[enforced(&["type", "code"])];

pub(super) const METADATA: &[Group] = &[enforced(&["annotations"])];

/// Most rules of one direction (the limit of the Calico API).
const RULES_MAX: usize = 1024;

/// The rules of a list.
pub(super) fn list(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    path: &Path<'_>,
    direction: Direction,
    namespace: Option<&Namespace>,
) -> Vec<Rule> {
    let name = match direction {
        Direction::Ingress => "ingress",
        Direction::Egress => "egress",
    };
    reader.findings.at_most(RULES_MAX, fields, path, name);
    let path = Path::Field(path, name);
    let items = reader.findings.list(fields.get(name), &path);
    let mut rules = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let path = Path::Item(&path, index);
        rules.extend(read(reader, item, &path, direction, namespace));
    }
    rules
}

fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    path: &Path<'_>,
    direction: Direction,
    namespace: Option<&Namespace>,
) -> Option<Rule> {
    let fields = reader.findings.resource(node, path, FIELDS)?;
    let action: Option<Word<Action>> = reader.findings.required_value(&fields, path, "action");
    let family: Option<Word<Family>> = reader.findings.some_value(&fields, path, "ipVersion");
    let protocol: Option<Word<Protocol>> = reader.findings.some_value(&fields, path, "protocol");
    let not: Option<Word<Protocol>> = reader.findings.some_value(&fields, path, "notProtocol");
    let icmp = icmp(reader, &fields, path, "icmp");
    let not_icmp = self::icmp(reader, &fields, path, "notICMP");
    let mut end = |side, name| {
        let path = Path::Field(path, name);
        let end = End {
            namespace,
            direction,
            side,
        };
        entity::read(reader, fields.get(name), &path, end)
    };
    let source = end(Side::Source, "source");
    let destination = end(Side::Destination, "destination");
    let annotations = annotations(reader, &fields, path);
    let checked = Checked {
        family: family.map(|word| word.0),
        protocol: protocol.map(|word| word.0),
        not_protocol: not.map(|word| word.0),
        action: action.as_ref().map(|word| word.0),
        direction,
    };
    check(
        reader,
        &fields,
        path,
        &checked,
        [("source", &source), ("destination", &destination)],
    );
    Some(Rule {
        action: action?.0,
        family: checked.family,
        protocol: checked.protocol,
        not_protocol: checked.not_protocol,
        icmp,
        not_icmp,
        source: source.entity,
        destination: destination.entity,
        annotations,
        origin: reader.origin(node.place),
    })
}

fn icmp(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    path: &Path<'_>,
    name: &'static str,
) -> Option<IcmpMatch> {
    let path = Path::Field(path, name);
    let fields = reader.findings.resource(fields.get(name)?, &path, ICMP)?;
    let kind: Option<IcmpType> = reader.findings.some_value(&fields, &path, "type");
    let code: Option<IcmpCode> = reader.findings.some_value(&fields, &path, "code");
    match (kind, code) {
        (Some(kind), code) => Some(IcmpMatch {
            kind: kind.0,
            code: code.map(|code| code.0),
        }),
        (None, Some(_)) => {
            reader.findings.required(&fields, &path, "type");
            None
        }
        (None, None) => None,
    }
}

fn annotations(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    path: &Path<'_>,
) -> Vec<(String, String)> {
    let path = Path::Field(path, "metadata");
    let fields = fields
        .get("metadata")
        .and_then(|node| reader.findings.resource(node, &path, METADATA));
    fields.map_or_else(Vec::new, |fields| {
        let path = Path::Field(&path, "annotations");
        texts(reader, fields.get("annotations"), &path)
    })
}

/// What the parts of a rule must fit.
struct Checked {
    action: Option<Action>,
    family: Option<Family>,
    protocol: Option<Protocol>,
    not_protocol: Option<Protocol>,
    direction: Direction,
}

/// Complains of parts that do not fit each other.
fn check(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    path: &Path<'_>,
    rule: &Checked,
    ends: [(&'static str, &Entity); 2],
) {
    for (name, protocol) in [
        ("protocol", rule.protocol),
        ("notProtocol", rule.not_protocol),
    ] {
        let own = protocol.and_then(family_of);
        if let (Some(node), Some(own), Some(family)) = (fields.get(name), own, rule.family)
            && own != family
        {
            let message = format!("ICMP of {own} in a rule for {family}");
            reader
                .findings
                .error(node.place, &Path::Field(path, name), message, None);
        }
    }
    let is_icmp = rule.protocol.is_some_and(Protocol::is_icmp);
    for name in ["icmp", "notICMP"] {
        if let Some(node) = fields.get(name).filter(|_| !is_icmp) {
            let allowed = Cow::Borrowed("protocol ICMP or ICMPv6 beside it");
            let message = "ICMP messages of another protocol";
            reader
                .findings
                .error(node.place, &Path::Field(path, name), message, allowed);
        }
    }
    check_http(reader, fields, path, rule);
    check_ports(reader, path, rule, ends);
    check_families(reader, path, rule, ends);
}

fn check_http(reader: &mut Reader<'_>, fields: &Fields<'_>, path: &Path<'_>, rule: &Checked) {
    let Some(node) = fields.get("http") else {
        return;
    };
    let path = Path::Field(path, "http");
    let tcp = rule
        .protocol
        .is_none_or(|protocol| protocol == Protocol::TCP);
    if rule.action != Some(Action::Allow) || !tcp || rule.direction == Direction::Egress {
        let allowed = Cow::Borrowed("http in an ingress rule that allows TCP or any protocol");
        reader
            .findings
            .error(node.place, &path, "http in a rule of this kind", allowed);
    } else {
        let message = "a packet does not show it: the rule allows whatever else it matches";
        reader
            .findings
            .warning(node.place, path.to_string(), message.to_owned());
    }
}

fn check_ports(
    reader: &mut Reader<'_>,
    path: &Path<'_>,
    rule: &Checked,
    ends: [(&'static str, &Entity); 2],
) {
    for (end, entity) in ends {
        for &(place, name, numbered) in &entity.ports {
            let fits = match rule.protocol {
                Some(protocol) => has_ports(protocol),
                None => numbered == Numbered::None,
            };
            if !fits {
                let path = Path::Field(path, end);
                let allowed = Cow::Borrowed("protocol TCP, UDP or SCTP beside ports");
                let message = "ports of a protocol that has none";
                reader
                    .findings
                    .error(place, &Path::Field(&path, name), message, allowed);
            }
        }
    }
}

fn check_families(
    reader: &mut Reader<'_>,
    path: &Path<'_>,
    rule: &Checked,
    ends: [(&'static str, &Entity); 2],
) {
    let mut family = rule.family;
    for (end, entity) in ends {
        let mut told = false;
        for &(place, name, own) in &entity.families {
            let expected = *family.get_or_insert(own);
            if own != expected && !told {
                told = true;
                let path = Path::Field(path, end);
                let message = format!("an {own} prefix in a rule for {expected}");
                reader
                    .findings
                    .error(place, &Path::Field(&path, name), message, None);
            }
        }
    }
}

/// The family that a protocol implies.
fn family_of(protocol: Protocol) -> Option<Family> {
    match protocol {
        Protocol::ICMP => Some(Family::V4),
        Protocol::ICMPV6 => Some(Family::V6),
        _ => None,
    }
}

/// Whether rules can name ports of a protocol: Calico knows those of three.
pub(super) fn has_ports(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::TCP | Protocol::UDP | Protocol::SCTP)
}
