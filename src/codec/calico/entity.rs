//! `source` and `destination` of a rule.

use std::borrow::Cow;

use super::field::{Group, enforced, ignored};
use super::selector::{self, Global};
use super::word::Port;
use crate::codec::document::Reader;
use crate::codec::fields::{Fields, Path};
use crate::codec::node::{Node, Place};
use crate::model::scope::EntityScope;
use crate::model::selector::Subject;
use crate::model::{
    Direction, EntityMatch, LabelKey, LabelValue, Namespace, PortMatch, ResourceName, Selector,
};
use crate::net::{Cidr, Family};

pub(super) const FIELDS: &[Group] = &[enforced(&[
    "nets",
    "notNets",
    "ports",
    "notPorts",
    "selector",
    "notSelector",
    "namespaceSelector",
    "serviceAccounts",
    "services",
])];

pub(super) const SERVICE_ACCOUNTS: &[Group] = &[enforced(&["names", "selector"])];

pub(super) const SERVICES: &[Group] = &[ignored(
    "services are not in this store: the rule matches nothing",
    &["name", "namespace"],
)];

/// The limits of the Calico API.
const NETS_MAX: usize = 256;
const PORTS_MAX: usize = 50;

/// Which end of which rule.
#[derive(Debug, Clone, Copy)]
pub(super) struct End<'a> {
    /// The namespace of the policy.
    pub(super) namespace: Option<&'a Namespace>,
    /// The list that the rule is in.
    pub(super) direction: Direction,
    /// `source` or `destination`.
    pub(super) side: Side,
}

/// An end of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Destination,
}

/// What an end says, and where it says what other parts of the rule must fit.
#[derive(Debug, Default)]
pub(super) struct Entity {
    /// The match.
    pub(super) entity: EntityMatch,
    /// Where prefixes of a family stand.
    pub(super) families: Vec<(Place, &'static str, Family)>,
    /// Where the lists of ports stand, and whether they hold numbers.
    pub(super) ports: Vec<(Place, &'static str, Numbered)>,
}

/// Whether a list of ports holds numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbered {
    Some,
    None,
}

/// Reads one end of a rule.
pub(super) fn read(
    reader: &mut Reader<'_>,
    node: Option<&Node>,
    path: &Path<'_>,
    end: End<'_>,
) -> Entity {
    let fields = node.and_then(|node| reader.findings.resource(node, path, FIELDS));
    let Some(fields) = fields else {
        return Entity::default();
    };
    let mut read = Entity::default();
    for (name, max) in [
        ("nets", NETS_MAX),
        ("notNets", NETS_MAX),
        ("ports", PORTS_MAX),
        ("notPorts", PORTS_MAX),
    ] {
        reader.findings.at_most(max, &fields, path, name);
    }
    read.entity.nets = nets(reader, &fields, path, "nets", &mut read.families);
    read.entity.not_nets = nets(reader, &fields, path, "notNets", &mut read.families);
    read.entity.ports = ports(reader, &fields, path, "ports", &mut read.ports);
    read.entity.not_ports = ports(reader, &fields, path, "notPorts", &mut read.ports);
    let effective = scope(reader, &fields, path).effective(end.namespace);
    read.entity.selector = effective.selector;
    read.entity.not_selector = effective.not_selector;
    if let Some(services) = fields.get("services") {
        read.entity.selector = Some(Selector::nothing());
        check_services(reader, &fields, path, services, end);
    }
    read
}

fn nets(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    path: &Path<'_>,
    name: &'static str,
    families: &mut Vec<(Place, &'static str, Family)>,
) -> Vec<Cidr> {
    let read = reader.findings.values::<Cidr>(fields, path, name);
    for (node, net) in &read {
        families.push((node.place, name, net.family()));
        if name == "notNets" && net.prefix_len() == 0 {
            let message = format!("{net} as what must not match leaves nothing");
            let path = Path::Field(path, name);
            reader.findings.error(node.place, &path, message, None);
        }
    }
    read.into_iter().map(|(_, net)| net).collect()
}

fn ports(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    path: &Path<'_>,
    name: &'static str,
    lists: &mut Vec<(Place, &'static str, Numbered)>,
) -> Vec<PortMatch> {
    let read = reader.findings.values::<Port>(fields, path, name);
    let numbered = |(_, port): &(&Node, Port)| matches!(port.0, PortMatch::Range(_));
    let first = read.iter().find(|one| numbered(one)).or(read.first());
    lists.extend(first.map(|one| {
        let some = if numbered(one) {
            Numbered::Some
        } else {
            Numbered::None
        };
        (one.0.place, name, some)
    }));
    read.into_iter().map(|(_, port)| port.0).collect()
}

fn scope(reader: &mut Reader<'_>, fields: &Fields<'_>, path: &Path<'_>) -> EntityScope {
    let mut one =
        |name, subject, global| selector::read(reader, fields, path, name, (subject, global));
    let selector = one("selector", Subject::Endpoints, Global::Refused);
    let not_selector = one("notSelector", Subject::Endpoints, Global::Refused);
    let namespaces = one("namespaceSelector", Subject::Namespaces, Global::Alone);
    EntityScope {
        selector,
        not_selector,
        namespaces,
        service_accounts: service_accounts(reader, fields, path),
    }
}

fn service_accounts(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    path: &Path<'_>,
) -> Option<Selector> {
    let path = Path::Field(path, "serviceAccounts");
    let node = fields.get("serviceAccounts")?;
    let fields = reader.findings.resource(node, &path, SERVICE_ACCOUNTS)?;
    let how = (Subject::ServiceAccounts, Global::Refused);
    let labelled = selector::read(reader, &fields, &path, "selector", how);
    let names = reader
        .findings
        .values::<ResourceName>(&fields, &path, "names");
    let named = (!names.is_empty()).then(|| {
        let names = names.iter().map(|(_, name)| LabelValue::from(name));
        Selector::one_of(LabelKey::of_service_account(), names)
    });
    match (labelled, named) {
        (Some(labelled), Some(named)) => Some(labelled.and(&named)),
        (labelled, named) => labelled.or(named),
    }
}

/// Complains of what cannot stand beside `services`, and says what it means.
fn check_services(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    path: &Path<'_>,
    node: &Node,
    end: End<'_>,
) {
    let own = Path::Field(path, "services");
    let Some(service) = reader.findings.resource(node, &own, SERVICES) else {
        return;
    };
    if end.namespace.is_none() {
        reader.findings.required(&service, &own, "namespace");
    }
    reader.findings.required(&service, &own, "name");
    let home = match end.direction {
        Direction::Ingress => Side::Source,
        Direction::Egress => Side::Destination,
    };
    if end.side != home {
        let message = format!("services at the far end of {} traffic", end.direction);
        let allowed = "source of an ingress rule, destination of an egress rule";
        reader
            .findings
            .error(node.place, &own, message, Cow::Borrowed(allowed));
    }
    let ports: &[&str] = match end.side {
        Side::Source => &[],
        Side::Destination => &["ports", "notPorts"],
    };
    let others = [
        "selector",
        "notSelector",
        "namespaceSelector",
        "serviceAccounts",
        "nets",
        "notNets",
    ];
    for other in others.iter().chain(ports) {
        if fields.get(other).is_some_and(|node| !node.is_empty()) {
            let message = format!("services and {other} in one place");
            reader.findings.error(node.place, &own, message, None);
        }
    }
    let message = "services are not in this store: the rule matches nothing".to_owned();
    reader
        .findings
        .warning(node.place, own.to_string(), message);
}
