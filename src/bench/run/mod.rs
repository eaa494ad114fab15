//! A run: every world of every scenario, every peer in a lane of its own, rounds that turn the order around.

mod share;
mod site;
mod subject;

use std::time::{Duration, Instant};

use self::site::Site;
use super::claims;
use super::cost::wait_for_freeing;
use super::machine;
use super::measurement::Run;
use super::peer::Peer;
use super::phase::Pace;
use super::scenario::{Axis, Point, Scenario, Word};

/// How often each peer is measured in a run for a record.
pub const ROUNDS: usize = 9;
/// And in a quick one.
pub const ROUNDS_QUICK: usize = 3;
/// Minutes that a run may take where nobody says otherwise.
pub const BUDGET_MINUTES: u16 = 40;

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct Order {
    /// Which worlds, and what is done in them.
    pub scenarios: Vec<Scenario>,
    /// How often each peer is measured in each phase.
    pub rounds: usize,
    /// How long things go on.
    pub pace: Pace,
    /// How long the whole of it may take. Each world has an even share of what is left, and in it whoever is
    /// slow is measured fewer times, but once at least.
    pub budget: Duration,
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

/// Who looks on while a run is made.
pub struct Audience<'a, E> {
    /// Is told where it is.
    pub progress: &'a mut dyn FnMut(Progress),
    /// Is handed what was found so far before the first world and after each phase, so that a run which is
    /// ended is not lost.
    pub keep: &'a mut dyn FnMut(&Run) -> Result<(), E>,
    /// Says whether to go on. Asked before each step: what was begun is ended, and everything taken down.
    pub goes_on: &'a dyn Fn() -> bool,
}

impl<E> std::fmt::Debug for Audience<'_, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Audience").finish_non_exhaustive()
    }
}

/// Measures everything that is ordered.
///
/// # Errors
/// Who keeps it does not take it.
pub fn run<E>(
    order: &Order,
    peers: &[&dyn Peer],
    audience: &mut Audience<'_, E>,
) -> Result<Run, E> {
    let mut found = Run {
        facts: facts(order),
        ..Run::default()
    };
    (audience.keep)(&found)?;
    let ends = Instant::now() + order.budget;
    let worlds = order.scenarios.iter();
    let worlds = worlds.flat_map(|scenario| {
        let points = scenario.points().into_iter();
        points.map(move |point| (scenario, point))
    });
    let worlds: Vec<_> = worlds.collect();
    for (number, (scenario, point)) in worlds.iter().enumerate() {
        let what = described(scenario, point);
        let of = worlds.len();
        let place = format!("in world {} of {of}, {what}", number + 1);
        (audience.progress)(Progress::World { number, of, what });
        let site = Site {
            order,
            scenario,
            point,
            ends: share::end(ends, of - number),
            found: &mut found,
        };
        site.measure(peers, audience)?;
        if !(audience.goes_on)() {
            found.facts.push(("ended early".to_owned(), place));
            break;
        }
        // The next world does not pay for the end of this one.
        wait_for_freeing();
    }
    found.claims = claims::judged(&found);
    (audience.keep)(&found)?;
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
        (
            "budget",
            format!(
                "{} min; whoever is slow is measured fewer times, {} s in a phase at most",
                order.budget.as_secs() / 60,
                order.pace.patience.as_secs()
            ),
        ),
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
