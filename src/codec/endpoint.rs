//! `kind: Endpoint`.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::str::FromStr;

use super::document::{Declared, Reader};
use super::fields::{Fields, Path};
use super::node::{Node, Place};
use super::references::{Reference, Target};
use crate::model::group::OBJECT_NAME_BYTES_MAX;
use crate::model::{Endpoint, GroupName, Membership};
use crate::net::InvalidValue;

const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "name",
    "host",
    "interface",
    "mac",
    "addresses",
    "groups",
];

pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<(Place, Declared)> {
    let errors = reader.findings.errors();
    let fields = reader.findings.fields(node, &Path::Document, FIELDS)?;
    let place = fields.get("name").map_or(node.place, |name| name.place);
    let name = required(reader, &fields, "name");
    let host = required::<HostName>(reader, &fields, "host");
    let interface = required(reader, &fields, "interface");
    let mac = fields.get("mac").and_then(|node| {
        reader
            .findings
            .value(node, &Path::Field(&Path::Document, "mac"))
    });
    let addresses = addresses(reader, fields.get("addresses"));
    let groups = groups(reader, fields.get("groups"));
    if reader.findings.errors() > errors {
        return None;
    }
    let endpoint = Endpoint {
        name: name?,
        host: host?.0,
        interface: interface?,
        mac,
        addresses,
        ipv6_gateway: None,
        membership: Membership::Groups(groups),
        origin: reader.origin(place),
    };
    Some((place, Declared::Endpoint(Box::new(endpoint))))
}

fn required<T>(reader: &mut Reader<'_>, fields: &Fields<'_>, name: &'static str) -> Option<T>
where
    T: FromStr<Err = InvalidValue>,
{
    let node = reader.findings.required(fields, &Path::Document, name)?;
    reader
        .findings
        .value(node, &Path::Field(&Path::Document, name))
}

fn addresses(reader: &mut Reader<'_>, node: Option<&Node>) -> BTreeSet<IpAddr> {
    let path = Path::Field(&Path::Document, "addresses");
    let items = reader.findings.list(node, &path);
    items
        .iter()
        .enumerate()
        .filter_map(|(index, item)| {
            let owned: Owned = reader.findings.value(item, &Path::Item(&path, index))?;
            Some(owned.0)
        })
        .collect()
}

fn groups(reader: &mut Reader<'_>, node: Option<&Node>) -> BTreeSet<GroupName> {
    let path = Path::Field(&Path::Document, "groups");
    let items = reader.findings.list(node, &path);
    let mut names = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let path = Path::Item(&path, index);
        if let Some(name) = reader.findings.value(item, &path) {
            reader.references.push(Reference::new(
                Target::Group(GroupName::clone(&name)),
                item.place,
                &path,
            ));
            names.insert(name);
        }
    }
    names
}

/// The name of a host.
struct HostName(String);

impl FromStr for HostName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let fits = (1..=OBJECT_NAME_BYTES_MAX).contains(&text.len());
        if fits && text.bytes().all(|b| b.is_ascii_graphic()) {
            return Ok(Self(text.to_owned()));
        }
        Err(InvalidValue::new(
            "host",
            text,
            "1-253 printable characters without spaces",
        ))
    }
}

/// An address that one workload can have for itself.
struct Owned(IpAddr);

impl FromStr for Owned {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let shared = |address: &IpAddr| {
            address.is_unspecified()
                || address.is_multicast()
                || *address == IpAddr::V4(std::net::Ipv4Addr::BROADCAST)
        };
        text.parse()
            .ok()
            .filter(|address| !shared(address))
            .map(Self)
            .ok_or_else(|| InvalidValue::new("address", text, "one unicast IPv4 or IPv6 address"))
    }
}
