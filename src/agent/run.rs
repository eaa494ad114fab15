//! The loop: waits for the store, the links, the clock and signals, and has the work done in rounds.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{self, Receiver};
use tokio::time::{self, MissedTickBehavior};
use tracing::{info, warn};

use super::control::server::Call;
use super::control::{Reply, Request};
use super::store::Update;
use super::work::Work;
use crate::backend::Backend;
use crate::host::LinkWatch;

/// Most updates that are heard before what they say is programmed. While that goes on more gather, so
/// that a store that changes all the time makes larger commits and not later ones.
const UPDATES_MAX: usize = 1_000;

/// How often it is asked whether somebody else changed the ruleset, where nobody owns the table.
const LOOK: Duration = Duration::from_secs(1);

/// How long a socket that fails is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// What stands for a timer that is not asked: a year.
const NEVER: Duration = Duration::from_secs(365 * 86_400);

/// How the loop goes.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// How long a change waits for others to be committed with it.
    pub batch_delay: Duration,
    /// How often everything is compared with what it should be; `None` is never.
    pub refresh: Option<Duration>,
}

/// Why the daemon ends. What is in force stays in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was told to (SIGTERM, SIGINT).
    Stopped,
    /// It was told to begin anew (SIGHUP).
    Restart,
}

/// Works until a signal ends it.
///
/// # Errors
/// The system gives no signals, or no notices of links.
pub async fn run<B: Backend>(
    work: &mut Work<B>,
    (updates, calls): (&mut Receiver<Update>, &mut Receiver<Call>),
    links: LinkWatch,
    pace: Pace,
) -> io::Result<Ended> {
    let mut links = heard(links)?;
    let [mut term, mut interrupt, mut hangup] = signals()?;
    let mut look = time::interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut refresh = time::interval(pace.refresh.unwrap_or(NEVER));
    refresh.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first tick is at once, and what was found at the start was just looked at.
    refresh.tick().await;
    loop {
        let wait = work
            .next()
            .map(|next| next.saturating_duration_since(Instant::now()));
        tokio::select! {
            _ = term.recv() => return Ok(stopped(work, Ended::Stopped)),
            _ = interrupt.recv() => return Ok(stopped(work, Ended::Stopped)),
            _ = hangup.recv() => return Ok(stopped(work, Ended::Restart)),
            Some((Request::Status, answer)) = calls.recv() => {
                // Whoever asked may be gone.
                let _heard = answer.send(Reply::Status(work.voice().last()));
                continue;
            }
            update = updates.recv() => hear(work, update, updates, pace.batch_delay).await,
            Some(()) = links.recv() => work.links_changed(),
            _ = refresh.tick(), if pace.refresh.is_some() => work.look_at_all(),
            _ = look.tick() => {
                work.look_if_moved();
                work.count();
            }
            () = time::sleep(wait.unwrap_or(Duration::MAX)), if wait.is_some() => {}
        }
        work.round(Instant::now());
        work.publish();
    }
}

/// Takes in what waits. A store that says nothing more for ever is one that ended; what it said holds.
async fn hear<B: Backend>(
    work: &mut Work<B>,
    first: Option<Update>,
    updates: &mut Receiver<Update>,
    delay: Duration,
) {
    let Some(first) = first else {
        return std::future::pending().await;
    };
    work.hear(first);
    time::sleep(delay).await;
    for _ in 1..UPDATES_MAX {
        match updates.try_recv() {
            Ok(update) => work.hear(update),
            Err(_) => return,
        }
    }
}

/// Tells when something happened to interfaces; several things may be one notice.
fn heard(mut links: LinkWatch) -> io::Result<Receiver<()>> {
    let (say, heard) = mpsc::channel(1);
    let listen = move || {
        loop {
            // An interruption is as good as a notice: there is nothing to read then.
            let _ready = poll(&mut [PollFd::new(&links, PollFlags::IN)], None);
            match links.read() {
                Ok(events) if events.is_empty() => {}
                Ok(_) => match say.try_send(()) {
                    Ok(()) | Err(mpsc::error::TrySendError::Full(())) => {}
                    Err(mpsc::error::TrySendError::Closed(())) => return,
                },
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
