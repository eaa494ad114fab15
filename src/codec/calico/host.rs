//! `Node` and `ClusterInformation`, as far as policy needs them; `HostEndpoint` and `IPPool`, which it does not.

use std::borrow::Cow;
use std::net::IpAddr;

use super::Document;
use super::field::{Group, enforced, ignored};
use super::word::Word;
use crate::codec::document::Reader;
use crate::model::{Event, Node, Readiness};
use crate::net::Cidr;

pub(super) const NODE: &[Group] = &[
    ignored("routes are not programmed", &["bgp", "podCIDRs"]),
    ignored(
        "tunnels are not programmed",
        &[
            "ipv4VXLANTunnelAddr",
            "ipv6VXLANTunnelAddr",
            "vxlanTunnelMACAddr",
            "vxlanTunnelMACAddrV6",
            "wireguard",
        ],
    ),
    ignored(
        "policy reads the labels of a node alone",
        &["addresses", "interfaces", "orchRefs"],
    ),
];

pub(super) const CLUSTER: &[Group] = &[
    enforced(&["datastoreReady"]),
    ignored(
        "it says who runs the cluster",
        &["clusterGUID", "clusterType", "calicoVersion", "variant"],
    ),
];

const HOST_ENDPOINTS: &str = "host endpoints are not enforced, which is a warning";

pub(super) const ENDPOINT: &[Group] = &[ignored(
    HOST_ENDPOINTS,
    &["node", "interfaceName", "expectedIPs", "profiles", "ports"],
)];

pub(super) const POOL: &[Group] = &[ignored(
    "addresses are neither assigned nor translated",
    &[
        "cidr",
        "vxlanMode",
        "ipipMode",
        "natOutgoing",
        "disabled",
        "disableBGPExport",
        "blockSize",
        "nodeSelector",
        "namespaceSelector",
        "allowedUses",
        "assignmentMode",
        "nat-outgoing",
        "ipip",
    ],
)];

pub(super) fn node(_: &mut Reader<'_>, document: &Document<'_, '_>) -> Option<Event> {
    Some(Event::Node(Node {
        name: document.metadata.name.to_string(),
        labels: document.metadata.labels.clone(),
    }))
}

/// Only the one named `default` counts.
pub(super) fn cluster(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> Option<Event> {
    let Document {
        metadata,
        spec,
        path,
        ..
    } = document;
    let ready: Option<Word<bool>> = reader.findings.some_value(spec, path, "datastoreReady");
    let readiness = match ready {
        Some(Word(false)) => Readiness::NotReady,
        Some(Word(true)) | None => Readiness::Ready,
    };
    (metadata.name.as_str() == "default").then_some(Event::Readiness(readiness))
}

pub(super) fn endpoint(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> Option<Event> {
    let Document {
        metadata,
        spec,
        path,
        ..
    } = document;
    reader.findings.required(spec, path, "node");
    let addresses = reader.findings.values::<Address>(spec, path, "expectedIPs");
    let interface = reader.findings.some_text(spec, path, "interfaceName");
    if addresses.is_empty() && interface.is_none() {
        let allowed = Cow::Borrowed("an interface or addresses");
        let message = "neither interfaceName nor expectedIPs";
        reader.findings.error(spec.place(), path, message, allowed);
    }
    let message = "host endpoints are not enforced: this one changes nothing".to_owned();
    reader
        .findings
        .warning(metadata.place, "kind".to_owned(), message);
    None
}

pub(super) fn pool(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> Option<Event> {
    let cidr = "cidr";
    let _checked: Option<Cidr> =
        reader
            .findings
            .required_value(&document.spec, &document.path, cidr);
    None
}

struct Address;

impl std::str::FromStr for Address {
    type Err = crate::net::InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text.parse::<IpAddr>();
        address
            .map(|_| Self)
            .map_err(|_| crate::net::InvalidValue::new("address", text, "one IPv4 or IPv6 address"))
    }
}
