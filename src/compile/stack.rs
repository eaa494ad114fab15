//! Stacks: whom the packets of an endpoint are held against, in order, and the chains that say so.
//!
//! ```text
//! chain bundle/<hash>/in {            chain tier/<hash>/in {
//!     jump tier/<hash>/in                 meta mark set meta mark & 0xffffefff
//!     jump tier/<hash>/in                 jump np/ns/first/in
//!     jump profile/kns.ns/in              meta mark & 0x00001000 == 0x00001000 return
//! }                                       jump np/ns/second/in
//!                                         drop
//!                                     }
//! ```
//!
//! A policy that passes sets the mark and returns, so that no chain of a policy knows its tier, and
//! the depth of chains does not grow with the tiers.

use std::collections::BTreeMap;

use super::decider::Decider;
use super::names;
use super::outcome::{PASS_MARK, denial};
use crate::model::{
    DefaultAction, DenyAction, Direction, Endpoint, Membership, Order, Policy, PolicyName, State,
    TierName, TierRank,
};
use crate::ruleset::{Chain, MarkSource, Match, Name, Rule, Statement, Verdict};

/// What one direction of an endpoint's traffic meets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stack {
    direction: Direction,
    layers: Vec<Layer>,
}

/// One thing after another.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Layer {
    /// A group or a profile: what it does not decide goes on.
    One(Decider),
    /// A tier: what its policies do not decide meets its end.
    Tier {
        name: TierName,
        policies: Vec<(Decider, Passing)>,
        end: End,
    },
}

/// Whether a policy has rules that pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passing {
    Never,
    Sometimes,
}

/// What becomes of a packet at the end of a tier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Denied(DenyAction),
    Passed,
}

impl Stack {
    /// What an endpoint's traffic of a direction meets.
    pub(super) fn of(
        state: &State,
        endpoint: &Endpoint,
        direction: Direction,
        deny: DenyAction,
    ) -> Self {
        let layers = match &endpoint.membership {
            Membership::Groups(groups) => {
                let known = groups
                    .iter()
                    .filter(|group| state.groups.contains_key(*group));
                known
                    .cloned()
                    .map(|group| Layer::One(Decider::Group(group)))
                    .collect()
            }
            Membership::Labels(labelled) => {
                let tiers = tiers(state, endpoint, direction, deny);
                let profiles = labelled.profiles.iter().cloned().map(Decider::Profile);
                // One that is missing denies, so that none behind it is asked, and the end denies too.
                let profiles =
                    profiles.take_while(|decider| decider.rules(state, direction).is_some());
                reached(tiers.into_iter().chain(profiles.map(Layer::One)))
            }
        };
        Self { direction, layers }
    }

    /// The direction.
    pub(super) fn direction(&self) -> Direction {
        self.direction
    }

    /// Whom it asks.
    pub(super) fn deciders(&self) -> impl Iterator<Item = &Decider> {
        self.layers.iter().flat_map(|layer| match layer {
            Layer::One(decider) => vec![decider],
            Layer::Tier { policies, .. } => policies.iter().map(|(policy, _)| policy).collect(),
        })
    }

    /// The chain where it begins, if it asks anybody, and the chains that it needs beside policies'.
    pub(super) fn chains(&self) -> (Option<Name>, BTreeMap<Name, Chain>) {
        let mut chains = BTreeMap::new();
        let mut parts = Vec::new();
        for layer in &self.layers {
            parts.push(match layer {
                Layer::One(decider) => names::decider(decider, self.direction),
                Layer::Tier {
                    name,
                    policies,
                    end,
                } => {
                    let (chain, rules) = self.tier(name, policies, *end);
                    chains.insert(chain.clone(), regular(rules));
                    chain
                }
            });
        }
        match parts.as_slice() {
            [] => (None, chains),
            [only] => (Some(only.clone()), chains),
            several => {
                let list: Vec<&str> = several.iter().map(Name::as_str).collect();
                let name = names::stack(&list.join(","), self.direction);
                let jumps = parts
                    .iter()
                    .map(|part| verdict(Verdict::Jump(part.clone())));
                chains.insert(name.clone(), regular(jumps.collect()));
                (Some(name), chains)
            }
        }
    }

    fn tier(
        &self,
        name: &TierName,
        policies: &[(Decider, Passing)],
        end: End,
    ) -> (Name, Vec<Rule>) {
        let mut rules = Vec::new();
        if policies
            .iter()
            .any(|(_, passing)| *passing == Passing::Sometimes)
        {
            rules.push(Rule::new(vec![Statement::SetMark(MarkSource::without(
                PASS_MARK,
            ))]));
        }
        let mut text = format!("{name} {end:?}");
        for (policy, passing) in policies {
            let chain = names::decider(policy, self.direction);
            text += &format!(",{chain}");
            rules.push(verdict(Verdict::Jump(chain)));
            if *passing == Passing::Sometimes {
                rules.push(Rule::new(vec![
                    Statement::Match(Match::mark_has(PASS_MARK)),
                    Statement::Verdict(Verdict::Return),
                ]));
            }
        }
        if let End::Denied(action) = end {
            rules.push(Rule::new(vec![denial(action)]));
        }
        (names::tier(&text, self.direction), rules)
    }
}

/// The tiers that have a policy for the endpoint, in order, with those policies in theirs.
fn tiers(state: &State, endpoint: &Endpoint, direction: Direction, deny: DenyAction) -> Vec<Layer> {
    let Some(labels) = state.labels_of(endpoint) else {
        return Vec::new();
    };
    let applies = |policy: &&Policy| policy.decides(direction) && policy.selector.matches(&labels);
    let mut tiers: BTreeMap<TierRank, BTreeMap<(Order, &PolicyName), &Policy>> = BTreeMap::new();
    for policy in state.policies.values().filter(applies) {
        let tier = tiers.entry(state.tier_rank(&policy.tier)).or_default();
        tier.insert(policy.rank(), policy);
    }
    let layer = |(rank, policies): (TierRank, BTreeMap<_, &Policy>)| Layer::Tier {
        end: match state.default_action(rank.name()) {
            DefaultAction::Deny => End::Denied(deny),
            DefaultAction::Pass => End::Passed,
        },
        name: rank.name().clone(),
        policies: policies
            .into_values()
            .map(|policy| {
                let decider = Decider::Policy(policy.name.clone());
                let passing = match decider.passes(state, direction) {
                    true => Passing::Sometimes,
                    false => Passing::Never,
                };
                (decider, passing)
            })
            .collect(),
    };
    tiers.into_iter().map(layer).collect()
}

/// The layers that a packet can come to: nothing comes past a tier that decides everything.
fn reached(layers: impl Iterator<Item = Layer>) -> Vec<Layer> {
    let mut reached = Vec::new();
    for layer in layers {
        let ends = match &layer {
            Layer::Tier { policies, end, .. } => {
                *end != End::Passed
                    && policies
                        .iter()
                        .all(|(_, passing)| *passing == Passing::Never)
            }
            Layer::One(_) => false,
        };
        reached.push(layer);
        if ends {
            break;
        }
    }
    reached
}

fn verdict(verdict: Verdict) -> Rule {
    Rule::new(vec![Statement::Verdict(verdict)])
}

fn regular(rules: Vec<Rule>) -> Chain {
    Chain {
        rules,
        ..Chain::default()
    }
}
