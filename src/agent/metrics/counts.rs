//! How much there is of everything, counted.

use crate::model::{Event, State};

/// How much there is of everything that policy speaks of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Hosts that are known or have an endpoint.
    pub hosts: usize,
    /// Workload endpoints of all hosts.
    pub endpoints: usize,
    /// Tiers.
    pub tiers: usize,
    /// Policies and security groups.
    pub policies: usize,
    /// Profiles.
    pub profiles: usize,
    /// Policies and security groups that apply to an endpoint of this host.
    pub local_policies: usize,
}

impl Counts {
    /// Counts what is known, but for hosts and what applies here, which others count.
    pub fn of(state: &State, (hosts, local_policies): (usize, usize)) -> Self {
        Self {
            hosts,
            endpoints: state.endpoints.len(),
            tiers: state.tiers.len(),
            policies: state.policies.len() + state.groups.len(),
            profiles: state.profiles.len(),
            local_policies,
        }
    }
}

/// What Felix calls the key of what an event is about; what it does not know has our name.
pub(super) fn kind(event: &Event) -> &'static str {
    match event {
        Event::Endpoint(_) | Event::EndpointGone(_) => "WorkloadEndpointKey",
        Event::Policy(_) | Event::PolicyGone(_) => "PolicyKey",
        Event::Tier(_) | Event::TierGone(_) => "TierKey",
        Event::NetworkSet(_) | Event::NetworkSetGone(_) => "NetworkSetKey",
        Event::Readiness(_) => "ReadyFlagKey",
        Event::Profile(_)
        | Event::ProfileGone(_)
        | Event::Node(_)
        | Event::NodeGone(_)
        | Event::Configuration(_)
        | Event::ConfigurationGone(_) => "ResourceKey",
        Event::Group(_) | Event::GroupGone(_) => "SecurityGroup",
        Event::Settings(_) => "Settings",
    }
}
