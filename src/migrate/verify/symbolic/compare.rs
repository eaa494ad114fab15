//! Whether two programs do the same, and a packet that shows it where they do not.

use std::collections::{BTreeMap, BTreeSet};

use super::bdd::{Bdd, Node};
use super::fields::Width;
use super::machine::{Behaviour, DEPTH_MAX, Machine};
use super::program::{ACCEPT, BaseChain, Entry, Place};
use super::report::{Difference, Outcome, Part, Sighting};
use super::space::Space;
use super::{Condition, Program, Step, Variable};
use crate::net::Family;

/// Compares what two programs do with packets of a family, hook by hook and table by table.
pub(super) fn compare(family: Family, iptables: &Program, nft: &Program) -> Vec<Part> {
    let entries: BTreeSet<Entry> = iptables
        .entries
        .keys()
        .chain(nft.entries.keys())
        .copied()
        .collect();
    let mut bdd = Bdd::new();
    let mut space = space(family, &mut bdd, [iptables, nft]);
    let possible = space.possible();
    let mut parts = Vec::new();
    for entry in entries {
        let mut sides = Sides {
            bdd: &mut bdd,
            space: &mut space,
            programs: [iptables, nft],
            entry,
        };
        let outcome = sides.outcome(&possible);
        parts.push(Part {
            family,
            hook: entry.hook,
            table: entry.table,
            outcome,
        });
    }
    parts
}

/// The space with a place for everything that is read or written.
fn space(family: Family, bdd: &mut Bdd, programs: [&Program; 2]) -> Space {
    let width = match family {
        Family::V4 => Width::V4,
        Family::V6 => Width::V6,
    };
    let mut patterns = BTreeSet::new();
    for program in programs {
        program.each_condition(&mut |condition| {
            condition.each_leaf(&mut |leaf| {
                if let Condition::Name(_, pattern) = leaf {
                    patterns.insert(pattern.clone());
                }
            });
        });
    }
    let mut space = Space::new(width, &patterns);
    for program in programs {
        program.each_condition(&mut |condition| {
            condition.each_leaf(&mut |leaf| match leaf {
                Condition::Within(variable, _, _)
                | Condition::Masked(variable, _, _)
                | Condition::Name(variable, _) => {
                    space.bits(bdd, variable);
                }
                Condition::Atom(name) => {
                    space.atom(bdd, name);
                }
                Condition::Always
                | Condition::Never
                | Condition::All(_)
                | Condition::Any(_)
                | Condition::Not(_) => {}
            });
        });
        let rules = program.chains.values().flatten();
        for step in rules.flat_map(|rule| &rule.steps) {
            if let Step::Write { variable, .. } | Step::Add { variable, .. } = step {
                space.bits(bdd, variable);
            }
        }
    }
    space
}

struct Sides<'a> {
    bdd: &'a mut Bdd,
    space: &'a mut Space,
    programs: [&'a Program; 2],
    entry: Entry,
}

impl Sides<'_> {
    fn outcome(&mut self, possible: &Condition) -> Outcome {
        let program = Program::default();
        let packets = Machine::new(self.bdd, self.space, &program, false).condition(possible);
        let [iptables, nft] = self.run(packets, false);
        if iptables.endless || nft.endless {
            return Outcome::Undecided(format!(
                "a chain leads to itself, or more than {DEPTH_MAX} lead into one another"
            ));
        }
        let found = self.difference(&iptables, &nft);
        if self.bdd.is_exhausted() {
            let nodes = self.bdd.size();
            return Outcome::Undecided(format!("the proof needs more than {nodes} nodes"));
        }
        match found {
            Some((what, packets)) => Outcome::Different(Box::new(self.example(what, packets))),
            None => Outcome::Equal,
        }
    }

    fn run(&mut self, packets: Node, traced: bool) -> [Behaviour; 2] {
        self.programs.map(|program| {
            let chains = program.entries.get(&self.entry);
            let none: &[BaseChain] = &[];
            let chains = chains.map_or(none, Vec::as_slice);
            Machine::new(self.bdd, self.space, program, traced).run(chains, packets)
        })
    }

    /// The first thing in which two behaviours differ, and the packets that show it.
    fn difference(&mut self, left: &Behaviour, right: &Behaviour) -> Option<(String, Node)> {
        let words: BTreeSet<_> = left.ends.keys().chain(right.ends.keys()).collect();
        for word in words {
            let [left, right] = [left, right].map(|b| b.ends.get(word).copied());
            let differs = self
                .bdd
                .xor(left.unwrap_or(Node::FALSE), right.unwrap_or(Node::FALSE));
            if differs != Node::FALSE {
                return Some(("what becomes of the packet".to_owned(), differs));
            }
        }
        let words: BTreeSet<_> = left.notes.keys().chain(right.notes.keys()).collect();
        let lost = self.lost(left);
        for word in words {
            let differs = self.note_differs(left.notes.get(word), right.notes.get(word));
            let mut differs = differs.unwrap_or(Node::FALSE);
            // The connection that a helper is for begins with the packet, and goes with it.
            if word.starts_with("ct helper ") {
                differs = self.bdd.minus(differs, lost);
            }
            if differs != Node::FALSE {
                return Some((word.clone(), differs));
            }
        }
        self.written_differs(left, right, lost)
    }

    fn note_differs(
        &mut self,
        left: Option<&Vec<Node>>,
        right: Option<&Vec<Node>>,
    ) -> Option<Node> {
        let none = Vec::new();
        let (left, right) = (left.unwrap_or(&none), right.unwrap_or(&none));
        for at in 0..left.len().max(right.len()) {
            let [left, right] = [left, right].map(|times| times.get(at).copied());
            let differs = self
                .bdd
                .xor(left.unwrap_or(Node::FALSE), right.unwrap_or(Node::FALSE));
            if differs != Node::FALSE {
                return Some(differs);
            }
        }
        None
    }

    fn written_differs(
        &mut self,
        left: &Behaviour,
        right: &Behaviour,
        lost: Node,
    ) -> Option<(String, Node)> {
        let variables: BTreeSet<&Variable> =
            left.written.keys().chain(right.written.keys()).collect();
        for variable in variables {
            let mut differs = Node::FALSE;
            let own = self.programs.map(|program| program.own_mark);
            let left = self.values(left, variable);
            let pairs = left.into_iter().zip(self.values(right, variable));
            for (at, (left, right)) in pairs.rev().enumerate() {
                if variable.name == "mark" && (own[0] | own[1]) >> at & 1 == 1 {
                    continue;
                }
                let bit = self.bdd.xor(left, right);
                differs = self.bdd.or(differs, bit);
            }
            // What was written to a packet that is gone cannot be seen; its connection may live on.
            if !variable.name.starts_with("ct ") {
                differs = self.bdd.minus(differs, lost);
            }
            if differs != Node::FALSE {
                return Some((variable.name.clone(), differs));
            }
        }
        None
    }

    fn values(&mut self, behaviour: &Behaviour, variable: &Variable) -> Vec<Node> {
        match behaviour.written.get(variable) {
            Some(bits) => bits.clone(),
            None => self.space.bits(self.bdd, variable),
        }
    }

    /// The packets that do not go on, dropped or refused.
    fn lost(&mut self, behaviour: &Behaviour) -> Node {
        let mut lost = Node::FALSE;
        for (word, packets) in &behaviour.ends {
            if word == super::program::DROP || word.starts_with("reject ") {
                lost = self.bdd.or(lost, *packets);
            }
        }
        lost
    }

    /// One of the packets, sent through both sides to see which rules meet it.
    fn example(&mut self, what: String, packets: Node) -> Difference {
        let bits = self.bdd.example(packets).unwrap_or_default();
        let packet = self.space.describe(&bits);
        let known: BTreeMap<u32, bool> = bits.into_iter().collect();
        let point = self.point(&known);
        let [iptables, nft] = self.run(point, true);
        Difference {
            iptables: sighting(&what, &iptables),
            nft: sighting(&what, &nft),
            what,
            packet,
        }
    }

    /// The packet alone: bits that do not matter are not set.
    fn point(&mut self, known: &BTreeMap<u32, bool>) -> Node {
        let bits = self.space.bit_count();
        self.bdd
            .cube((0..bits).map(|bit| (bit, known.get(&bit).copied().unwrap_or(false))))
    }
}

/// What became of the one packet, and which rule did what the sides differ in.
fn sighting(what: &str, behaviour: &Behaviour) -> Sighting {
    let end = behaviour
        .ends
        .iter()
        .find(|(_, packets)| **packets != Node::FALSE);
    let end = end.map_or_else(|| ACCEPT.to_owned(), |(word, _)| word.clone());
    let trail: Vec<_> = behaviour
        .trail
        .iter()
        .map(|(did, place)| (did.clone(), place.clone()))
        .collect();
    let of_what = trail.iter().rev().find(|(did, _)| did == what);
    let last = of_what.or(trail.last());
    let place: Option<Place> = last.map(|(_, place)| place.clone());
    let did: Vec<_> = trail.iter().map(|(did, _)| did.clone()).collect();
    Sighting { end, place, did }
}
