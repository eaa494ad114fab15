//! What runs beside the loop and reads settings of its own: pages, reports, the log.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use super::acting::{Acting, Heard};
use super::health::{Health, Reporter};
use super::http::{self, Pages};
use super::logging::Logging;
use super::metrics::Metrics;
use super::source::Reports;
use super::start::timeout;
use super::status::Status;
use crate::config::{Config, ConfigError, HostAddress};
use crate::model::State;

/// What runs beside the loop.
#[derive(Debug)]
pub(super) struct Services {
    acting: Acting,
    logging: Logging,
    health: Page<Health>,
    metrics: Page<Metrics>,
    /// Whom to tell how the host is, until somebody does.
    reports: Option<Reports>,
    said: watch::Receiver<Arc<Status>>,
}

/// A page, and where it is served.
#[derive(Debug)]
struct Page<P> {
    page: Arc<P>,
    at: Option<Place>,
    task: Option<JoinHandle<()>>,
}

/// An address, or everywhere; and a port.
type Place = (Option<HostAddress>, u16);

impl Services {
    /// Serves what the host's own configuration names. Nothing is reported before the store is known.
    pub(super) fn start(
        config: &Config,
        logging: Logging,
        (health, metrics): (Health, Metrics),
        (reports, said): (Option<Reports>, watch::Receiver<Arc<Status>>),
    ) -> Self {
        let mut services = Self {
            acting: Acting::new(config.clone()),
            logging,
            health: Page::of(health),
            metrics: Page::of(metrics),
            reports,
            said,
        };
        services.serve();
        services
    }

    /// The configuration that is acted by.
    pub(super) fn config(&self) -> &Config {
        self.acting.config()
    }

    /// Takes what the store says of the daemon.
    ///
    /// # Errors
    /// It takes a restart, or a value that cannot be done without is none: what was acted by goes on.
    pub(super) fn hear(&mut self, state: &State, host: &str) -> Result<(), Unheard> {
        match self.acting.take(state, host)? {
            Heard::InPlace { warnings } => {
                for warning in warnings {
                    warn!("{warning}");
                }
                self.serve();
                for part in Reporter::ALL {
                    let allowed = timeout(self.acting.config(), part);
                    self.health.page.allow(part, allowed);
                }
                self.logging.filter(self.acting.config());
                debug!("acting by what the store says of the daemon");
                if let Some(reports) = self.reports.take() {
                    reports.begin(self.acting.config(), self.said.clone());
                }
                Ok(())
            }
            Heard::Restart(names) => Err(Unheard::Restart(names)),
        }
    }

    fn serve(&mut self) {
        let config = self.acting.config();
        let health = (config.health_host.value.clone(), config.health_port.value);
        self.health
            .serve(config.health_enabled.value.then_some(health));
        let metrics = (config.metrics_host.value.clone(), config.metrics_port.value);
        self.metrics
            .serve(config.metrics_enabled.value.then_some(metrics));
    }
}

/// Why what the store says of the daemon is not acted by.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unheard {
    /// Settings changed that are only read at the start.
    #[error("changed, which takes a restart: {}", .0.join(", "))]
    Restart(Vec<&'static str>),
    /// A value that cannot be done without is none.
    #[error(transparent)]
    Faulty(#[from] ConfigError),
}

impl<P: Pages> Page<P> {
    fn of(page: P) -> Self {
        Self {
            page: Arc::new(page),
            at: None,
            task: None,
        }
    }

    /// Serves the page there from now on, and nowhere else.
    fn serve(&mut self, at: Option<Place>) {
        if self.at == at {
            return;
        }
        if let Some(task) = self.task.take() {
            task.abort();
        }
        let page = self.page.clone();
        self.task = at.clone().map(|(host, port)| {
            tokio::spawn(async move {
                let host = host.as_ref().map(HostAddress::as_str);
                http::serve_at(host, port, page).await;
            })
        });
        self.at = at;
    }
}
