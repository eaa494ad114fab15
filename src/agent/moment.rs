//! An instant on both clocks: one that never jumps, and the one on the wall.

use std::time::{Duration, Instant, SystemTime};

/// An instant on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// On the clock that never jumps, from which ages are counted.
    pub monotonic: Instant,
    /// On the clock of the wall, for people.
    pub wall: SystemTime,
}

impl Moment {
    /// This instant.
    pub fn now() -> Self {
        Self {
            monotonic: Instant::now(),
            wall: SystemTime::now(),
        }
    }

    /// How long ago it was; nothing, if it is still to come.
    pub fn age(&self, now: Self) -> Duration {
        now.monotonic.saturating_duration_since(self.monotonic)
    }

    /// The wall's clock in RFC 3339, in UTC, to the second: `2026-11-28T07:00:01Z`.
    pub fn rfc3339(&self) -> String {
        // Years after 9999 and before 1970 cannot be written; such a clock is wrong whatever is said.
        let latest = SystemTime::UNIX_EPOCH + Duration::from_secs(LATEST_SECONDS);
        let wall = self.wall.clamp(SystemTime::UNIX_EPOCH, latest);
        humantime::format_rfc3339_seconds(wall).to_string()
    }
}

/// The last second of the year 9999.
const LATEST_SECONDS: u64 = 253_402_300_799;

/// An age for people, in two units at most: `3h 12m`, `8s`.
pub(super) fn told(age: Duration) -> String {
    let seconds = age.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let first = parts.iter().position(|(count, _)| *count > 0).unwrap_or(3);
    let two = parts.iter().skip(first).take(2);
    let words: Vec<_> = two
        .enumerate()
        .filter(|(at, (count, _))| *at == 0 || *count > 0)
        .map(|(_, (count, unit))| format!("{count}{unit}"))
        .collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_two_units() {
        for (seconds, text) in [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (61, "1m 1s"),
            (3_600, "1h"),
            (11_520, "3h 12m"),
            (86_400 + 59, "1d"),
            (10 * 86_400 + 7_200, "10d 2h"),
        ] {
            assert_eq!(told(Duration::from_secs(seconds)), text, "{seconds}");
        }
    }

    #[test]
    fn a_wrong_clock_can_be_written() {
        let at = |wall| Moment {
            wall,
            ..Moment::now()
        };
        let second = Duration::from_secs(1);
        let epoch = SystemTime::UNIX_EPOCH;
        assert_eq!(at(epoch - second).rfc3339(), "1970-01-01T00:00:00Z");
        let last = Duration::from_secs(LATEST_SECONDS);
        assert_eq!(at(epoch + last + second).rfc3339(), "9999-12-31T23:59:59Z");
    }
}
