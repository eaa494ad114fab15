//! Endpoints: one interface of a workload, with the addresses that it may use.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use super::group::object_name;
use super::{GroupName, Origin};
use crate::net::{InterfaceName, InvalidValue, MacAddress};

/// The name of an endpoint: `[A-Za-z0-9._-]{1,253}`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EndpointName(Box<str>);

impl EndpointName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EndpointName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EndpointName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        object_name("endpoint name", text).map(Self)
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
    /// The addresses that it may use and that its groups know it by.
    pub addresses: BTreeSet<IpAddr>,
    /// The groups that it belongs to.
    pub groups: BTreeSet<GroupName>,
    /// Where it was written.
    pub origin: Origin,
}
