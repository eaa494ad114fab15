//! When something has to be done, and how long to wait where it fails again and again.

use std::time::{Duration, Instant};

/// How long to wait after the first failure, and at most.
const WAITS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

/// When something has to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Need {
    /// It has not.
    #[default]
    None,
    /// As soon as may be.
    Now,
    /// Not before this: it failed, or was done just now.
    Later(Instant),
}

impl Need {
    /// Whether it is time.
    pub(super) fn is_due(self, now: Instant) -> bool {
        match self {
            Self::None => false,
            Self::Now => true,
            Self::Later(when) => when <= now,
        }
    }

    /// The time to wait for, if it is one.
    pub(super) fn next(self) -> Option<Instant> {
        match self {
            Self::Later(when) => Some(when),
            Self::None | Self::Now => None,
        }
    }
}

/// How long to wait where something fails again and again: each time twice as long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    wait: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let (first, _) = WAITS;
        Self { wait: first }
    }
}

impl Patience {
    /// It failed: when it is tried again.
    pub(super) fn failed(&mut self, now: Instant) -> Need {
        let (_, longest) = WAITS;
        let wait = self.wait;
        self.wait = (wait * 2).min(longest);
        Need::Later(now + wait)
    }

    /// It worked, or fails for another reason.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_waits_twice_as_long_up_to_a_minute() {
        let now = Instant::now();
        let mut patience = Patience::default();
        let waits = [1, 2, 4, 8, 16, 32, 60, 60].map(Duration::from_secs);
        for wait in waits {
            let need = patience.failed(now);
            assert_eq!(need, Need::Later(now + wait));
            assert!(!need.is_due(now) && need.is_due(now + wait));
        }
        patience.reset();
        assert_eq!(patience.failed(now).next(), Some(now + waits[0]));
    }
}
