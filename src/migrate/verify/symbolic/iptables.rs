//! The iptables side: a dump as a program.

use std::collections::{BTreeMap, BTreeSet};

use super::program::{ACCEPT, DROP, Source};
use super::{BaseChain, Entry, Place, Program, Rule, Step};
use crate::migrate::ipset::Set;
use crate::migrate::iptables::{self as model, Dump, HashLimit, List, Policy, Table, Target, Test};
use crate::net::Protocol;

mod calendar;
mod effect;
mod extension;
mod sets;
mod stateful;
mod target;
mod test;

pub(super) use stateful::{chance, nth, sorted_key};
pub(super) use target::{copy, handshake, tproxy_label};

/// What rules of one dump are read against.
#[derive(Debug, Clone, Copy)]
struct Ground<'a> {
    family: crate::net::Family,
    sets: &'a [Set],
    table: &'a Table,
    /// What is asked of lists of `recent`. A list is one for all tables.
    lists: &'a BTreeMap<String, List>,
    /// The rates of `hashlimit`, as the rule of each name has them that is loaded first.
    rates: &'a BTreeMap<String, HashLimit>,
    /// Sets that rules change: they are the host's, whichever table a rule is in.
    changed: &'a BTreeSet<&'a str>,
    /// What rules share with others that no text of nft can share, by line.
    entangled: &'a BTreeMap<usize, String>,
}

/// One of the dumps as a program. Set elements are those of the dump of the sets.
pub(super) fn program(dump: &Dump, dumps: &[Dump], sets: &[Set]) -> Program {
    let mut program = Program::default();
    let lists = model::lists(dump.rules().map(|(_, _, rule)| rule));
    let rates = model::rates(dump.rules().map(|(_, _, rule)| rule));
    let changed = changed(dumps);
    let entangled = model::entangled(dump, dumps);
    for table in &dump.tables {
        let ground = Ground {
            entangled: &entangled,
            lists: &lists,
            rates: &rates,
            changed: &changed,
            family: dump.family,
            sets,
            table,
        };
        for chain in &table.chains {
            let name = ground.chain(&chain.name);
            let rules = chain
                .rules
                .iter()
                .map(|rule| ground.rule(rule, &chain.name))
                .collect();
            program.chains.insert(name.clone(), rules);
            let Some(hook) = chain.hook else { continue };
            let base = BaseChain {
                chain: name,
                policy: policy(chain.policy).to_owned(),
                place: Place {
                    line: chain.line,
                    text: format!(":{} {}", chain.name, policy(chain.policy).to_uppercase()),
                },
            };
            let entry = Entry {
                table: table.name,
                hook,
            };
            program.entries.entry(entry).or_default().push(base);
        }
    }
    program
}

/// The sets that rules change.
fn changed(dumps: &[Dump]) -> BTreeSet<&str> {
    let rules = dumps.iter().flat_map(Dump::rules);
    let actions = rules.flat_map(|(_, _, rule)| match &rule.target {
        Target::Set(target) => target.actions.as_slice(),
        _ => &[],
    });
    actions.map(|(_, set, _)| set.as_str()).collect()
}

fn policy(policy: Policy) -> &'static str {
    match policy {
        Policy::Drop => DROP,
        Policy::Accept | Policy::Return => ACCEPT,
    }
}

impl Ground<'_> {
    /// Names are unique in a table only.
    fn chain(&self, name: &str) -> String {
        format!("{} {name}", self.table.name)
    }

    fn rule(&self, rule: &model::Rule, chain: &str) -> Rule {
        // What stands in the rule itself is asked before any module, wherever it was written.
        let own = |m: &&model::Match| {
            matches!(
                m.test,
                Test::Address(..) | Test::Interface(..) | Test::Protocol(_) | Test::Fragment
            )
        };
        let first = rule.matches.iter().filter(own);
        let modules = rule.matches.iter().filter(|m| !own(m));
        let clamps = rule.changes_segment_size();
        let asked = |m| match m {
            // What a second size becomes is not looked into: whoever names two loses nothing but his own connection.
            &model::Match {
                test: Test::TcpMss(span),
                sense: model::Sense::Is,
            } if clamps => self.first_size(span),
            m => self.test(m),
        };
        let mut steps: Vec<_> = first.chain(modules).flat_map(asked).collect();
        let entangled = self.entangled.get(&rule.line).cloned();
        steps.extend(entangled.map(Step::Note));
        let protocol = rule
            .matches
            .iter()
            .find_map(|one| match (&one.test, one.sense) {
                (Test::Protocol(protocol), model::Sense::Is) => Some(*protocol),
                _ => None,
            });
        let of_protocol = |step| match step {
            Step::Note(what) if what.starts_with("ct helper ") => {
                Step::Note(format!("{what} of {}", helped(protocol)))
            }
            step => step,
        };
        steps.extend(
            self.target(&rule.target, chain)
                .into_iter()
                .map(of_protocol),
        );
        Rule {
            place: Place {
                line: rule.line,
                text: rule.text.clone(),
            },
            steps,
        }
    }
}

/// The protocol of a helper.
fn helped(protocol: Option<Protocol>) -> String {
    match protocol {
        Some(Protocol::TCP) => "tcp".to_owned(),
        Some(Protocol::UDP) => "udp".to_owned(),
        Some(other) => other.to_string(),
        None => "any".to_owned(),
    }
}

/// `variable = value`.
fn write(variable: super::Variable, value: u128) -> Step {
    Step::Write {
        variable,
        keep: 0,
        source: Source::Constant(value),
    }
}
