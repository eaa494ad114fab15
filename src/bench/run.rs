//! A run: every world of every scenario, every peer in a lane of its own, rounds that turn the order around.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::claims;
use super::cost::wait_for_freeing;
use super::lane::{Lane, LaneError, processors};
use super::machine;
use super::measurement::{Measurement, Run, Skip};
use super::peer::{Peer, Role};
use super::phase::{Doing, Fault, Pace, Reading, once, set_up};
use super::scenario::{Axis, Phase, Point, Scenario, Word};
use super::trial::Trials;
use super::world::World;

/// All peers, where something is left out.
const ALL: &str = "all";
/// How often each peer is measured in a run for a record.
pub const ROUNDS: usize = 9;
/// And in a quick one.
pub const ROUNDS_QUICK: usize = 3;

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Order {
    /// Which worlds, and what is done in them.
    pub scenarios: Vec<Scenario>,
    /// How often each peer is measured in each phase.
    pub rounds: usize,
    /// How long things go on.
    pub pace: Pace,
    /// The peers that take part; none is all that a scenario wants.
    pub peers: Vec<String>,
}

/// Where a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A world begins: its scenario, and where it is on the axes, in words.
    World {
        /// Which of all worlds, from 0.
        number: usize,
        /// How many there are.
        of: usize,
        /// The scenario and its world.
        what: String,
    },
    /// A step of it: a peer that is loaded or measured.
    Step {
        /// Which of all steps of the world, from 0.
        number: usize,
        /// How many there are.
        of: usize,
        /// Who does what.
        what: String,
    },
}

/// A peer in its lane.
#[derive(Debug)]
struct Subject {
    name: &'static str,
    role: Role,
    lane: Lane,
    state: Standing,
    /// Phases that took it too long to be done again.
    slow: BTreeSet<Phase>,
}

/// Whether a peer goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It does.
    Goes,
    /// Something went wrong; its lane is in no known state.
    Out,
}

/// Measures everything that is ordered. What was found so far is handed over before the first world and after
/// each, so that a run which is ended is not lost.
///
/// # Errors
/// What it was handed over to does not take it.
pub fn run<E>(
    order: &Order,
    peers: &[&dyn Peer],
    progress: &mut dyn FnMut(Progress),
    keep: &mut dyn FnMut(&Run) -> Result<(), E>,
) -> Result<Run, E> {
    let mut found = Run {
        facts: facts(order),
        ..Run::default()
    };
    keep(&found)?;
    let worlds = order.scenarios.iter();
    let worlds = worlds.flat_map(|scenario| {
        let points = scenario.points().into_iter();
        points.map(move |point| (scenario, point))
    });
    let worlds: Vec<_> = worlds.collect();
    for (number, (scenario, point)) in worlds.iter().enumerate() {
        progress(Progress::World {
            number,
            of: worlds.len(),
            what: described(scenario, point),
        });
        let mut site = Site {
            order,
            scenario,
            point,
            found: &mut found,
        };
        if let Err(error) = site.measure(peers, progress) {
            site.skip(ALL, &error.to_string());
        }
        // The next world does not pay for the end of this one.
        wait_for_freeing();
        found.claims = claims::judged(&found);
        keep(&found)?;
    }
    Ok(found)
}

/// What a reader must know to make the run again.
fn facts(order: &Order) -> Vec<(String, String)> {
    let seeds = order.scenarios.iter();
    let seeds: Vec<_> = seeds
        .map(|scenario| format!("{} {}", scenario.name, scenario.seed))
        .collect();
    let defaults = Axis::ALL.map(|axis| format!("{} {}", axis.word(), axis.default_value()));
    let mut facts = machine::facts();
    let own = [
        ("rounds", order.rounds.to_string()),
        ("pace", format!("{:?}", order.pace)),
        ("seeds", seeds.join(", ")),
        ("where a scenario does not say", defaults.join(", ")),
    ];
    facts.extend(own.map(|(name, value)| (name.to_owned(), value)));
    facts
}

fn described(scenario: &Scenario, point: &Point) -> String {
    let own = point.at.iter();
    let own = own.filter(|(axis, _)| scenario.axes.contains_key(axis));
    let words: Vec<_> = own
        .map(|(axis, value)| format!("{} {value}", axis.word()))
        .collect();
    format!("{}: {}", scenario.name, words.join(", "))
}

/// One world being measured.
#[derive(Debug)]
struct Site<'a> {
    order: &'a Order,
    scenario: &'a Scenario,
    point: &'a Point,
    found: &'a mut Run,
}

impl Site<'_> {
    fn measure(
        &mut self,
        peers: &[&dyn Peer],
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(), LaneError> {
        let size = self.point.size(self.scenario.seed);
        let Some(world) = World::new(size) else {
            self.skip(ALL, "there is no such world");
            return Ok(());
        };
        let wanted: Vec<_> = peers
            .iter()
            .filter(|peer| self.wants(peer.name()))
            .collect();
        let phases: Vec<Phase> = Phase::ALL
            .into_iter()
            .filter(|phase| self.scenario.phases.contains(phase))
            .collect();
        let rounds = phases.len() * self.order.rounds;
        let (mut step, of) = (0, wanted.len() * (1 + rounds));
        let mut told = |what: String| {
            progress(Progress::Step {
                number: step,
                of,
                what,
            });
            step += 1;
        };
        let mut subjects = Vec::new();
        for peer in wanted {
            told(format!("{}: load", peer.name()));
            subjects.extend(self.subject(*peer, &world)?);
        }
        drop(world);
        for phase in phases {
            if phase.takes_two() && processors() < 2 {
                self.skip(ALL, &format!("{}: it takes two processors", phase.word()));
                continue;
            }
            for round in 0..self.order.rounds {
                for at in turned(subjects.len(), round) {
                    if let Some(subject) = subjects.get_mut(at) {
                        told(format!("{}: {}", subject.name, phase.word()));
                        self.turn(subject, phase, round)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn wants(&self, peer: &str) -> bool {
        let among = |names: &[String]| names.is_empty() || names.iter().any(|name| name == peer);
        among(&self.scenario.peers) && among(&self.order.peers)
    }

    /// A peer in a lane of its own, loaded and proven; none where it was left out.
    fn subject(&mut self, peer: &dyn Peer, world: &World) -> Result<Option<Subject>, LaneError> {
        let prepared = match peer.prepare(world) {
            Ok(prepared) => prepared,
            Err(reason) => {
                self.skip(peer.name(), &reason);
                return Ok(None);
            }
        };
        let frame = usize::try_from(self.point.value(Axis::Frame)).unwrap_or(usize::MAX);
        let lane = Lane::new(prepared, Trials::of(world, frame))?;
        let role = peer.role();
        match lane.run(move |stand| set_up(stand, role))? {
            Ok(readings) => {
                self.take(Phase::ColdLoad, peer.name(), readings);
                Ok(Some(Subject {
                    name: peer.name(),
                    role,
                    lane,
                    state: Standing::Goes,
                    slow: BTreeSet::new(),
                }))
            }
            Err(fault) => {
                self.skip(peer.name(), &fault.to_string());
                Ok(None)
            }
        }
    }

    fn turn(&mut self, subject: &mut Subject, phase: Phase, round: usize) -> Result<(), LaneError> {
        if subject.state == Standing::Out || subject.slow.contains(&phase) {
            return Ok(());
        }
        let size = self.point.size(self.scenario.seed);
        let doing = Doing {
            phase,
            pace: self.order.pace,
            rate: self.point.value(Axis::Rate),
            members: size.members,
            role: subject.role,
        };
        if subject.role == Role::Passes && !phase.is_about_packets() {
            return Ok(());
        }
        let begun = Instant::now();
        match subject.lane.run(move |stand| once(stand, &doing))? {
            Ok(readings) => self.take(phase, subject.name, readings),
            Err(fault) => self.faulted(subject, phase, round, &fault),
        }
        self.impatient(subject, phase, round, begun.elapsed());
        Ok(())
    }

    /// Lets a peer do a phase no more where one round takes so long that all of them would take hours.
    fn impatient(&mut self, subject: &mut Subject, phase: Phase, round: usize, took: Duration) {
        let again = round + 1 < self.order.rounds;
        if again && took > self.order.pace.patience {
            subject.slow.insert(phase);
            let (phase, seconds, rounds) = (phase.word(), took.as_secs(), round + 1);
            let reason = format!("{phase}: {seconds} s a round: left after {rounds}");
            self.skip(subject.name, &reason);
        }
    }

    fn faulted(&mut self, subject: &mut Subject, phase: Phase, round: usize, fault: &Fault) {
        if !fault.is_harmless() {
            subject.state = Standing::Out;
        }
        if round == 0 || !fault.is_harmless() {
            self.skip(subject.name, &format!("{}: {fault}", phase.word()));
        }
    }

    fn take(&mut self, phase: Phase, peer: &str, readings: Vec<Reading>) {
        for reading in readings {
            let scale = self.scenario.scale(self.point);
            let same = |known: &&mut Measurement| {
                known.scenario == self.scenario.name
                    && known.scale == scale
                    && known.phase == phase.word()
                    && known.peer == peer
                    && known.metric == reading.metric
            };
            // The last of them are the likely ones.
            match self.found.measurements.iter_mut().rev().find(same) {
                Some(known) => known.values.push(reading.value),
                None => self.found.measurements.push(Measurement {
                    scenario: self.scenario.name.clone(),
                    scale,
                    phase: phase.word().to_owned(),
                    peer: peer.to_owned(),
                    metric: reading.metric,
                    unit: reading.unit,
                    values: vec![reading.value],
                }),
            }
        }
    }

    fn skip(&mut self, peer: &str, reason: &str) {
        let skip = Skip {
            scenario: self.scenario.name.clone(),
            peer: peer.to_owned(),
            reason: reason.to_owned(),
        };
        // The same in every world of a scenario is said once.
        if !self.found.skips.contains(&skip) {
            self.found.skips.push(skip);
        }
    }
}

/// The numbers of all subjects, from the other end with every round: what drifts hits all of them alike.
fn turned(subjects: usize, round: usize) -> Vec<usize> {
    match round.is_multiple_of(2) {
        true => (0..subjects).collect(),
        false => (0..subjects).rev().collect(),
    }
}
