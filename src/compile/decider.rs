//! Deciders: what packets of an endpoint are held against, by rules: groups, policies and profiles.

use std::fmt;

use super::outcome::LogLine;
use crate::model::{
    Action, Direction, GroupName, GroupRules, PolicyName, ProfileName, Rule, State,
};

/// A list of rules for each direction, by who says them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decider {
    /// A security group.
    Group(GroupName),
    /// A policy in a tier.
    Policy(PolicyName),
    /// A profile.
    Profile(ProfileName),
}

impl fmt::Display for Decider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(group) => group.fmt(f),
            Self::Policy(policy) => policy.fmt(f),
            Self::Profile(profile) => write!(f, "profile {profile}"),
        }
    }
}

/// What a decider says in one direction.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rules<'s> {
    /// Rules that allow, in no order.
    Group(&'s GroupRules),
    /// Rules of which the first that matches counts.
    Ordered(&'s [Rule]),
}

impl Decider {
    /// Everybody who is defined.
    pub fn all(state: &State) -> Vec<Self> {
        let groups = state.groups.keys().cloned().map(Self::Group);
        let policies = state.policies.keys().cloned().map(Self::Policy);
        let default = ProfileName::of_default_allow();
        let profiles = state.profiles.keys().cloned().chain([default]);
        groups
            .chain(policies)
            .chain(profiles.map(Self::Profile))
            .collect()
    }

    /// Its rules in a direction; `None` where nobody defines it.
    pub(super) fn rules<'s>(&self, state: &'s State, direction: Direction) -> Option<Rules<'s>> {
        match self {
            Self::Group(name) => {
                let group = state.groups.get(name)?;
                Some(Rules::Group(group.rules(direction)))
            }
            Self::Policy(name) => {
                let policy = state.policies.get(name)?;
                Some(Rules::Ordered(policy.rules(direction)))
            }
            Self::Profile(name) => {
                let profile = state.profile(name)?;
                Some(Rules::Ordered(profile.rules(direction)))
            }
        }
    }

    /// Whether a packet can leave it for the next tier. A profile has no tier behind it.
    pub(super) fn passes(&self, state: &State, direction: Direction) -> bool {
        match (self, self.rules(state, direction)) {
            (Self::Policy(_), Some(Rules::Ordered(rules))) => passes(rules),
            (Self::Policy(_) | Self::Group(_) | Self::Profile(_), _) => false,
        }
    }

    /// What its log lines say.
    pub(super) fn log_line<'s>(
        &self,
        state: &'s State,
        settings: &'s crate::model::LogSettings,
    ) -> LogLine<'s> {
        let (tier, kind, name, full) = match self {
            Self::Group(group) => ("", "SecurityGroup", group.to_string(), group.to_string()),
            Self::Profile(profile) => ("", "Profile", profile.to_string(), profile.to_string()),
            Self::Policy(policy) => {
                let tier = state.policies.get(policy).map_or("", |p| p.tier.as_str());
                let full = match &policy.namespace {
                    Some(namespace) => format!("{namespace}/{}", policy.name),
                    None => policy.name.to_string(),
                };
                (tier, policy.kind.word(), policy.name.to_string(), full)
            }
        };
        LogLine {
            settings,
            words: [
                ("%t", tier.to_owned()),
                ("%k", kind.to_owned()),
                ("%n", name),
                ("%p", full),
            ],
        }
    }
}

/// Whether one of the rules passes.
pub(super) fn passes(rules: &[Rule]) -> bool {
    let passing = |rule: &Rule| rule.action == Action::Pass && !rule.is_void();
    rules.iter().any(passing)
}
