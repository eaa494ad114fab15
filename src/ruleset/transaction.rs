//! Transactions: what one netlink batch does, all or nothing; and commits, safe sequences of them.

use std::fmt;

use super::{Chain, Elements, Key, Limit, Name, Rule, Set, TableKey};

/// A change of one table, as a list of transactions that are each safe for packets in flight.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commit {
    /// The table that changes.
    pub table: TableKey,
    /// The transactions, in order. Empty where nothing changes.
    pub steps: Vec<Step>,
}

impl Commit {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// The sets and maps that it declares.
    pub fn declared(&self) -> impl Iterator<Item = (&Name, &Set)> {
        let operations = self.steps.iter().flat_map(|step| &step.operations);
        operations.filter_map(|operation| match operation {
            Operation::AddSet(name, set) => Some((name, &**set)),
            Operation::AddTable
            | Operation::DeleteTable
            | Operation::AddCounter(..)
            | Operation::DeleteCounter(_)
            | Operation::AddLimit(..)
            | Operation::DeleteLimit(_)
            | Operation::DeleteSet(_)
            | Operation::AddElements(..)
            | Operation::DeleteElements(..)
            | Operation::AddChain(..)
            | Operation::FlushChain(_)
            | Operation::DeleteChain(_)
            | Operation::AddRule(..) => None,
        })
    }
}

/// One transaction of a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What the transaction is for, which decides whether it is safe.
    pub phase: Phase,
    /// What must have happened before it may begin.
    pub wait: Wait,
    /// What it does, in the order in which the kernel is told.
    pub operations: Vec<Operation>,
}

/// The phases of a commit, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// New objects that no packet can reach yet.
    Populate,
    /// Elements of sets go: some traffic stops.
    Tighten,
    /// Rules are rewritten in place, in one hook.
    Switch,
    /// Elements of verdict maps point elsewhere.
    Move,
    /// Elements come: some traffic begins.
    Loosen,
    /// What no packet can reach any more goes.
    Collect,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Populate => "populate",
            Self::Tighten => "tighten",
            Self::Switch => "switch",
            Self::Move => "move",
            Self::Loosen => "loosen",
            Self::Collect => "collect",
        })
    }
}

/// What must have happened since the transaction before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// Nothing: no packet can read both.
    #[default]
    None,
    /// A grace period: every packet in flight at the last transaction has left.
    Grace,
}

/// One message of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// `add table`.
    AddTable,
    /// `delete table`, with all that is in it.
    DeleteTable,
    /// `add counter`.
    AddCounter(Name, Option<String>),
    /// `delete counter`.
    DeleteCounter(Name),
    /// `add limit`.
    AddLimit(Name, Limit),
    /// `delete limit`.
    DeleteLimit(Name),
    /// `add set` or `add map`: the declaration; elements follow on their own.
    AddSet(Name, Box<Set>),
    /// `delete set`.
    DeleteSet(Name),
    /// `add element`.
    AddElements(Name, Elements),
    /// `delete element`.
    DeleteElements(Name, Vec<Key>),
    /// `add chain`: the declaration; rules follow on their own.
    AddChain(Name, Chain),
    /// `flush chain`.
    FlushChain(Name),
    /// `delete chain`.
    DeleteChain(Name),
    /// `add rule`, at the end of a chain.
    AddRule(Name, Rule),
}

impl fmt::Display for Operation {
    /// In words, for messages: `add elements to set "x"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddTable => f.write_str("add the table"),
            Self::DeleteTable => f.write_str("delete the table"),
            Self::AddCounter(name, _) => write!(f, "add counter {name:?}"),
            Self::DeleteCounter(name) => write!(f, "delete counter {name:?}"),
            Self::AddLimit(name, _) => write!(f, "add limit {name:?}"),
            Self::DeleteLimit(name) => write!(f, "delete limit {name:?}"),
            Self::AddSet(name, _) => write!(f, "add set {name:?}"),
            Self::DeleteSet(name) => write!(f, "delete set {name:?}"),
            Self::AddElements(name, _) => write!(f, "add elements to set {name:?}"),
            Self::DeleteElements(name, _) => write!(f, "delete elements from set {name:?}"),
            Self::AddChain(name, _) => write!(f, "add chain {name:?}"),
            Self::FlushChain(name) => write!(f, "flush chain {name:?}"),
            Self::DeleteChain(name) => write!(f, "delete chain {name:?}"),
            Self::AddRule(name, _) => write!(f, "add a rule to chain {name:?}"),
        }
    }
}

impl Operation {
    /// The object that the operation is about; `None` is the table itself.
    pub fn subject(&self) -> Option<&Name> {
        match self {
            Self::AddTable | Self::DeleteTable => None,
            Self::AddCounter(name, _)
            | Self::DeleteCounter(name)
            | Self::AddLimit(name, _)
            | Self::DeleteLimit(name)
            | Self::AddSet(name, _)
            | Self::DeleteSet(name)
            | Self::AddElements(name, _)
            | Self::DeleteElements(name, _)
            | Self::AddChain(name, _)
            | Self::FlushChain(name)
            | Self::DeleteChain(name)
            | Self::AddRule(name, _) => Some(name),
        }
    }

    /// The keys of the elements that come or go, in the order in which the kernel is told.
    pub fn keys(&self) -> impl Iterator<Item = &Key> {
        let (added, deleted) = match self {
            Self::AddElements(_, elements) => (Some(elements.keys()), None),
            Self::DeleteElements(_, keys) => (None, Some(keys.iter())),
            Self::AddTable
            | Self::DeleteTable
            | Self::AddCounter(..)
            | Self::DeleteCounter(_)
            | Self::AddLimit(..)
            | Self::DeleteLimit(_)
            | Self::AddSet(..)
            | Self::DeleteSet(_)
            | Self::AddChain(..)
            | Self::FlushChain(_)
            | Self::DeleteChain(_)
            | Self::AddRule(..) => (None, None),
        };
        added
            .into_iter()
            .flatten()
            .chain(deleted.into_iter().flatten())
    }
}
