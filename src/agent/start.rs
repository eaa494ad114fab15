//! How the daemon comes up: rights are given up, what it needs is opened, and the loop begins.

use std::io;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tracing::{info, warn};

use super::book::Book;
use super::control::server::{Control, ControlError};
use super::dataplane::{Dataplane, Failure};
use super::health::Reporter;
use super::kept::Kept;
use super::logging::Logging;
use super::metrics::BuildError;
use super::notify;
use super::run::{self, Ended};
use super::services::Services;
use super::severance::Cuts;
use super::source::Source;
use super::voice::Voice;
use super::work::Work;
use crate::backend::carrier::{Carrier, HostBackend};
use crate::backend::nft::{NftBackend, Ownership};
use crate::backend::opening::{OpenError, Opening, Wish};
use crate::backend::xtables::{Placement, Variant};
use crate::compile::skeleton::{Skeleton, SkeletonError, table_key};
use crate::config::{ChainInsertMode, Config, IptablesBackend, NftablesMode, Resolved};
use crate::host::capability::keep_network_capabilities;
use crate::host::check::check;
use crate::host::{Host, HostError, LinkWatch, RouteProtocol};
use crate::model::State;

/// How many updates may wait to be heard. A store that says more waits itself.
const UPDATES: usize = 256;
/// How many requests may wait to be answered.
const CALLS: usize = 16;

/// Why the daemon does not come up. What is in force stays in force.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system does not give what it takes.
    #[error("cannot {doing}: {error}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// What the system says.
        error: io::Error,
    },
    /// Whoever read the store ended, which nobody asked for.
    #[error("nobody reads the store any more")]
    Unread,
    /// Policy is to come from an etcd.
    #[error("this margay was built without etcd: set DatastoreType to folder")]
    WithoutEtcd,
    /// The control socket cannot be had.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The exporter of metrics refuses its settings.
    #[error(transparent)]
    Metrics(#[from] BuildError),
    /// What programs the kernel cannot be had.
    #[error(transparent)]
    Backend(#[from] OpenError),
    /// Routes and interfaces cannot be programmed.
    #[error(transparent)]
    Host(#[from] HostError),
    /// The built-in templates are broken.
    #[error(transparent)]
    Skeleton(#[from] SkeletonError),
    /// The table cannot be had.
    #[error(transparent)]
    Table(#[from] Failure),
}

/// Gives up all rights but those that programming the host takes. Threads have the rights of the one that
/// made them, so this comes before there are others, those of the log among them.
///
/// # Errors
/// The kernel refuses.
pub fn give_up_rights() -> Result<(), StartError> {
    keep_network_capabilities().map_err(failed("give up capabilities"))
}

/// Runs the daemon in the network namespace of the calling thread, until a signal ends it. `dropped` is of
/// its log.
///
/// # Errors
/// Something that it needs cannot be had.
pub fn start(resolved: &Resolved, logging: Logging) -> Result<Ended, StartError> {
    let Resolved { config, warnings } = resolved;
    for warning in warnings {
        warn!("{warning}");
    }
    for finding in check() {
        warn!("{finding}");
    }
    let host = config.felix_hostname.value.as_str();
    let source = Source::of(config)?;
    let mut state = State {
        forced: config.forced(),
        ..State::default()
    };
    for event in source.keys().unsaid() {
        state.apply(event);
    }
    let (backend, socket) = backend(config)?;
    let routes = Host::open(RouteProtocol(config.route_protocol.value))?;
    let links = LinkWatch::open().map_err(failed("listen to interfaces"))?;
    // Workloads are shut before anything is done that can fail or take long.
    let mut dataplane = Dataplane::start(backend, host, Skeleton::builtin()?, state)?;
    let (kept, remembered) = Kept::open(&config.state_dir.value);
    let cuts = match config.cut_denied_flows.value {
        true => Cuts::Denied,
        false => Cuts::Never,
    };
    let voice = Voice::new(
        host,
        &source.to_string(),
        |part| timeout(config, part),
        logging.dropped(),
    )?;
    match dataplane.backend().chosen() {
        Carrier::Nft(backend) if socket == Opened::Now => voice.keep(backend.descriptor()),
        Carrier::Nft(_) | Carrier::Xtables(_) => {}
    }
    let book = Book::new(source.keys(), remembered);
    let work = Work::new(voice, (book, kept), (dataplane, routes), cuts);
    let runtime = Runtime::new().map_err(failed("start threads"))?;
    info!(%host, store = %source, "the daemon is up");
    let ended = runtime.block_on(serve((config, logging), source, work, links));
    // A store that is being asked does not keep us.
    runtime.shutdown_background();
    ended
}

/// Where the socket that owns the table comes from.
#[derive(Debug, PartialEq, Eq)]
enum Opened {
    /// systemd kept it.
    Before,
    Now,
}

/// What the host is programmed by, and whether systemd kept it.
fn backend(config: &Config) -> Result<(HostBackend, Opened), StartError> {
    let opening = Opening {
        wish: match config.nftables_mode.value {
            NftablesMode::Enabled => Wish::Nft,
            NftablesMode::Disabled => Wish::Xtables,
            NftablesMode::Auto => Wish::Auto,
        },
        variant: match config.iptables_backend.value {
            IptablesBackend::Legacy => Some(Variant::Legacy),
            IptablesBackend::Nft => Some(Variant::Nft),
            IptablesBackend::Auto => None,
        },
        placement: match config.chain_insert_mode.value {
            ChainInsertMode::Insert => Placement::Insert,
            ChainInsertMode::Append => Placement::Append,
        },
        run_dir: &config.run_dir.value,
    };
    let mut opened = Opened::Now;
    let nft = || {
        let (backend, when) = nft()?;
        opened = when;
        Ok(backend)
    };
    let mut host = opening.open(nft, &table_key())?;
    let by = host.chosen().name();
    let before = host.previous().iter().map(|other| other.name());
    let before: Vec<_> = before.collect();
    info!(%by, before = before.join(", "), "what programs the kernel");
    Ok((host, opened))
}

/// The socket that the agent before us left with systemd: it owns the table all along. Else a new one.
fn nft() -> io::Result<(NftBackend, Opened)> {
    let mut kept = notify::inherited().into_iter();
    let kept = kept.find(|kept| kept.name == notify::NETLINK);
    match kept.map(|kept| NftBackend::inherit(kept.descriptor, Ownership::Owner)) {
        Some(Ok(backend)) => return Ok((backend, Opened::Before)),
        Some(Err(error)) => warn!(%error, "what systemd kept cannot be used"),
        None => {}
    }
    Ok((NftBackend::new(Ownership::Owner)?, Opened::Now))
}

/// How long a part of the daemon may be silent before it counts as dead.
pub(super) fn timeout(config: &Config, part: Reporter) -> Option<Duration> {
    let given = config.health_timeouts.value.get(&*part.to_string());
    let own = match part {
        Reporter::InternalDataplaneMainLoop => Some(config.watchdog_timeout.value),
        Reporter::FelixStartup | Reporter::CalculationGraph => part.timeout(),
    };
    given.copied().or(own)
}

/// Begins everything that runs beside the loop, and the loop.
async fn serve(
    (config, logging): (&Config, Logging),
    source: Source,
    mut work: Work<HostBackend>,
    links: LinkWatch,
) -> Result<Ended, StartError> {
    let (say, mut updates) = mpsc::channel(UPDATES);
    let (ask, mut calls) = mpsc::channel(CALLS);
    tokio::spawn(Control::bind(&config.run_dir.value)?.serve(ask));
    let voice = work.voice();
    let pages = (voice.health(), voice.metrics());
    let reports = (source.reports(), voice.published());
    let mut services = Services::start(config, logging, pages, reports);
    tokio::spawn(source.run(say));
    run::run(&mut work, (&mut updates, &mut calls), links, &mut services).await
}

pub(super) fn failed(doing: &'static str) -> impl Fn(io::Error) -> StartError {
    move |error| StartError::System { doing, error }
}
