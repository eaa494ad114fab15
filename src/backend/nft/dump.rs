//! Questions to the kernel: single answers and dumps.

use std::io;

use super::declaration::{NFTA_SET_FLAGS, NFTA_SET_KEY_TYPE, NFTA_SET_NAME};
use super::encode::NFTA_TABLE;
use super::engine::{Answers, NftBackend};
use super::message::{self, FAMILY_BYTES, MessageType};
use super::shape::Shape;
use crate::netlink::answer::Answer;
use crate::netlink::attribute::{Reader, Writer};
use crate::netlink::message::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLMSG_DONE, NLMSG_ERROR, messages,
};
use crate::netlink::socket::{Blocking, SendError};
use crate::ruleset::{Name, TableKey};

/// `NFTA_GEN_ID` (linux/netfilter/nf_tables.h).
const NFTA_GEN_ID: u16 = 1;

/// `NFTA_TABLE_OWNER` (linux/netfilter/nf_tables.h): the netlink port whose socket owns the table.
const NFTA_TABLE_OWNER: u16 = 7;

/// What a dump gave.
#[derive(Debug)]
pub(crate) enum Dump {
    /// The attributes of every object, in the kernel's order.
    Whole(Vec<Vec<u8>>),
    /// The ruleset changed meanwhile.
    Torn,
}

impl Dump {
    /// Adds an object; to what is torn anyway nothing need be added.
    fn extend(&mut self, object: Option<&[u8]>) {
        match self {
            Self::Whole(objects) => objects.extend(object.map(<[u8]>::to_vec)),
            Self::Torn => {}
        }
    }
}

impl NftBackend {
    /// Asks for every object of a kind, narrowed by attributes.
    pub(super) fn dump(
        &mut self,
        kind: MessageType,
        family: u8,
        attributes: impl FnOnce(&mut Writer),
    ) -> io::Result<Dump> {
        self.ask(kind, NLM_F_DUMP, family, attributes)
    }

    /// The generation of the ruleset in this namespace.
    pub(super) fn current_generation(&mut self) -> io::Result<u32> {
        let Dump::Whole(answers) = self.ask(MessageType::GetGeneration, NLM_F_ACK, 0, |_| {})?
        else {
            return Err(io::ErrorKind::InvalidData.into());
        };
        let answer = answers.first().map(Vec::as_slice).unwrap_or_default();
        let generation = Reader(answer).number(NFTA_GEN_ID);
        generation.ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The netlink port of whoever owns a table; none where everybody may change it.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn owner(&mut self, table: &TableKey) -> io::Result<Option<u32>> {
        let Dump::Whole(tables) =
            self.dump(MessageType::GetTable, table.family.number(), |_| {})?
        else {
            return Err(io::ErrorKind::ResourceBusy.into());
        };
        let mut tables = tables.iter().map(|held| Reader(held));
        let ours = tables.find(|held| held.text(NFTA_TABLE) == Some(table.name.as_str()));
        Ok(ours.and_then(|ours| ours.number(NFTA_TABLE_OWNER)))
    }

    /// The names of all tables of a family, whoever made them.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn tables(&mut self, family: u8) -> io::Result<Vec<String>> {
        let Dump::Whole(tables) = self.dump(MessageType::GetTable, family, |_| {})? else {
            return Err(io::ErrorKind::ResourceBusy.into());
        };
        let names = tables
            .iter()
            .map(|held| Reader(held).text(NFTA_TABLE).map(str::to_owned));
        Ok(names.flatten().collect())
    }

    /// The shapes of the sets of a table; none where there is no table.
    pub(super) fn shapes(&mut self, table: &TableKey) -> io::Result<Vec<(Name, Shape)>> {
        let answers = self.dump(MessageType::GetSet, table.family.number(), |w| {
            w.text(NFTA_TABLE, table.name.as_str());
        });
        let sets = match answers {
            Ok(Dump::Whole(sets)) => sets,
            Ok(Dump::Torn) => return Err(io::ErrorKind::ResourceBusy.into()),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(sets
            .iter()
            .filter_map(|set| shape_of(Reader(set)))
            .collect())
    }

    fn ask(
        &mut self,
        kind: MessageType,
        flags: u16,
        family: u8,
        attributes: impl FnOnce(&mut Writer),
    ) -> io::Result<Dump> {
        self.sequence = self.sequence.wrapping_add(1);
        let request = message::request(kind, flags, family, self.sequence, attributes);
        self.send(&request).map_err(|error| match error {
            SendError::TooLarge { .. } => io::ErrorKind::InvalidInput.into(),
            SendError::Io(error) => error,
        })?;
        let dump = self.collect()?;
        self.answers = Answers::Read;
        Ok(dump)
    }

    fn collect(&mut self) -> io::Result<Dump> {
        let mut dump = Dump::Whole(Vec::new());
        loop {
            self.socket.receive(&mut self.inbox, Blocking::Wait)?;
            for message in messages(self.inbox.bytes()) {
                if message.sequence != self.sequence {
                    continue;
                }
                if message.flags & NLM_F_DUMP_INTR != 0 {
                    dump = Dump::Torn;
                }
                match message.kind {
                    NLMSG_DONE => return Ok(dump),
                    NLMSG_ERROR => {
                        return match Answer::read(&message).map(|answer| answer.errno) {
                            Some(0) => Ok(dump),
                            Some(libc::EINTR) => Ok(Dump::Torn),
                            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
                            None => Err(io::ErrorKind::InvalidData.into()),
                        };
                    }
                    _ => dump.extend(message.body.get(FAMILY_BYTES..)),
                }
            }
        }
    }
}

fn shape_of(set: Reader<'_>) -> Option<(Name, Shape)> {
    let name = Name::new(set.text(NFTA_SET_NAME)?).ok()?;
    // The kernel leaves flags out where there are none.
    let flags = set.number(NFTA_SET_FLAGS).unwrap_or(0);
    let shape = Shape::read(set.number(NFTA_SET_KEY_TYPE)?, flags)?;
    Some((name, shape))
}
