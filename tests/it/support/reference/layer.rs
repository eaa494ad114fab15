//! What an endpoint's traffic meets, one after the other: tiers with the policies that apply, then profiles.

use std::collections::BTreeMap;

use margay::model::{
    Action, DefaultAction, Direction, Endpoint, Enforcement, GroupRule, Labelled, Membership,
    Policy, PolicyTypes, Rule, SecurityGroup, Stage, State, TierName,
};

use super::known::Labels;

/// Lists of rules of which the first that matches decides, and what becomes of the rest.
#[derive(Debug, Clone)]
pub(super) struct Layer<R> {
    lists: Vec<Vec<R>>,
    end: End,
}

/// What becomes of a packet that no rule of a layer decides about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Denied,
    Next,
}

/// A rule of either kind.
#[derive(Debug, Clone, Copy)]
pub(super) enum AnyRule<'a> {
    /// That of a group is read in a direction, and allows.
    OfGroup(&'a GroupRule, Direction),
    /// That of a policy or a profile.
    Ordered(&'a Rule),
}

impl<R> Layer<R> {
    /// All rules of all lists.
    pub(super) fn rules(&self) -> impl Iterator<Item = &R> {
        self.lists.iter().flatten()
    }

    /// The same with something else in the place of each rule.
    pub(super) fn map<T>(&self, each: impl Fn(&R) -> T) -> Layer<T> {
        let lists = self.lists.iter();
        Layer {
            lists: lists.map(|list| list.iter().map(&each).collect()).collect(),
            end: self.end,
        }
    }
}

/// Whether a packet comes through, given what each rule does to it. Whoever is past the last layer
/// is dropped.
pub(super) fn allow<R>(layers: &[Layer<R>], action: impl Fn(&R) -> Option<Action>) -> bool {
    for layer in layers {
        let mut actions = layer.lists.iter().flatten().filter_map(&action);
        match actions.find(|action| *action != Action::Log) {
            Some(Action::Allow) => return true,
            Some(Action::Deny) => return false,
            Some(Action::Pass) => {}
            Some(Action::Log) | None => match layer.end {
                End::Denied => return false,
                End::Next => {}
            },
        }
    }
    false
}

/// The layers of an endpoint. Groups come in no order, for they only allow.
pub(super) fn layers<'a>(
    state: &'a State,
    endpoint: &'a Endpoint,
    direction: Direction,
) -> Vec<Layer<AnyRule<'a>>> {
    match &endpoint.membership {
        Membership::Groups(names) => {
            let groups = names.iter().filter_map(|name| state.groups.get(name));
            let rules = |group: &'a SecurityGroup| {
                let rules = group.rules(direction).iter();
                rules
                    .map(|rule| AnyRule::OfGroup(rule, direction))
                    .collect()
            };
            vec![Layer {
                lists: groups.map(rules).collect(),
                end: End::Denied,
            }]
        }
        Membership::Labels(labelled) => {
            let layers = of_labels(state, labelled, direction).into_iter();
            layers
                .map(|layer| layer.map(|rule| AnyRule::Ordered(rule)))
                .collect()
        }
    }
}

/// The layers of an endpoint that selectors choose.
fn of_labels<'a>(
    state: &'a State,
    labelled: &'a Labelled,
    direction: Direction,
) -> Vec<Layer<&'a Rule>> {
    let labels = Labels::of_endpoint(state, labelled);
    let applying = state.policies.values();
    let applying =
        applying.filter(|policy| decides(policy, direction) && policy.selector.matches(&labels));
    let mut tiers: BTreeMap<&TierName, Vec<&Policy>> = BTreeMap::new();
    for policy in applying {
        tiers.entry(&policy.tier).or_default().push(policy);
    }
    let mut tiers: Vec<_> = tiers.into_iter().collect();
    tiers.sort_by_key(|(name, _)| {
        let tier = state.tiers.get(*name);
        (tier.is_none(), tier.map(|tier| tier.order), name.as_str())
    });
    let tiers = tiers
        .into_iter()
        .map(|(name, policies)| of_tier(state, name, policies, direction));
    let profiles = labelled.profiles.iter().map(|name| {
        // A profile that is missing denies.
        match state.profile(name) {
            Some(profile) => Layer {
                lists: vec![profile.rules(direction).iter().collect()],
                end: End::Next,
            },
            None => Layer {
                lists: Vec::new(),
                end: End::Denied,
            },
        }
    });
    tiers.chain(profiles).collect()
}

/// A tier that does not exist denies at its end.
fn of_tier<'a>(
    state: &State,
    name: &TierName,
    mut policies: Vec<&'a Policy>,
    direction: Direction,
) -> Layer<&'a Rule> {
    policies.sort_by_key(|policy| {
        let name = &policy.name;
        let namespace = name.namespace.as_ref().map_or("", |n| n.as_str());
        let text = format!("{}/{namespace}/{}", name.name.as_str(), name.kind.word());
        (policy.order, text)
    });
    let end = match state.tiers.get(name).map(|tier| tier.default_action) {
        Some(DefaultAction::Pass) => End::Next,
        Some(DefaultAction::Deny) | None => End::Denied,
    };
    let rules = |policy: &&'a Policy| match direction {
        Direction::Ingress => policy.ingress.iter().collect(),
        Direction::Egress => policy.egress.iter().collect(),
    };
    Layer {
        lists: policies.iter().map(rules).collect(),
        end,
    }
}

/// Staged policies are never enforced; those before DNAT or untracked are for hosts.
fn decides(policy: &Policy, direction: Direction) -> bool {
    let enforced = match policy.enforcement {
        Enforcement::Enforced => true,
        Enforcement::Staged(_) => false,
    };
    let for_workloads = match policy.stage {
        Stage::Local | Stage::LocalAndForwarded => true,
        Stage::BeforeDnat | Stage::Untracked => false,
    };
    let has_type = match policy.types {
        PolicyTypes::Both => true,
        PolicyTypes::Ingress => direction == Direction::Ingress,
        PolicyTypes::Egress => direction == Direction::Egress,
    };
    enforced && for_workloads && has_type
}
