//! What is known of the fields of resources, and what becomes of each.

use std::fmt;

use super::{configuration, entity, host, kubernetes, metadata, network_set, policy, profile};
use super::{rule, tier, workload};

/// What becomes of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Treatment {
    /// It is read, and what it says holds.
    Enforced,
    /// It may be there, and changes nothing, for this reason.
    Ignored(&'static str),
}

impl fmt::Display for Treatment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enforced => f.write_str("enforced"),
            Self::Ignored(why) => write!(f, "accepted and ignored: {why}"),
        }
    }
}

/// A field of a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// The object that it is a field of: `Tier.spec`, `Rule`.
    pub object: &'static str,
    /// Its name.
    pub name: &'static str,
    /// What becomes of it.
    pub treatment: Treatment,
}

/// Fields that are treated alike.
#[derive(Debug)]
pub(in crate::codec) struct Group {
    pub(in crate::codec) treatment: Treatment,
    pub(in crate::codec) names: &'static [&'static str],
}

/// Fields that hold.
pub(in crate::codec) const fn enforced(names: &'static [&'static str]) -> Group {
    Group {
        treatment: Treatment::Enforced,
        names,
    }
}

/// Fields that may be there.
pub(in crate::codec) const fn ignored(why: &'static str, names: &'static [&'static str]) -> Group {
    Group {
        treatment: Treatment::Ignored(why),
        names,
    }
}

/// The fields of every document.
pub(super) const DOCUMENT: &[Group] = &[
    enforced(&["apiVersion", "kind", "metadata", "spec"]),
    ignored("it is what a controller reports", &["status"]),
];

/// The objects, in the order of the table in the documentation.
const OBJECTS: &[(&str, &[Group])] = &[
    ("every resource", DOCUMENT),
    ("metadata", metadata::FIELDS),
    ("WorkloadEndpoint.spec", workload::FIELDS),
    ("WorkloadEndpoint.spec.ports[]", workload::PORT),
    ("Profile.spec", profile::FIELDS),
    ("Tier.spec", tier::FIELDS),
    ("NetworkPolicy.spec", policy::NAMESPACED),
    ("GlobalNetworkPolicy.spec", policy::GLOBAL),
    ("StagedNetworkPolicy.spec", policy::STAGED),
    ("StagedGlobalNetworkPolicy.spec", policy::STAGED_GLOBAL),
    ("StagedKubernetesNetworkPolicy.spec", kubernetes::FIELDS),
    ("podSelector", kubernetes::SELECTOR),
    ("podSelector.matchExpressions[]", kubernetes::EXPRESSION),
    ("rule", rule::FIELDS),
    ("rule.icmp, rule.notICMP", rule::ICMP),
    ("rule.metadata", rule::METADATA),
    ("rule.source, rule.destination", entity::FIELDS),
    ("serviceAccounts", entity::SERVICE_ACCOUNTS),
    ("services", entity::SERVICES),
    (
        "NetworkSet.spec, GlobalNetworkSet.spec",
        network_set::FIELDS,
    ),
    ("FelixConfiguration.spec", configuration::FIELDS),
    ("Node.spec", host::NODE),
    ("ClusterInformation.spec", host::CLUSTER),
    ("HostEndpoint.spec", host::ENDPOINT),
    ("IPPool.spec", host::POOL),
];

/// Every field that is known.
pub fn fields() -> impl Iterator<Item = Field> {
    fields_of(OBJECTS)
}

/// The fields of objects.
pub(in crate::codec) fn fields_of(
    objects: &'static [(&'static str, &'static [Group])],
) -> impl Iterator<Item = Field> {
    objects.iter().flat_map(|&(object, groups)| {
        groups.iter().flat_map(move |group| {
            group.names.iter().map(move |&name| Field {
                object,
                name,
                treatment: group.treatment,
            })
        })
    })
}
