//! The name spaces of a table.

use super::ObjectKind;

/// A name space: two objects of different kinds may have the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// Sets and maps.
    Set,
    /// Chains.
    Chain,
    /// Named counters.
    Counter,
    /// Named limits.
    Limit,
}

impl Kind {
    /// Every name space.
    pub(crate) const ALL: [Self; 4] = [Self::Set, Self::Chain, Self::Counter, Self::Limit];
}

impl From<ObjectKind> for Kind {
    fn from(object: ObjectKind) -> Self {
        match object {
            ObjectKind::Counter => Self::Counter,
            ObjectKind::Limit => Self::Limit,
        }
    }
}

/// The same thing for each name space.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ByKind<T> {
    sets: T,
    chains: T,
    counters: T,
    limits: T,
}

impl<T> ByKind<T> {
    /// That of one name space.
    pub(super) fn of(&self, kind: Kind) -> &T {
        match kind {
            Kind::Set => &self.sets,
            Kind::Chain => &self.chains,
            Kind::Counter => &self.counters,
            Kind::Limit => &self.limits,
        }
    }

    /// That of one name space, to change it.
    pub(super) fn of_mut(&mut self, kind: Kind) -> &mut T {
        match kind {
            Kind::Set => &mut self.sets,
            Kind::Chain => &mut self.chains,
            Kind::Counter => &mut self.counters,
            Kind::Limit => &mut self.limits,
        }
    }
}
