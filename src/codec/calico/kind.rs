//! The kinds of resources.

use std::fmt;

/// A kind that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::codec) enum Kind {
    WorkloadEndpoint,
    HostEndpoint,
    Profile,
    Tier,
    NetworkPolicy,
    GlobalNetworkPolicy,
    StagedNetworkPolicy,
    StagedGlobalNetworkPolicy,
    StagedKubernetesNetworkPolicy,
    NetworkSet,
    GlobalNetworkSet,
    FelixConfiguration,
    Node,
    ClusterInformation,
    IPPool,
}

/// Kinds that are about routes, addresses and other programs.
const UNRELATED: &[&str] = &[
    "BGPConfiguration",
    "BGPFilter",
    "BGPPeer",
    "BlockAffinity",
    "CalicoNodeStatus",
    "IPAMConfig",
    "IPAMConfiguration",
    "IPReservation",
    "KubeControllersConfiguration",
    "LiveMigration",
];

/// Whether the resources of a kind are in namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    Namespaced,
    Global,
}

impl Kind {
    /// All of them.
    pub(super) const ALL: [Self; 15] = [
        Self::WorkloadEndpoint,
        Self::HostEndpoint,
        Self::Profile,
        Self::Tier,
        Self::NetworkPolicy,
        Self::GlobalNetworkPolicy,
        Self::StagedNetworkPolicy,
        Self::StagedGlobalNetworkPolicy,
        Self::StagedKubernetesNetworkPolicy,
        Self::NetworkSet,
        Self::GlobalNetworkSet,
        Self::FelixConfiguration,
        Self::Node,
        Self::ClusterInformation,
        Self::IPPool,
    ];

    /// The words of documents and of keys in etcd, and whether there are namespaces.
    fn facts(self) -> (&'static str, &'static str, Reach) {
        use Reach::{Global, Namespaced};
        match self {
            Self::WorkloadEndpoint => ("WorkloadEndpoint", "workloadendpoints", Namespaced),
            Self::HostEndpoint => ("HostEndpoint", "hostendpoints", Global),
            Self::Profile => ("Profile", "profiles", Global),
            Self::Tier => ("Tier", "tiers", Global),
            Self::NetworkPolicy => ("NetworkPolicy", "networkpolicies", Namespaced),
            Self::GlobalNetworkPolicy => ("GlobalNetworkPolicy", "globalnetworkpolicies", Global),
            Self::StagedNetworkPolicy => {
                ("StagedNetworkPolicy", "stagednetworkpolicies", Namespaced)
            }
            Self::StagedGlobalNetworkPolicy => (
                "StagedGlobalNetworkPolicy",
                "stagedglobalnetworkpolicies",
                Global,
            ),
            Self::StagedKubernetesNetworkPolicy => (
                "StagedKubernetesNetworkPolicy",
                "stagedkubernetesnetworkpolicies",
                Namespaced,
            ),
            Self::NetworkSet => ("NetworkSet", "networksets", Namespaced),
            Self::GlobalNetworkSet => ("GlobalNetworkSet", "globalnetworksets", Global),
            Self::FelixConfiguration => ("FelixConfiguration", "felixconfigurations", Global),
            Self::Node => ("Node", "nodes", Global),
            Self::ClusterInformation => ("ClusterInformation", "clusterinformations", Global),
            Self::IPPool => ("IPPool", "ippools", Global),
        }
    }

    /// The word of documents.
    pub(in crate::codec) fn word(self) -> &'static str {
        self.facts().0
    }

    /// The word of keys.
    pub(super) fn plural(self) -> &'static str {
        self.facts().1
    }

    /// Whether resources of it are in namespaces.
    pub(super) fn reach(self) -> Reach {
        self.facts().2
    }

    /// The kind of a word.
    pub(in crate::codec) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether a word is that of a resource that policy does not read.
    pub(in crate::codec) fn is_unrelated(word: &str) -> bool {
        UNRELATED.contains(&word)
    }

    /// All words, for a message.
    pub(in crate::codec) fn words() -> String {
        Self::ALL.map(Self::word).join(", ")
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
