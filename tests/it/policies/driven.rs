//! The same through etcd and the daemon: `etcdctl` writes what the cases say, packets obey.

use std::time::{Duration, Instant};

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::compile::Compiler;
use margay::compile::skeleton::table_key;
use margay::ruleset::Table;
use margay::ruleset::diff::normalised;

use super::{Change, Drive};
use crate::support::daemon::Process;
use crate::support::etcd::Etcd;

/// How long a change may take to be in force on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(20);

/// An etcd and a daemon in the calling thread's namespace.
pub(super) struct Daemon {
    etcd: Etcd,
    process: Process,
    witness: NftBackend,
}

impl Daemon {
    pub(super) fn start(host: &str) -> Self {
        let etcd = Etcd::start();
        Self {
            process: Process::of_etcd(host, &etcd.endpoint()),
            etcd,
            witness: NftBackend::new(Ownership::None).unwrap(),
        }
    }

    fn held(&mut self) -> Option<Table> {
        self.witness.observe(&table_key()).unwrap()
    }
}

impl Drive for Daemon {
    fn bring(&mut self, changes: &[Change<'_>], compiler: &mut Compiler) {
        for (key, value) in changes {
            match value {
                Some(value) => self.etcd.ctl(&["put", key, &value.to_string()]),
                None => self.etcd.ctl(&["del", key]),
            };
        }
        let desired = normalised(compiler.table().table());
        let begun = Instant::now();
        while self.held().map(|table| normalised(&table)).as_ref() != Some(&desired) {
            assert!(
                begun.elapsed() < PATIENCE,
                "not in force: {}",
                self.process.log()
            );
            std::thread::sleep(Duration::from_millis(3));
        }
        self.process.routed(compiler.state(), PATIENCE);
    }

    fn finish(&mut self) {
        self.process.stop();
        assert!(self.held().is_some(), "the table stays");
    }
}
