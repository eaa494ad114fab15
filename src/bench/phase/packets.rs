//! What packets cost.

use super::{Doing, Fault, Reading, quantile};
use crate::bench::lane::{Sent, Stand};
use crate::bench::measurement::Unit;
use crate::bench::peer::Role;
use crate::bench::scenario::Phase;

/// Sends packets of one kind for a while.
pub(super) fn packets(stand: &mut Stand, doing: &Doing) -> Result<Vec<Reading>, Fault> {
    let sent = match doing.phase {
        Phase::PacketEstablished => Sent::Established,
        Phase::ConnectionRate => Sent::Answered,
        Phase::PacketDrop => match doing.role {
            Role::Enforces => Sent::Dropped,
            Role::Passes => return Err(Fault::NotHere("it drops nothing")),
        },
        Phase::FirstPacket => return first_packet(stand, doing),
        Phase::PacketNew
        | Phase::ColdLoad
        | Phase::Resync
        | Phase::DeltaMember
        | Phase::DeltaEndpoint
        | Phase::DeltaPolicy
        | Phase::BurstChurn
        | Phase::Teardown
        | Phase::RestartTakeover
        | Phase::UpdateLatency
        | Phase::WrongVerdicts => Sent::New,
    };
    let (road, trials) = (&mut stand.road, &stand.trials);
    let cost = road.cost(trials, sent, doing.pace.packets)?;
    Ok(vec![match sent {
        Sent::Answered => Reading::new("flows", Unit::PerSecond, 1e9 / cost),
        Sent::New | Sent::Established | Sent::Dropped => {
            Reading::new("packet", Unit::Nanoseconds, cost)
        }
    }])
}

fn first_packet(stand: &mut Stand, doing: &Doing) -> Result<Vec<Reading>, Fault> {
    let (road, trials) = (&mut stand.road, &stand.trials);
    let mut times = road.latencies(trials, doing.pace.packets, &|| false, &|| true)?;
    Ok(percentiles(&mut times, "latency"))
}

/// The middle and the tail of single packets.
pub(super) fn percentiles(times: &mut [f64], name: &str) -> Vec<Reading> {
    [("p50", 0.5), ("p99", 0.99)]
        .map(|(suffix, share)| {
            let value = quantile(times, share);
            Reading::new(&format!("{name}-{suffix}"), Unit::Nanoseconds, value)
        })
        .into()
}
