//! A table of nft in xtables terms: for each family what nft's rules mean there.
//!
//! ```text
//! iifname vmap @from            -g mgy-forward.4?          a tree of chains: -i cali1 -j mgy-tier/...
//! ip saddr @group/web/v4        -m set --match-set mgy4-group/web/v4 src
//! ip saddr . th dport @web4     -m set --match-set mgy4-web4:ports src,dst
//! ip saddr . th dport vmap @m   one ipset for each verdict of the map
//! ```
//!
//! Chains are lowered one by one, for what is known of the packets that come to them. What has been
//! lowered is kept as long as neither the chain nor a set that it was made of changes, and what a set
//! becomes is kept as long as the set does not change.

mod action;
mod cell;
mod conjunction;
mod edit;
mod environment;
mod field;
mod line;
mod looked;
mod lookup;
mod numbers;
mod prefixes;
mod protocol;
mod refusal;
mod service;
mod spread;
mod test;
#[cfg(test)]
mod tests;
mod touched;
mod tree;
mod wanted;
mod wide;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use edit::Edit;
pub use environment::Dispatch;
pub use refusal::{Place, Refusal, Refusals};
pub use touched::{Extent, Touched};

use super::{Builtin, ChainName, Document, IpsetName, Rule, TableName, Target};
use crate::net::{Family, Protocol};
use crate::ruleset::{
    Chain, ChainPolicy, Expression, Hook, HookPoint, MetaKey, Name, Rule as NftRule, Statement,
    Table, Verdict,
};
use environment::{Environment, Outgoing};
use looked::Lookups;
use refusal::Refused;
use tree::put;
use writer::{Piece, Writer};

/// A table in xtables terms.
///
/// # Errors
/// The first thing in the table that xtables cannot say.
pub fn lower(table: &Table) -> Result<Document, Refusal> {
    let lowered = Lowering::default().lower(table, &Touched::All);
    lowered.map_err(|refusals| refusals.first)
}

/// What was lowered of a table.
#[derive(Debug, Clone, Default)]
pub struct Lowering {
    pieces: BTreeMap<(Name, Environment), Arc<Piece>>,
    lookups: Lookups,
    told: BTreeSet<Name>,
    /// Those of the table that was lowered last, unless it is another one now.
    protocols: Option<BTreeMap<Name, Protocol>>,
    dispatch: Dispatch,
}

impl Lowering {
    /// Nothing yet, and how interfaces will be told apart.
    pub fn by(dispatch: Dispatch) -> Self {
        Self {
            dispatch,
            ..Self::default()
        }
    }

    /// The table, of which nothing but this was touched since it was last lowered here.
    ///
    /// # Errors
    /// Everything in the table that xtables cannot say.
    pub fn lower(&mut self, table: &Table, touched: &Touched) -> Result<Document, Refusals> {
        let protocols = self.protocols.take();
        let protocols = protocols.filter(|_| !touched.leads_elsewhere(table));
        self.touch(touched);
        let protocols = protocols.unwrap_or_else(|| {
            self.tell_apart(table);
            protocol::protocols(table)
        });
        let mut walk = Walk {
            table,
            protocols,
            told: std::mem::take(&mut self.told),
            dispatch: self.dispatch,
            before: std::mem::take(&mut self.pieces),
            pieces: BTreeMap::new(),
            lookups: std::mem::take(&mut self.lookups),
            document: Document::default(),
            refusals: BTreeSet::new(),
        };
        for (name, chain) in &table.chains {
            if let Some(hook) = &chain.hook {
                walk.base(name, chain, hook);
            }
        }
        self.pieces = walk.pieces;
        self.lookups = walk.lookups;
        self.lookups.settle();
        self.told = walk.told;
        self.protocols = Some(walk.protocols);
        let mut refusals = walk.refusals.into_iter();
        match refusals.next() {
            None => Ok(walk.document),
            Some(first) => Err(Refusals {
                first,
                more: refusals.collect(),
            }),
        }
    }
}

impl Lowering {
    /// Keeps nothing of what was touched.
    pub fn touch(&mut self, touched: &Touched) {
        self.protocols = None;
        match touched {
            Touched::All => {
                self.pieces.clear();
                self.lookups = Lookups::default();
            }
            Touched::These(chains, sets) => {
                self.pieces.retain(|(chain, _), piece| {
                    let mut read = piece.sets.iter();
                    !chains.contains(chain) && !read.any(|set| sets.contains_key(set))
                });
                self.lookups.touch(sets);
            }
        }
    }

    /// Finds the chains that have two names, and keeps nothing that names one otherwise.
    fn tell_apart(&mut self, table: &Table) {
        let told = told_apart(table);
        let renamed: BTreeSet<Name> = told.symmetric_difference(&self.told).cloned().collect();
        self.pieces.retain(|(chain, _), piece| {
            !renamed.contains(chain) && piece.leads.is_disjoint(&renamed)
        });
        self.told = told;
    }

    /// The chain of the table that a chain is, or is a part of.
    pub fn chain(&self, chain: &ChainName) -> Option<&Name> {
        let mut pieces = self.pieces.iter();
        let made = pieces.find(|(_, piece)| piece.chains.contains_key(chain));
        made.map(|((name, _), _)| name)
    }

    /// The set of the table that an ipset holds, or holds a part of; none if it is of a rule's own.
    pub fn set(&self, ipset: &IpsetName) -> Option<&Name> {
        let mut pieces = self.pieces.values();
        let made = pieces.find_map(|piece| piece.ipsets.get(ipset));
        made.and_then(|made| made.set.as_ref())
    }
}

/// Follows the chains from where packets come in.
struct Walk<'w> {
    table: &'w Table,
    protocols: BTreeMap<Name, Protocol>,
    told: BTreeSet<Name>,
    dispatch: Dispatch,
    before: BTreeMap<(Name, Environment), Arc<Piece>>,
    pieces: BTreeMap<(Name, Environment), Arc<Piece>>,
    lookups: Lookups,
    document: Document,
    refusals: BTreeSet<Refusal>,
}

impl Walk<'_> {
    fn base(&mut self, name: &Name, chain: &Chain, hook: &Hook) {
        let Some((table, builtin)) = place(hook) else {
            let place = Place::Chain(name.clone());
            let what = "a hook at this priority".to_owned();
            self.refusals.insert(Refusal { place, what });
            return;
        };
        for family in Family::ALL {
            let outgoing = Outgoing::at(hook.point);
            self.follow(name, chain, (table, family), outgoing);
            let root = ChainName::of(&called(&self.told, name, outgoing));
            let held = self.document.tables.entry((family, table)).or_default();
            let heads = held.heads.entry(builtin).or_default();
            heads.push(Rule::always(Target::Jump(root)));
        }
    }

    /// The chain and all that it leads to.
    fn follow(
        &mut self,
        name: &Name,
        chain: &Chain,
        (table, family): (TableName, Family),
        outgoing: Outgoing,
    ) {
        let mut waiting = vec![(name.clone(), chain)];
        let mut seen = BTreeSet::new();
        while let Some((name, chain)) = waiting.pop() {
            let known = self.told.contains(&name);
            let outgoing = if known { outgoing } else { Outgoing::Known };
            if !seen.insert(name.clone()) {
                continue;
            }
            let environment = Environment {
                family,
                outgoing,
                protocol: self.protocols.get(&name).copied(),
                dispatch: self.dispatch,
            };
            let piece = self.piece(&name, chain, environment);
            self.refusals.extend(piece.refusals.iter().cloned());
            if let Err(refused) = self.take(&piece, (family, table)) {
                self.refusals.insert(refused.at(Place::Chain(name.clone())));
            }
            for next in &piece.leads {
                if let Some(chain) = self.table.chains.get(next) {
                    waiting.push((next.clone(), chain));
                }
            }
        }
    }

    /// Puts a chain with the others, unless something of it has the name of something else.
    fn take(&mut self, piece: &Piece, key: (Family, TableName)) -> Result<(), Refused> {
        let held = self.document.tables.entry(key).or_default();
        for (name, chain) in &piece.chains {
            put(&mut held.chains, name.clone(), Arc::clone(chain))?;
        }
        for (name, made) in &piece.ipsets {
            match self.document.ipsets.get(name) {
                Some(other) if *other != made.ipset => {
                    return Err(Refused::namesakes("ipsets", name.as_str()));
                }
                Some(_) => {}
                None => {
                    let ipset = Arc::clone(&made.ipset);
                    self.document.ipsets.insert(name.clone(), ipset);
                }
            }
        }
        Ok(())
    }

    fn piece(&mut self, name: &Name, chain: &Chain, environment: Environment) -> Arc<Piece> {
        let key = (name.clone(), environment);
        let known = self.pieces.get(&key).or_else(|| self.before.get(&key));
        let piece = known.cloned().unwrap_or_else(|| {
            let writer = Writer {
                table: self.table,
                chain: name,
                environment,
                called: &|name| called(&self.told, name, environment.outgoing),
                lookups: &mut self.lookups,
                piece: Piece::default(),
            };
            Arc::new(writer.write(&rules(chain)))
        });
        self.pieces.insert(key, Arc::clone(&piece));
        piece
    }
}

/// A chain's name; one that means something else where packets leave by no interface has two.
fn called(told: &BTreeSet<Name>, name: &Name, outgoing: Outgoing) -> String {
    match outgoing {
        Outgoing::Absent if told.contains(name) => format!("{name}@host"),
        Outgoing::Absent | Outgoing::Known => name.to_string(),
    }
}

/// The rules, and what becomes of a packet at the end of a base chain.
fn rules(chain: &Chain) -> Vec<NftRule> {
    let mut rules = chain.rules.clone();
    let drops = chain
        .hook
        .is_some_and(|hook| hook.policy == ChainPolicy::Drop);
    if drops {
        rules.push(NftRule::new(vec![Statement::Verdict(Verdict::Drop)]));
    }
    rules
}

/// The table and the chain that stand for a hook.
fn place(hook: &Hook) -> Option<(TableName, Builtin)> {
    let builtin = match hook.point {
        HookPoint::Prerouting => Builtin::Prerouting,
        HookPoint::Input => Builtin::Input,
        HookPoint::Forward => Builtin::Forward,
        HookPoint::Output => Builtin::Output,
        HookPoint::Postrouting => Builtin::Postrouting,
    };
    // NF_IP_PRI_RAW, NF_IP_PRI_MANGLE and NF_IP_PRI_FILTER, linux/netfilter_ipv4.h.
    let table = match (hook.priority, builtin) {
        (-310..=-290, Builtin::Prerouting | Builtin::Output) => TableName::Raw,
        (-160..=-140, _) => TableName::Mangle,
        (-10..=10, Builtin::Input | Builtin::Forward | Builtin::Output) => TableName::Filter,
        _ => return None,
    };
    Some((table, builtin))
}

/// The chains in which it matters whether packets leave by an interface, there or further on.
fn told_apart(table: &Table) -> BTreeSet<Name> {
    let mut told: BTreeSet<Name> = BTreeSet::new();
    let asks = |chain: &Chain| chain.rules.iter().any(reads_outgoing);
    let names = table.chains.iter().filter(|(_, chain)| asks(chain));
    let mut waiting: Vec<Name> = names.map(|(name, _)| name.clone()).collect();
    let from = protocol::led_from(table);
    while let Some(name) = waiting.pop() {
        if told.insert(name.clone()) {
            waiting.extend(from.get(&name).into_iter().flatten().cloned());
        }
    }
    told
}

fn reads_outgoing(rule: &NftRule) -> bool {
    let reads = |left: &[Expression]| {
        left.iter()
            .any(|part| matches!(part, Expression::Meta(MetaKey::Oif | MetaKey::OifName)))
    };
    rule.statements.iter().any(|statement| match statement {
        Statement::Match(test) => reads(&test.left),
        Statement::Vmap { key, .. } => reads(key),
        Statement::Verdict(_)
        | Statement::Counter
        | Statement::NamedCounter(_)
        | Statement::CounterMap { .. }
        | Statement::Limit(_)
        | Statement::NamedLimit(_)
        | Statement::Log { .. }
        | Statement::Reject(_)
        | Statement::Notrack
        | Statement::SetMark(_)
        | Statement::Dynamic { .. } => false,
    })
}
