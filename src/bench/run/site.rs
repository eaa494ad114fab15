//! One world: all peers stand in it side by side, and take turns in each phase.

use std::time::{Duration, Instant};

use super::subject::{Standing, Subject};
use super::{Audience, Order, Progress, share};
use crate::bench::lane::{Lane, LaneError, processors};
use crate::bench::measurement::{Measurement, Run, Skip};
use crate::bench::peer::{Peer, Role};
use crate::bench::phase::{Doing, Fault, Reading, once, set_up};
use crate::bench::scenario::{Axis, Phase, Point, Scenario, Word};
use crate::bench::trial::Trials;
use crate::bench::world::World;

/// All peers, where something is left out.
const ALL: &str = "all";

/// One world being measured.
#[derive(Debug)]
pub(super) struct Site<'a> {
    pub(super) order: &'a Order,
    pub(super) scenario: &'a Scenario,
    pub(super) point: &'a Point,
    /// When it should be left for the next one.
    pub(super) ends: Instant,
    pub(super) found: &'a mut Run,
}

/// Why a world was left before its end.
enum Halt<E> {
    /// Somebody asked for it.
    Asked,
    /// There is no lane.
    Lane(LaneError),
    /// What was found is not taken.
    Unkept(E),
}

impl<E> From<LaneError> for Halt<E> {
    fn from(error: LaneError) -> Self {
        Self::Lane(error)
    }
}

impl Site<'_> {
    /// Does every phase with every peer.
    ///
    /// # Errors
    /// Who keeps what was found does not take it.
    pub(super) fn measure<E>(
        mut self,
        peers: &[&dyn Peer],
        audience: &mut Audience<'_, E>,
    ) -> Result<(), E> {
        match self.phases(peers, audience) {
            Ok(()) | Err(Halt::Asked) => Ok(()),
            Err(Halt::Lane(error)) => {
                self.skip(ALL, &error.to_string());
                Ok(())
            }
            Err(Halt::Unkept(error)) => Err(error),
        }
    }

    fn phases<E>(
        &mut self,
        peers: &[&dyn Peer],
        audience: &mut Audience<'_, E>,
    ) -> Result<(), Halt<E>> {
        let size = self.point.size(self.scenario.seed);
        let Some(world) = World::new(size) else {
            self.skip(ALL, "there is no such world");
            return Ok(());
        };
        let mut subjects = self.subjects(peers, &world, audience)?;
        let phases = Phase::ALL.into_iter();
        let phases: Vec<Phase> = phases
            .filter(|phase| self.scenario.phases.contains(phase))
            .collect();
        for (number, phase) in phases.iter().enumerate() {
            if phase.takes_two() && processors() < 2 {
                self.skip(ALL, &format!("{}: it takes two processors", phase.word()));
                continue;
            }
            let ends = share::end(self.ends, phases.len() - number);
            self.anew(&mut subjects, &world, audience)?;
            for round in 0..self.order.rounds {
                self.rest(&mut subjects, round, ends);
                self.round(&mut subjects, (number, *phase), round, audience)?;
            }
            self.found.claims = crate::bench::claims::judged(self.found);
            (audience.keep)(self.found).map_err(Halt::Unkept)?;
        }
        Ok(())
    }

    /// Everybody who takes part, loaded.
    fn subjects<'p, E>(
        &mut self,
        peers: &[&'p dyn Peer],
        world: &World,
        audience: &mut Audience<'_, E>,
    ) -> Result<Vec<Subject<'p>>, Halt<E>> {
        let wanted = peers.iter().filter(|peer| self.wants(peer.name()));
        let wanted: Vec<&dyn Peer> = wanted.copied().collect();
        let of = wanted.len();
        let mut subjects = Vec::new();
        for (number, peer) in wanted.into_iter().enumerate() {
            let what = format!("{}: load", peer.name());
            (audience.progress)(Progress::Step { number, of, what });
            if let Some((lane, readings)) = self.lane(peer, world, audience)? {
                self.take(Phase::ColdLoad, peer.name(), readings);
                subjects.push(Subject::new(peer, lane));
            }
        }
        Ok(subjects)
    }

    fn wants(&self, peer: &str) -> bool {
        let among = |names: &[String]| names.is_empty() || names.iter().any(|name| name == peer);
        among(&self.scenario.peers) && among(&self.order.peers)
    }

    /// A lane with a peer in it, loaded and proven, and what that took; none where it was left out.
    fn lane<E>(
        &mut self,
        peer: &dyn Peer,
        world: &World,
        audience: &mut Audience<'_, E>,
    ) -> Result<Option<(Lane, Vec<Reading>)>, Halt<E>> {
        let loaded = self.loaded(peer, world)?;
        // What was interrupted with us says nothing of a peer.
        if !(audience.goes_on)() {
            return Err(Halt::Asked);
        }
        if let Err(reason) = &loaded {
            self.skip(peer.name(), reason);
        }
        Ok(loaded.ok())
    }

    /// The same, or why there is none.
    fn loaded(
        &self,
        peer: &dyn Peer,
        world: &World,
    ) -> Result<Result<(Lane, Vec<Reading>), String>, LaneError> {
        let prepared = match peer.prepare(world) {
            Ok(prepared) => prepared,
            Err(reason) => return Ok(Err(reason)),
        };
        let frame = usize::try_from(self.point.value(Axis::Frame)).unwrap_or(usize::MAX);
        let lane = Lane::new(prepared, Trials::of(world, frame))?;
        let role = peer.role();
        let readings = lane.run(move |stand| set_up(stand, role))?;
        let loaded = readings.map(|readings| (lane, readings));
        Ok(loaded.map_err(|fault| fault.to_string()))
    }

    /// Before a phase: who failed in the last one is loaded anew. What that takes is no round of a load, of
    /// which all others have one.
    fn anew<E>(
        &mut self,
        subjects: &mut [Subject<'_>],
        world: &World,
        audience: &mut Audience<'_, E>,
    ) -> Result<(), Halt<E>> {
        for subject in subjects {
            if subject.begin_phase() == Standing::Failed {
                let loaded = self.lane(subject.peer, world, audience)?;
                subject.put_into(loaded.map(|(lane, _readings)| lane));
            }
        }
        Ok(())
    }

    /// Before a round: whoever is too slow for what is left of the phase takes part no more.
    fn rest(&self, subjects: &mut [Subject<'_>], round: usize, ends: Instant) {
        if round == 0 {
            return;
        }
        let patience = self.order.pace.patience;
        let rounds = u32::try_from(self.order.rounds - round).unwrap_or(u32::MAX);
        let going = || subjects.iter().filter(|subject| subject.goes());
        let needs: Vec<Duration> = going()
            .map(|subject| (subject.last * rounds).min(patience.saturating_sub(subject.spent)))
            .collect();
        let level = share::level(&needs, ends.saturating_duration_since(Instant::now()));
        for subject in subjects {
            subject.rest_if_above(level, patience);
        }
    }

    fn round<E>(
        &mut self,
        subjects: &mut [Subject<'_>],
        (number, phase): (usize, Phase),
        round: usize,
        audience: &mut Audience<'_, E>,
    ) -> Result<(), Halt<E>> {
        let count = subjects.len();
        let turns = self.order.rounds * count;
        for (turn, at) in turned(count, round).into_iter().enumerate() {
            let Some(subject) = subjects.get_mut(at).filter(|subject| subject.goes()) else {
                continue;
            };
            (audience.progress)(Progress::Step {
                number: number * turns + round * count + turn,
                of: self.scenario.phases.len() * turns,
                what: format!("{}: {}", subject.peer.name(), phase.word()),
            });
            let done = self.turn(subject, phase, round)?;
            // What was interrupted with us says nothing of a peer.
            if !(audience.goes_on)() {
                return Err(Halt::Asked);
            }
            let (readings, ended) = done;
            self.take(phase, subject.peer.name(), readings);
            if let Err(fault) = ended {
                self.faulted(subject, phase, &fault);
            }
        }
        Ok(())
    }

    fn turn(
        &self,
        subject: &mut Subject<'_>,
        phase: Phase,
        round: usize,
    ) -> Result<(Vec<Reading>, Result<(), Fault>), LaneError> {
        let role = subject.peer.role();
        if role == Role::Passes && !phase.is_about_packets() {
            return Ok((Vec::new(), Ok(())));
        }
        let doing = Doing {
            phase,
            pace: self.order.pace,
            rate: self.point.value(Axis::Rate),
            members: self.point.size(self.scenario.seed).members,
            role,
            round,
        };
        subject.timed(|lane| {
            lane.run(move |stand| {
                let mut readings = Vec::new();
                let ended = once(stand, &doing, &mut readings);
                (readings, ended)
            })
        })
    }

    fn faulted(&mut self, subject: &mut Subject<'_>, phase: Phase, fault: &Fault) {
        subject.state = match fault {
            _ if fault.is_harmless() => Standing::Rests,
            Fault::Wrong { .. } => Standing::Out,
            Fault::Peer(_) | Fault::Lost(_) | Fault::NotHere(_) => Standing::Failed,
        };
        self.skip(subject.peer.name(), &format!("{}: {fault}", phase.word()));
    }

    fn take(&mut self, phase: Phase, peer: &str, readings: Vec<Reading>) {
        let scale = self.scenario.scale(self.point);
        for reading in readings {
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
                    scale: scale.clone(),
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
