//! Policies: rules for the endpoints that a selector means.

use std::cmp::Ordering;
use std::fmt;

use super::Origin;
use super::group::Direction;
use super::name::{Namespace, ResourceName, TierName};
use super::order::Order;
use super::rule::Rule;
use super::selector::Selector;

/// The kinds of policy. Policies of different kinds may have the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyKind {
    /// Of one namespace.
    NetworkPolicy,
    /// Of all, and of hosts.
    GlobalNetworkPolicy,
    /// Staged, of one namespace.
    StagedNetworkPolicy,
    /// Staged, of all.
    StagedGlobalNetworkPolicy,
    /// Staged, in the words of Kubernetes.
    StagedKubernetesNetworkPolicy,
}

impl PolicyKind {
    /// The word that documents use.
    pub fn word(self) -> &'static str {
        match self {
            Self::NetworkPolicy => "NetworkPolicy",
            Self::GlobalNetworkPolicy => "GlobalNetworkPolicy",
            Self::StagedNetworkPolicy => "StagedNetworkPolicy",
            Self::StagedGlobalNetworkPolicy => "StagedGlobalNetworkPolicy",
            Self::StagedKubernetesNetworkPolicy => "StagedKubernetesNetworkPolicy",
        }
    }
}

impl fmt::Display for PolicyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What names a policy. The order is that of policies which give the same order: that of the texts
/// `name/namespace/kind`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PolicyName {
    /// The kind.
    pub kind: PolicyKind,
    /// The namespace, of a namespaced kind.
    pub namespace: Option<Namespace>,
    /// The name in it.
    pub name: ResourceName,
}

impl PolicyName {
    fn sort_bytes(&self) -> impl Iterator<Item = u8> {
        let namespace = self.namespace.as_ref().map_or("", Namespace::as_str);
        let parts = [self.name.as_str(), "/", namespace, "/", self.kind.word()];
        parts.into_iter().flat_map(str::bytes)
    }
}

impl Ord for PolicyName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.sort_bytes().cmp(other.sort_bytes())
    }
}

impl PartialOrd for PolicyName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.kind)?;
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => self.name.fmt(f),
        }
    }
}

/// Rules for the endpoints that a selector means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The name.
    pub name: PolicyName,
    /// The tier that it is in.
    pub tier: TierName,
    /// Its place in the tier; policies of one order stand by name.
    pub order: Order,
    /// The endpoints that it applies to. Resolved: namespaces and service accounts are part of it.
    pub selector: Selector,
    /// The directions that it takes part in, even if it has no rules there.
    pub types: PolicyTypes,
    /// Where on the way of a packet it is asked.
    pub stage: Stage,
    /// Whether it decides anything.
    pub enforcement: Enforcement,
    /// What may come in.
    pub ingress: Vec<Rule>,
    /// What may go out.
    pub egress: Vec<Rule>,
    /// Where it was written.
    pub origin: Origin,
}

impl Policy {
    /// The rules of a direction.
    pub fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// The place of the policy in its tier.
    pub fn rank(&self) -> (Order, &PolicyName) {
        (self.order, &self.name)
    }

    /// Whether it decides about traffic of workloads in a direction, for those that it selects.
    pub fn decides(&self, direction: Direction) -> bool {
        let for_workloads = match self.stage {
            Stage::Local | Stage::LocalAndForwarded => true,
            Stage::BeforeDnat | Stage::Untracked => false,
        };
        for_workloads && self.enforcement == Enforcement::Enforced && self.types.has(direction)
    }
}

/// The directions of a policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyTypes {
    /// To the endpoints.
    Ingress,
    /// From the endpoints.
    Egress,
    /// Both, as where nothing is said.
    #[default]
    Both,
}

impl PolicyTypes {
    /// Whether a direction is one of them.
    pub fn has(self, direction: Direction) -> bool {
        match (self, direction) {
            (Self::Both, _)
            | (Self::Ingress, Direction::Ingress)
            | (Self::Egress, Direction::Egress) => true,
            (Self::Ingress, Direction::Egress) | (Self::Egress, Direction::Ingress) => false,
        }
    }
}

/// Where on the way of a packet a policy is asked. Only global policies have another than the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// At workloads, and at hosts for traffic that begins or ends there.
    #[default]
    Local,
    /// `applyOnForward`: also at hosts for traffic that they forward.
    LocalAndForwarded,
    /// `preDNAT`: at hosts, before the destination is translated. Never at workloads.
    BeforeDnat,
    /// `doNotTrack`: at hosts, before connections are tracked. Never at workloads.
    Untracked,
}

/// Whether a policy decides anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Enforcement {
    /// It does.
    #[default]
    Enforced,
    /// It is there to be looked at.
    Staged(StagedAction),
}

/// What would become of the policy that a staged one speaks of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StagedAction {
    /// It would be made or replaced.
    #[default]
    Set,
    /// It would be removed.
    Delete,
    /// It is made of traffic that was seen.
    Learn,
    /// Nothing.
    Ignore,
}
