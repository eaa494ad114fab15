//! What a host is told beside policy.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::net::{InterfaceName, InvalidValue};

/// Settings of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// An interface whose name begins so is a workload's.
    pub interface_prefixes: Vec<InterfacePrefix>,
    /// What happens to workload-to-host traffic that the egress policy allows.
    pub endpoint_to_host: HostAction,
    /// The metadata service, as packets show it after DNAT; `None` where there is none.
    pub metadata: Option<Metadata>,
}

impl Default for Settings {
    fn default() -> Self {
        let prefix = |text: &str| InterfacePrefix(text.into());
        Self {
            interface_prefixes: vec![prefix("cali"), prefix("tap")],
            endpoint_to_host: HostAction::Drop,
            metadata: None,
        }
    }
}

/// The beginning of the names of workload interfaces: 1-14 bytes legal in an interface name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfacePrefix(Box<str>);

impl InterfacePrefix {
    /// The prefix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InterfacePrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for InterfacePrefix {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text.parse::<InterfaceName>() {
            Ok(name) if name.as_str().len() < crate::net::INTERFACE_NAME_BYTES_MAX => {
                Ok(Self(text.into()))
            }
            Ok(_) | Err(_) => Err(InvalidValue::new(
                "interface prefix",
                text,
                "1-14 printable characters without / : \" * or \\",
            )),
        }
    }
}

/// `defaultEndpointToHostAction`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostAction {
    /// Drop it.
    Drop,
    /// Leave it to the host's own rules.
    Return,
    /// Accept it, with our accept mark.
    Accept,
}

/// Where the metadata service listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metadata {
    /// Its address.
    pub address: IpAddr,
    /// Its TCP port.
    pub port: u16,
}
