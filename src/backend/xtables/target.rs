//! Targets: what a rule does with a packet.

use super::ChainName;
use crate::net::Family;
use crate::ruleset::RejectKind;

/// What a rule does with a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Nothing but to count it; the packet goes on.
    Count,
    /// Ends the table.
    Accept,
    /// The packet is gone.
    Drop,
    /// Back to the chain that jumped here.
    Return,
    /// Into a chain, and back at its end.
    Jump(ChainName),
    /// Into a chain, without coming back.
    Goto(ChainName),
    /// The bits of a mask in the packet's mark become those of a value.
    Mark {
        /// The bits set afterwards.
        value: u32,
        /// The bits that change.
        mask: u32,
    },
    /// The packet is refused.
    Reject(RejectKind),
    /// A line in the kernel's log.
    Log {
        /// What it begins with.
        prefix: Option<String>,
    },
    /// The packet goes to those who listen to a group.
    Nflog {
        /// The group.
        group: u16,
        /// What is said of it.
        prefix: Option<String>,
    },
    /// Connection tracking does not look at the packet.
    Notrack,
}

impl Target {
    /// The arguments of iptables.
    pub fn text(&self, family: Family) -> Option<String> {
        Some(match self {
            Self::Count => return None,
            Self::Accept => "-j ACCEPT".to_owned(),
            Self::Drop => "-j DROP".to_owned(),
            Self::Return => "-j RETURN".to_owned(),
            Self::Jump(chain) => format!("-j {chain}"),
            Self::Goto(chain) => format!("-g {chain}"),
            Self::Mark { value, mask } => format!("-j MARK --set-xmark {value:#x}/{mask:#x}"),
            Self::Reject(kind) => format!("-j REJECT --reject-with {}", reject(*kind, family)),
            Self::Log { prefix } => "-j LOG".to_owned() + &quoted("--log-prefix", prefix),
            Self::Nflog { group, prefix } => {
                let prefix = quoted("--nflog-prefix", prefix);
                format!("-j NFLOG{prefix} --nflog-group {group}")
            }
            Self::Notrack => "-j CT --notrack".to_owned(),
        })
    }

    /// The chain of ours that the target leads to.
    pub fn chain(&self) -> Option<&ChainName> {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => Some(chain),
            Self::Count
            | Self::Accept
            | Self::Drop
            | Self::Return
            | Self::Mark { .. }
            | Self::Reject(_)
            | Self::Log { .. }
            | Self::Nflog { .. }
            | Self::Notrack => None,
        }
    }
}

fn reject(kind: RejectKind, family: Family) -> &'static str {
    match (kind, family) {
        (RejectKind::PortUnreachable, Family::V4) => "icmp-port-unreachable",
        (RejectKind::PortUnreachable, Family::V6) => "icmp6-port-unreachable",
        (RejectKind::AdminProhibited, Family::V4) => "icmp-admin-prohibited",
        (RejectKind::AdminProhibited, Family::V6) => "icmp6-adm-prohibited",
        (RejectKind::TcpReset, Family::V4 | Family::V6) => "tcp-reset",
    }
}

/// An option with a text in quotes, where there is a text: iptables-restore reads `\"` in one.
fn quoted(option: &str, text: &Option<String>) -> String {
    let Some(text) = text else {
        return String::new();
    };
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    format!(" {option} \"{text}\"")
}
