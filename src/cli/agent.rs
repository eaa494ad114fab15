//! `margay agent`: the daemon.

use std::path::PathBuf;

use clap::Args;

use super::exit::{Exit, Failure};
use super::screen::Screen;
use crate::agent::run::Ended;
use crate::agent::start::{Setup, Source, start};
use crate::agent::work::Cuts;
use crate::host::RouteProtocol;

/// Keep the kernel at what a store says, until told to stop
#[derive(Debug, Args)]
pub(super) struct Agent {
    /// The file of settings
    #[arg(long, value_name = "FILE", default_value = "/etc/calico/felix.cfg")]
    config: PathBuf,
}

impl Agent {
    pub(super) fn run(&self, _: &Screen) -> Result<Exit, Failure> {
        tracing_subscriber::fmt()
            .with_writer(std::io::stderr)
            .init();
        let env = |name: &str| std::env::var(format!("FELIX_{name}")).ok();
        let source = match env("ETCDENDPOINTS") {
            Some(endpoints) => Source::Etcd(
                Box::new(crate::agent::store::etcd::Etcd {
                    endpoints: endpoints
                        .split(',')
                        .filter_map(|e| e.parse().ok())
                        .collect(),
                    prefix: crate::codec::Keys::Resources.prefixes()[0].to_owned(),
                    tls: None,
                    user: None,
                    pace: Default::default(),
                }),
                crate::codec::Keys::Resources,
            ),
            None => Source::Folder(env("DATASTOREFOLDER").unwrap_or_default().into()),
        };
        let ended = start(Setup {
            host: env("FELIXHOSTNAME").unwrap_or_default(),
            source,
            state_dir: env("STATEDIR").unwrap_or_default().into(),
            cuts: Cuts::Denied,
            routes: RouteProtocol::default(),
        })?;
        Ok(match ended {
            Ended::Stopped => Exit::Done,
            Ended::Restart => Exit::Restart,
        })
    }
}
