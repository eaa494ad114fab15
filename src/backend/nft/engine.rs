//! The backend that programs the kernel.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use super::encode::{Encoded, encode};
use super::message::expect_generation;
use super::refusal;
use super::shape::Catalog;
use super::{Ownership, refers};
use crate::backend::grace::wait_for_grace;
use crate::backend::{Backend, CommitError, ObserveError};
use crate::netlink::answer::Answer;
use crate::netlink::inbox::Inbox;
use crate::netlink::message::{self, NLMSG_ERROR};
use crate::netlink::socket::{Blocking, Protocol, SendError, Socket};
use crate::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
use crate::ruleset::{Table, TableKey};

/// The kernel counts commits and leaves 0 out (`nf_tables_commit`, net/netfilter/nf_tables_api.c).
fn next_generation(generation: u32) -> u32 {
    generation.wrapping_add(1).max(1)
}

/// What becomes of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Its batch goes to the kernel now.
    Sent,
    /// The kernel is done with it.
    Answered,
}

/// Tables in the kernel, in the network namespace of the thread that called [`NftBackend::new`].
#[derive(Debug)]
pub struct NftBackend {
    pub(super) socket: Socket,
    pub(super) inbox: Inbox,
    pub(super) answers: Answers,
    ownership: Ownership,
    /// What is known of the sets of each table.
    catalogs: BTreeMap<TableKey, Catalog>,
    pub(super) sequence: u32,
    /// The generation that was looked at last, and what our own commits made of it.
    pub(super) seen: Option<u32>,
    hold: Hold,
}

/// Whether all was read that the kernel answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    /// It was.
    Read,
    /// Something was sent, and it is not known that all was.
    Due,
}

/// Whether others can change the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    /// They can: look again before a commit, and now and then.
    Shared,
    /// They cannot, while our socket is open.
    Ours,
}

impl Hold {
    fn of(ownership: Ownership) -> Self {
        match ownership {
            Ownership::None | Ownership::Persist => Self::Shared,
            Ownership::Owner => Self::Ours,
        }
    }
}

impl NftBackend {
    /// Opens a socket in the current thread's network namespace.
    ///
    /// # Errors
    /// The socket cannot be opened.
    pub fn new(ownership: Ownership) -> io::Result<Self> {
        Ok(Self::of(Socket::open(Protocol::Netfilter)?, ownership))
    }

    /// Goes on with a socket that somebody kept open for us: what it owns is still ours.
    ///
    /// # Errors
    /// It is no socket of nf_tables in the current thread's network namespace.
    pub fn inherit(descriptor: OwnedFd, ownership: Ownership) -> io::Result<Self> {
        let socket = Socket::inherit(descriptor, Protocol::Netfilter)?;
        Ok(Self::of(socket, ownership))
    }

    /// The socket, for whoever keeps it open across our end.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.socket.fd()
    }

    fn of(socket: Socket, ownership: Ownership) -> Self {
        Self {
            socket,
            inbox: Inbox::default(),
            answers: Answers::Read,
            ownership,
            catalogs: BTreeMap::new(),
            sequence: 0,
            seen: None,
            hold: Hold::Shared,
        }
    }

    /// As [`Backend::commit`], and tells when the kernel is at work: not while a step is encoded, nor
    /// while it waits.
    ///
    /// # Errors
    /// As [`Backend::commit`].
    pub fn commit_watched(
        &mut self,
        commit: &Commit,
        watch: &mut dyn FnMut(Moment),
    ) -> Result<(), CommitError> {
        let mut steps = commit.steps.iter();
        steps.try_for_each(|step| self.run(&commit.table, step, watch))
    }

    /// Encodes one transaction without sending it.
    ///
    /// # Errors
    /// [`CommitError::Unencodable`], or the kernel cannot be asked for the sets it touches.
    pub fn encode_step(
        &mut self,
        table: &TableKey,
        operations: &[Operation],
    ) -> Result<Encoded, CommitError> {
        self.encode_as(self.ownership, table, operations)
    }

    /// Sends the bytes of one batch and waits for the kernel's verdict.
    ///
    /// # Errors
    /// [`CommitError::Unreachable`] with the first error number that the kernel answered.
    pub fn send_raw(&mut self, batch: &[u8]) -> Result<(), CommitError> {
        let answers = self.exchange(batch)?;
        match answers.iter().find(|answer| answer.errno != 0) {
            Some(refused) => Err(io::Error::from_raw_os_error(refused.errno).into()),
            None => Ok(()),
        }
    }

    fn encode_as(
        &mut self,
        ownership: Ownership,
        table: &TableKey,
        operations: &[Operation],
    ) -> Result<Encoded, CommitError> {
        if refers::to_unknown_sets(operations, self.catalog(table)) {
            let shapes = self.shapes(table)?;
            let catalog = self.catalog(table);
            for (name, shape) in shapes {
                catalog.learn(&name, shape);
            }
        }
        let encoded = encode(table, ownership, self.catalog(table), operations);
        if encoded.is_err() {
            // What was followed did not happen.
            self.catalogs.remove(table);
        }
        encoded
    }

    fn catalog(&mut self, table: &TableKey) -> &mut Catalog {
        self.catalogs.entry(table.clone()).or_default()
    }

    fn run(
        &mut self,
        table: &TableKey,
        step: &Step,
        watch: &mut dyn FnMut(Moment),
    ) -> Result<(), CommitError> {
        if step.wait == Wait::Grace {
            wait_for_grace();
        }
        let ways = self.ownership.or_less();
        let mut outcome = self.attempt(self.ownership, table, step, watch);
        for &less in ways.iter().skip(1) {
            match &outcome {
                Err(refused) if is_about_table_flags(refused) => {
                    outcome = self.attempt(less, table, step, watch);
                }
                Ok(()) | Err(_) => break,
            }
        }
        if outcome.is_err() {
            // What was followed did not happen.
            self.catalogs.remove(table);
        }
        outcome
    }

    fn attempt(
        &mut self,
        ownership: Ownership,
        table: &TableKey,
        step: &Step,
        watch: &mut dyn FnMut(Moment),
    ) -> Result<(), CommitError> {
        let mut encoded = self.encode_as(ownership, table, &step.operations)?;
        // What was looked at and is no longer so is never overwritten: the kernel answers ERESTART. In a
        // table of ours that cannot be, however often others change theirs.
        let expected = match self.hold {
            Hold::Shared => self.seen,
            Hold::Ours => None,
        };
        expect_generation(&mut encoded.bytes, expected.unwrap_or(0));
        watch(Moment::Sent);
        let answers = self.exchange(&encoded.bytes);
        watch(Moment::Answered);
        let (done, errors): (Vec<_>, Vec<_>) =
            answers?.into_iter().partition(|answer| answer.errno == 0);
        if !errors.is_empty() {
            return Err(refusal::explain(
                step.phase,
                &encoded,
                &step.operations,
                &errors,
            ));
        }
        let is_made = step.operations.contains(&Operation::AddTable);
        let acknowledged = done
            .iter()
            .any(|answer| answer.sequence == encoded.last_sequence);
        if acknowledged {
            self.seen = self.seen.map(next_generation);
            if is_made {
                self.hold = Hold::of(ownership);
            }
            return Ok(());
        }
        // Where this is not answered either, the table is polled like one that is shared.
        if is_made && let (Ok(Some(owner)), Ok(own)) = (self.owner(table), self.socket.port()) {
            self.hold = match owner == own {
                true => Hold::Ours,
                false => Hold::Shared,
            };
        }
        Err(CommitError::Unanswered)
    }

    /// Sends what the kernel answers. What is left of earlier answers is thrown away, since it might stand
    /// for these: each batch counts its messages from 1.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        if self.answers == Answers::Due {
            let discarded = self.socket.discard(&mut self.inbox);
            discarded.map_err(SendError::Io)?;
        }
        self.answers = Answers::Due;
        self.socket.send(bytes)
    }

    /// Sends a batch and collects what the kernel says to it.
    fn exchange(&mut self, batch: &[u8]) -> Result<Vec<Answer>, CommitError> {
        self.send(batch).map_err(|error| match error {
            SendError::TooLarge { allowed } => CommitError::TooLarge {
                bytes: batch.len(),
                allowed,
            },
            SendError::Io(error) => error.into(),
        })?;
        let mut answers = Vec::new();
        loop {
            match self.socket.receive(&mut self.inbox, Blocking::Return) {
                Ok(None) => {
                    self.answers = Answers::Read;
                    return Ok(answers);
                }
                Ok(Some(())) => answers.extend(
                    message::messages(self.inbox.bytes())
                        .filter(|message| message.kind == NLMSG_ERROR)
                        .filter_map(|message| Answer::read(&message)),
                ),
                // Answers were dropped; those that are queued can still be read.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

impl Backend for NftBackend {
    fn commit(&mut self, commit: &Commit) -> Result<(), CommitError> {
        self.commit_watched(commit, &mut |_| {})
    }

    fn adopt(&mut self, table: &TableKey) -> Result<(), CommitError> {
        if self.owner(table)? == Some(self.socket.port()?) {
            self.hold = Hold::Ours;
            return Ok(());
        }
        let step = Step {
            phase: Phase::Populate,
            wait: Wait::None,
            operations: vec![Operation::AddTable],
        };
        self.run(table, &step, &mut |_| {})
    }

    fn is_owned(&self) -> bool {
        self.hold == Hold::Ours
    }

    fn observe(&mut self, table: &TableKey) -> Result<Option<Table>, ObserveError> {
        self.observe_consistently(table)
    }

    fn has_moved(&mut self) -> Result<bool, ObserveError> {
        match self.hold {
            Hold::Ours => Ok(false),
            Hold::Shared => {
                let current = self.current_generation()?;
                Ok(self.seen != Some(current))
            }
        }
    }

    fn generation(&mut self) -> Result<u32, ObserveError> {
        Ok(self.current_generation()?)
    }
}

fn is_about_table_flags(error: &CommitError) -> bool {
    match error {
        CommitError::Refused { culprit, errno, .. } => {
            matches!(culprit.operation, Operation::AddTable)
                && [libc::EOPNOTSUPP, libc::EINVAL].contains(errno)
        }
        CommitError::Contended
        | CommitError::Unanswered
        | CommitError::Locked(_)
        | CommitError::TooLarge { .. }
        | CommitError::Unsafe { .. }
        | CommitError::Unencodable { .. }
        | CommitError::Declined { .. }
        | CommitError::Unreachable(_) => false,
    }
}
