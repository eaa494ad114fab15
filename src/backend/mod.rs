//! The only code that touches the kernel's firewall. It knows rulesets, not policy.

pub mod carrier;
mod grace;
mod handover;
pub mod memory;
pub mod nft;
pub mod opening;
pub(crate) mod private;
pub mod reconcile;
pub mod xtables;

use crate::ruleset::transaction::{Commit, Operation, Phase};
use crate::ruleset::{Table, TableKey};

/// Something that holds tables and changes them by safe transactions.
pub trait Backend {
    /// Runs every step of a commit in order, waiting where a step asks for it.
    ///
    /// # Errors
    /// The first step that fails ends the commit; the steps before it are in force, and by the rule
    /// of `ruleset::diff` they and the old policy make a state between old and new.
    fn commit(&mut self, commit: &Commit) -> Result<(), CommitError>;

    /// Makes a table that is there ours, as far as the backend can own one: one message, which changes
    /// nothing in it.
    ///
    /// # Errors
    /// Somebody else owns it (EPERM), or the kernel cannot be reached.
    fn adopt(&mut self, table: &TableKey) -> Result<(), CommitError>;

    /// Whether nobody else can change the table that was committed or adopted last.
    fn is_owned(&self) -> bool;

    /// Reads a table back; `None` where there is none.
    ///
    /// # Errors
    /// The kernel cannot be asked, or holds something in the table that cannot be understood.
    fn observe(&mut self, table: &TableKey) -> Result<Option<Table>, ObserveError>;

    /// Whether somebody may have changed a table since it was observed or committed.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    fn has_moved(&mut self) -> Result<bool, ObserveError>;

    /// A number that changes with every commit of anybody in this network namespace.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    fn generation(&mut self) -> Result<u32, ObserveError>;

    /// What carries the table: `nft`, or which iptables.
    fn carrier(&self) -> &'static str {
        "nft"
    }

    /// Whether what was observed judges packets wherever it should, also where it is not understood.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    fn stands(&mut self) -> Result<bool, ObserveError> {
        Ok(true)
    }

    /// Whether another backend holds what was in force before ours, and is to do so until ours is.
    fn is_preceded(&self) -> bool {
        false
    }

    /// Whether that judges packets, so that nothing is open until ours does.
    fn is_covered(&self) -> bool {
        self.is_preceded()
    }

    /// Takes away what another backend held, once the table is in force and was read back.
    ///
    /// # Errors
    /// It is not in force as it should be, or what the other held stays. Then both are.
    fn supersede(&mut self, _: &TableKey) -> Result<(), CommitError> {
        Ok(())
    }
}

/// Why a commit did not go through.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// The kernel refused an operation; nothing of its transaction is in force.
    #[error("the kernel refused to {operation} in the {phase} step: {reason} (errno {errno})")]
    Refused {
        /// The phase of the transaction.
        phase: Phase,
        /// The operation in words: `add element to set "x"`.
        operation: String,
        /// The operation itself, and which element of it where the kernel said so.
        culprit: Box<Culprit>,
        /// The kernel's error number.
        errno: i32,
        /// The error number in words, with the kernel's own text where it gave one.
        reason: String,
    },
    /// Somebody else changed the ruleset at the same time; nothing is in force, look again and retry.
    #[error("the ruleset was changed by somebody else at the same time")]
    Contended,
    /// The kernel's answer did not arrive, as where memory is short: the transaction is in force or it is not.
    /// Look again and retry.
    #[error(
        "the kernel's answer to a transaction was lost, so whether it is in force must be looked up"
    )]
    Unanswered,
    /// Somebody else held the lock that writing takes, longer than we wait.
    #[error(
        "others hold the lock of xtables and did not let go of it in time, so what was in force stays as far as it \
         was not changed yet: {0}"
    )]
    Locked(String),
    /// The batch is larger than the socket's buffer may become.
    #[error(
        "a transaction of {bytes} bytes is above the {allowed} that this process may send at once: it needs CAP_NET_ADMIN in the initial user namespace"
    )]
    TooLarge {
        /// Bytes of the batch.
        bytes: usize,
        /// Bytes allowed.
        allowed: usize,
    },
    /// The transaction could be seen half done by a packet; a defect of whoever made it.
    #[error("refused an unsafe {phase} step: {reason}")]
    Unsafe {
        /// The phase of the transaction.
        phase: Phase,
        /// Which two changes one packet could read.
        reason: String,
    },
    /// What carries the rules of this host has no words for something, or does not take it.
    #[error("{program} does not take {what} in the {phase} step: {reason}")]
    Declined {
        /// Who does not: `iptables-legacy`, `ipset`, or `xtables` where it was never asked.
        program: String,
        /// The phase of the transaction.
        phase: Phase,
        /// The object in words: `chain "x"`.
        what: String,
        /// Why not.
        reason: String,
        /// The operation that made the object, where one is to blame.
        culprit: Option<Box<Culprit>>,
    },
    /// A value cannot be said to the kernel: a name or a message grew past its limit.
    #[error("cannot encode {what}: {limit}")]
    Unencodable {
        /// What was being encoded.
        what: String,
        /// The limit that it breaks.
        limit: String,
    },
    /// The kernel cannot be reached.
    #[error("netlink: {0}")]
    Unreachable(#[from] std::io::Error),
}

impl CommitError {
    /// Whether to look again and to retry may be enough.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Contended | Self::Unanswered => true,
            Self::Refused { .. }
            | Self::Declined { .. }
            | Self::Locked(_)
            | Self::TooLarge { .. }
            | Self::Unsafe { .. }
            | Self::Unencodable { .. }
            | Self::Unreachable(_) => false,
        }
    }

    /// The operation that is to blame, where one is.
    pub fn culprit(&self) -> Option<&Culprit> {
        match self {
            Self::Refused { culprit, .. } => Some(culprit),
            Self::Declined { culprit, .. } => culprit.as_deref(),
            Self::Contended
            | Self::Unanswered
            | Self::Locked(_)
            | Self::TooLarge { .. }
            | Self::Unsafe { .. }
            | Self::Unencodable { .. }
            | Self::Unreachable(_) => None,
        }
    }
}

/// The operation that the kernel refused.
#[derive(Debug, Clone)]
pub struct Culprit {
    /// The operation.
    pub operation: Operation,
    /// Which of its elements, counted from 0, where the kernel pointed at one.
    pub element: Option<usize>,
}

/// Why a table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The kernel cannot be reached.
    #[error("netlink: {0}")]
    Unreachable(#[from] std::io::Error),
    /// The table holds something that Margay never writes.
    #[error("table {table} holds something foreign: {what}")]
    Foreign {
        /// The table.
        table: String,
        /// What was found where.
        what: String,
    },
}
