//! Settings by scope: for all hosts, for some, for one.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::Origin;
use super::name::ResourceName;
use super::selector::Selector;
use super::settings::{
    DenyAction, HostAction, InterfacePrefix, InvalidCheck, LogBurst, LogPrefix, LogRate, Metadata,
    PolicyCounters, Settings, SourceSpoofing,
};

/// A `FelixConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// The name of the resource.
    pub name: ResourceName,
    /// Which hosts it is for.
    pub scope: Scope,
    /// What it says of policy.
    pub overrides: Overrides,
    /// What it says of the agent, by field and as written: the agent's configuration reads it.
    pub process: BTreeMap<Box<str>, Box<str>>,
    /// Where it was written.
    pub origin: Origin,
}

/// Which hosts a configuration is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All: the one named `default`.
    All,
    /// Those whose labels match. Of several that match, the oldest counts; of one age, the first by name.
    Selected {
        /// Which hosts; none, if there is no selector.
        nodes: Option<Selector>,
        /// When it was made, as written.
        created: Option<Box<str>>,
    },
    /// One: that of `node.<name>`.
    Host(String),
}

impl Scope {
    /// The scope that a name alone gives: `default` or `node.<name>`.
    pub fn of_name(name: &ResourceName) -> Option<Self> {
        match name.as_str() {
            "default" => Some(Self::All),
            text => text
                .strip_prefix("node.")
                .map(|host| Self::Host(host.to_owned())),
        }
    }
}

/// Settings that are given; those that are not stay what they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `interfacePrefix`
    pub interface_prefixes: Option<Vec<InterfacePrefix>>,
    /// `defaultEndpointToHostAction`
    pub endpoint_to_host: Option<HostAction>,
    /// `metadataAddr`
    pub metadata_address: Option<MetadataAddress>,
    /// `metadataPort`
    pub metadata_port: Option<u16>,
    /// `nftablesFilterDenyAction`
    pub deny_action: Option<DenyAction>,
    /// `disableConntrackInvalidCheck`
    pub invalid_check: Option<InvalidCheck>,
    /// `workloadSourceSpoofing`
    pub source_spoofing: Option<SourceSpoofing>,
    /// `logPrefix`
    pub log_prefix: Option<LogPrefix>,
    /// `logActionRateLimit`
    pub log_rate: Option<LogRate>,
    /// `logActionRateLimitBurst`
    pub log_burst: Option<LogBurst>,
    /// `policyCounters`, which no `FelixConfiguration` has.
    pub policy_counters: Option<PolicyCounters>,
}

/// Where the metadata service listens, if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetadataAddress {
    /// `none`
    None,
    /// An address.
    At(IpAddr),
}

/// The port of the metadata service where none is given.
const METADATA_PORT: u16 = 8775;

impl Overrides {
    /// What this one gives, and of the rest what the other gives.
    #[must_use]
    pub fn over(self, other: Self) -> Self {
        Self {
            interface_prefixes: self.interface_prefixes.or(other.interface_prefixes),
            endpoint_to_host: self.endpoint_to_host.or(other.endpoint_to_host),
            metadata_address: self.metadata_address.or(other.metadata_address),
            metadata_port: self.metadata_port.or(other.metadata_port),
            deny_action: self.deny_action.or(other.deny_action),
            invalid_check: self.invalid_check.or(other.invalid_check),
            source_spoofing: self.source_spoofing.or(other.source_spoofing),
            log_prefix: self.log_prefix.or(other.log_prefix),
            log_rate: self.log_rate.or(other.log_rate),
            log_burst: self.log_burst.or(other.log_burst),
            policy_counters: self.policy_counters.or(other.policy_counters),
        }
    }

    /// The settings with what is given here in their place.
    #[must_use]
    pub fn applied_to(self, settings: &Settings) -> Settings {
        let mut log = settings.log.clone();
        log.prefix = self.log_prefix.unwrap_or(log.prefix);
        log.rate = self.log_rate.or(log.rate);
        log.burst = self.log_burst.unwrap_or(log.burst);
        let old = settings.metadata;
        let port = self
            .metadata_port
            .or(old.map(|old| old.port))
            .unwrap_or(METADATA_PORT);
        let address = match self.metadata_address {
            Some(MetadataAddress::At(address)) => Some(address),
            Some(MetadataAddress::None) => None,
            None => old.map(|old| old.address),
        };
        Settings {
            interface_prefixes: self
                .interface_prefixes
                .unwrap_or_else(|| settings.interface_prefixes.clone()),
            endpoint_to_host: self.endpoint_to_host.unwrap_or(settings.endpoint_to_host),
            metadata: address.map(|address| Metadata { address, port }),
            deny_action: self.deny_action.unwrap_or(settings.deny_action),
            invalid_check: self.invalid_check.unwrap_or(settings.invalid_check),
            source_spoofing: self.source_spoofing.unwrap_or(settings.source_spoofing),
            log,
            policy_counters: self.policy_counters.unwrap_or(settings.policy_counters),
        }
    }
}
