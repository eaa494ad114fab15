//! How often an address was seen: a ring of sets. The newest packet of an address is in one of them, those before it in
//! those before, and the one behind it is empty: what is written there next makes the oldest one go. So the address was
//! seen as often as it is in sets, each of which forgets it on its own.
//!
//! The kernel keeps what was taken out of a set until it clears it away, and takes an address no further time than about 16
//! before it does. A packet that finds no place then is not noted: all stays as it was, and the address is still seen often.

use std::time::Duration;

use super::super::case::member;
use super::super::draft::Draft;
use super::limit::address_type;
use super::recent::dynamic;
use crate::migrate::iptables::{Sense, Side};
use crate::migrate::naming;
use crate::migrate::nft::{Expression, Statement, Verdict};
use crate::ruleset::Name;

/// An answer is good for the packet that asked.
const ANSWER: Duration = Duration::from_secs(1);

/// So often are sets cleared, for each of them, unless the kernel does it as often by itself: with 16 places an address has
/// room for 640 packets in a second.
const CLEARED: Duration = Duration::from_millis(25);

/// The packets of a list, for a time that rules ask of it.
#[derive(Debug)]
pub(super) struct Ring {
    list: String,
    seconds: Option<u32>,
    /// So many sets, one more than packets are counted.
    size: u32,
    key: Vec<Expression>,
    side: Side,
}

impl Ring {
    /// Makes the sets of a ring where they are not there yet.
    pub(super) fn new(
        draft: &mut Draft<'_>,
        list: &str,
        (seconds, most): (Option<u32>, u32),
        (side, key): (Side, Vec<Expression>),
    ) -> Self {
        let ring = Self {
            list: naming::list(list, seconds),
            seconds,
            size: most.saturating_add(1),
            key,
            side,
        };
        for number in 0..ring.size {
            let set = draft.dynamic_set(ring.slot(number), vec![address_type(draft.family)]);
            set.timeouts = seconds.is_some();
            let interval = CLEARED.saturating_mul(ring.size);
            set.gc_interval = Some(interval).filter(|interval| set.timeouts && *interval < ANSWER);
        }
        ring
    }

    /// A jump that notes a packet.
    pub(super) fn note(&self, draft: &mut Draft<'_>) -> Statement {
        self.jump(draft, "add", || {
            let mut rules: Vec<_> = (0..self.size).map(|newest| self.behind(newest)).collect();
            // Whoever is still here and in a set found no place.
            rules.extend((0..self.size).map(|number| self.returns([self.is_in(number)])));
            rules.push(vec![self.update(0)]);
            rules
        })
    }

    /// Where that is the newest packet, the next one is behind it. The oldest one goes only if that one found a place.
    fn behind(&self, newest: u32) -> Vec<Statement> {
        let changes = [self.update(newest + 1), self.delete(newest + 2)];
        self.returns(self.is_newest(newest).into_iter().chain(changes))
    }

    fn returns(&self, statements: impl IntoIterator<Item = Statement>) -> Vec<Statement> {
        let back = Statement::Verdict(Verdict::Return);
        statements.into_iter().chain([back]).collect()
    }

    /// A jump that forgets all packets of an address.
    pub(super) fn forget(&self, draft: &mut Draft<'_>) -> Statement {
        self.jump(draft, "forget", || {
            let each = (0..self.size).map(|number| vec![self.delete(number)]);
            each.collect()
        })
    }

    /// A jump that asks whether there were so many, and the set in which the answer is.
    pub(super) fn ask(&self, draft: &mut Draft<'_>, times: u32) -> (Statement, Name) {
        let word = format!("of{times}");
        let answer = Name::from_parts(&format!("{}.{word}", self.list));
        let set = draft.dynamic_set(answer.clone(), vec![address_type(draft.family)]);
        set.timeouts = true;
        let jump = self.jump(draft, &word, || {
            let yes = dynamic("update", &answer, &self.key, Some(ANSWER));
            let no = dynamic("delete", &answer, &self.key, None);
            let mut rules: Vec<_> = (0..self.size)
                .map(|newest| {
                    let first = newest + self.size + 1 - times;
                    let missing = self.is_not_in(first);
                    let asked = self.is_newest(newest).into_iter().chain([missing]);
                    self.returns(asked.chain([no.clone()]))
                })
                .collect();
            // So often, or for a moment without a gap, where another processor is between its two changes.
            let each = (0..self.size).map(|number| [self.is_in(number), yes.clone()]);
            rules.extend(each.map(|said| self.returns(said)));
            rules.push(vec![no]);
            rules
        });
        (jump, answer)
    }

    fn jump(
        &self,
        draft: &mut Draft<'_>,
        word: &str,
        rules: impl FnOnce() -> Vec<Vec<Statement>>,
    ) -> Statement {
        let end = match self.side {
            Side::Source => "src",
            Side::Destination => "dst",
        };
        let chain = draft.helper_chain(&format!("{}.{word}.{end}", self.list), rules);
        Statement::Verdict(Verdict::Jump(chain))
    }

    fn is_newest(&self, number: u32) -> [Statement; 2] {
        [self.is_in(number), self.is_not_in(number + 1)]
    }

    fn is_in(&self, number: u32) -> Statement {
        member(Sense::Is, self.key.clone(), &self.slot(number)).into()
    }

    fn is_not_in(&self, number: u32) -> Statement {
        member(Sense::IsNot, self.key.clone(), &self.slot(number)).into()
    }

    fn update(&self, number: u32) -> Statement {
        let seconds = self
            .seconds
            .map(|seconds| Duration::from_secs(seconds.into()));
        dynamic("update", &self.slot(number), &self.key, seconds)
    }

    fn delete(&self, number: u32) -> Statement {
        dynamic("delete", &self.slot(number), &self.key, None)
    }

    fn slot(&self, number: u32) -> Name {
        Name::from_parts(&naming::slot(&self.list, number % self.size))
    }
}
