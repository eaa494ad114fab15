//! What is done in a phase, once: a few readings. Each phase finds the world loaded and leaves it so.

mod churn;
mod control;
mod packets;
mod takeover;
mod update;

use std::time::Duration;

use super::cost::{KernelMemory, peak_memory};
use super::lane::{Lost, Stand};
use super::measurement::Unit;
use super::peer::{PeerError, Role, Task};
use super::scenario::Phase;
use super::syscalls::counted;
use super::trial::Trial;
use super::world::Altered;

/// One value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Reading {
    /// The quantity.
    pub(crate) metric: String,
    /// What the value is.
    pub(crate) unit: Unit,
    /// The value.
    pub(crate) value: f64,
}

impl Reading {
    pub(crate) fn new(metric: &str, unit: Unit, value: f64) -> Self {
        Self {
            metric: metric.to_owned(),
            unit,
            value,
        }
    }
}

/// Why a phase gave nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The peer did not do it.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// Packets did not do what they should.
    #[error(transparent)]
    Lost(#[from] Lost),
    /// The peer's rules are wrong.
    #[error("its rules are wrong, so nothing of it is timed: {what} {went} {state}")]
    Wrong {
        /// The packet.
        what: &'static str,
        /// That it passed, or did not.
        went: &'static str,
        /// In which state of the world.
        state: &'static str,
    },
    /// The world has not what the phase is about.
    #[error("not in this world: {0}")]
    NotHere(&'static str),
}

impl Fault {
    /// Whether the peer is as before, and may go on with other phases.
    pub(crate) fn is_harmless(&self) -> bool {
        match self {
            Self::Peer(PeerError::Unable(_)) | Self::NotHere(_) => true,
            Self::Peer(PeerError::Refused { .. }) | Self::Lost(_) | Self::Wrong { .. } => false,
        }
    }
}

/// How long things go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Packets of one measurement.
    pub packets: Duration,
    /// Changes of one measurement: under load they go on for so long, and elsewhere no longer.
    pub updates: Duration,
    /// Small changes of one measurement, at most.
    pub changes: usize,
    /// Changes of a burst, at most.
    pub burst: usize,
    /// All rounds of one peer in one phase.
    pub patience: Duration,
}

impl Pace {
    /// As a record wants it.
    pub const FULL: Self = Self {
        packets: Duration::from_millis(200),
        updates: Duration::from_secs(1),
        changes: 10,
        burst: 400,
        patience: Duration::from_secs(30),
    };
    /// To see that it runs; its numbers say little.
    pub const QUICK: Self = Self {
        packets: Duration::from_millis(20),
        updates: Duration::from_millis(200),
        changes: 3,
        burst: 100,
        patience: Duration::from_secs(10),
    };
}

/// What a phase is done with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Doing {
    /// What.
    pub(crate) phase: Phase,
    /// How long.
    pub(crate) pace: Pace,
    /// Changes a second.
    pub(crate) rate: u64,
    /// Whether there is a crowd, for a large update.
    pub(crate) members: u32,
    /// What the peer does with packets.
    pub(crate) role: Role,
    /// Which of the rounds it is, from 0.
    pub(crate) round: usize,
}

impl Doing {
    /// Whether it is the round in which what hardly changes is counted, apart from what is timed.
    fn is_first(&self) -> bool {
        self.round == 0
    }
}

/// Does a phase once. What it gave before something went wrong counts.
///
/// # Errors
/// Why there is no more.
pub(crate) fn once(stand: &mut Stand, doing: &Doing, into: &mut Vec<Reading>) -> Result<(), Fault> {
    let readings = match doing.phase {
        Phase::ColdLoad => control::cold_load(stand),
        Phase::Teardown => control::teardown(stand, doing),
        Phase::Resync => control::resync(stand, doing),
        Phase::DeltaMember => control::delta(stand, Altered::Member, doing),
        Phase::DeltaEndpoint => control::delta(stand, Altered::Endpoint, doing),
        Phase::DeltaPolicy => control::delta(stand, Altered::Rule, doing),
        Phase::BurstChurn => churn::churn(stand, doing),
        Phase::RestartTakeover => takeover::take_over(stand, doing),
        Phase::PacketNew
        | Phase::PacketEstablished
        | Phase::PacketDrop
        | Phase::ConnectionRate
        | Phase::FirstPacket => packets::packets(stand, doing),
        Phase::UpdateLatency => update::latency(stand, doing),
        Phase::WrongVerdicts => return update::verdicts(stand, doing, into),
    };
    into.extend(readings?);
    Ok(())
}

/// Loads a world into an empty namespace, proves that packets get their verdicts, and says what memory that
/// took: of the process that did it, and of the kernel.
pub(crate) fn set_up(stand: &mut Stand, role: Role) -> Result<Vec<Reading>, Fault> {
    let before = KernelMemory::now();
    stand.prepared.ready(&Task::Load)?;
    let (peak, (calls, loaded)) = peak_memory(|| counted(|| stand.prepared.load()));
    loaded?;
    let kernel = KernelMemory::now().above(before);
    stand.prepared.settle()?;
    let mut readings = Vec::new();
    if role == Role::Enforces {
        prove(stand, None)?;
        let traffic = stand.prepared.traffic();
        readings.push(Reading::new("peak-memory", Unit::Bytes, whole(peak)));
        readings.push(Reading::new("kernel-memory", Unit::Bytes, whole(kernel)));
        readings.extend(control::said(traffic, calls));
    }
    Ok(readings)
}

/// Sends every packet whose verdict is known, and complains of the first that went wrong.
pub(crate) fn prove(stand: &mut Stand, after: Option<Altered>) -> Result<(), Fault> {
    stand.road.forget_flows()?;
    for trial in &stand.trials.list {
        let passed = stand
            .road
            .passes(trial, &bytes(trial, stand.trials.frame))?;
        if passed != trial.passes.after(after) {
            return Err(wrong(trial, passed, after));
        }
    }
    stand.road.forget_flows()?;
    Ok(())
}

fn bytes(trial: &Trial, frame: usize) -> Vec<u8> {
    trial.opening.bytes(frame)
}

fn wrong(trial: &Trial, passed: bool, after: Option<Altered>) -> Fault {
    Fault::Wrong {
        what: trial.what,
        went: match passed {
            true => "passes, and must not,",
            false => "does not pass, and must,",
        },
        state: match after {
            None => "in the world as it was loaded",
            Some(Altered::Member) => "after one more member",
            Some(Altered::Endpoint) => "after one more endpoint",
            Some(Altered::Rule) => "after one more rule",
            Some(Altered::Membership) => "after an endpoint changed groups",
            Some(Altered::Crowd) => "after the crowd changed",
        },
    }
}

/// A number of things as a value.
pub(crate) fn whole(number: u64) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "beyond 2^53 nobody counts")]
    {
        number as f64
    }
}

/// The value below which a share of others is.
pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "it is a share of a length"
    )]
    let place = (values.len() as f64 * share) as usize;
    let last = values.len().saturating_sub(1);
    values.get(place.min(last)).copied().unwrap_or(f64::NAN)
}
