//! Workload endpoints; host endpoints, which are not enforced.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use super::tag::without_tags;
use crate::codec::calico::Group;
use crate::codec::calico::field::{enforced, ignored};
use crate::codec::calico::metadata;
use crate::codec::calico::word::{Single, Word};
use crate::codec::document::Reader;
use crate::codec::fields::{Fields, Path};
use crate::codec::node::{Node, Place};
use crate::model::{Endpoint, EndpointName, Event, Labelled, Membership, Namespace, ProfileName};
use crate::net::{Family, InterfaceName, InvalidValue, MacAddress};

pub(super) const WORKLOAD: &[Group] = &[
    enforced(&[
        "state",
        "name",
        "mac",
        "profile_ids",
        "profile_id",
        "ipv4_nets",
        "ipv6_nets",
        "ipv6_gateway",
        "labels",
    ]),
    ignored(
        "the host answers for every IPv4 address of a workload's net",
        &["ipv4_gateway"],
    ),
    ignored("addresses are not translated", &["ipv4_nat", "ipv6_nat"]),
    ignored(
        "it is for the DHCP agent of networking-calico",
        &["ipv4_subnet_ids", "ipv6_subnet_ids", "fqdn"],
    ),
];

pub(super) const HOST: &[Group] = &[ignored(
    "host endpoints are not enforced, which is a warning",
    &[
        "name",
        "expected_ipv4_addrs",
        "expected_ipv6_addrs",
        "profile_ids",
        "labels",
    ],
)];

/// The namespace of all workload endpoints: classic keys know none.
const NAMESPACE: &str = "classic";

/// Reads an endpoint whose key names host, orchestrator, workload and endpoint.
pub(super) fn workload(reader: &mut Reader<'_>, node: &Node, parts: [&str; 4]) -> Option<Event> {
    let top = Path::Document;
    let fields = reader.findings.resource(node, &top, WORKLOAD)?;
    let state: Option<State> = reader.findings.required_value(&fields, &top, "state");
    let interface: Option<InterfaceName> = reader.findings.required_value(&fields, &top, "name");
    let mac: Option<Mac> = reader.findings.some_value(&fields, &top, "mac");
    let profiles = profiles(reader, &fields);
    let mut addresses = BTreeSet::new();
    for (name, family) in [("ipv4_nets", Family::V4), ("ipv6_nets", Family::V6)] {
        addresses.extend(nets(reader, &fields, name, family));
    }
    let gateway: Option<Word<Ipv6Addr>> = reader.findings.some_value(&fields, &top, "ipv6_gateway");
    let labels = metadata::labels(reader, fields.get("labels"), &Path::Field(&top, "labels"));
    let labelled = Labelled {
        labels: without_tags(labels),
        profiles,
        ..Labelled::default()
    };
    let (name, membership) = (name(reader, parts)?, membership(state?, labelled));
    let interface = interface?;
    if addresses.is_empty() && reader.findings.errors() == 0 {
        let message = "no addresses: it is as if it were not there".to_owned();
        let field = "ipv4_nets".to_owned();
        reader.findings.warning(node.place, field, message);
    }
    if addresses.is_empty() {
        return None;
    }
    Some(Event::Endpoint(Box::new(Endpoint {
        name,
        host: parts[0].to_owned(),
        interface,
        mac: mac.map(|mac| mac.0),
        addresses,
        ipv6_gateway: gateway.map(|word| word.0),
        membership,
        origin: reader.origin(node.place),
    })))
}

/// Reads an endpoint of a host for its faults.
pub(super) fn host(reader: &mut Reader<'_>, node: &Node) {
    let top = Path::Document;
    let Some(fields) = reader.findings.resource(node, &top, HOST) else {
        return;
    };
    let means = ["name", "expected_ipv4_addrs", "expected_ipv6_addrs"];
    if means.iter().all(|name| fields.get(name).is_none()) {
        let allowed = Cow::Borrowed("an interface or addresses");
        let message = "neither name nor expected addresses";
        reader.findings.error(node.place, &top, message, allowed);
    }
    let message = "host endpoints are not enforced: this one changes nothing".to_owned();
    reader.findings.warning(node.place, String::new(), message);
}

/// What an endpoint that is switched off has is no group, and so no traffic; its interface stays its own.
fn membership(state: State, labelled: Labelled) -> Membership {
    match state {
        State::Active => Membership::Labels(Box::new(labelled)),
        State::Inactive => Membership::Groups(BTreeSet::new()),
    }
}

/// `namespace/host-orchestrator-workload-endpoint`, each dash in a part doubled, as for resources.
fn name(reader: &mut Reader<'_>, parts: [&str; 4]) -> Option<EndpointName> {
    let text = parts.map(|part| part.replace('-', "--")).join("-");
    let namespace: Namespace = super::name(reader, NAMESPACE)?;
    let named = EndpointName::of_workload(&namespace, &text);
    let invalid = |invalid| {
        let place = Place::start(0);
        reader.findings.invalid(place, &Path::Document, &invalid);
    };
    named.map_err(invalid).ok()
}

/// `profile_ids`, or the older `profile_id`, which is one.
fn profiles(reader: &mut Reader<'_>, fields: &Fields<'_>) -> Vec<ProfileName> {
    let top = Path::Document;
    let listed = reader.findings.values(fields, &top, "profile_ids");
    let mut profiles: Vec<ProfileName> = listed.into_iter().map(|(_, name)| name).collect();
    let single: Option<ProfileName> = reader.findings.some_value(fields, &top, "profile_id");
    if fields.get("profile_ids").is_none() {
        profiles.extend(single);
    }
    profiles
}

/// Single addresses of a family.
fn nets(
    reader: &mut Reader<'_>,
    fields: &Fields<'_>,
    name: &'static str,
    family: Family,
) -> Vec<IpAddr> {
    let top = Path::Document;
    let read = reader.findings.values::<Single>(fields, &top, name);
    for (node, Single(address)) in &read {
        if Family::of(*address) != family {
            let message = format!("{address} is not an {family} address");
            let path = Path::Field(&top, name);
            reader.findings.error(node.place, &path, message, None);
        }
    }
    read.into_iter().map(|(_, single)| single.0).collect()
}

/// `state`
#[derive(Debug, Clone, Copy)]
enum State {
    Active,
    Inactive,
}

impl FromStr for State {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "active" => Ok(Self::Active),
            "inactive" => Ok(Self::Inactive),
            _ => Err(InvalidValue::new("state", text, "active or inactive")),
        }
    }
}

/// An Ethernet address, with colons or dashes.
struct Mac(MacAddress);

impl FromStr for Mac {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        text.replace('-', ":").parse().map(Self)
    }
}
