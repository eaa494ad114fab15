//! How the daemon comes up: everything that needs rights is opened, the rights are given up, and the
//! loop begins.

use std::io;
use std::path::PathBuf;

use tokio::runtime::Runtime;
use tokio::sync::mpsc::{self, Sender};
use tracing::{error, info, warn};

use super::book::Book;
use super::dataplane::{Dataplane, Failure};
use super::kept::{KeepError, Kept};
use super::run::{self, Ended};
use super::store::Update;
#[cfg(feature = "etcd")]
use super::store::etcd::Etcd;
use super::store::folder::Folder;
use super::work::{Cuts, Work};
use crate::backend::nft::{NftBackend, Ownership};
use crate::codec::Keys;
use crate::compile::skeleton::{Skeleton, SkeletonError};
use crate::host::capability::keep_network_capabilities;
use crate::host::check::check;
use crate::host::{Host, HostError, LinkWatch, RouteProtocol};
use crate::model::State;

/// How many updates may wait to be heard. A store that says more waits itself.
const UPDATES: usize = 256;

/// What the daemon is to do.
#[derive(Debug)]
pub struct Setup {
    /// The host whose endpoints are local.
    pub host: String,
    /// Where policy comes from.
    pub source: Source,
    /// Where good values are written down, for the next start.
    pub state_dir: PathBuf,
    /// Whether connections end that policy no longer allows.
    pub cuts: Cuts,
    /// How our routes are marked.
    pub routes: RouteProtocol,
}

/// Where policy comes from.
#[derive(Debug)]
pub enum Source {
    /// A folder of documents, or one file.
    Folder(PathBuf),
    /// An etcd, and what its keys are.
    #[cfg(feature = "etcd")]
    Etcd(Box<Etcd>, Keys),
}

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
    /// Routes and interfaces cannot be programmed.
    #[error(transparent)]
    Host(#[from] HostError),
    /// What was kept at the last run cannot be read.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// The built-in templates are broken.
    #[error(transparent)]
    Skeleton(#[from] SkeletonError),
    /// The table cannot be had.
    #[error(transparent)]
    Table(#[from] Failure),
}

/// Runs the daemon in the network namespace of the calling thread, until a signal ends it.
///
/// # Errors
/// Something that it needs cannot be had.
pub fn start(setup: Setup) -> Result<Ended, StartError> {
    for finding in check() {
        warn!("{finding}");
    }
    let keys = setup.source.keys();
    let (kept, remembered) = Kept::open(&setup.state_dir)?;
    let backend = NftBackend::new(Ownership::Owner);
    let backend = backend.map_err(failed("open a netlink socket"))?;
    let host = Host::open(setup.routes)?;
    let links = LinkWatch::open().map_err(failed("listen to interfaces"))?;
    let skeleton = Skeleton::builtin()?;
    let dataplane = Dataplane::start(backend, &setup.host, skeleton, State::default())?;
    // Threads have the rights of the one that made them, so all that follow have these.
    keep_network_capabilities().map_err(failed("give up capabilities"))?;
    let runtime = Runtime::new().map_err(failed("start threads"))?;
    info!(host = %setup.host, "the daemon is up");
    let book = Book::new(keys, remembered);
    let mut work = Work::new(&setup.host, (book, kept), (dataplane, host), setup.cuts);
    let ended = runtime.block_on(async {
        let (say, mut updates) = mpsc::channel(UPDATES);
        tokio::spawn(setup.source.run(say));
        run::run(&mut work, &mut updates, links).await
    });
    // A store that is being asked does not keep us.
    runtime.shutdown_background();
    ended.map_err(failed("wait for what happens"))
}

impl Source {
    fn keys(&self) -> Keys {
        match self {
            Self::Folder(_) => Keys::Files,
            #[cfg(feature = "etcd")]
            Self::Etcd(_, keys) => *keys,
        }
    }

    async fn run(self, say: Sender<Update>) {
        match self {
            Self::Folder(path) => {
                if let Err(error) = Folder::new(path).run(say).await {
                    error!(%error, "cannot watch the folder of policy");
                }
            }
            #[cfg(feature = "etcd")]
            Self::Etcd(etcd, _) => etcd.run(say).await,
        }
    }
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> StartError {
    move |error| StartError::System { doing, error }
}
