//! Programming: everything at once, one change, nothing.

use super::{Fault, Pace, Reading, prove, quantile, whole};
use crate::bench::cost::{Cost, measured, wait_for_freeing};
use crate::bench::lane::Stand;
use crate::bench::measurement::Unit;
use crate::bench::peer::{PeerError, Task, Traffic};
use crate::bench::world::{Altered, Change, Way};

/// Removes what is there, and loads it: the load is measured.
pub(super) fn cold_load(stand: &mut Stand) -> Result<Vec<Reading>, Fault> {
    let (_, cost) = reload(stand)?;
    Ok(timed(cost, ""))
}

/// The same, of which the removal is measured.
pub(super) fn teardown(stand: &mut Stand) -> Result<Vec<Reading>, Fault> {
    let (cost, _) = reload(stand)?;
    Ok(timed(cost, ""))
}

/// What the removal cost, and the load.
fn reload(stand: &mut Stand) -> Result<(Cost, Cost), Fault> {
    let prepared = &mut stand.prepared;
    let (removal, removed) = measured(|| prepared.remove());
    removed?;
    wait_for_freeing();
    prepared.ready(&Task::Load)?;
    let (load, loaded) = measured(|| prepared.load());
    loaded?;
    prepared.settle()?;
    Ok((removal, load))
}

/// Reads all of a state that is right, as whoever starts does, looks at it once more, then looks at one in which
/// an element is missing.
pub(super) fn resync(stand: &mut Stand) -> Result<Vec<Reading>, Fault> {
    let (listed, read) = measured(|| stand.prepared.verify());
    let (cost, same) = measured(|| stand.prepared.resync());
    if !(same? && read?) {
        let what = "verify".to_owned();
        let complaint = "it finds a difference in a state that is right".to_owned();
        return Err(PeerError::Refused { what, complaint }.into());
    }
    let mut readings = timed(cost, "");
    readings.extend(timed(listed, "-listed"));
    match stand.prepared.spoil() {
        Ok(()) => {
            let found = !stand.prepared.resync()?;
            let found = whole(u64::from(found));
            readings.push(Reading::new("altered-element-found", Unit::Count, found));
            reload(stand)?;
        }
        Err(PeerError::Unable(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(readings)
}

/// Makes a change and undoes it, several times: the median of each.
pub(super) fn delta(stand: &mut Stand, what: Altered, pace: Pace) -> Result<Vec<Reading>, Fault> {
    // Once outside the clock: it must be right before it may be fast.
    change(stand, what, Way::There)?;
    prove(stand, Some(what))?;
    let traffic = stand.prepared.traffic();
    change(stand, what, Way::Back)?;
    prove(stand, None)?;
    let mut costs = [Vec::new(), Vec::new()];
    let mut settled = Vec::new();
    for _ in 0..pace.changes {
        for (way, into) in [Way::There, Way::Back].into_iter().zip(&mut costs) {
            let (cost, after) = change(stand, what, way)?;
            into.push(cost);
            settled.push(after);
        }
    }
    let [there, back] = costs.map(|costs| middle(&costs));
    let mut readings = timed(there, "");
    readings.extend(timed(back, "-undone"));
    readings.extend(timed(middle(&settled), "-settled"));
    readings.extend(said(traffic, ""));
    Ok(readings)
}

/// What a change cost until it was in force, and what came after.
pub(super) fn change(stand: &mut Stand, what: Altered, way: Way) -> Result<(Cost, Cost), Fault> {
    let change = Change { what, way };
    let prepared = &mut stand.prepared;
    prepared.ready(&Task::Change(change))?;
    let (cost, changed) = measured(|| prepared.change(&change));
    changed?;
    let (after, settled) = measured(|| prepared.settle());
    settled?;
    Ok((cost, after))
}

fn middle(costs: &[Cost]) -> Cost {
    let of = |part: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = costs.iter().map(part).collect();
        quantile(&mut values, 0.5)
    };
    Cost {
        wall: of(|cost| cost.wall),
        cpu: of(|cost| cost.cpu),
    }
}

fn timed(cost: Cost, suffix: &str) -> Vec<Reading> {
    let of =
        |metric: &str, value| Reading::new(&format!("{metric}{suffix}"), Unit::Nanoseconds, value);
    vec![of("wall", cost.wall), of("cpu", cost.cpu)]
}

/// What went to the kernel, where that is known.
pub(super) fn said(traffic: Traffic, suffix: &str) -> Vec<Reading> {
    let parts = [
        ("bytes", Unit::Bytes, traffic.bytes),
        ("messages", Unit::Count, traffic.messages),
        ("transactions", Unit::Count, traffic.transactions),
    ];
    let known = parts.into_iter().filter(|(_, _, number)| *number > 0);
    known
        .map(|(metric, unit, number)| {
            Reading::new(&format!("{metric}{suffix}"), unit, whole(number))
        })
        .collect()
}
