//! Changes of what is known.

use std::fmt;

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

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Object {
    /// A group.
    Group(GroupName),
    /// An endpoint.
    Endpoint(EndpointName),
    /// The settings.
    Settings,
    /// A tier.
    Tier(TierName),
    /// A policy.
    Policy(PolicyName),
    /// A profile.
    Profile(ProfileName),
    /// A network set.
    NetworkSet(ScopedName),
    /// A configuration.
    Configuration(ResourceName),
    /// A host.
    Node(String),
    /// Whether the store is fit to be read.
    Readiness,
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(name) => write!(f, "group {name}"),
            Self::Endpoint(name) => write!(f, "endpoint {name}"),
            Self::Settings => f.write_str("the settings"),
            Self::Tier(name) => write!(f, "tier {name}"),
            Self::Policy(name) => name.fmt(f),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::NetworkSet(name) => write!(f, "network set {name}"),
            Self::Configuration(name) => write!(f, "configuration {name}"),
            Self::Node(name) => write!(f, "node {name}"),
            Self::Readiness => f.write_str("the readiness of the store"),
        }
    }
}

impl Event {
    /// What it is about.
    pub fn object(&self) -> Object {
        match self {
            Self::Group(SecurityGroup { name, .. }) | Self::GroupGone(name) => {
                Object::Group(name.clone())
            }
            Self::Endpoint(endpoint) => Object::Endpoint(endpoint.name.clone()),
            Self::EndpointGone(name) => Object::Endpoint(name.clone()),
            Self::Settings(_) => Object::Settings,
            Self::Tier(Tier { name, .. }) | Self::TierGone(name) => Object::Tier(name.clone()),
            Self::Policy(policy) => Object::Policy(policy.name.clone()),
            Self::PolicyGone(name) => Object::Policy(name.clone()),
            Self::Profile(profile) => Object::Profile(profile.name.clone()),
            Self::ProfileGone(name) => Object::Profile(name.clone()),
            Self::NetworkSet(NetworkSet { name, .. }) | Self::NetworkSetGone(name) => {
                Object::NetworkSet(name.clone())
            }
            Self::Configuration(configuration) => Object::Configuration(configuration.name.clone()),
            Self::ConfigurationGone(name) => Object::Configuration(name.clone()),
            Self::Node(Node { name, .. }) | Self::NodeGone(name) => Object::Node(name.clone()),
            Self::Readiness(_) => Object::Readiness,
        }
    }

    /// Whether it says that something is there, and not that it is gone.
    pub fn declares(&self) -> bool {
        match self {
            Self::Group(_)
            | Self::Endpoint(_)
            | Self::Settings(_)
            | Self::Tier(_)
            | Self::Policy(_)
            | Self::Profile(_)
            | Self::NetworkSet(_)
            | Self::Configuration(_)
            | Self::Node(_)
            | Self::Readiness(_) => true,
            Self::GroupGone(_)
            | Self::EndpointGone(_)
            | Self::TierGone(_)
            | Self::PolicyGone(_)
            | Self::ProfileGone(_)
            | Self::NetworkSetGone(_)
            | Self::ConfigurationGone(_)
            | Self::NodeGone(_) => false,
        }
    }

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
