//! Changes of what is known.

use super::name::{ProfileName, ResourceName, ScopedName, TierName};
use super::{
    Configuration, Endpoint, EndpointName, GroupName, NetworkSet, Node, Policy, PolicyName,
    Profile, Readiness, SecurityGroup, Settings, Tier,
};

/// One change of what operators say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A group appears or changes.
    Group(SecurityGroup),
    /// A group is gone.
    GroupGone(GroupName),
    /// An endpoint appears or changes.
    Endpoint(Box<Endpoint>),
    /// An endpoint is gone.
    EndpointGone(EndpointName),
    /// The settings change.
    Settings(Settings),
    /// A tier appears or changes.
    Tier(Tier),
    /// A tier is gone.
    TierGone(TierName),
    /// A policy appears or changes.
    Policy(Box<Policy>),
    /// A policy is gone.
    PolicyGone(PolicyName),
    /// A profile appears or changes.
    Profile(Box<Profile>),
    /// A profile is gone.
    ProfileGone(ProfileName),
    /// A network set appears or changes.
    NetworkSet(NetworkSet),
    /// A network set is gone.
    NetworkSetGone(ScopedName),
    /// A configuration appears or changes.
    Configuration(Box<Configuration>),
    /// A configuration is gone.
    ConfigurationGone(ResourceName),
    /// A host appears or changes.
    Node(Node),
    /// A host is gone.
    NodeGone(String),
    /// The store becomes fit to be read, or ceases to be.
    Readiness(Readiness),
}

impl Event {
    /// The event that takes back what this one brought.
    #[must_use]
    pub fn undone(self) -> Self {
        match self {
            Self::Group(group) => Self::GroupGone(group.name),
            Self::Endpoint(endpoint) => Self::EndpointGone(endpoint.name),
            Self::Settings(_) => Self::Settings(Settings::default()),
            Self::Tier(tier) => Self::TierGone(tier.name),
            Self::Policy(policy) => Self::PolicyGone(policy.name),
            Self::Profile(profile) => Self::ProfileGone(profile.name),
            Self::NetworkSet(set) => Self::NetworkSetGone(set.name),
            Self::Configuration(configuration) => Self::ConfigurationGone(configuration.name),
            Self::Node(node) => Self::NodeGone(node.name),
            Self::Readiness(_) => Self::Readiness(Readiness::default()),
            Self::GroupGone(_)
            | Self::EndpointGone(_)
            | Self::TierGone(_)
            | Self::PolicyGone(_)
            | Self::ProfileGone(_)
            | Self::NetworkSetGone(_)
            | Self::ConfigurationGone(_)
            | Self::NodeGone(_) => self,
        }
    }
}
