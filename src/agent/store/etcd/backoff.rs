//! Waits between attempts, so that many hosts that lost one store do not return as one.

use std::time::Duration;

/// The longest first wait.
const FIRST: Duration = Duration::from_millis(100);

/// Waits that grow to a bound, each of any length up to what it may be ("full jitter").
#[derive(Debug)]
pub(super) struct Backoff {
    longest: Duration,
    bound: Duration,
}

impl Backoff {
    /// No attempt failed yet.
    pub(super) fn new(bound: Duration) -> Self {
        Self {
            longest: FIRST.min(bound),
            bound,
        }
    }

    /// An attempt went well.
    pub(super) fn reset(&mut self) {
        self.longest = FIRST.min(self.bound);
    }

    /// How long to wait after an attempt that failed.
    pub(super) fn wait(&mut self) -> Duration {
        let longest = self.longest;
        self.longest = (longest * 2).min(self.bound);
        longest.mul_f64(fastrand::f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_bound_and_are_never_alike() {
        let bound = Duration::from_secs(5);
        let mut backoff = Backoff::new(bound);
        let waits: Vec<_> = (0..200).map(|_| backoff.wait()).collect();
        assert!(waits[0] <= FIRST, "{waits:?}");
        assert!(waits.iter().all(|wait| *wait <= bound), "{waits:?}");
        let late = waits.get(20..).unwrap_or_default();
        let sum: Duration = late.iter().sum();
        let mean = sum / 180;
        assert!(mean > bound / 3 && mean < bound * 2 / 3, "{mean:?}");
        backoff.reset();
        assert!(backoff.wait() <= FIRST);
    }
}
