//! Questions and orders to the kernel, outside of nf_tables batches.

use std::io;

use super::answer::Answer;
use super::attribute::Writer;
use super::inbox::Inbox;
use super::message::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, header,
    messages,
};
use super::socket::{Blocking, Protocol, SendError, Socket};

/// How often a dump is begun anew because somebody changed what it lists.
const ATTEMPTS: usize = 20;
/// How many orders are sent before their acknowledgements are read: 256 of those fill a receive
/// buffer of the default size.
const WINDOW: usize = 64;
/// Where the flags and the sequence stand in a message.
const FLAGS_AT: usize = 6;
const SEQUENCE_AT: usize = 8;

/// Whoever asks the kernel, in the network namespace of the thread that opened it.
#[derive(Debug)]
pub(crate) struct Client {
    socket: Socket,
    sequence: u32,
    inbox: Inbox,
    listing: Listing,
}

/// Whether there is more of a list that is read in parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Listing {
    Open,
    Ended,
}

/// One message to the kernel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request(Vec<u8>);

impl Request {
    /// A message of a type, with the structure that its attributes follow.
    pub(crate) fn new(
        kind: u16,
        flags: u16,
        head: &[u8],
        attributes: impl FnOnce(&mut Writer),
    ) -> Self {
        let mut writer = Writer::default();
        header(&mut writer.bytes, kind, flags | NLM_F_REQUEST, 0);
        writer.bytes.extend_from_slice(head);
        attributes(&mut writer);
        let length = u32::try_from(writer.bytes.len()).unwrap_or(u32::MAX);
        writer.bytes[..4].copy_from_slice(&length.to_ne_bytes());
        Self(writer.bytes)
    }

    fn write(&self, into: &mut Vec<u8>, flag: u16, sequence: u32) {
        let start = into.len();
        into.extend_from_slice(&self.0);
        if let Some([a, b]) = into.get_mut(start + FLAGS_AT..start + SEQUENCE_AT) {
            [*a, *b] = (u16::from_ne_bytes([*a, *b]) | flag).to_ne_bytes();
        }
        if let Some(bytes) = into.get_mut(start + SEQUENCE_AT..start + SEQUENCE_AT + 4) {
            bytes.copy_from_slice(&sequence.to_ne_bytes());
        }
        into.resize(into.len().next_multiple_of(4), 0);
    }
}

impl Client {
    /// A client of a part of the kernel.
    pub(crate) fn open(protocol: Protocol) -> io::Result<Self> {
        Ok(Self {
            socket: Socket::open(protocol)?,
            sequence: 0,
            inbox: Inbox::default(),
            listing: Listing::Ended,
        })
    }

    /// Everything that the answers to a question say; `read` gets what follows their headers.
    ///
    /// # Errors
    /// The kernel's refusal, or `ResourceBusy` if what is listed changed all the time.
    pub(crate) fn dump<T>(
        &mut self,
        question: &Request,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> io::Result<Vec<T>> {
        for _ in 0..ATTEMPTS {
            if let Some(all) = self.attempt(question, &read)? {
                return Ok(all);
            }
        }
        Err(io::ErrorKind::ResourceBusy.into())
    }

    /// Asks for a list that is read in parts. What is left of one that was asked for before is thrown
    /// away.
    ///
    /// # Errors
    /// The kernel cannot be reached.
    pub(crate) fn begin(&mut self, question: &Request) -> io::Result<()> {
        self.send(std::slice::from_ref(question), NLM_F_DUMP)?;
        self.listing = Listing::Open;
        Ok(())
    }

    /// The next part of the list that was asked for; nothing, when it was the last. The kernel goes on
    /// with the list when a part is read.
    ///
    /// # Errors
    /// The kernel's refusal, or `Interrupted` if the list changed meanwhile so that it is not whole.
    pub(crate) fn part<T>(
        &mut self,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> io::Result<Option<Vec<T>>> {
        if self.listing == Listing::Ended {
            return Ok(None);
        }
        self.receive()?;
        let mut part = Vec::new();
        for message in messages(self.inbox.bytes()).filter(|m| m.sequence == self.sequence) {
            if message.flags & NLM_F_DUMP_INTR != 0 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match message.kind {
                NLMSG_DONE => self.listing = Listing::Ended,
                NLMSG_ERROR => {
                    let errno = Answer::read(&message).map_or(libc::EIO, |answer| answer.errno);
                    return Err(io::Error::from_raw_os_error(errno));
                }
                _ => part.extend(read(message.body)),
            }
        }
        Ok(Some(part))
    }

    /// The answer to a question that has one.
    pub(crate) fn ask<T>(
        &mut self,
        question: &Request,
        read: impl Fn(&[u8]) -> Option<T>,
    ) -> io::Result<Option<T>> {
        self.send(std::slice::from_ref(question), NLM_F_ACK)?;
        Ok(self.collect(&read)?.into_iter().flatten().next())
    }

    /// Carries out orders one after the other, and says of each what became of it.
    ///
    /// # Errors
    /// The kernel could not be reached: what became of the orders is not known.
    pub(crate) fn perform(&mut self, orders: &[Request]) -> io::Result<Vec<Answer>> {
        let mut answers = Vec::with_capacity(orders.len());
        for window in orders.chunks(WINDOW) {
            self.send(window, NLM_F_ACK)?;
            let end = answers.len() + window.len();
            while answers.len() < end {
                self.receive()?;
                let errors = messages(self.inbox.bytes()).filter(|m| m.kind == NLMSG_ERROR);
                answers.extend(errors.filter_map(|message| Answer::read(&message)));
            }
        }
        Ok(answers)
    }

    /// What one dump gave, or nothing if the list changed meanwhile.
    fn attempt<T>(
        &mut self,
        question: &Request,
        read: &impl Fn(&[u8]) -> Option<T>,
    ) -> io::Result<Option<Vec<T>>> {
        self.send(std::slice::from_ref(question), NLM_F_DUMP)?;
        self.collect(read)
    }

    fn collect<T>(&mut self, read: &impl Fn(&[u8]) -> Option<T>) -> io::Result<Option<Vec<T>>> {
        let mut all = Vec::new();
        let mut whole = true;
        loop {
            self.receive()?;
            for message in messages(self.inbox.bytes()).filter(|m| m.sequence == self.sequence) {
                whole &= message.flags & NLM_F_DUMP_INTR == 0;
                match message.kind {
                    NLMSG_DONE => return Ok(whole.then_some(all)),
                    NLMSG_ERROR => {
                        return match Answer::read(&message).map(|answer| answer.errno) {
                            Some(0) => Ok(whole.then_some(all)),
                            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
                            None => Err(io::ErrorKind::InvalidData.into()),
                        };
                    }
                    _ => all.extend(read(message.body)),
                }
            }
        }
    }

    fn send(&mut self, requests: &[Request], flag: u16) -> io::Result<()> {
        // What an earlier question, given up on, left behind.
        self.socket.discard(&mut self.inbox)?;
        let mut bytes = Vec::new();
        for request in requests {
            self.sequence = self.sequence.wrapping_add(1);
            request.write(&mut bytes, flag, self.sequence);
        }
        self.socket.send(&bytes).map_err(|error| match error {
            SendError::TooLarge { .. } => io::ErrorKind::InvalidInput.into(),
            SendError::Io(error) => error,
        })
    }

    /// The kernel answers before `send` returns, and goes on with a dump while it is read: where
    /// nothing is there, nothing will come.
    fn receive(&mut self) -> io::Result<()> {
        match self.socket.receive(&mut self.inbox, Blocking::Return)? {
            Some(()) => Ok(()),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}
