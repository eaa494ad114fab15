//! What a host is told beside policy.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::net::{InterfaceName, InvalidValue, decimal};

/// Settings of a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// An interface whose name begins so is a workload's.
    pub interface_prefixes: Vec<InterfacePrefix>,
    /// What happens to workload-to-host traffic that the egress policy allows.
    pub endpoint_to_host: HostAction,
    /// The metadata service, as packets show it after DNAT; `None` where there is none.
    pub metadata: Option<Metadata>,
    /// What becomes of traffic that policy denies.
    pub deny_action: DenyAction,
    /// What becomes of packets that connection tracking takes for invalid.
    pub invalid_check: InvalidCheck,
    /// Whether endpoints may send from prefixes that their documents name beside their addresses.
    pub source_spoofing: SourceSpoofing,
    /// How rules log.
    pub log: LogSettings,
    /// Whether each rule of a policy counts its packets.
    pub policy_counters: PolicyCounters,
}

impl Default for Settings {
    fn default() -> Self {
        let prefix = |text: &str| InterfacePrefix(text.into());
        Self {
            interface_prefixes: vec![prefix("cali"), prefix("tap")],
            endpoint_to_host: HostAction::Drop,
            metadata: None,
            deny_action: DenyAction::default(),
            invalid_check: InvalidCheck::default(),
            source_spoofing: SourceSpoofing::default(),
            log: LogSettings::default(),
            policy_counters: PolicyCounters::default(),
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

/// `filterDenyAction`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DenyAction {
    /// It vanishes.
    #[default]
    Drop,
    /// The sender is told.
    Reject,
}

/// `disableConntrackInvalidCheck`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InvalidCheck {
    /// Invalid packets are dropped.
    #[default]
    Enforced,
    /// They are left to policy, as the first packets of connections.
    Disabled,
}

/// `workloadSourceSpoofing`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SourceSpoofing {
    /// They may not: whoever makes a pod can name such prefixes, so it is for the operator to allow.
    #[default]
    Disabled,
    /// They may.
    Any,
}

/// `policyCounters`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyCounters {
    /// Nothing counts.
    #[default]
    Off,
    /// Each rule of a policy has a counter, which outlives changes of other rules.
    On,
}

/// How rules log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogSettings {
    /// What a line begins with.
    pub prefix: LogPrefix,
    /// How many lines there may be; `None` is without end.
    pub rate: Option<LogRate>,
    /// How many of them at once.
    pub burst: LogBurst,
}

/// `logPrefix`: what a line of the log begins with. In it `%t` is the tier, `%k` the kind, `%n` the
/// name and `%p` the name with its namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogPrefix(Box<str>);

/// Longest prefix, in bytes: `NF_LOG_PREFIXLEN - 1` (linux/netfilter/nf_log.h) leaves 127.
const LOG_PREFIX_BYTES_MAX: usize = 127;

impl LogPrefix {
    /// The prefix as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for LogPrefix {
    fn default() -> Self {
        Self("calico-packet".into())
    }
}

impl FromStr for LogPrefix {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"%: /_-".contains(&b);
        if text.len() <= LOG_PREFIX_BYTES_MAX && text.bytes().all(legal) {
            return Ok(Self(text.into()));
        }
        let allowed = "at most 127 of A-Z a-z 0-9 % : / _ - and space";
        Err(InvalidValue::new("log prefix", text, allowed))
    }
}

/// `logActionRateLimit`: `50/minute`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRate {
    /// How many, 1-9999.
    pub count: u16,
    /// In which time.
    pub unit: RateUnit,
}

/// A span of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateUnit {
    /// A second.
    Second,
    /// A minute.
    Minute,
    /// An hour.
    Hour,
    /// A day.
    Day,
}

impl RateUnit {
    const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::Hour, Self::Day];

    /// The word that nft and Calico use.
    pub fn word(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

impl fmt::Display for LogRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.count, self.unit.word())
    }
}

impl FromStr for LogRate {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let (count, word) = text.split_once('/').unwrap_or((text, ""));
        let unit = RateUnit::ALL.into_iter().find(|unit| unit.word() == word);
        match (decimal(count), unit) {
            (Some(count @ 1..=9999), Some(unit)) => Ok(Self { count, unit }),
            (_, None) | (_, Some(_)) => {
                let allowed = "1-9999 / second, minute, hour or day";
                Err(InvalidValue::new("rate", text, allowed))
            }
        }
    }
}

/// `logActionRateLimitBurst`: 0-9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogBurst(u16);

impl LogBurst {
    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Default for LogBurst {
    fn default() -> Self {
        Self(5)
    }
}

impl FromStr for LogBurst {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        decimal(text)
            .filter(|&burst| burst <= 9999)
            .map(Self)
            .ok_or_else(|| InvalidValue::new("burst", text, "0-9999"))
    }
}
