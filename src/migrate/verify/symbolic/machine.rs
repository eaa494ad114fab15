//! Runs a program on all packets at once.

mod chain;

use std::collections::BTreeMap;
use std::rc::Rc;

use super::bdd::{Bdd, Node};
use super::plain::{Reads, plain};
use super::program::{BaseChain, Place, Rule, Source, Step};
use super::space::Space;
use super::{Condition, Program, Variable};

/// Deeper jumps than these no kernel follows.
pub(super) const DEPTH_MAX: usize = 64;

/// What a program does with packets at one hook: for each thing, the packets to which it happens.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Behaviour {
    /// What becomes of them. Every packet is in one.
    pub(super) ends: BTreeMap<String, Node>,
    /// What happens on the way: once, twice, ...
    pub(super) notes: BTreeMap<String, Vec<Node>>,
    /// What was written.
    pub(super) written: BTreeMap<Variable, Vec<Node>>,
    /// Which rule did what, where the packets are one.
    pub(super) trail: Vec<(String, Place)>,
    /// A chain that leads to itself was met, or one that is too deep.
    pub(super) endless: bool,
}

/// What is needed to run a program.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    bdd: &'a mut Bdd,
    space: &'a mut Space,
    program: &'a Program,
    /// Whether to write down which rule did what.
    traced: bool,
    seen: Behaviour,
    /// Numbers of the devices that remember, by where they stand; those that look alike are counted.
    devices: BTreeMap<(String, usize, usize), usize>,
    alike: BTreeMap<String, usize>,
    depth: usize,
    /// What chains read that do the same whatever was before.
    plain: BTreeMap<&'a str, Reads<'a>>,
    /// What such chains do with all packets, and which of those come back.
    effects: BTreeMap<&'a str, Rc<(Behaviour, Node)>>,
}

/// Where packets are after some steps.
struct Split {
    /// They go on in the rule.
    here: Node,
    /// They go on with the next rule.
    next: Node,
    /// They go back to the chain before.
    back: Node,
}

impl<'a> Machine<'a> {
    pub(super) fn new(
        bdd: &'a mut Bdd,
        space: &'a mut Space,
        program: &'a Program,
        traced: bool,
    ) -> Self {
        Self {
            bdd,
            space,
            program,
            traced,
            seen: Behaviour::default(),
            devices: BTreeMap::new(),
            alike: BTreeMap::new(),
            depth: 0,
            plain: plain(program),
            effects: BTreeMap::new(),
        }
    }

    /// Sends packets through chains, one after the other.
    pub(super) fn run(mut self, chains: &[BaseChain], packets: Node) -> Behaviour {
        let mut going = packets;
        for (at, rule) in self.program.before.iter().enumerate() {
            (going, _) = self.rule(rule, ("before", at), going);
        }
        for base in chains {
            let left = self.chain(&base.chain, going);
            self.end(&base.policy, left, &base.place);
            // What the chain accepts meets the next one at this place.
            going = self
                .seen
                .ends
                .remove(super::program::ACCEPT)
                .unwrap_or(Node::FALSE);
        }
        self.note_end(super::program::ACCEPT, going);
        self.seen
    }

    /// The packets that come back from rules.
    fn rules(&mut self, name: &str, rules: &[Rule], packets: Node) -> Node {
        if self.depth >= DEPTH_MAX {
            self.seen.endless = true;
            return Node::FALSE;
        }
        self.depth += 1;
        let (mut going, mut back) = (packets, Node::FALSE);
        for (at, rule) in rules.iter().enumerate() {
            if going == Node::FALSE || self.bdd.is_exhausted() {
                break;
            }
            let (next, returned) = self.rule(rule, (name, at), going);
            going = next;
            back = self.bdd.or(back, returned);
        }
        self.depth -= 1;
        self.bdd.or(going, back)
    }

    /// The packets that go on with the next rule, and those that return.
    fn rule(&mut self, rule: &Rule, at: (&str, usize), packets: Node) -> (Node, Node) {
        let split = self.steps(&rule.steps, &rule.place, (at.0, at.1, 0), packets);
        (self.bdd.or(split.here, split.next), split.back)
    }

    fn steps(
        &mut self,
        steps: &[Step],
        place: &Place,
        (chain, rule, base): (&str, usize, usize),
        packets: Node,
    ) -> Split {
        let mut split = Split {
            here: packets,
            next: Node::FALSE,
            back: Node::FALSE,
        };
        // Tests that stand side by side are one: it is small, and the packets are many.
        let mut holds = Node::TRUE;
        for (at, step) in steps.iter().enumerate() {
            if let Step::Test(condition) = step {
                let one = self.condition(condition);
                holds = self.bdd.and(holds, one);
                continue;
            }
            self.keep(std::mem::replace(&mut holds, Node::TRUE), &mut split);
            if split.here == Node::FALSE {
                break;
            }
            self.step(step, place, (chain, rule, base + at), &mut split);
        }
        self.keep(holds, &mut split);
        split
    }

    fn step(&mut self, step: &Step, place: &Place, at: (&str, usize, usize), split: &mut Split) {
        match step {
            Step::Test(condition) => {
                let holds = self.condition(condition);
                self.keep(holds, split);
            }
            Step::Ask { device, negated } => {
                let device = self.device(device, at);
                self.note(&format!("asked: {device}"), split.here, place);
                let says = self.space.atom(self.bdd, &device);
                let holds = if *negated { self.bdd.not(says) } else { says };
                self.keep(holds, split);
            }
            Step::Note(what) => self.note(what, split.here, place),
            Step::Write {
                variable,
                keep,
                source,
            } => self.write(variable, *keep, source, split.here, place),
            Step::Add { variable, amount } => self.add(variable, *amount, split.here, place),
            Step::End(what) => {
                self.end(what, split.here, place);
                split.here = Node::FALSE;
            }
            Step::Return => {
                split.back = self.bdd.or(split.back, split.here);
                split.here = Node::FALSE;
            }
            Step::Jump(chain) => {
                let came_back = self.chain(chain, split.here);
                split.next = self.bdd.or(split.next, came_back);
                split.here = Node::FALSE;
            }
            Step::Goto(chain) => {
                let came_back = self.chain(chain, split.here);
                split.back = self.bdd.or(split.back, came_back);
                split.here = Node::FALSE;
            }
            Step::Branch(branches) => self.branch(branches, place, at, split),
        }
    }

    fn branch(
        &mut self,
        branches: &[(Condition, Vec<Step>)],
        place: &Place,
        (chain, rule, step): (&str, usize, usize),
        split: &mut Split,
    ) {
        let (mut left, mut here) = (split.here, Node::FALSE);
        for (at, (condition, steps)) in branches.iter().enumerate() {
            let holds = self.condition(condition);
            let taken = self.bdd.and(left, holds);
            left = self.bdd.minus(left, holds);
            let inner = (chain, rule, 1000 * (step + 1) + 10 * at);
            let inside = self.steps(steps, place, inner, taken);
            here = self.bdd.or(here, inside.here);
            split.next = self.bdd.or(split.next, inside.next);
            split.back = self.bdd.or(split.back, inside.back);
        }
        split.next = self.bdd.or(split.next, left);
        split.here = here;
    }

    /// Those for which it does not hold are done with the rule.
    fn keep(&mut self, holds: Node, split: &mut Split) {
        let failed = self.bdd.minus(split.here, holds);
        split.next = self.bdd.or(split.next, failed);
        split.here = self.bdd.and(split.here, holds);
    }

    /// The name of a device: what it is, and which of those that look so, in the order in which they are met.
    fn device(&mut self, device: &str, (chain, rule, step): (&str, usize, usize)) -> String {
        let at = (chain.to_owned(), rule, step);
        let next = self.alike.entry(device.to_owned()).or_default();
        let number = *self.devices.entry(at).or_insert_with(|| {
            *next += 1;
            *next
        });
        match number {
            1 => device.to_owned(),
            later => format!("{device} (number {later})"),
        }
    }

    fn end(&mut self, what: &str, packets: Node, place: &Place) {
        if self.traced && packets != Node::FALSE {
            self.seen.trail.push((what.to_owned(), place.clone()));
        }
        self.note_end(what, packets);
    }

    fn note_end(&mut self, what: &str, packets: Node) {
        let before = self.seen.ends.get(what).copied().unwrap_or(Node::FALSE);
        let all = self.bdd.or(before, packets);
        self.seen.ends.insert(what.to_owned(), all);
    }

    fn note(&mut self, what: &str, packets: Node, place: &Place) {
        if packets == Node::FALSE {
            return;
        }
        if self.traced {
            self.seen.trail.push((what.to_owned(), place.clone()));
        }
        let mut times = self.seen.notes.remove(what).unwrap_or_default();
        let mut carried = packets;
        for once in &mut times {
            let again = self.bdd.and(*once, carried);
            *once = self.bdd.or(*once, carried);
            carried = again;
        }
        if carried != Node::FALSE {
            times.push(carried);
        }
        self.seen.notes.insert(what.to_owned(), times);
    }

    fn write(
        &mut self,
        variable: &Variable,
        keep: u128,
        source: &Source,
        packets: Node,
        place: &Place,
    ) {
        let old = self.bits(variable);
        let new: Vec<_> = match source {
            Source::Constant(value) => {
                let bit = |at| {
                    if value >> at & 1 == 1 {
                        Node::TRUE
                    } else {
                        Node::FALSE
                    }
                };
                (0..variable.bits).rev().map(bit).collect()
            }
            Source::Of(other, mask, shift) => {
                let bits = self.bits(other);
                shifted(&bits, *mask, *shift, old.len())
            }
        };
        let bits = old.iter().zip(new).enumerate().map(|(at, (old, new))| {
            let kept = keep >> (variable.bits as usize - 1 - at) & 1 == 1;
            let value = if kept { self.bdd.xor(*old, new) } else { new };
            self.bdd.choose(packets, value, *old)
        });
        let bits = bits.collect();
        self.written(variable, bits, packets, place);
    }

    fn written(&mut self, variable: &Variable, bits: Vec<Node>, packets: Node, place: &Place) {
        if self.traced && packets != Node::FALSE {
            self.seen.trail.push((variable.name.clone(), place.clone()));
        }
        self.seen.written.insert(variable.clone(), bits);
    }

    /// Adds a small number, and stops at the ends.
    fn add(&mut self, variable: &Variable, amount: i16, packets: Node, place: &Place) {
        let old = self.bits(variable);
        let max = variable.largest();
        let up = amount >= 0;
        let amount = u128::from(amount.unsigned_abs());
        let term = if up {
            amount
        } else {
            (max + 1).wrapping_sub(amount) & max
        };
        let mut carry = Node::FALSE;
        let mut sum = Vec::with_capacity(old.len());
        for (at, bit) in old.iter().rev().enumerate() {
            let addend = if term >> at & 1 == 1 {
                Node::TRUE
            } else {
                Node::FALSE
            };
            let half = self.bdd.xor(*bit, addend);
            sum.push(self.bdd.xor(half, carry));
            let both = self.bdd.and(*bit, addend);
            let carried = self.bdd.and(half, carry);
            carry = self.bdd.or(both, carried);
        }
        sum.reverse();
        // Going up it overflows with a carry, going down without one.
        let over = if up { carry } else { self.bdd.not(carry) };
        let bound = if up { Node::TRUE } else { Node::FALSE };
        let bits = old.iter().zip(sum).map(|(old, sum)| {
            let value = self.bdd.choose(over, bound, sum);
            self.bdd.choose(packets, value, *old)
        });
        let bits = bits.collect();
        self.written(variable, bits, packets, place);
    }

    /// The bits of a variable as the packet is now.
    fn bits(&mut self, variable: &Variable) -> Vec<Node> {
        match self.seen.written.get(variable) {
            Some(bits) => bits.clone(),
            None => self.space.bits(self.bdd, variable),
        }
    }

    /// The packets for which a condition holds now.
    pub(super) fn condition(&mut self, condition: &Condition) -> Node {
        match condition {
            Condition::Always => Node::TRUE,
            Condition::Never => Node::FALSE,
            Condition::Atom(name) => self.space.atom(self.bdd, name),
            Condition::Within(variable, first, last) => {
                let bits = self.bits(variable);
                within(self.bdd, &bits, *first, *last)
            }
            Condition::Masked(variable, mask, value) => {
                let bits = self.bits(variable);
                masked(self.bdd, &bits, *mask, *value)
            }
            Condition::Name(variable, pattern) => {
                let bits = self.bits(variable);
                let numbers = self.space.named(pattern);
                let each = numbers
                    .iter()
                    .map(|number| within(self.bdd, &bits, *number, *number));
                let each: Vec<_> = each.collect();
                any(self.bdd, &each)
            }
            Condition::All(parts) => {
                let mut all = Node::TRUE;
                for part in parts {
                    let part = self.condition(part);
                    all = self.bdd.and(all, part);
                }
                all
            }
            Condition::Any(parts) => {
                let parts: Vec<_> = parts.iter().map(|part| self.condition(part)).collect();
                any(self.bdd, &parts)
            }
            Condition::Not(inner) => {
                let inner = self.condition(inner);
                self.bdd.not(inner)
            }
        }
    }
}

/// One of them, in halves: that keeps what is in between small.
fn any(bdd: &mut Bdd, parts: &[Node]) -> Node {
    match parts {
        [] => Node::FALSE,
        [one] => *one,
        _ => {
            let (left, right) = parts.split_at(parts.len() / 2);
            let (left, right) = (any(bdd, left), any(bdd, right));
            bdd.or(left, right)
        }
    }
}

/// The number in the bits, the highest first, is one of these.
fn within(bdd: &mut Bdd, bits: &[Node], first: u128, last: u128) -> Node {
    if first > last {
        return Node::FALSE;
    }
    let width = u32::try_from(bits.len()).unwrap_or(u32::MAX);
    if width < 128 && first >> width > 0 {
        return Node::FALSE;
    }
    let (mut above, mut below) = (Node::TRUE, Node::TRUE);
    let unbounded = width < 128 && last >> width > 0;
    for (at, bit) in bits.iter().rev().enumerate() {
        above = if first >> at & 1 == 1 {
            bdd.choose(*bit, above, Node::FALSE)
        } else {
            bdd.choose(*bit, Node::TRUE, above)
        };
        below = if last >> at & 1 == 1 {
            bdd.choose(*bit, below, Node::TRUE)
        } else {
            bdd.choose(*bit, Node::FALSE, below)
        };
    }
    if unbounded {
        above
    } else {
        bdd.and(above, below)
    }
}

fn masked(bdd: &mut Bdd, bits: &[Node], mask: u128, value: u128) -> Node {
    if value & !mask != 0 {
        return Node::FALSE;
    }
    let mut holds = Node::TRUE;
    for (at, bit) in bits.iter().rev().enumerate() {
        if mask >> at & 1 == 0 {
            continue;
        }
        holds = if value >> at & 1 == 1 {
            bdd.choose(*bit, holds, Node::FALSE)
        } else {
            bdd.choose(*bit, Node::FALSE, holds)
        };
    }
    holds
}

/// Masked bits of a number, shifted to the left, as so many bits.
fn shifted(bits: &[Node], mask: u128, shift: i32, count: usize) -> Vec<Node> {
    let source = |at: usize| {
        let at = i64::try_from(at).ok()? - i64::from(shift);
        let at = usize::try_from(at).ok()?;
        let here = mask.checked_shr(u32::try_from(at).ok()?)? & 1 == 1;
        let from_top = bits.len().checked_sub(at + 1)?;
        here.then(|| bits[from_top])
    };
    (0..count)
        .rev()
        .map(|at| source(at).unwrap_or(Node::FALSE))
        .collect()
}
