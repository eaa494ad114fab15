//! A peer in its lane, and what it was given of a phase so far.

use std::time::{Duration, Instant};

use crate::bench::lane::Lane;
use crate::bench::peer::Peer;

/// A peer in its lane.
#[derive(Debug)]
pub(super) struct Subject<'p> {
    pub(super) peer: &'p dyn Peer,
    lane: Lane,
    pub(super) state: Standing,
    /// What its last round took, and all of the phase.
    pub(super) last: Duration,
    pub(super) spent: Duration,
}

/// Whether a peer goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It does.
    Goes,
    /// Not in this phase: it cannot, or is too slow.
    Rests,
    /// Something went wrong, and its lane is in no known state.
    Failed,
    /// It is wrong, or cannot be loaded.
    Out,
}

impl<'p> Subject<'p> {
    pub(super) fn new(peer: &'p dyn Peer, lane: Lane) -> Self {
        Self {
            peer,
            lane,
            state: Standing::Goes,
            last: Duration::ZERO,
            spent: Duration::ZERO,
        }
    }

    pub(super) fn goes(&self) -> bool {
        self.state == Standing::Goes
    }

    /// Whoever rested goes on.
    pub(super) fn begin_phase(&mut self) -> Standing {
        if self.state == Standing::Rests {
            self.state = Standing::Goes;
        }
        (self.last, self.spent) = (Duration::ZERO, Duration::ZERO);
        self.state
    }

    /// Goes on in another lane, where there is one.
    pub(super) fn put_into(&mut self, lane: Option<Lane>) {
        match lane {
            Some(lane) => (self.lane, self.state) = (lane, Standing::Goes),
            None => self.state = Standing::Out,
        }
    }

    /// Does something in its lane, which takes of its time.
    pub(super) fn timed<T>(&mut self, work: impl FnOnce(&Lane) -> T) -> T {
        let begun = Instant::now();
        let done = work(&self.lane);
        self.last = begun.elapsed();
        self.spent += self.last;
        done
    }

    /// Lets it rest where one more round takes longer than it may have now, or have of a phase at all.
    pub(super) fn rest_if_above(&mut self, level: Duration, patience: Duration) {
        let too_slow = self.last > level || self.spent + self.last > patience;
        if self.goes() && too_slow {
            self.state = Standing::Rests;
        }
    }
}
