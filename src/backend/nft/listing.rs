//! Where the objects of a table come from: a kernel that is asked, or a buffer of its answers.

use super::decode::read_table;
use super::dump::Dump;
use super::encode::{NFTA_SET_ELEM_LIST_SET, NFTA_TABLE};
use super::engine::NftBackend;
use super::message::{FAMILY_BYTES, MessageType};
use crate::backend::ObserveError;
use crate::netlink::attribute::Reader;
use crate::netlink::message::messages;
use crate::ruleset::{Name, Table, TableKey};

/// How often a dump is begun anew because somebody changed the ruleset meanwhile.
const ATTEMPTS: usize = 20;

/// What ended an attempt to read a table.
pub(super) enum Stop {
    /// It changed meanwhile.
    Torn,
    Error(ObserveError),
}

impl<E: Into<ObserveError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

/// Whoever can list what is in a table.
pub(super) trait Listing {
    /// The attributes of every object of a kind in the table, of elements those of one set.
    fn list(
        &mut self,
        kind: MessageType,
        table: &TableKey,
        set: Option<&str>,
    ) -> Result<Vec<Vec<u8>>, Stop>;
}

impl Listing for NftBackend {
    fn list(
        &mut self,
        kind: MessageType,
        table: &TableKey,
        set: Option<&str>,
    ) -> Result<Vec<Vec<u8>>, Stop> {
        let answer = self.dump(kind, table.family.number(), |w| {
            if kind != MessageType::GetTable {
                w.text(NFTA_TABLE, table.name.as_str());
            }
            if let Some(set) = set {
                w.text(NFTA_SET_ELEM_LIST_SET, set);
            }
        });
        let objects = match answer {
            Ok(Dump::Whole(objects)) => objects,
            Ok(Dump::Torn) => return Err(Stop::Torn),
            // The set went away.
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => return Err(Stop::Torn),
            Err(error) => return Err(error.into()),
        };
        let ours = |object: &Vec<u8>| is_in(table, Reader(object));
        Ok(objects.into_iter().filter(ours).collect())
    }
}

impl NftBackend {
    /// Reads a table so that all of it is of one generation.
    pub(super) fn observe_consistently(
        &mut self,
        table: &TableKey,
    ) -> Result<Option<Table>, ObserveError> {
        for _ in 0..ATTEMPTS {
            let before = self.current_generation()?;
            let outcome = read_table(self, table);
            let torn = matches!(outcome, Err(Stop::Torn));
            // Dumps of sets do not say that they were torn, and a torn one can look foreign.
            if torn || self.current_generation()? != before {
                continue;
            }
            self.seen = Some(before);
            return match outcome {
                Ok(read) => Ok(read),
                Err(Stop::Error(error)) => Err(error),
                Err(Stop::Torn) => continue,
            };
        }
        Err(std::io::Error::from(std::io::ErrorKind::ResourceBusy).into())
    }

    /// Has the kernel list a table and these sets of it, reads nothing of what it says, and gives how many
    /// objects and elements' messages that were: the floor of `observe`.
    ///
    /// # Errors
    /// The kernel cannot be asked, or the table changed meanwhile.
    pub fn list_all(&mut self, table: &TableKey, sets: &[Name]) -> Result<usize, ObserveError> {
        let kinds = [
            MessageType::GetTable,
            MessageType::GetObject,
            MessageType::GetSet,
            MessageType::GetChain,
            MessageType::GetRule,
        ];
        let whole = kinds.into_iter().map(|kind| (kind, None));
        let elements = sets.iter();
        let elements = elements.map(|set| (MessageType::GetElement, Some(set.as_str())));
        let mut listed = 0;
        for (kind, set) in whole.chain(elements) {
            match self.list(kind, table, set) {
                Ok(objects) => listed += objects.len(),
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::Torn) => {
                    return Err(std::io::Error::from(std::io::ErrorKind::ResourceBusy).into());
                }
            }
        }
        Ok(listed)
    }
}

/// The messages of one table among those in a buffer: of which type, and their attributes.
pub(super) struct Buffer<'a>(Vec<(u16, Reader<'a>)>);

impl<'a> Buffer<'a> {
    pub(super) fn of(table: &TableKey, bytes: &'a [u8]) -> Self {
        let messages = messages(bytes).filter_map(|message| {
            let (family, attributes) = message.body.split_at_checked(FAMILY_BYTES)?;
            let attributes = Reader(attributes);
            let ours = family[0] == table.family.number() && is_in(table, attributes);
            ours.then_some((message.kind, attributes))
        });
        Self(messages.collect())
    }
}

impl Listing for Buffer<'_> {
    fn list(
        &mut self,
        kind: MessageType,
        _: &TableKey,
        set: Option<&str>,
    ) -> Result<Vec<Vec<u8>>, Stop> {
        let is_asked = |&&(found, attributes): &&(u16, Reader<'_>)| {
            found == kind.answer()
                && (set.is_none() || attributes.text(NFTA_SET_ELEM_LIST_SET) == set)
        };
        let found = self.0.iter().filter(is_asked);
        Ok(found.map(|(_, attributes)| attributes.0.to_vec()).collect())
    }
}

fn is_in(table: &TableKey, object: Reader<'_>) -> bool {
    object.text(NFTA_TABLE) == Some(table.name.as_str())
}
