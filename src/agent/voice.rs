//! What the daemon says of itself as it works: its status, its health, its metrics, and systemd.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tracing::warn;

use super::health::{Health, Report, Reporter};
use super::logging::Dropped;
use super::metrics::{BuildError, Metrics};
use super::moment::Moment;
use super::notify::{NETLINK, Notifier};
use super::status::{Status, Sync};

/// What the daemon says of itself.
#[derive(Debug)]
pub struct Voice {
    status: Status,
    said: watch::Sender<Arc<Status>>,
    health: Health,
    metrics: Metrics,
    notifier: Notifier,
    /// Of the log.
    dropped: Dropped,
}

impl Voice {
    /// One that has nothing to say yet; `timeout` is how long each part may be silent, and
    /// `dropped` counts what the log loses.
    ///
    /// # Errors
    /// The exporter of metrics refuses its settings, which are constant.
    pub fn new(
        host: &str,
        store: &str,
        timeout: impl Fn(Reporter) -> Option<Duration>,
        dropped: Dropped,
    ) -> Result<Self, BuildError> {
        let status = Status::new(host, store, Moment::now());
        let health = Health::new(Arc::new(Instant::now));
        for reporter in Reporter::ALL {
            health.expect(reporter, timeout(reporter));
        }
        let notifier = Notifier::of_process().unwrap_or_else(|error| {
            warn!(%error, "systemd cannot be told anything");
            Notifier::default()
        });
        Ok(Self {
            said: watch::Sender::new(Arc::new(status.clone())),
            status,
            health,
            metrics: Metrics::new(host)?,
            notifier,
            dropped,
        })
    }

    /// How the daemon is, to be changed.
    pub fn status(&mut self) -> &mut Status {
        &mut self.status
    }

    /// How much of the store is known.
    pub fn sync(&self) -> Sync {
        self.status.sync
    }

    /// What it said last.
    pub fn last(&self) -> Arc<Status> {
        self.said.borrow().clone()
    }

    /// Everything that it will say.
    pub fn published(&self) -> watch::Receiver<Arc<Status>> {
        self.said.subscribe()
    }

    /// Its health, for who asks over HTTP.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Its metrics.
    pub fn metrics(&self) -> Metrics {
        self.metrics.clone()
    }

    /// Says how the daemon is now.
    pub fn publish(&mut self) {
        let in_force = self.status.in_force.is_some();
        let loop_report = match (in_force, &self.status.failure) {
            (true, None) => Report::ready(),
            (true, Some(failure)) => Report::not_ready(&failure.why),
            (false, _) => Report::not_ready("not everything is in force yet"),
        };
        let graph = match (self.status.sync, self.status.unusable()) {
            (Sync::InSync, None) => Report::ready(),
            (Sync::InSync, Some(why)) => Report::not_ready(&why),
            (Sync::Waiting | Sync::Listing | Sync::NotReady, _) => {
                Report::not_ready("the store is not known")
            }
        };
        self.health.report(Reporter::FelixStartup, Report::ready());
        self.health.report(Reporter::CalculationGraph, graph);
        self.health
            .report(Reporter::InternalDataplaneMainLoop, loop_report);
        self.metrics.published(&self.status);
        self.metrics.logs_dropped(self.dropped.count());
        if let Err(error) = self
            .notifier
            .tell(&self.status)
            .and_then(|()| self.notifier.alive(Instant::now()))
        {
            warn!(%error, "systemd cannot be told");
        }
        let status = Arc::new(self.status.clone());
        self.said.send_replace(status);
    }

    /// Leaves a socket with systemd, in the place of any that it kept before.
    pub fn keep(&self, socket: BorrowedFd<'_>) {
        let told = self.notifier.let_go(NETLINK);
        if let Err(error) = told.and_then(|()| self.notifier.keep(NETLINK, socket)) {
            warn!(%error, "systemd cannot be told");
        }
    }

    /// When it is to say something although nothing happened: systemd waits for it.
    pub fn next(&self) -> Option<Instant> {
        self.notifier.next(Instant::now())
    }

    /// Says that the daemon is about to end.
    pub fn stopping(&self) {
        if let Err(error) = self.notifier.stopping() {
            warn!(%error, "systemd cannot be told");
        }
    }
}
