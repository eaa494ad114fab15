//! Where policy comes from, as it is configured.

use std::fmt;
use std::path::PathBuf;

use tokio::sync::mpsc::Sender;
use tracing::error;

#[cfg(feature = "etcd")]
use super::reporting::{EndpointReporting, Layout, Region, Reporting};
use super::start::StartError;
use super::store::Update;
#[cfg(feature = "etcd")]
use super::store::etcd::{Etcd, Reporter, Tls};
use super::store::folder::Folder;
use crate::codec::Keys;
#[cfg(feature = "etcd")]
use crate::config::{self, Scheme};
use crate::config::{Config, Store};

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

    /// Who reports to it how the host is; a folder takes no reports.
    #[cfg(feature = "etcd")]
    pub(super) fn reporter(&self, config: &Config) -> Option<Reporter> {
        let Self::Etcd(etcd, keys) = self else {
            return None;
        };
        let region = config.openstack_region.value.as_ref();
        let region = region.and_then(|name| Region::of_name(name.as_str()).ok());
        let interval = config.reporting_interval.value;
        Some(Reporter {
            etcd: (**etcd).clone(),
            reporting: Reporting {
                layout: match keys {
                    Keys::Files | Keys::Resources => Layout::V2(region.unwrap_or_default()),
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
        })
    }

    /// Says what it holds, for as long as somebody listens.
    pub(super) async fn run(self, say: Sender<Update>) {
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
    let keys = Keys::Resources;
    let is_secure = said
        .endpoints
        .iter()
        .any(|endpoint| endpoint.scheme() == Scheme::Https);
    let endpoints = said.endpoints.iter();
    let etcd = Etcd {
        endpoints: endpoints
            .filter_map(|endpoint| endpoint.to_string().parse().ok())
            .collect(),
        prefix: keys.prefixes().concat(),
        tls: is_secure.then(|| Tls {
            authority: said.tls.authorities.clone(),
            identity: said.tls.identity.clone(),
            server_name: None,
        }),
        user: said
            .user
            .as_ref()
            .map(|(name, password)| (name.to_string(), password.clone())),
        pace: super::store::etcd::Pace::default(),
    };
    Source::Etcd(Box::new(etcd), keys)
}
