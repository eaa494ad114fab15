//! What either side does with packets: chains of rules whose steps are the same for both.

use std::collections::BTreeMap;

use super::{Condition, Variable};
use crate::migrate::iptables::{Hook, TableName};

/// Everything that one side does with packets of one family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program {
    /// The chains by their names, which are unique: the name of the table is part of them.
    pub chains: BTreeMap<String, Vec<Rule>>,
    /// Where packets come in, in the order in which they do.
    pub entries: BTreeMap<Entry, Vec<BaseChain>>,
    /// What happens to packets before they get to any table.
    pub before: Vec<Rule>,
    /// Bits of the mark that this side alone uses.
    pub own_mark: u128,
}

/// A hook and a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Entry {
    /// The table of iptables; on the side of nft, the one whose place the chain's priority is.
    pub table: TableName,
    /// The hook.
    pub hook: Hook,
}

/// A chain that packets come in by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseChain {
    /// Its name in [`Program::chains`].
    pub chain: String,
    /// `accept` or `drop`: what becomes of packets at its end.
    pub policy: String,
    /// Where that is said.
    pub place: Place,
}

/// A rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Where it stands.
    pub place: Place,
    /// What it does, step by step.
    pub steps: Vec<Step>,
}

/// A line of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line, from 1; 0 where no line says it.
    pub line: usize,
    /// What stands there.
    pub text: String,
}

/// A step of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The rule ends for packets for which it does not hold.
    Test(Condition),
    /// Something that remembers is asked, and must say yes. That it is asked counts too.
    Ask {
        /// What it is.
        device: String,
        /// It must say no instead.
        negated: bool,
    },
    /// Something happens that does not change the packet.
    Note(String),
    /// `variable = (variable & keep) ^ source`.
    Write {
        /// What is written to.
        variable: Variable,
        /// The bits that stay.
        keep: u128,
        /// What is put there.
        source: Source,
    },
    /// `variable += amount`, up to the bounds.
    Add {
        /// What is written to.
        variable: Variable,
        /// How much; may be negative.
        amount: i16,
    },
    /// The table is done with the packet; what becomes of it.
    End(String),
    /// Back to the chain before.
    Return,
    /// Into a chain, and back.
    Jump(String),
    /// Into a chain, and not back.
    Goto(String),
    /// The steps of the one whose condition holds; no two do. The rule ends where none does.
    Branch(Vec<(Condition, Vec<Self>)>),
}

/// What is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A number.
    Constant(u128),
    /// Bits of another variable, shifted to the left by so many bits (to the right if negative).
    Of(Variable, u128, i32),
}

/// The packet goes on behind the table.
pub(super) const ACCEPT: &str = "accept";
/// The packet is gone.
pub(super) const DROP: &str = "drop";

impl Step {
    /// Calls for every condition.
    pub fn each_condition<'a>(&'a self, call: &mut dyn FnMut(&'a Condition)) {
        match self {
            Self::Test(condition) => call(condition),
            Self::Branch(branches) => {
                for (condition, steps) in branches {
                    call(condition);
                    steps.iter().for_each(|step| step.each_condition(call));
                }
            }
            Self::Ask { .. }
            | Self::Note(_)
            | Self::Write { .. }
            | Self::Add { .. }
            | Self::End(_)
            | Self::Return
            | Self::Jump(_)
            | Self::Goto(_) => {}
        }
    }

    /// Calls for every chain that it leads to.
    pub(super) fn each_chain<'a>(&'a self, call: &mut dyn FnMut(&'a str)) {
        match self {
            Self::Jump(chain) | Self::Goto(chain) => call(chain),
            Self::Branch(branches) => {
                let steps = branches.iter().flat_map(|(_, steps)| steps);
                steps.for_each(|step| step.each_chain(call));
            }
            Self::Test(_)
            | Self::Ask { .. }
            | Self::Note(_)
            | Self::Write { .. }
            | Self::Add { .. }
            | Self::End(_)
            | Self::Return => {}
        }
    }
}

impl Program {
    /// Calls for every condition of every rule.
    pub fn each_condition<'a>(&'a self, call: &mut dyn FnMut(&'a Condition)) {
        let rules = self.chains.values().flatten();
        for step in rules.flat_map(|rule| &rule.steps) {
            step.each_condition(call);
        }
    }
}
