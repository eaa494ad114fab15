//! What carries the table on a host: nf_tables or xtables; and how one takes over from the other.
//!
//! ```text
//! the other in force --> both in force, ours read back --> ours alone
//! ```
//!
//! A packet that both judge passes if both let it, and both are told the same policy: so nothing is
//! lost and nothing gets through while that is so, and whoever is killed leaves at least one.

use std::io;

use super::handover::{arrival, departure};
use super::nft::NftBackend;
use super::reconcile::removal;
use super::xtables::{Variant, XtablesBackend};
use super::{Backend, CommitError, ObserveError};
use crate::ruleset::transaction::{Commit, Operation};
use crate::ruleset::{Table, TableKey};

/// One of the two.
#[derive(Debug)]
pub enum Carrier {
    /// nf_tables.
    Nft(NftBackend),
    /// iptables and ipset.
    Xtables(Box<XtablesBackend>),
}

impl Carrier {
    /// Its name: `nft`, or which iptables.
    pub fn name(&self) -> &'static str {
        match self.variant() {
            None => "nft",
            Some(variant) => variant.name(),
        }
    }

    /// Which iptables, where it is one.
    pub fn variant(&self) -> Option<Variant> {
        match self {
            Self::Nft(_) => None,
            Self::Xtables(backend) => Some(backend.variant()),
        }
    }

    /// The backend.
    pub fn backend(&mut self) -> &mut dyn Backend {
        match self {
            Self::Nft(backend) => backend,
            Self::Xtables(backend) => &mut **backend,
        }
    }

    /// Whether it holds something of ours, also where that cannot be understood.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn is_in_force(&mut self, table: &TableKey) -> Result<bool, ObserveError> {
        match self {
            Self::Nft(backend) => match backend.observe(table) {
                Ok(table) => Ok(table.is_some()),
                Err(ObserveError::Foreign { .. }) => Ok(true),
                Err(error @ ObserveError::Unreachable(_)) => Err(error),
            },
            Self::Xtables(backend) => Ok(backend.is_in_force()?),
        }
    }

    /// Whether what it holds judges packets, and is not what somebody left on the way there.
    fn stands(&mut self, table: &TableKey) -> Result<bool, ObserveError> {
        match self {
            Self::Nft(backend) => match backend.observe(table) {
                Ok(table) => Ok(table.is_some_and(|table| table.is_reached())),
                // A table of nf_tables comes in one piece.
                Err(ObserveError::Foreign { .. }) => Ok(true),
                Err(error @ ObserveError::Unreachable(_)) => Err(error),
            },
            Self::Xtables(backend) => backend.stands(),
        }
    }

    /// Forgets what it held, where nothing of that is there: somebody was killed before they did.
    fn forget(&mut self) {
        match self {
            Self::Nft(_) => {}
            Self::Xtables(backend) => backend.forget(),
        }
    }

    /// Takes away all that it holds.
    ///
    /// # Errors
    /// Something stays.
    pub fn remove(&mut self, table: &TableKey) -> Result<(), CommitError> {
        let whole = match self {
            Self::Nft(backend) => backend.observe(table).ok().flatten(),
            Self::Xtables(_) => None,
        };
        let commit = match whole {
            Some(whole) => departure(table, &whole),
            None => removal(table),
        };
        self.backend().commit(&commit)
    }
}

/// The backend of a host, and the one before it.
#[derive(Debug)]
pub struct HostBackend {
    current: Carrier,
    /// What is taken away once the current one is in force.
    previous: Vec<Carrier>,
    /// Whether one of these judges packets.
    preceded: Preceded,
}

/// What the one before is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Preceded {
    /// It judges packets until ours does.
    Whole,
    /// It is there in part, and judges few or none.
    Half,
}

impl HostBackend {
    /// A backend, and those that may hold something from before.
    ///
    /// # Errors
    /// One of these cannot be asked.
    pub fn new(
        current: Carrier,
        others: Vec<Carrier>,
        table: &TableKey,
    ) -> Result<Self, ObserveError> {
        let mut previous = Vec::new();
        let mut preceded = Preceded::Half;
        for mut other in others {
            if other.is_in_force(table)? {
                if other.stands(table)? {
                    preceded = Preceded::Whole;
                }
                previous.push(other);
            } else {
                other.forget();
            }
        }
        Ok(Self {
            current,
            previous,
            preceded,
        })
    }

    /// What programs the host.
    pub fn current(&mut self) -> &mut Carrier {
        &mut self.current
    }

    /// What programs the host, to look at.
    pub fn chosen(&self) -> &Carrier {
        &self.current
    }

    /// What is in force, or else what would program the host.
    ///
    /// # Errors
    /// It cannot be asked.
    pub fn in_force(&mut self, table: &TableKey) -> Result<&mut Carrier, ObserveError> {
        match (self.current.is_in_force(table)?, self.previous.first_mut()) {
            (false, Some(other)) => Ok(other),
            (false, None) | (true, _) => Ok(&mut self.current),
        }
    }

    /// Those that hold something from before.
    pub fn previous(&mut self) -> &mut [Carrier] {
        &mut self.previous
    }

    /// All of them.
    pub fn all(&mut self) -> impl Iterator<Item = &mut Carrier> {
        std::iter::once(&mut self.current).chain(&mut self.previous)
    }
}

impl Backend for HostBackend {
    fn commit(&mut self, commit: &Commit) -> Result<(), CommitError> {
        let operations = || commit.steps.iter().flat_map(|step| &step.operations);
        let comes = operations().any(|operation| *operation == Operation::AddTable)
            && !operations().any(|operation| *operation == Operation::DeleteTable);
        match &mut self.current {
            Carrier::Nft(backend) if comes && !self.previous.is_empty() => {
                backend.commit(&arrival(commit))
            }
            current @ (Carrier::Nft(_) | Carrier::Xtables(_)) => current.backend().commit(commit),
        }
    }

    fn adopt(&mut self, table: &TableKey) -> Result<(), CommitError> {
        self.current.backend().adopt(table)
    }

    fn is_owned(&self) -> bool {
        match &self.current {
            Carrier::Nft(backend) => backend.is_owned(),
            Carrier::Xtables(backend) => backend.is_owned(),
        }
    }

    fn observe(&mut self, table: &TableKey) -> Result<Option<Table>, ObserveError> {
        self.current.backend().observe(table)
    }

    fn has_moved(&mut self) -> Result<bool, ObserveError> {
        self.current.backend().has_moved()
    }

    fn generation(&mut self) -> Result<u32, ObserveError> {
        self.current.backend().generation()
    }

    fn carrier(&self) -> &'static str {
        self.current.name()
    }

    fn is_preceded(&self) -> bool {
        !self.previous.is_empty()
    }

    fn is_covered(&self) -> bool {
        self.is_preceded() && self.preceded == Preceded::Whole
    }

    fn stands(&mut self) -> Result<bool, ObserveError> {
        match &mut self.current {
            // What the kernel holds of a table came in one piece.
            Carrier::Nft(_) => Ok(true),
            Carrier::Xtables(backend) => backend.stands(),
        }
    }

    fn supersede(&mut self, table: &TableKey) -> Result<(), CommitError> {
        if self.previous.is_empty() {
            return Ok(());
        }
        let unverified = |what: String| CommitError::Unreachable(io::Error::other(what));
        match self.observe(table) {
            Ok(Some(_)) => {}
            Ok(None) => return Err(unverified("what was committed is not in force".to_owned())),
            Err(error) => return Err(unverified(error.to_string())),
        }
        while let Some(mut other) = self.previous.pop() {
            if let Err(error) = other.remove(table) {
                self.previous.push(other);
                return Err(error);
            }
        }
        Ok(())
    }
}
