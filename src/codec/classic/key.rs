//! What a key is of.

use super::PREFIX;

/// What a key is of. Keys that are not of a known form say nothing: those of address management,
/// of BGP, of what others report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key<'k> {
    Ready,
    /// A parameter, of one host or of all.
    Parameter {
        host: Option<&'k str>,
        name: &'k str,
    },
    Workload {
        host: &'k str,
        orchestrator: &'k str,
        workload: &'k str,
        endpoint: &'k str,
    },
    /// A host endpoint.
    Host {
        host: &'k str,
        endpoint: &'k str,
    },
    Profile(&'k str, ProfilePart),
    /// The metadata of a tier.
    Tier(&'k str),
    Policy {
        tier: &'k str,
        name: &'k str,
    },
}

/// A part of a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProfilePart {
    Rules,
    Tags,
    Labels,
}

impl<'k> Key<'k> {
    pub(super) fn of(key: &'k str) -> Option<Self> {
        // The longest of the forms has seven parts.
        let parts: Vec<_> = key.strip_prefix(PREFIX)?.split('/').take(8).collect();
        if parts.iter().any(|part| part.is_empty()) {
            return None;
        }
        Some(match parts[..] {
            ["Ready"] => Self::Ready,
            ["config", name] => Self::Parameter { host: None, name },
            ["host", host, "config", name] => Self::Parameter {
                host: Some(host),
                name,
            },
            [
                "host",
                host,
                "workload",
                orchestrator,
                workload,
                "endpoint",
                endpoint,
            ] => Self::Workload {
                host,
                orchestrator,
                workload,
                endpoint,
            },
            ["host", host, "endpoint", endpoint] => Self::Host { host, endpoint },
            ["policy", "profile", name, "rules"] => Self::Profile(name, ProfilePart::Rules),
            ["policy", "profile", name, "tags"] => Self::Profile(name, ProfilePart::Tags),
            ["policy", "profile", name, "labels"] => Self::Profile(name, ProfilePart::Labels),
            ["policy", "tier", tier, "metadata"] => Self::Tier(tier),
            ["policy", "tier", tier, "policy", name] => Self::Policy { tier, name },
            _ => return None,
        })
    }
}
