//! Network sets: addresses that carry labels, without an endpoint.

use std::collections::BTreeSet;

use super::Origin;
use super::label::Labels;
use super::name::{ProfileName, ScopedName};
use crate::net::Cidr;

/// A `NetworkSet`, or, without a namespace, a `GlobalNetworkSet`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSet {
    /// The name.
    pub name: ScopedName,
    /// Its own labels, that of its namespace among them.
    pub labels: Labels,
    /// The prefixes.
    pub nets: BTreeSet<Cidr>,
    /// Where it was written.
    pub origin: Origin,
}

impl NetworkSet {
    /// The profile that it inherits labels from: that of its namespace.
    pub fn parent(&self) -> Option<ProfileName> {
        self.name.namespace.as_ref().map(ProfileName::of_namespace)
    }
}
