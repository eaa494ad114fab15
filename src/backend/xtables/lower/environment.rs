//! What is known of every packet that comes to a chain.

use crate::net::{Family, Protocol};
use crate::ruleset::HookPoint;

/// What is known of every packet that comes to a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Environment {
    /// The family.
    pub(super) family: Family,
    /// Whether an interface is known that packets leave by.
    pub(super) outgoing: Outgoing,
    /// The protocol, where only packets of one come.
    pub(super) protocol: Option<Protocol>,
    /// How many interfaces are told apart.
    pub(super) dispatch: Dispatch,
}

/// How many interfaces are told apart.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dispatch {
    /// By trees of chains: the way to one of many is short.
    #[default]
    Chains,
    /// By ipsets, 32 interfaces in each: where chains can lead into one another only so often.
    Sets,
}

/// Whether an interface is known that packets leave by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Outgoing {
    /// It is.
    Known,
    /// Before routing, or for this host.
    Absent,
}

impl Outgoing {
    /// At a hook.
    pub(super) fn at(hook: HookPoint) -> Self {
        match hook {
            HookPoint::Prerouting | HookPoint::Input => Self::Absent,
            HookPoint::Forward | HookPoint::Output | HookPoint::Postrouting => Self::Known,
        }
    }
}
