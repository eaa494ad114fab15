//! Rules of profiles and policies.
//!
//! A rule that is wrong in any way makes all that stands beside it wrong, as for Felix: a list that
//! lacks a rule means something else.

use std::borrow::Cow;
use std::str::FromStr;

use super::tag::Tag;
use crate::codec::calico::Group;
use crate::codec::calico::field::{enforced, ignored};
use crate::codec::calico::word::{IcmpCode, IcmpType, Word};
use crate::codec::document::Reader;
use crate::codec::fields::{Fields, Path};
use crate::codec::node::{Node, Place};
use crate::model::{Action, Direction, EntityMatch, IcmpMatch, PortMatch, Rule, Selector};
use crate::net::{Cidr, Family, InvalidValue, PortRange, Protocol, decimal};

pub(super) const FIELDS: &[Group] = &[
    enforced(&[
        "action",
        "ip_version",
        "protocol",
        "!protocol",
        "icmp_type",
        "!icmp_type",
        "icmp_code",
        "!icmp_code",
        "src_net",
        "!src_net",
        "dst_net",
        "!dst_net",
        "src_tag",
        "!src_tag",
        "dst_tag",
        "!dst_tag",
        "src_selector",
        "!src_selector",
        "dst_selector",
        "!dst_selector",
        "src_ports",
        "!src_ports",
        "dst_ports",
        "!dst_ports",
    ]),
    ignored(
        "that the rule logs is enforced; the text is the prefix of the settings",
        &["log_prefix"],
    ),
];

/// The names of the fields of one end: what must match, what must not.
struct End {
    net: [&'static str; 2],
    tag: [&'static str; 2],
    selector: [&'static str; 2],
    ports: [&'static str; 2],
}

const SOURCE: End = End {
    net: ["src_net", "!src_net"],
    tag: ["src_tag", "!src_tag"],
    selector: ["src_selector", "!src_selector"],
    ports: ["src_ports", "!src_ports"],
};

const DESTINATION: End = End {
    net: ["dst_net", "!dst_net"],
    tag: ["dst_tag", "!dst_tag"],
    selector: ["dst_selector", "!dst_selector"],
    ports: ["dst_ports", "!dst_ports"],
};

/// The rules of a direction; none, where the list is not there.
pub(super) fn list(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    direction: Direction,
) -> Vec<Rule> {
    let name = match direction {
        Direction::Ingress => "inbound_rules",
        Direction::Egress => "outbound_rules",
    };
    let path = Path::Field(&Path::Document, name);
    let items = reader.findings.list(fields.get(name), &path);
    let mut rules = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        rules.extend(read(reader, item, &Path::Item(&path, index)));
    }
    rules
}

/// The selector of a field; a text that is empty means all.
pub(super) fn selector(reader: &mut Reader<'_>, node: &Node, path: &Path<'_>) -> Option<Selector> {
    let (text, verbatim) = reader.findings.text(node, path)?;
    match text.parse() {
        Ok(selector) => Some(selector),
        Err(error) => {
            let error: crate::model::InvalidSelector = error;
            let at = |start: Place| start.advanced(text.get(..error.offset).unwrap_or(text));
            let place = verbatim.map_or(node.place, at);
            reader.findings.invalid(place, path, &error.invalid);
            None
        }
    }
}

/// A rule; before it one that logs, where it does.
fn read(reader: &mut Reader<'_>, node: &Node, path: &Path<'_>) -> Vec<Rule> {
    let Some(fields) = known(reader, node, path) else {
        return Vec::new();
    };
    let action: Option<ClassicAction> = reader.findings.some_value(&fields, path, "action");
    let action = action.map_or(Action::Allow, |action| action.0);
    let family: Option<Word<Family>> = reader.findings.some_value(&fields, path, "ip_version");
    let protocol: Option<Word<Protocol>> = reader.findings.some_value(&fields, path, "protocol");
    let not: Option<Word<Protocol>> = reader.findings.some_value(&fields, path, "!protocol");
    let rule = Rule {
        action,
        family: family.map(|word| word.0),
        protocol: protocol.map(|word| word.0),
        not_protocol: not.map(|word| word.0),
        icmp: icmp(reader, &fields, path, ["icmp_type", "icmp_code"]),
        not_icmp: icmp(reader, &fields, path, ["!icmp_type", "!icmp_code"]),
        source: end(reader, &fields, path, &SOURCE),
        destination: end(reader, &fields, path, &DESTINATION),
        annotations: Vec::new(),
        origin: reader.origin(node.place),
    };
    check(reader, &fields, path, &rule);
    let logs = fields.get("log_prefix").is_some() && action != Action::Log;
    let log = logs.then(|| Rule {
        action: Action::Log,
        ..rule.clone()
    });
    log.into_iter().chain([rule]).collect()
}

/// The fields of a rule: one that is not known is a fault, for it may be what confines the rule.
fn known<'n>(reader: &mut Reader<'_>, node: &'n Node, path: &Path<'_>) -> Option<Fields<'n>> {
    const NAMES: [&str; 25] = names();
    reader.findings.fields(node, path, &NAMES)
}

/// The names of all fields.
const fn names() -> [&'static str; 25] {
    let (mut names, mut group, mut at) = ([""; 25], 0, 0);
    while group < FIELDS.len() {
        let mut name = 0;
        while name < FIELDS[group].names.len() {
            names[at] = FIELDS[group].names[name];
            (name, at) = (name + 1, at + 1);
        }
        group += 1;
    }
    names
}

fn icmp(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    path: &Path<'_>,
    [kind, code]: [&'static str; 2],
) -> Option<IcmpMatch> {
    let read: Option<IcmpType> = reader.findings.some_value(fields, path, kind);
    let code_read: Option<IcmpCode> = reader.findings.some_value(fields, path, code);
    if code_read.is_some() {
        reader.findings.required(fields, path, kind);
    }
    Some(IcmpMatch {
        kind: read?.0,
        code: code_read.map(|code| code.0),
    })
}

fn end(reader: &mut Reader<'_>, fields: &Fields<'_>, path: &Path<'_>, end: &End) -> EntityMatch {
    let mut net = |name| reader.findings.some_value::<Cidr>(fields, path, name);
    let [nets, not_nets] = end.net.map(|name| net(name).into_iter().collect());
    let mut tag = |name| reader.findings.some_value::<Tag>(fields, path, name);
    let [tag, not_tag] = end.tag.map(|name| tag(name).map(Tag::selector));
    let mut named = |name| {
        let node = fields.get(name)?;
        selector(reader, node, &Path::Field(path, name))
    };
    let [selected, not_selected] = end.selector.map(&mut named);
    let mut ports = |name| {
        let read = reader.findings.values::<Ports>(fields, path, name);
        read.into_iter().map(|(_, ports)| PortMatch::Range(ports.0))
    };
    let [ports, not_ports] = end.ports.map(|name| ports(name).collect());
    let positive = [tag, selected].into_iter().flatten();
    let positive = positive.reduce(|one, other| one.and(&other));
    let negative = [not_tag, not_selected].into_iter().flatten();
    let none_of = negative
        .map(|one| one.not())
        .reduce(|one, other| one.and(&other));
    let (selector, not_selector) = match (positive, none_of) {
        (Some(positive), Some(none_of)) => (Some(positive.and(&none_of)), None),
        (positive, none_of) => (positive, none_of.map(|none_of| none_of.not())),
    };
    EntityMatch {
        nets,
        not_nets,
        ports,
        not_ports,
        selector,
        not_selector,
    }
}

/// Complains of parts that do not fit each other.
fn check(reader: &mut Reader<'_>, fields: &Fields<'_>, path: &Path<'_>, rule: &Rule) {
    let mut complain = |name: &'static str, message: &str, allowed: &'static str| {
        if let Some(node) = fields.get(name) {
            let path = Path::Field(path, name);
            let allowed = Cow::Borrowed(allowed);
            reader.findings.error(node.place, &path, message, allowed);
        }
    };
    for end in [&SOURCE, &DESTINATION] {
        if !rule.protocol.is_some_and(Protocol::has_ports) {
            for name in end.ports {
                let message = "ports of a protocol that has none";
                complain(
                    name,
                    message,
                    "protocol tcp, udp, sctp or udplite beside ports",
                );
            }
        }
    }
    if !rule.protocol.is_some_and(Protocol::is_icmp) {
        for name in ["icmp_type", "!icmp_type"] {
            let message = "ICMP messages of another protocol";
            complain(name, message, "protocol icmp or icmpv6 beside it");
        }
    }
    for (end, entity) in [(&SOURCE, &rule.source), (&DESTINATION, &rule.destination)] {
        for (name, nets) in end.net.into_iter().zip([&entity.nets, &entity.not_nets]) {
            let other = |net: &Cidr| rule.family.is_some_and(|only| only != net.family());
            if nets.iter().any(other) {
                complain(name, "a prefix of the other family", "one of ip_version");
            }
        }
    }
}

/// `action`
struct ClassicAction(Action);

impl FromStr for ClassicAction {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Ok(Self(match text {
            "allow" => Action::Allow,
            "deny" => Action::Deny,
            "log" => Action::Log,
            "next-tier" => Action::Pass,
            _ => {
                let allowed = "allow, deny, log or next-tier";
                return Err(InvalidValue::new("action", text, allowed));
            }
        }))
    }
}

/// A port, or `lo:hi`: 0-65535.
struct Ports(PortRange);

impl FromStr for Ports {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (first, last) = text.split_once(':').unwrap_or((text, text));
        let range = decimal(first).zip(decimal(last));
        range
            .and_then(|(first, last)| PortRange::new(first, last))
            .map(Self)
            .ok_or_else(|| InvalidValue::new("port", text, "0-65535 or lo:hi"))
    }
}
