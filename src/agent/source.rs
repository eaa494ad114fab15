//! Where policy comes from, as it is configured.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::sync::watch;
use tokio::time::sleep;

#[cfg(feature = "etcd")]
use super::reporting::{EndpointReporting, Layout, Reporting};
use super::start::StartError;
use super::status::Status;
use super::store::Update;
#[cfg(feature = "etcd")]
use super::store::etcd::{Etcd, Reporter, Tls};
use super::store::folder::Folder;
use crate::codec::Keys;
#[cfg(feature = "etcd")]
use crate::config::{self, Scheme};
use crate::config::{Config, Store};

/// How long a folder that cannot be watched is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Where policy comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// A folder of documents, or one file.
    Folder(PathBuf),
    /// An etcd, and what its keys are.
    #[cfg(feature = "etcd")]
    Etcd(Box<Etcd>, Keys),
}

impl Source {
    /// The source of a configuration.
    ///
    /// # Errors
    /// It is an etcd, and this program was built without one.
    pub(super) fn of(config: &Config) -> Result<Self, StartError> {
        match config.store() {
            Store::Folder(path) => Ok(Self::Folder(path)),
            #[cfg(feature = "etcd")]
            Store::Etcd(etcd) => Ok(of_etcd(&etcd)),
            #[cfg(not(feature = "etcd"))]
            Store::Etcd(_) => Err(StartError::WithoutEtcd),
        }
    }

    /// What its keys are.
    pub(super) fn keys(&self) -> Keys {
        match self {
            Self::Folder(_) => Keys::Files,
            #[cfg(feature = "etcd")]
            Self::Etcd(_, keys) => *keys,
        }
    }

    /// Whom to tell how the host is; a folder takes no reports.
    pub(super) fn reports(&self) -> Option<Reports> {
        match self {
            Self::Folder(_) => None,
            #[cfg(feature = "etcd")]
            Self::Etcd(etcd, keys) => Some(Reports {
                etcd: (**etcd).clone(),
                keys: *keys,
            }),
        }
    }

    /// Says what it holds, for as long as somebody listens.
    pub(super) async fn run(self, say: Sender<Update>) {
        match self {
            Self::Folder(path) => watched(path, say).await,
            #[cfg(feature = "etcd")]
            Self::Etcd(etcd, _) => etcd.run(say).await,
        }
    }
}

/// Watches a folder, also one that cannot be watched at first: others may hold all there is of inotify.
async fn watched(path: PathBuf, say: Sender<Update>) {
    while let Err(error) = Folder::new(path.clone()).run(say.clone()).await {
        let why = format!("cannot watch {}: {error}", path.display());
        if say.send(Update::Lost { why }).await.is_err() {
            return;
        }
        sleep(PAUSE).await;
    }
}

/// Whom to tell how the host is.
#[cfg(feature = "etcd")]
#[derive(Debug)]
pub(super) struct Reports {
    etcd: Etcd,
    keys: Keys,
}

/// Nobody is told without an etcd.
#[cfg(not(feature = "etcd"))]
#[derive(Debug)]
pub(super) enum Reports {}

impl Reports {
    /// Tells it from now on, for as long as somebody says how the host is.
    #[cfg(feature = "etcd")]
    pub(super) fn begin(self, config: &Config, said: watch::Receiver<Arc<Status>>) {
        tokio::spawn(self.reporter(config).run(said));
    }

    /// Tells nobody.
    #[cfg(not(feature = "etcd"))]
    pub(super) fn begin(self, _: &Config, _: watch::Receiver<Arc<Status>>) {
        match self {}
    }

    #[cfg(feature = "etcd")]
    fn reporter(self, config: &Config) -> Reporter {
        let region = config.openstack_region.value.clone();
        let interval = config.reporting_interval.value;
        Reporter {
            etcd: self.etcd,
            reporting: Reporting {
                layout: match self.keys {
                    Keys::Classic => Layout::V1,
                    Keys::Files | Keys::Resources => Layout::V2(region),
                },
                host: config.felix_hostname.value.as_str().to_owned(),
                ttl: config.reporting_ttl.value,
                endpoints: match config.endpoint_reporting.value {
                    true => EndpointReporting::Enabled,
                    false => EndpointReporting::Disabled,
                },
            },
            interval: (!interval.is_zero()).then_some(interval),
            delay: config.endpoint_reporting_delay.value,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(path) => write!(f, "folder {}", path.display()),
            #[cfg(feature = "etcd")]
            Self::Etcd(etcd, _) => {
                let endpoints: Vec<String> =
                    etcd.endpoints.iter().map(ToString::to_string).collect();
                write!(f, "etcd {}", endpoints.join(","))
            }
        }
    }
}

#[cfg(feature = "etcd")]
fn of_etcd(said: &config::Etcd) -> Source {
    let keys = match said.keys {
        config::Keys::Resources => Keys::Resources,
        config::Keys::Classic => Keys::Classic,
    };
    let is_secure = said
        .endpoints
        .iter()
        .any(|endpoint| endpoint.scheme() == Scheme::Https);
    let etcd = Etcd {
        endpoints: said.endpoints.clone(),
        prefix: keys.prefixes().concat(),
        tls: is_secure.then(|| Tls {
            authority: said.tls.authorities.clone(),
            identity: said.tls.identity.clone(),
        }),
        user: said
            .user
            .as_ref()
            .map(|(name, password)| (name.to_string(), password.clone())),
        pace: super::store::etcd::Pace::default(),
    };
    Source::Etcd(Box::new(etcd), keys)
}
