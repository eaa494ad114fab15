//! What sets are used for.

use std::cell::RefCell;
use std::collections::HashMap;

use bitflags::bitflags;

use crate::ruleset::Name;

bitflags! {
    /// What it does to traffic when a set gains elements.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Polarity: u8 {
        /// More elements let more pass.
        const ADMITS = 1;
        /// More elements let less pass.
        const DENIES = 2;
    }
}

/// What was found out of sets. It holds until an edge of the table or a base chain comes or goes: to find it
/// out is a walk up to a base chain, and members of groups change much more often.
#[derive(Debug, Clone, Default)]
pub(super) struct Polarities(RefCell<HashMap<Name, Polarity>>);

impl Polarities {
    /// That of a set, found out if it is not known.
    pub(super) fn of(&self, set: &Name, find_out: impl FnOnce() -> Polarity) -> Polarity {
        let known = self.0.borrow().get(set).copied();
        known.unwrap_or_else(|| {
            let found = find_out();
            self.0.borrow_mut().insert(set.clone(), found);
            found
        })
    }

    /// An edge or a base chain came or went.
    pub(super) fn forget(&mut self) {
        self.0.get_mut().clear();
    }
}

impl PartialEq for Polarities {
    /// What somebody asked is nothing that a table says.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Polarities {}
