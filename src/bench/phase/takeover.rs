//! A restart: a new process reads what is in force and goes on with it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use super::control::{syscalls, timed};
use super::{Doing, Fault, Reading, bytes, whole};
use crate::bench::cost::measured;
use crate::bench::lane::{Lost, Processor, Stand, pin};
use crate::bench::measurement::Unit;
use crate::bench::syscalls::counted;

/// Takes over while packets of known verdict are sent, and counts those that got another one.
pub(super) fn take_over(stand: &mut Stand, doing: &Doing) -> Result<Vec<Reading>, Fault> {
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
    let mut readings = timed(&[cost], "");
    let counts = [
        ("packets-lost", lost),
        ("packets-leaked", leaked),
        ("messages-sent", traffic.messages),
    ];
    readings.extend(counts.map(|(metric, count)| Reading::new(metric, Unit::Count, whole(count))));
    if doing.is_first() {
        let (calls, taken) = counted(|| prepared.take_over());
        taken?;
        prepared.settle()?;
        readings.extend(syscalls(calls));
    }
    Ok(readings)
}
