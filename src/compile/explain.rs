//! From what happened to a packet back to what operators wrote.

use std::collections::BTreeMap;

use super::decider::{Decider, Rules};
use super::judge::{allowing, deciding};
use super::policy;
use crate::model::{Action, Direction, Origin, State};
use crate::ruleset::packet::Packet;
use crate::ruleset::trace::Trace;

/// A policy that a packet came to, and what it said.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whose policy it is.
    pub decider: Decider,
    /// Which of its two policies.
    pub direction: Direction,
    /// What it said of the packet.
    pub answer: Answer,
    /// The rules that say so, in the order of the document: all of a group that allow the packet, the
    /// first that decides of others.
    pub rules: Vec<Deciding>,
}

/// A rule that decides.
#[derive(Debug, Clone)]
pub struct Deciding {
    /// Its position, from 0.
    pub index: usize,
    /// The rule in words.
    pub text: String,
    /// Where it was written.
    pub origin: Origin,
}

/// What a policy says of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It allows it: the packet goes on.
    Allowed,
    /// It denies it.
    Denied,
    /// It leaves it to the next tier.
    Passed,
    /// None of its rules decides.
    Silent,
}

/// The policies that a traced packet came to, in order.
pub fn asked(state: &State, packet: &Packet, trace: &Trace) -> Vec<Asked> {
    let owners = owners(state);
    let mut asked: Vec<Asked> = Vec::new();
    for step in &trace.steps {
        let Some((decider, direction)) = owners.get(step.chain.logical()) else {
            continue;
        };
        let same = |a: &&Asked| a.decider == *decider && a.direction == *direction;
        if asked.last().filter(same).is_none() {
            asked.extend(said(state, decider, *direction, packet));
        }
    }
    asked
}

/// What one policy says.
fn said(state: &State, decider: &Decider, direction: Direction, packet: &Packet) -> Option<Asked> {
    let (answer, rules) = match decider.rules(state, direction)? {
        Rules::Group(rules) => {
            let rules = allowing(state, rules, direction, packet).into_iter();
            let rules = rules.map(|(index, rule)| Deciding {
                index,
                text: rule.text(direction),
                origin: rule.origin.clone(),
            });
            let rules: Vec<Deciding> = rules.collect();
            let answer = if rules.is_empty() {
                Answer::Silent
            } else {
                Answer::Allowed
            };
            (answer, rules)
        }
        Rules::Ordered(rules) => match deciding(state, rules, packet) {
            None => (Answer::Silent, Vec::new()),
            Some((index, rule)) => {
                let answer = match rule.action {
                    Action::Allow => Answer::Allowed,
                    Action::Deny => Answer::Denied,
                    Action::Pass => Answer::Passed,
                    Action::Log => Answer::Silent,
                };
                let text = rule.to_string();
                let origin = rule.origin.clone();
                (
                    answer,
                    vec![Deciding {
                        index,
                        text,
                        origin,
                    }],
                )
            }
        },
    };
    Some(Asked {
        decider: decider.clone(),
        direction,
        answer,
        rules,
    })
}

/// Whose policy a chain is.
fn owners(state: &State) -> BTreeMap<String, (Decider, Direction)> {
    let mut owners = BTreeMap::new();
    for decider in Decider::all(state) {
        for direction in Direction::ALL {
            for name in policy::chains(&decider, direction) {
                let owner = (decider.clone(), direction);
                owners.insert(name.as_str().to_owned(), owner);
            }
        }
    }
    owners
}
