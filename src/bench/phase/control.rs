//! Programming: everything at once, one change, nothing.

use std::time::Instant;

use super::{Doing, Fault, Reading, prove, quantile, whole};
use crate::bench::cost::{Cost, Parts, measured, wait_for_freeing};
use crate::bench::lane::Stand;
use crate::bench::measurement::Unit;
use crate::bench::peer::{PeerError, Task, Traffic};
use crate::bench::syscalls::counted;
use crate::bench::world::{Altered, Change, Way};

/// Removes what is there, and loads it: the load is measured.
pub(super) fn cold_load(stand: &mut Stand) -> Result<Vec<Reading>, Fault> {
    let (_, cost) = reload(stand)?;
    Ok(timed(&[cost], ""))
}

/// The same, of which the removal is measured.
pub(super) fn teardown(stand: &mut Stand, doing: &Doing) -> Result<Vec<Reading>, Fault> {
    let (cost, _) = reload(stand)?;
    let mut readings = timed(&[cost], "");
    if doing.is_first() {
        let (calls, removed) = counted(|| stand.prepared.remove());
        removed?;
        load(stand)?;
        readings.extend(syscalls(calls));
    }
    Ok(readings)
}

/// What the removal cost, and the load.
fn reload(stand: &mut Stand) -> Result<(Cost, Cost), Fault> {
    let (removal, removed) = measured(|| stand.prepared.remove());
    removed?;
    Ok((removal, load(stand)?))
}

/// What a load of an empty namespace cost.
fn load(stand: &mut Stand) -> Result<Cost, Fault> {
    let prepared = &mut stand.prepared;
    wait_for_freeing();
    prepared.ready(&Task::Load)?;
    let (cost, loaded) = measured(|| prepared.load());
    loaded?;
    prepared.settle()?;
    Ok(cost)
}

/// Reads all of a state that is right, as whoever starts does, looks at it once more, then looks at one in which
/// an element is missing.
pub(super) fn resync(stand: &mut Stand, doing: &Doing) -> Result<Vec<Reading>, Fault> {
    let (listed, read) = measured(|| stand.prepared.verify());
    let (cost, same) = measured(|| stand.prepared.resync());
    if !(same? && read?) {
        let what = "verify".to_owned();
        let complaint = "it finds a difference in a state that is right".to_owned();
        return Err(PeerError::Refused { what, complaint }.into());
    }
    let mut readings = timed(&[cost], "");
    readings.extend(timed(&[listed], "-listed"));
    if doing.is_first() {
        let (calls, same) = counted(|| stand.prepared.resync());
        same?;
        readings.extend(syscalls(calls));
    }
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

/// Makes a change and undoes it, several times or until a round is over: the median of each.
pub(super) fn delta(
    stand: &mut Stand,
    what: Altered,
    doing: &Doing,
) -> Result<Vec<Reading>, Fault> {
    // Once outside the clock: it must be right before it may be fast.
    let counts = match doing.is_first() {
        true => counted_change(stand, what)?,
        false => change(stand, what, Way::There).map(|_| Vec::new())?,
    };
    prove(stand, Some(what))?;
    change(stand, what, Way::Back)?;
    prove(stand, None)?;
    let begun = Instant::now();
    let mut costs = [Vec::new(), Vec::new()];
    let mut settled = Vec::new();
    for number in 0..doing.pace.changes {
        if number > 0 && begun.elapsed() > doing.pace.updates {
            break;
        }
        for (way, into) in [Way::There, Way::Back].into_iter().zip(&mut costs) {
            let (cost, after) = change(stand, what, way)?;
            into.push(cost);
            settled.push(after);
        }
    }
    let [there, back] = &costs;
    let mut readings = timed(there, "");
    readings.extend(timed(back, "-undone"));
    readings.extend(timed(&settled, "-settled"));
    readings.extend(counts);
    Ok(readings)
}

/// Makes a change, and says what went to the kernel until it was in force.
fn counted_change(stand: &mut Stand, what: Altered) -> Result<Vec<Reading>, Fault> {
    let prepared = &mut stand.prepared;
    let way = Way::There;
    let change = Change { what, way };
    prepared.ready(&Task::Change(change))?;
    let (calls, changed) = counted(|| prepared.change(&change));
    changed?;
    prepared.settle()?;
    Ok(said(prepared.traffic(), calls))
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

/// The middle of several costs, and their parts where they can be told.
pub(super) fn timed(costs: &[Cost], suffix: &str) -> Vec<Reading> {
    let middle = |part: fn(&Cost) -> f64| {
        let mut values: Vec<f64> = costs.iter().map(part).collect();
        quantile(&mut values, 0.5)
    };
    let of =
        |metric: &str, value| Reading::new(&format!("{metric}{suffix}"), Unit::Nanoseconds, value);
    let mut readings = vec![
        of("wall", middle(|cost| cost.wall)),
        of("cpu", middle(|cost| cost.cpu)),
    ];
    if let Some(Parts { user, system }) = Parts::mean(costs) {
        readings.extend([of("user", user), of("system", system)]);
    }
    readings
}

/// What went to the kernel, where that is known, and how often it was called meanwhile.
pub(super) fn said(traffic: Traffic, calls: Option<u64>) -> Vec<Reading> {
    let parts = [
        ("bytes", Unit::Bytes, traffic.bytes),
        ("messages", Unit::Count, traffic.messages),
        ("transactions", Unit::Count, traffic.transactions),
    ];
    let known = parts.into_iter().filter(|(_, _, number)| *number > 0);
    let known = known.map(|(metric, unit, number)| Reading::new(metric, unit, whole(number)));
    known.chain(syscalls(calls)).collect()
}

/// How often the kernel was called, where that could be counted.
pub(super) fn syscalls(calls: Option<u64>) -> Option<Reading> {
    calls.map(|calls| Reading::new("syscalls", Unit::Count, whole(calls)))
}
