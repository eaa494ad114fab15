//! `WorkloadEndpoint`.

use std::borrow::Cow;
use std::net::Ipv6Addr;

use super::Document;
use super::field::{Group, enforced, ignored};
use super::rule::has_ports;
use super::word::{PortNumber, Single, Word};
use crate::codec::document::Reader;
use crate::codec::fields::Path;
use crate::codec::node::Node;
use crate::codec::references::{Reference, Target};
use crate::model::{
    Endpoint, EndpointName, Event, LabelKey, LabelValue, Labelled, Labels, Membership, NamedPort,
    PortName, ProfileName, ResourceName,
};
use crate::net::{Cidr, InterfaceName, MacAddress, Protocol};

pub(super) const FIELDS: &[Group] = &[
    enforced(&[
        "interfaceName",
        "mac",
        "ipNetworks",
        "profiles",
        "ports",
        "serviceAccountName",
        "allowSpoofedSourcePrefixes",
        "ipv6Gateway",
    ]),
    ignored(
        "the name of the resource says it, as for Felix; a node that differs is a warning",
        &[
            "node",
            "orchestrator",
            "workload",
            "containerID",
            "pod",
            "endpoint",
        ],
    ),
    ignored("addresses are not translated", &["ipNATs"]),
    ignored("the host answers for every address", &["ipv4Gateway"]),
    ignored("traffic is not shaped", &["qosControls"]),
    ignored(
        "it is for the DHCP agent of networking-calico",
        &["allowedIps"],
    ),
];

pub(super) const PORT: &[Group] = &[
    enforced(&["name", "protocol", "port"]),
    ignored("the CNI plugin maps host ports", &["hostPort", "hostIP"]),
];

/// What only a namespace and a service account can give an endpoint.
const INHERITED_PREFIXES: [&str; 2] = ["pcns.", "pcsa."];

pub(super) fn read(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> Option<Event> {
    let Document {
        metadata,
        spec,
        path,
        ..
    } = document;
    let name = name(reader, document);
    let interface: Option<InterfaceName> =
        reader.findings.required_value(spec, path, "interfaceName");
    let mac: Option<MacAddress> = reader.findings.some_value(spec, path, "mac");
    let addresses = reader.findings.values::<Single>(spec, path, "ipNetworks");
    let service_account = reader.findings.some_value(spec, path, "serviceAccountName");
    let gateway: Option<Word<Ipv6Addr>> = reader.findings.some_value(spec, path, "ipv6Gateway");
    let labelled = Labelled {
        labels: own_labels(&metadata.labels, service_account),
        profiles: profiles(reader, document),
        ports: ports(reader, document),
        spoofed: spoofed(reader, document),
    };
    let (name, interface) = (name?, interface?);
    let host = name.workload()?.host().to_owned();
    warn_of_node(reader, document, &host);
    if addresses.is_empty() {
        let message = "no addresses: it is as if it were not there";
        let field = Path::Field(path, "ipNetworks").to_string();
        reader
            .findings
            .warning(metadata.place, field, message.to_owned());
        return Some(Event::EndpointGone(name));
    }
    Some(Event::Endpoint(Box::new(Endpoint {
        name,
        host,
        interface,
        mac,
        addresses: addresses.into_iter().map(|(_, single)| single.0).collect(),
        ipv6_gateway: gateway.map(|word| word.0),
        membership: Membership::Labels(Box::new(labelled)),
        origin: reader.origin(metadata.place),
    })))
}

fn name(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> Option<EndpointName> {
    let metadata = &document.metadata;
    let namespace = metadata.namespace.as_ref()?;
    let read = EndpointName::of_workload(namespace, metadata.name.as_str());
    read.map_err(|invalid| {
        let path = Path::Field(&document.base, "metadata");
        let path = Path::Field(&path, "name");
        reader.findings.invalid(metadata.place, &path, &invalid);
    })
    .ok()
}

/// The labels without those that would claim another namespace or service account.
fn own_labels(written: &Labels, service_account: Option<ResourceName>) -> Labels {
    let claims = |key: &LabelKey| {
        INHERITED_PREFIXES
            .iter()
            .any(|p| key.as_str().starts_with(p))
    };
    let own = written.iter().filter(|(key, _)| !claims(key));
    let mut labels: Labels = own
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if let Some(account) = service_account {
        labels.insert(LabelKey::of_service_account(), LabelValue::from(&account));
    }
    labels
}

fn profiles(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> Vec<ProfileName> {
    let Document { spec, path, .. } = document;
    let read = reader
        .findings
        .values::<ProfileName>(spec, path, "profiles");
    let path = Path::Field(path, "profiles");
    for (index, (node, profile)) in read.iter().enumerate() {
        let target = Target::Profile(profile.clone());
        let path = Path::Item(&path, index);
        reader
            .references
            .push(Reference::new(target, node.place, &path));
    }
    read.into_iter().map(|(_, profile)| profile).collect()
}

fn ports(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> Vec<NamedPort> {
    let path = Path::Field(&document.path, "ports");
    let items = reader.findings.list(document.spec.get("ports"), &path);
    let mut ports = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        ports.extend(port(reader, item, &Path::Item(&path, index)));
    }
    ports
}

/// A port; one without a name is none that rules can speak of.
fn port(reader: &mut Reader<'_>, node: &Node, path: &Path<'_>) -> Option<NamedPort> {
    let fields = reader.findings.resource(node, path, PORT)?;
    let name: Option<PortName> = reader.findings.some_value(&fields, path, "name");
    let protocol: Option<Word<Protocol>> =
        reader.findings.required_value(&fields, path, "protocol");
    let port: Option<PortNumber> = reader.findings.required_value(&fields, path, "port");
    let protocol = protocol?.0;
    if !has_ports(protocol) {
        let place = fields.get("protocol").map_or(node.place, |node| node.place);
        let path = Path::Field(path, "protocol");
        let message = format!("a port of {protocol}");
        let allowed = Cow::Borrowed("TCP, UDP or SCTP");
        reader.findings.error(place, &path, message, allowed);
    }
    if fields.get("name").is_none() && fields.get("hostPort").is_none() {
        reader.findings.required(&fields, path, "name");
    }
    Some(NamedPort {
        name: name?,
        protocol,
        port: port?.0,
    })
}

fn spoofed(
    reader: &mut Reader<'_>,
    document: &Document<'_, '_>,
) -> std::collections::BTreeSet<Cidr> {
    let name = "allowSpoofedSourcePrefixes";
    let read = reader
        .findings
        .values::<Cidr>(&document.spec, &document.path, name);
    read.into_iter().map(|(_, prefix)| prefix).collect()
}

fn warn_of_node(reader: &mut Reader<'_>, document: &Document<'_, '_>, host: &str) {
    let Document { spec, path, .. } = document;
    let Some((node, _)) = reader.findings.some_text(spec, path, "node") else {
        return;
    };
    if node != host {
        let place = spec.get("node").map_or(spec.place(), |node| node.place);
        let field = Path::Field(path, "node").to_string();
        let message = format!("the name of the resource says that it is on {host}, and that holds");
        reader.findings.warning(place, field, message);
    }
}
