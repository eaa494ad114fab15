//! Many changes, one after the other, as fast as can be or at a rate.

use std::thread;
use std::time::{Duration, Instant};

use super::packets::percentiles;
use super::{Doing, Fault, Reading, whole};
use crate::bench::cost::measured;
use crate::bench::lane::{Stand, nanoseconds};
use crate::bench::measurement::Unit;
use crate::bench::peer::Task;
use crate::bench::world::{Altered, Change, Way};

/// Adds and removes a member, so many times or until a round is over. Each change is due at its own time, and
/// how late it is in force counts from then: a peer that falls behind is late with everything that follows.
/// What it makes ready stops the clock.
pub(super) fn churn(stand: &mut Stand, doing: &Doing) -> Result<Vec<Reading>, Fault> {
    let rate = u32::try_from(doing.rate).unwrap_or(u32::MAX);
    let prepared = &mut stand.prepared;
    let (begun, mut apart) = (Instant::now(), Duration::ZERO);
    let mut late = Vec::new();
    // There and back: an even number leaves the world as it was.
    let ways = [Way::There, Way::Back].into_iter().cycle();
    for (number, way) in (0_u32..).zip(ways).take(doing.pace.burst) {
        if way == Way::There && number > 0 && begun.elapsed() > doing.pace.updates {
            break;
        }
        let what = Altered::Member;
        let change = Change { what, way };
        let (cost, ready) = measured(|| prepared.ready(&Task::Change(change)));
        ready?;
        apart += Duration::from_secs_f64(cost.wall / 1e9);
        let now = || begun.elapsed().saturating_sub(apart);
        let due = match rate {
            0 => now(),
            1.. => Duration::from_secs(1) / rate * number,
        };
        thread::sleep(due.saturating_sub(now()));
        prepared.change(&change)?;
        late.push(nanoseconds(now().saturating_sub(due)));
        prepared.settle()?;
    }
    let seconds = begun.elapsed().saturating_sub(apart).as_secs_f64();
    let count = u64::try_from(late.len()).unwrap_or(u64::MAX);
    let mut readings = percentiles(&mut late, "programming");
    let a_second = whole(count) / seconds;
    readings.push(Reading::new("changes", Unit::PerSecond, a_second));
    Ok(readings)
}
