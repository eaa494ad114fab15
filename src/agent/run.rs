//! The loop: waits for the store, the links, the clock and signals, and has the work done in rounds.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::{self, Interval, MissedTickBehavior};
use tracing::{error, info, warn};

use super::control::server::Call;
use super::control::{Reply, Request};
use super::services::{Services, Unheard};
use super::start::{StartError, failed};
use super::store::Update;
use super::work::Work;
use crate::backend::Backend;
use crate::config::Config;
use crate::host::{LinkEvent, LinkWatch};

/// Most updates that are heard before what they say is programmed. While that goes on more gather, so
/// that a store that changes all the time makes larger commits and not later ones.
const UPDATES_MAX: usize = 1_000;

/// How often it is asked whether somebody else changed the ruleset, where nobody owns the table.
const LOOK: Duration = Duration::from_secs(1);

/// How many notices of interfaces wait at most to be heard.
const NOTICES: usize = 64;

/// How long a socket that fails is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// What stands for never: a year.
const NEVER: Duration = Duration::from_secs(365 * 86_400);

/// Why the daemon ends. What is in force stays in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was told to (SIGTERM, SIGINT).
    Stopped,
    /// It was told to begin anew (SIGHUP), or its configuration changed so that it has to.
    Restart,
}

/// Works until a signal ends it.
///
/// # Errors
/// The system gives no signals, or no notices of links; or nobody reads the store any more.
pub(super) async fn run<B: Backend>(
    work: &mut Work<B>,
    (updates, calls): (&mut Receiver<Update>, &mut Receiver<Call>),
    links: LinkWatch,
    services: &mut Services,
) -> Result<Ended, StartError> {
    let mut links = heard(links).map_err(failed("listen to interfaces"))?;
    let signals = signals().map_err(failed("be told of signals"))?;
    let [mut term, mut interrupt, mut hangup] = signals;
    let mut look = time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refresh = refreshing(services.config());
    loop {
        let wait = work
            .due()
            .map(|next| next.saturating_duration_since(Instant::now()));
        tokio::select! {
            _ = term.recv() => return Ok(stopped(work, Ended::Stopped)),
            _ = interrupt.recv() => return Ok(stopped(work, Ended::Stopped)),
            _ = hangup.recv() => return Ok(stopped(work, Ended::Restart)),
            Some(call) = calls.recv() => match answer(work, call) {
                Answered::AsItWas => continue,
                Answered::Changed => {}
            },
            update = updates.recv() => {
                let update = update.ok_or(StartError::Unread)?;
                hear(work, update, updates, services.config().batch_delay.value).await;
            }
            Some(events) = links.recv() => {
                work.links_changed(&events);
                while let Ok(events) = links.try_recv() {
                    work.links_changed(&events);
                }
            }
            _ = refresh.tick() => work.look_at_all(),
            _ = look.tick() => {
                work.look_if_moved();
                work.count();
            }
            () = time::sleep(wait.unwrap_or(Duration::MAX)), if wait.is_some() => {}
        }
        let now = Instant::now();
        work.undo_if_due(now);
        match configure(work, services) {
            Configured::Same => {}
            Configured::Anew => refresh = refreshing(services.config()),
            Configured::Restart => return Ok(stopped(work, Ended::Restart)),
        }
        work.round(now);
        work.publish();
    }
}

/// What came of what the store says of the daemon itself.
enum Configured {
    Same,
    Anew,
    Restart,
}

/// Acts by what the store says of the daemon itself.
fn configure<B: Backend>(work: &mut Work<B>, services: &mut Services) -> Configured {
    let host = work.voice().last().host.clone();
    let Some(state) = work.configured() else {
        return Configured::Same;
    };
    let heard = services.hear(state, &host);
    match heard {
        Ok(()) => {
            work.voice().status().configuration = None;
            Configured::Anew
        }
        Err(error @ Unheard::Restart(_)) => {
            info!("the configuration {error}");
            Configured::Restart
        }
        Err(Unheard::Faulty(error)) => {
            error!(%error, "the configuration in the store is not acted by");
            work.voice().status().configuration = Some(error.to_string());
            Configured::Same
        }
    }
}

/// Ticks as often as everything is compared. What was found at the start was just looked at.
fn refreshing(config: &Config) -> Interval {
    let every = config.refresh_interval.value;
    let every = if every.is_zero() { NEVER } else { every };
    let mut refresh = time::interval_at(time::Instant::now() + every, every);
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    refresh
}

/// What an answer means for the loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answered {
    /// Nothing.
    AsItWas,
    /// What is in force may have changed.
    Changed,
}

fn answer<B: Backend>(work: &mut Work<B>, (request, answer): Call) -> Answered {
    let (reply, answered) = match request {
        Request::Status => (Reply::Status(work.voice().last()), Answered::AsItWas),
        Request::Apply(apply) => (work.apply(&apply), Answered::Changed),
        Request::Confirm => (work.confirm(), Answered::Changed),
        Request::Rollback => (work.roll_back(), Answered::Changed),
    };
    if answered == Answered::Changed {
        // Whoever asks for the status next finds what was done.
        work.publish();
    }
    // Whoever asked may be gone.
    let _heard = answer.send(reply);
    answered
}

/// Takes in what waits.
async fn hear<B: Backend>(
    work: &mut Work<B>,
    first: Update,
    updates: &mut Receiver<Update>,
    delay: Duration,
) {
    work.hear(first);
    time::sleep(delay).await;
    for _ in 1..UPDATES_MAX {
        match updates.try_recv() {
            Ok(update) => work.hear(update),
            Err(_) => return,
        }
    }
}

/// Tells what happens to interfaces. While nobody listens, more gathers in the kernel than there is
/// room for, which then says so.
fn heard(mut links: LinkWatch) -> io::Result<Receiver<Vec<LinkEvent>>> {
    let (say, heard) = mpsc::channel(NOTICES);
    let listen = move || {
        loop {
            // An interruption is as good as a notice: there is nothing to read then.
            let _ready = poll(&mut [PollFd::new(&links, PollFlags::IN)], None);
            match links.read() {
                Ok(events) if events.is_empty() => {}
                Ok(events) => {
                    if say.blocking_send(events).is_err() {
                        return;
                    }
                }
                Err(error) => {
                    warn!(%error, "cannot read what happens to interfaces");
                    thread::sleep(PAUSE);
                }
            }
        }
    };
    thread::Builder::new()
        .name("links".to_owned())
        .spawn(listen)?;
    Ok(heard)
}

fn signals() -> io::Result<[Signal; 3]> {
    Ok([
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
        signal(SignalKind::hangup())?,
    ])
}

fn stopped<B: Backend>(work: &mut Work<B>, ended: Ended) -> Ended {
    work.voice().stopping();
    info!(?ended, "the daemon ends; what is in force stays");
    ended
}
