//! A restart: a new process reads what is in force and goes on with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::control::said;
use super::{Fault, Reading, bytes, whole};
use crate::bench::cost::measured;
use crate::bench::lane::{Lost, Processor, Stand, pin};
use crate::bench::measurement::Unit;

/// Takes over while packets of known verdict are sent, and counts those that got another one.
pub(super) fn take_over(stand: &mut Stand) -> Result<Vec<Reading>, Fault> {
    stand.road.forget_flows()?;
    let Stand {
        road,
        prepared,
        trials,
    } = stand;
    let (road, trials) = (&*road, &*trials);
    let stop = AtomicBool::new(false);
    let (cost, taken, seen) = thread::scope(|scope| {
        let prober = scope.spawn(|| {
            let _pinned = pin(Processor::First);
            let (mut lost, mut leaked) = (0_u64, 0_u64);
            while !stop.load(Ordering::Relaxed) {
                for trial in &trials.list {
                    let passed = road.passes(trial, &bytes(trial, trials.frame))?;
                    match (passed, trial.passes.after(None)) {
                        (false, true) => lost += 1,
                        (true, false) => leaked += 1,
                        (true, true) | (false, false) => {}
                    }
                }
            }
            Ok::<_, Lost>((lost, leaked))
        });
        let (cost, taken) = measured(|| prepared.take_over());
        stop.store(true, Ordering::Relaxed);
        (cost, taken, prober.join())
    });
    taken?;
    let traffic = prepared.traffic();
    prepared.settle()?;
    let ended = |_| Lost::Refused("the prober ended early".to_owned());
    let (lost, leaked) = seen.map_err(ended)??;
    let mut readings = vec![
        Reading::new("wall", Unit::Nanoseconds, cost.wall),
        Reading::new("cpu", Unit::Nanoseconds, cost.cpu),
        Reading::new("packets-lost", Unit::Count, whole(lost)),
        Reading::new("packets-leaked", Unit::Count, whole(leaked)),
        Reading::new("messages-sent", Unit::Count, whole(traffic.messages)),
    ];
    readings.extend(
        said(traffic, "")
            .into_iter()
            .filter(|r| r.metric == "bytes"),
    );
    Ok(readings)
}
