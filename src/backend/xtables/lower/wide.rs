//! Wide ranges of ports: each is a rule with an ipset of its own, or its ports are members like those of others.

use std::collections::BTreeMap;

use super::cell::{Cell, Service};
use super::lookup::cidrs;

/// Ranges of at most so many ports are members of an ipset one by one.
const PORTS_MAX: u16 = 16;

/// Wider ones have a rule each, where there are no more than so many: else all are members one by one.
const RANGES_MAX: usize = 16;

/// As long as they are no more than so many members.
const MEMBERS_MAX: usize = 1 << 20;

/// The wide ranges of a set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wide {
    /// How many elements have each of them.
    services: BTreeMap<Service, usize>,
    /// How many members they would be.
    members: usize,
}

impl Wide {
    /// An element comes.
    pub(super) fn add(&mut self, cell: &Cell) {
        if let Some(members) = members(cell) {
            *self.services.entry(cell.service.clone()).or_default() += 1;
            self.members += members;
        }
    }

    /// An element goes; `None` if it never came.
    pub(super) fn take(&mut self, cell: &Cell) -> Option<()> {
        if let Some(members) = members(cell) {
            let count = self.services.get_mut(&cell.service)?;
            *count -= 1;
            if *count == 0 {
                self.services.remove(&cell.service);
            }
            self.members -= members;
        }
        Some(())
    }

    /// The widest range of ports whose ports are members one by one.
    pub(super) fn ports_max(&self) -> u16 {
        match self.services.len() > RANGES_MAX && self.members <= MEMBERS_MAX {
            true => u16::MAX,
            false => PORTS_MAX,
        }
    }
}

/// How many members an element with a wide range would be.
fn members(cell: &Cell) -> Option<usize> {
    let (_, low, high) = cell.service.ports.filter(|_| cell.addresses.is_some())?;
    let width = high - low;
    (width >= PORTS_MAX).then(|| cidrs(cell).len() * (usize::from(width) + 1))
}
