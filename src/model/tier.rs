//! Tiers: policies that are asked one after the other, and what happens at their end.

use std::fmt;

use super::Origin;
use super::name::TierName;
use super::order::Order;

/// A group of policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tier {
    /// The name.
    pub name: TierName,
    /// Its place among the tiers.
    pub order: Order,
    /// What becomes of a packet on which the policies of the tier say nothing.
    pub default_action: DefaultAction,
    /// Where it was written.
    pub origin: Origin,
}

/// What becomes of a packet at the end of a tier.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DefaultAction {
    /// It is dropped, or rejected.
    #[default]
    Deny,
    /// It goes to the next tier, from the last one to the profiles.
    Pass,
}

impl fmt::Display for DefaultAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Deny => "Deny",
            Self::Pass => "Pass",
        })
    }
}

/// The place of a tier among all: those that exist by order, then those that are only named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TierRank {
    existence: Existence,
    order: Order,
    name: TierName,
}

/// Whether a tier is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Existence {
    Declared,
    Missing,
}

impl TierRank {
    /// The place of a tier that exists.
    pub fn of(tier: &Tier) -> Self {
        Self {
            existence: Existence::Declared,
            order: tier.order,
            name: tier.name.clone(),
        }
    }

    /// The place of a tier that policies name and nothing declares.
    pub fn of_missing(name: &TierName) -> Self {
        Self {
            existence: Existence::Missing,
            order: Order::LAST,
            name: name.clone(),
        }
    }

    /// The tier.
    pub fn name(&self) -> &TierName {
        &self.name
    }
}
