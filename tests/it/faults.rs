//! Faults planted one at a time, into what the compiler made or into what it is given: the comparison of
//! traces with the reference interpreter must find every one.

mod groups;
mod labelled;

use margay::compile::compile;
use margay::compile::skeleton::Skeleton;
use margay::model::State;
use margay::ruleset::packet::Packet;
use margay::ruleset::trace::{Fate, trace};
use margay::ruleset::{
    Bytes, Datatype, Expression, Key, Match, Name, Operand, Operator, Rule, Ruleset, Set, SetFlags,
    Statement, Table, Verdict as NftVerdict, VmapSource,
};
use margay::scenario::World;

use crate::property::{Tally, walk};
use crate::support::connection::Connections;
use crate::support::netns::report;
use crate::support::probe::traced;
use crate::support::reference::Verdict;

/// A name, and what is spoiled.
type Fault = (&'static str, Plant);

/// The same where all is spoiled in one place.
type Spoiling<T> = (&'static str, fn(&mut T));

/// Where a fault is planted.
#[derive(Debug, Clone, Copy)]
enum Plant {
    /// In the table that was made of a right state.
    Table(fn(&mut Table)),
    /// In the state, whose table is made rightly.
    State(fn(&mut State)),
}

impl Plant {
    /// The ruleset of a world with the fault in it.
    fn spoiled(self, world: &World, right: &Ruleset, skeleton: &Skeleton) -> Ruleset {
        match self {
            Self::Table(plant) => {
                let mut wrong = right.clone();
                wrong.tables.values_mut().for_each(plant);
                wrong
            }
            Self::State(plant) => {
                let mut state = world.state.clone();
                plant(&mut state);
                compile(&state, world.host, skeleton)
            }
        }
    }
}

/// The faults that no packet of these worlds finds. What is right must be right in all of them.
fn missed(
    faults: &[Fault],
    worlds: impl Iterator<Item = (u64, World)>,
    packets: usize,
) -> Vec<&'static str> {
    let skeleton = Skeleton::builtin().unwrap();
    let mut missing: Vec<&Fault> = faults.iter().collect();
    for (seed, world) in worlds {
        let right = compile(&world.state, world.host, &skeleton);
        let seen = seen(&world, (seed, packets));
        for (packet, verdict) in &seen {
            assert_eq!(passes(&right, packet), *verdict, "world {seed}: {packet:?}");
        }
        missing.retain(|(name, plant)| {
            let wrong = plant.spoiled(&world, &right, &skeleton);
            let mut seen = seen.iter();
            let found = seen.position(|(packet, verdict)| passes(&wrong, packet) != *verdict);
            if let Some(n) = found {
                report(&format!("found in world {seed} by packet {n}: {name}"));
            }
            found.is_none()
        });
        if missing.is_empty() {
            break;
        }
    }
    missing.iter().map(|fault| fault.0).collect()
}

/// The packets of a world, with what becomes of them.
fn seen(world: &World, (seed, packets): (u64, usize)) -> Vec<(Packet, Verdict)> {
    let mut seen = Vec::new();
    let (connections, tally) = (&mut Connections::default(), &mut Tally::default());
    walk(
        world,
        (seed, packets),
        connections,
        tally,
        |probe, _, facts, verdict| seen.push((traced(probe, facts.connection), verdict)),
    );
    seen
}

/// Whether a packet gets through a ruleset.
pub(crate) fn passes(ruleset: &Ruleset, packet: &Packet) -> Verdict {
    match trace(ruleset, packet).fate {
        Fate::Accepted => Verdict::Deliver,
        Fate::Dropped | Fate::Rejected(_) => Verdict::Drop,
    }
}

/// The rules of the chains whose names begin and end so.
fn rules<'t>(
    table: &'t mut Table,
    prefix: &'t str,
    suffix: &'t str,
) -> impl Iterator<Item = &'t mut Vec<Rule>> {
    let named = table.chains.iter_mut().filter(move |(name, _)| {
        let name = name.as_str();
        let whole = prefix.ends_with('/') || name == prefix;
        whole && name.starts_with(prefix) && name.ends_with(suffix)
    });
    named.map(|(_, chain)| &mut chain.rules)
}

fn sets<'t>(table: &'t mut Table, prefix: &'t str) -> impl Iterator<Item = &'t mut Set> {
    let named = table.sets.iter_mut();
    named
        .filter(move |(name, _)| name.as_str().starts_with(prefix))
        .map(|(_, set)| set)
}

fn set<'t>(table: &'t mut Table, name: &str) -> &'t mut Set {
    table.sets.get_mut(name).unwrap()
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn goto(chain: &str) -> Statement {
    Statement::Verdict(NftVerdict::Goto(name(chain)))
}

fn equal(left: Expression, value: &[u8]) -> Statement {
    Statement::Match(Match {
        left: vec![left],
        mask: None,
        operator: Operator::Eq,
        right: Operand::Key(Key::value(value)),
    })
}

/// Whether a rule goes to a chain whose name ends so.
fn leads_to(rule: &Rule, suffix: &str) -> bool {
    rule.statements.iter().any(|statement| {
        matches!(statement, Statement::Verdict(NftVerdict::Goto(chain))
            if chain.as_str().ends_with(suffix))
    })
}

/// Whether a rule looks a named set or map up.
fn looks_up(rule: &Rule, set: &str) -> bool {
    rule.statements.iter().any(|statement| {
        matches!(statement, Statement::Match(Match { right: Operand::Set(name), .. })
            | Statement::Vmap { map: VmapSource::Named(name), .. } if name.as_str() == set)
    })
}

/// Replaces the verdict of a chain's last rule.
fn last_verdict(table: &mut Table, chain: &str, verdict: NftVerdict) {
    let statement = table
        .chains
        .get_mut(chain)
        .unwrap()
        .rules
        .last_mut()
        .unwrap();
    *statement.statements.last_mut().unwrap() = Statement::Verdict(verdict);
}

fn is_prefixes(set: &Set) -> bool {
    matches!(set.key[..], [Datatype::Ipv4Addr | Datatype::Ipv6Addr])
        && set.flags.contains(SetFlags::INTERVAL)
}

fn rekey(set: &mut Set, change: impl Fn(&Key) -> Key) {
    let elements = std::mem::take(&mut set.elements);
    set.elements = elements
        .into_iter()
        .map(|(key, element)| (change(&key), element))
        .collect();
}

/// Changes the range of the last field of every policy set where it is of this type.
fn last_field(table: &mut Table, datatype: Datatype, change: fn(Bytes, Bytes) -> (Bytes, Bytes)) {
    for set in sets(table, "policy/").filter(|set| set.key.last() == Some(&datatype)) {
        set.flags |= SetFlags::INTERVAL;
        let padded = if set.key.len() > 1 {
            datatype.padded_bytes()
        } else {
            datatype.bytes()
        };
        rekey(set, |key| {
            let at = key.start.len() - padded..key.start.len() - padded + datatype.bytes();
            let field = |bytes: &Bytes| Bytes::from_slice(&bytes[at.clone()]);
            let (a, b) = change(field(&key.start), field(key.last()));
            let (mut first, mut last) = (key.start.clone(), key.last().clone());
            first[at.clone()].copy_from_slice(&a);
            last[at.clone()].copy_from_slice(&b);
            Key::range(&first, &last)
        });
    }
}

/// The next value, as long as it is not the last.
fn stepped(bytes: &[u8]) -> Bytes {
    let mut next = Bytes::from_slice(bytes);
    for byte in next.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            return next;
        }
    }
    Bytes::from_slice(bytes)
}
