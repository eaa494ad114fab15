//! Profiles: labels that endpoints inherit, and rules for those that no policy applies to.

use std::sync::LazyLock;

use super::Origin;
use super::group::Direction;
use super::label::Labels;
use super::name::ProfileName;
use super::rule::{Action, Rule};

/// Labels that endpoints inherit, and rules that come after all policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// The name.
    pub name: ProfileName,
    /// `labelsToApply`
    pub labels: Labels,
    /// What may come in.
    pub ingress: Vec<Rule>,
    /// What may go out.
    pub egress: Vec<Rule>,
    /// Where it was written.
    pub origin: Origin,
}

impl Profile {
    /// The rules of a direction.
    pub fn rules(&self, direction: Direction) -> &[Rule] {
        match direction {
            Direction::Ingress => &self.ingress,
            Direction::Egress => &self.egress,
        }
    }

    /// The profile that allows everything, which exists without being stored.
    pub fn default_allow() -> &'static Self {
        static DEFAULT_ALLOW: LazyLock<Profile> = LazyLock::new(|| Profile {
            name: ProfileName::of_default_allow(),
            labels: Labels::default(),
            ingress: vec![Rule::of_all(Action::Allow)],
            egress: vec![Rule::of_all(Action::Allow)],
            origin: Origin::default(),
        });
        &DEFAULT_ALLOW
    }
}
