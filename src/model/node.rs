//! What policy needs to know of hosts and of the cluster.

use super::label::Labels;

/// A host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// The name.
    pub name: String,
    /// Its labels, by which configurations select it.
    pub labels: Labels,
}

/// Whether the store is fit to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Readiness {
    /// It is, as far as is known.
    #[default]
    Ready,
    /// It says that it is not: what was in force stays so.
    NotReady,
}
