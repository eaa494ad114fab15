//! Whether the host is set up for workloads at all; looks, and changes nothing.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use super::conntrack::{Conntrack, FlowFilter};
use crate::net::{Family, decimal};

/// How full the table of connections may be before it is worth a word, in percent.
const CONNECTIONS_PERCENT_MAX: u64 = 90;

/// Something about the host that keeps workloads from being connected or policed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// `net.ipv4.conf.all.rp_filter` is not 0 or 1 and overrides the strict check of every interface:
    /// the kernel takes the higher of the two. Felix refuses to start then, unless `IgnoreLooseRPF`.
    LooseReversePath {
        /// What it says.
        value: String,
    },
    /// The host forwards nothing of a family, so workloads reach nobody but the host.
    ForwardingOff(Family),
    /// The kernel has no IPv6, or does not let any interface have it: no routes of it are made.
    NoIpv6,
    /// There is no connection tracking to ask: replies are not recognised, nor connections forgotten.
    NoConnectionTracking,
    /// The table of connections is nearly full; then the kernel drops what opens one.
    ConnectionsNearLimit {
        /// How many there are.
        count: u64,
        /// How many there can be.
        limit: u64,
    },
    /// A setting cannot be read.
    Unreadable {
        /// The file.
        path: &'static str,
    },
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Notice,
    /// Something will not work, or is not as strict as it could be.
    Warning,
}

impl Finding {
    /// How bad it is.
    pub fn severity(&self) -> Severity {
        match self {
            Self::NoIpv6 => Severity::Notice,
            Self::LooseReversePath { .. }
            | Self::ForwardingOff(_)
            | Self::NoConnectionTracking
            | Self::ConnectionsNearLimit { .. }
            | Self::Unreadable { .. } => Severity::Warning,
        }
    }
}

/// Everything worth a word about the calling thread's network namespace.
pub fn check() -> Vec<Finding> {
    let [ipv4, ipv6] = [forwarding(Family::V4), ipv6()];
    [loose(), ipv4, ipv6, tracking(), filling()]
        .into_iter()
        .flatten()
        .collect()
}

fn loose() -> Option<Finding> {
    const PATH: &str = "/proc/sys/net/ipv4/conf/all/rp_filter";
    match read(PATH) {
        Ok(value) if ["0", "1"].contains(&value.as_str()) => None,
        Ok(value) => Some(Finding::LooseReversePath { value }),
        Err(_) => Some(Finding::Unreadable { path: PATH }),
    }
}

fn forwarding(family: Family) -> Option<Finding> {
    let path = match family {
        Family::V4 => "/proc/sys/net/ipv4/ip_forward",
        Family::V6 => "/proc/sys/net/ipv6/conf/all/forwarding",
    };
    match read(path) {
        Ok(value) if value == "0" => Some(Finding::ForwardingOff(family)),
        Ok(_) => None,
        Err(_) => Some(Finding::Unreadable { path }),
    }
}

fn ipv6() -> Option<Finding> {
    const PATH: &str = "/proc/sys/net/ipv6/conf/all/disable_ipv6";
    if !Path::new(PATH).exists() || read(PATH).is_ok_and(|value| value != "0") {
        return Some(Finding::NoIpv6);
    }
    forwarding(Family::V6)
}

fn tracking() -> Option<Finding> {
    // An address that nobody has makes the answer short where there are many connections.
    let asked = Conntrack::open().and_then(|mut table| {
        let nobody = std::net::Ipv4Addr::UNSPECIFIED.into();
        table.flows(FlowFilter::Address(nobody))
    });
    asked.is_err().then_some(Finding::NoConnectionTracking)
}

fn filling() -> Option<Finding> {
    let number = |name: &str| decimal(&read(&format!("/proc/sys/net/netfilter/{name}")).ok()?);
    let count: u64 = number("nf_conntrack_count")?;
    let limit: u64 = number("nf_conntrack_max")?;
    let full = count.saturating_mul(100) >= limit.saturating_mul(CONNECTIONS_PERCENT_MAX);
    // A limit of 0 is none.
    (full && limit > 0).then_some(Finding::ConnectionsNearLimit { count, limit })
}

fn read(path: &str) -> io::Result<String> {
    Ok(fs::read_to_string(path)?.trim_end().to_owned())
}

impl Finding {
    /// What there is, and what follows.
    pub fn what(&self) -> String {
        match self {
            Self::LooseReversePath { value } => format!(
                "net.ipv4.conf.all.rp_filter is {value}: the kernel checks sources loosely on every \
                 interface, and the table alone checks them strictly"
            ),
            Self::ForwardingOff(Family::V4) => {
                "net.ipv4.ip_forward is 0: workloads reach only this host".to_owned()
            }
            Self::ForwardingOff(Family::V6) => {
                "net.ipv6.conf.all.forwarding is 0: workloads reach only this host over IPv6"
                    .to_owned()
            }
            Self::NoIpv6 => "IPv6 is off: IPv6 addresses of workloads get no routes".to_owned(),
            Self::NoConnectionTracking => "the kernel does not tell its connections".to_owned(),
            Self::ConnectionsNearLimit { count, limit } => {
                format!("{count} of {limit} connections are tracked")
            }
            Self::Unreadable { path } => format!("{path} cannot be read"),
        }
    }

    /// What to do.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::LooseReversePath { .. } => "set it to 0 or 1",
            Self::ForwardingOff(_) => "set it to 1",
            Self::NoIpv6 => "set net.ipv6.conf.all.disable_ipv6 to 0 if workloads have any",
            Self::NoConnectionTracking => "load nf_conntrack_netlink, or run with CAP_NET_ADMIN",
            Self::ConnectionsNearLimit { .. } => "raise net.netfilter.nf_conntrack_max",
            Self::Unreadable { .. } => "mount /proc and run as root",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what(), self.remedy())
    }
}
