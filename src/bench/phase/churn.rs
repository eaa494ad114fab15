//! Many changes, one after the other, as fast as can be or at a rate.

use std::thread;
use std::time::{Duration, Instant};

use super::control::change;
use super::packets::percentiles;
use super::{Doing, Fault, Reading, whole};
use crate::bench::lane::{Stand, nanoseconds};
use crate::bench::measurement::Unit;
use crate::bench::world::{Altered, Way};

/// Adds and removes a member, so many times. Each change is due at its own time, and how late it is in force
/// counts from then: a peer that falls behind is late with everything that follows.
pub(super) fn churn(stand: &mut Stand, doing: &Doing) -> Result<Vec<Reading>, Fault> {
    let rate = u32::try_from(doing.rate).unwrap_or(u32::MAX);
    let interval = match rate {
        0 => Duration::ZERO,
        1.. => Duration::from_secs(1) / rate,
    };
    let begun = Instant::now();
    let mut late = Vec::new();
    // There and back: an even number leaves the world as it was.
    for number in 0..doing.pace.burst {
        for (way, half) in [(Way::There, 0), (Way::Back, 1)] {
            let due = interval * u32::try_from(2 * number + half).unwrap_or(u32::MAX);
            let due = match rate {
                0 => begun.elapsed(),
                1.. => due,
            };
            thread::sleep(due.saturating_sub(begun.elapsed()));
            change(stand, Altered::Member, way)?;
            late.push(nanoseconds(begun.elapsed().saturating_sub(due)));
        }
    }
    let seconds = begun.elapsed().as_secs_f64();
    let count = u64::try_from(late.len()).unwrap_or(u64::MAX);
    let mut readings = percentiles(&mut late, "programming");
    let a_second = whole(count) / seconds;
    readings.push(Reading::new("changes", Unit::PerSecond, a_second));
    Ok(readings)
}
