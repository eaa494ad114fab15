//! `margay bench run`: measures.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::bench::folder;
use crate::bench::measurement::Skip;
use crate::bench::outline::BASELINE;
use crate::bench::peer;
use crate::bench::run::{self, Audience, BUDGET_MINUTES, Order, Progress, ROUNDS, ROUNDS_QUICK};
use crate::bench::scenario::{Scenario, builtin, must_hold, read};
use crate::bench::{Pace, doctor};
use crate::cli::exit::{Exit, Failure};
use crate::cli::problems;
use crate::cli::screen::{Screen, Tint};
use crate::codec::Loaded;

/// The scenarios that judge what margay promises.
pub(super) const TOGETHER: &str = "must-hold";

/// Measure scenarios, every peer side by side in namespaces of its own, and write results.jsonl, results.csv,
/// results.md and report.html. Needs root
#[derive(Debug, Args)]
pub(super) struct Run {
    /// Scenarios of `margay bench list`, `must-hold` for those that judge what margay promises, or files with a
    /// scenario; all of the list, if not given
    #[arg(value_name = "SCENARIO|FILE")]
    scenarios: Vec<String>,
    /// A fraction of the work, to see that it runs; its numbers say little
    #[arg(long)]
    quick: bool,
    /// The folder for the results
    #[arg(long, value_name = "DIR", default_value = "margay-bench")]
    out: PathBuf,
    /// How often each peer is measured in each phase; 9, and 3 with --quick, if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: Option<u16>,
    /// Minutes that the run may take: whoever is slow is measured fewer times, but once at least
    #[arg(long, value_name = "MINUTES", default_value_t = BUDGET_MINUTES, value_parser = clap::value_parser!(u16).range(1..=1440))]
    budget: u16,
    /// Measure this peer alone; may be given several times
    #[arg(long = "peer", value_name = "NAME")]
    peers: Vec<String>,
}

impl Run {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let order = match self.order(screen) {
            Ok(order) => order,
            Err(exit) => return Err(Failure::Said(exit)),
        };
        if let Some(why) = doctor::hindrance() {
            return Err(Failure::Refused(why));
        }
        let bar = bar();
        let mut paths = Vec::new();
        let mut keep = |found: &_| folder::write(found, &self.out).map(|written| paths = written);
        let ended = interrupts().map_err(Failure::NoSignals)?;
        let mut audience = Audience {
            progress: &mut |progress| show(&bar, screen, progress),
            keep: &mut keep,
            goes_on: &|| !ended.load(Ordering::Relaxed),
        };
        let measured = run::run(&order, &peer::all(), &mut audience);
        bar.finish_and_clear();
        let found = measured?;
        for skip in &found.skips {
            let word = screen.diagnostic.tinted(Tint::Warning, "left out");
            let (scenario, peer, reason) = (&skip.scenario, &skip.peer, &skip.reason);
            screen.diagnostic(&format!("{word}: {scenario}, {peer}: {reason}\n"));
        }
        for path in paths {
            screen.result(&format!("{}\n", path.display()))?;
        }
        if ended.load(Ordering::Relaxed) {
            let word = screen.diagnostic.tinted(Tint::Warning, "ended early");
            screen.diagnostic(&format!("{word}: what was measured until then is kept\n"));
            return Ok(Exit::Failed);
        }
        // What is measured is Margay: a run without it says nothing, however well the others did.
        let left_out = |skip: &Skip| [BASELINE, "all"].contains(&skip.peer.as_str());
        Ok(match found.skips.iter().any(left_out) {
            true => Exit::Failed,
            false => Exit::Done,
        })
    }

    fn order(&self, screen: &Screen) -> Result<Order, Exit> {
        let mut scenarios = match self.scenarios.is_empty() {
            true => builtin(),
            false => Vec::new(),
        };
        for name in &self.scenarios {
            match name == TOGETHER {
                true => scenarios.extend(must_hold()),
                false => scenarios.push(scenario(name, screen)?),
            }
        }
        for peer in &self.peers {
            known_peer(peer, screen)?;
        }
        let (rounds, pace) = match self.quick {
            true => (ROUNDS_QUICK, Pace::QUICK),
            false => (ROUNDS, Pace::FULL),
        };
        if self.quick {
            scenarios = scenarios.into_iter().map(Scenario::quick).collect();
        }
        Ok(Order {
            scenarios,
            rounds: self.rounds.map_or(rounds, usize::from),
            pace,
            budget: Duration::from_secs(60 * u64::from(self.budget)),
            peers: self.peers.clone(),
        })
    }
}

/// Is true from the first SIGINT or SIGTERM on, which end what was begun and no more. The second ends us at once.
fn interrupts() -> io::Result<Arc<AtomicBool>> {
    let ended = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_default(signal, Arc::clone(&ended))?;
        flag::register(signal, Arc::clone(&ended))?;
    }
    Ok(ended)
}

/// The scenario of a name, or of a file.
fn scenario(name: &str, screen: &Screen) -> Result<Scenario, Exit> {
    if let Some(found) = builtin().into_iter().find(|known| known.name == name) {
        return Ok(found);
    }
    let path = Path::new(name);
    if !name.contains(['.', '/']) && !path.exists() {
        let names: Vec<_> = builtin().into_iter().map(|known| known.name).collect();
        let allowed = format!("{TOGETHER}, {}", names.join(", "));
        return Err(unknown("scenario", name, &allowed, screen));
    }
    read(path).map_err(|error| {
        let loaded = Loaded {
            problems: error.0,
            documents: 1,
            ..Loaded::default()
        };
        screen.diagnostic(&problems::text(&loaded, screen.diagnostic));
        Exit::Failed
    })
}

fn known_peer(name: &str, screen: &Screen) -> Result<(), Exit> {
    let names: Vec<_> = peer::all().iter().map(|peer| peer.name()).collect();
    match names.contains(&name) {
        true => Ok(()),
        false => Err(unknown("peer", name, &names.join(", "), screen)),
    }
}

fn unknown(what: &str, name: &str, allowed: &str, screen: &Screen) -> Exit {
    let error = screen.diagnostic.tinted(Tint::Error, "error");
    let file = match what {
        "scenario" => ", or a file",
        _ => "",
    };
    screen.diagnostic(&format!(
        "{error}: unknown {what} {name:?}; allowed: {allowed}{file}\n"
    ));
    Exit::Usage
}

/// A bar on a terminal; elsewhere it is hidden.
fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{prefix}\n[{elapsed}] {bar:30} {pos}/{len} {msg}");
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// Where there is no terminal, a line for each world is enough.
fn show(bar: &ProgressBar, screen: &Screen, progress: Progress) {
    match progress {
        Progress::World { number, of, what } => {
            let world = format!("world {} of {of}: {what}", number + 1);
            match bar.is_hidden() {
                true => screen.diagnostic(&format!("{world}, after {:.0?}\n", bar.elapsed())),
                false => bar.set_prefix(world),
            }
        }
        Progress::Step { number, of, what } => {
            bar.set_length(u64::try_from(of).unwrap_or(0));
            bar.set_position(u64::try_from(number).unwrap_or(0));
            bar.set_message(what);
        }
    }
}
