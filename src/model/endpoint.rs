//! Endpoints: one interface of a workload, with the addresses that it may use.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use smol_str::SmolStr;

use super::group::object_name;
use super::label::Labels;
use super::name::{Namespace, PortName, ProfileName};
use super::workload::WorkloadName;
use super::{GroupName, Origin};
use crate::net::{Cidr, InterfaceName, InvalidValue, MacAddress, Protocol};

/// The name of an endpoint: `[A-Za-z0-9._-]{1,253}`, or `namespace/name` of a workload endpoint.
///
/// Where two endpoints of a host name the same interface, the one whose name is lower has it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointName(Form);

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Form {
    Plain(SmolStr),
    Workload(Box<WorkloadName>),
}

impl EndpointName {
    /// The name of a workload endpoint in a namespace.
    ///
    /// # Errors
    /// A name that does not have its four parts.
    pub fn of_workload(namespace: &Namespace, name: &str) -> Result<Self, InvalidValue> {
        let name = WorkloadName::new(namespace, name)?;
        Ok(Self(Form::Workload(Box::new(name))))
    }

    /// The parts of the name of a workload endpoint.
    pub fn workload(&self) -> Option<&WorkloadName> {
        match &self.0 {
            Form::Workload(name) => Some(name),
            Form::Plain(_) => None,
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Form::Plain(name) => name,
            Form::Workload(name) => name.as_str(),
        }
    }
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for EndpointName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.split_once('/') {
            Some((namespace, name)) => Self::of_workload(&namespace.parse()?, name),
            None => object_name("endpoint name", text).map(|name| Self(Form::Plain(name))),
        }
    }
}

/// One interface of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The name.
    pub name: EndpointName,
    /// The host that it runs on.
    pub host: String,
    /// The host's side of its interface.
    pub interface: InterfaceName,
    /// Its Ethernet address, where it is known and must be checked.
    pub mac: Option<MacAddress>,
    /// The addresses that it may use and that policy knows it by.
    pub addresses: BTreeSet<IpAddr>,
    /// The router that it was told to use for IPv6, where that is not a link-local address of the
    /// host: the host answers for it. (For every IPv4 address it answers anyway.)
    pub ipv6_gateway: Option<Ipv6Addr>,
    /// What policy applies to it.
    pub membership: Membership,
    /// Where it was written.
    pub origin: Origin,
}

/// How an endpoint comes by its policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Membership {
    /// By the security groups that it belongs to.
    Groups(BTreeSet<GroupName>),
    /// By its labels, which selectors choose it by.
    Labels(Box<Labelled>),
}

/// What policy sees of an endpoint that selectors choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Labelled {
    /// Its own labels: none that only a namespace or a service account can give it.
    pub labels: Labels,
    /// The profiles that it inherits labels from, and whose rules come after the policies.
    pub profiles: Vec<ProfileName>,
    /// The ports that have names.
    pub ports: Vec<NamedPort>,
    /// Prefixes of addresses that it may send from without having them.
    pub spoofed: BTreeSet<Cidr>,
}

/// A port of an endpoint that rules can name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedPort {
    /// The name.
    pub name: PortName,
    /// The protocol, which has ports.
    pub protocol: Protocol,
    /// The number.
    pub port: u16,
}

impl Endpoint {
    /// The groups that it belongs to: none, if selectors choose it.
    pub fn groups(&self) -> &BTreeSet<GroupName> {
        static NONE: BTreeSet<GroupName> = BTreeSet::new();
        match &self.membership {
            Membership::Groups(groups) => groups,
            Membership::Labels(_) => &NONE,
        }
    }

    /// What selectors see of it: nothing, if groups give it its policy.
    pub fn labelled(&self) -> Option<&Labelled> {
        match &self.membership {
            Membership::Groups(_) => None,
            Membership::Labels(labelled) => Some(labelled),
        }
    }
}
