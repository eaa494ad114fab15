//! How time is shared between worlds, phases and peers.

use std::time::{Duration, Instant};

/// When the first of several things must end that all have until some time.
pub(super) fn end(all: Instant, things: usize) -> Instant {
    let now = Instant::now();
    let things = u32::try_from(things.max(1)).unwrap_or(u32::MAX);
    now + all.saturating_duration_since(now) / things
}

/// How long each of several may go on, of whom each needs so much more, so that all together take no longer than
/// there is time: who needs less than an even share leaves the rest of it to the others.
pub(super) fn level(needs: &[Duration], there: Duration) -> Duration {
    let mut needs = needs.to_vec();
    needs.sort_unstable();
    let (mut left, mut level) = (there, there);
    let waiting = (1..=needs.len()).rev();
    for (need, waiting) in needs.into_iter().zip(waiting) {
        level = left / u32::try_from(waiting).unwrap_or(u32::MAX);
        if need > level {
            return level;
        }
        left = left.saturating_sub(need);
    }
    level
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_needs_little_leaves_the_rest_to_others() {
        let seconds =
            |list: &[u64]| -> Vec<_> { list.iter().copied().map(Duration::from_secs).collect() };
        let of =
            |needs: &[u64], there| level(&seconds(needs), Duration::from_secs(there)).as_secs();
        assert_eq!(of(&[100, 1, 100], 21), 10);
        assert_eq!(of(&[100, 100], 20), 10);
        assert!(of(&[3, 2, 1], 60) >= 3, "there is enough for all");
        assert_eq!(of(&[5, 5], 0), 0);
        assert_eq!(of(&[], 7), 7);
    }

    #[test]
    fn what_is_over_is_over() {
        let now = Instant::now();
        assert!(end(now, 3) <= Instant::now());
        let end = end(now + Duration::from_secs(90), 3);
        assert!(end > now + Duration::from_secs(25) && end < now + Duration::from_secs(32));
    }
}
