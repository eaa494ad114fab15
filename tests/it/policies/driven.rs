//! The same through etcd and the daemon: `etcdctl` writes what the cases say, packets obey.

use std::time::{Duration, Instant};

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::compile::Compiler;
use margay::compile::skeleton::table_key;
use margay::model::State;
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
    host: String,
    witness: NftBackend,
}

impl Daemon {
    pub(super) fn start(host: &str) -> Self {
        let etcd = Etcd::start();
        let settings = [
            ("DATASTORETYPE", "etcdv3"),
            ("ETCDENDPOINTS", &etcd.endpoint()),
            ("ENDPOINTREPORTINGENABLED", "true"),
        ];
        Self {
            process: Process::start(host, &settings),
            etcd,
            host: host.to_owned(),
            witness: NftBackend::new(Ownership::None).unwrap(),
        }
    }

    /// The keys and values that were reported of the host.
    fn reported(&self) -> String {
        let prefix = format!("/calico/felix/v2/no-region/host/{}/", self.host);
        self.etcd.ctl(&["get", "--prefix", &prefix])
    }

    /// Waits until the host was reported to live, and every endpoint of it to be up, and no other.
    fn wait_for_reports(&self, state: &State) {
        let endpoints = state.endpoints.values();
        let here = endpoints
            .filter(|endpoint| endpoint.host == self.host)
            .count();
        let begun = Instant::now();
        loop {
            let reported = self.reported();
            let up = reported.matches("{\"status\":\"up\"}").count();
            let all = reported.matches("/workload/").count();
            let lives = ["/status\n", "/last_reported_status\n", "\"uptime\":"];
            if (up, all) == (here, here) && lives.iter().all(|part| reported.contains(part)) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{here} endpoints: {reported}");
            std::thread::sleep(Duration::from_millis(50));
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

    fn finish(&mut self, state: &State) {
        self.wait_for_reports(state);
        self.process.stop();
        assert!(self.held().is_some(), "the table stays");
    }
}
