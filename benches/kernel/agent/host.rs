//! The daemon as a process, and what it takes.

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::cluster::HOST;
use super::witness::Witness;

/// `BatchDelay` as it comes.
pub(super) const BATCH_DELAY: Duration = Duration::from_millis(10);
/// How long all may take to be in force.
const PATIENCE: Duration = Duration::from_secs(600);

/// The daemon, in the namespace of the thread that started it.
pub(super) struct Host {
    home: TempDir,
    etcd: String,
    notices: UnixDatagram,
    child: Child,
    witness: Witness,
    took: f64,
}

impl Host {
    /// Starts it, and waits until all is in force.
    pub(super) fn start(etcd: &str) -> Self {
        let home = TempDir::new().unwrap();
        let notices = UnixDatagram::bind(home.path().join("notify")).unwrap();
        notices.set_read_timeout(Some(PATIENCE)).unwrap();
        let witness = Witness::new();
        let begun = Instant::now();
        let child = spawn(&home, etcd, BATCH_DELAY);
        let mut host = Self {
            home,
            etcd: etcd.to_owned(),
            notices,
            child,
            witness,
            took: 0.0,
        };
        host.ready(begun);
        host
    }

    /// Ends it and starts it again.
    pub(super) fn restart(&mut self, batch_delay: Duration) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let begun = Instant::now();
        self.child = spawn(&self.home, &self.etcd, batch_delay);
        self.ready(begun);
    }

    /// Seconds from its start until all was in force.
    pub(super) fn took(&self) -> f64 {
        self.took
    }

    /// What sees that changes are in the kernel.
    pub(super) fn witness(&self) -> &Witness {
        &self.witness
    }

    /// The most memory that it had so far.
    pub(super) fn peak_mebibytes(&self) -> f64 {
        let status = std::fs::read_to_string(self.proc("status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().nth(1));
        kibibytes.unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// User and system time of all its threads (`/proc/PID/schedstat` has one thread only).
    pub(super) fn processor_seconds(&self) -> f64 {
        let tasks = std::fs::read_dir(self.proc("task")).unwrap();
        let nanoseconds = tasks.map(|task| {
            let path = task.unwrap().path().join("schedstat");
            let text = std::fs::read_to_string(path).unwrap();
            text.split(' ').next().unwrap().parse::<f64>().unwrap()
        });
        nanoseconds.sum::<f64>() / 1e9
    }

    fn proc(&self, name: &str) -> String {
        format!("/proc/{}/{name}", self.child.id())
    }

    fn ready(&mut self, begun: Instant) {
        let mut text = [0; 4096];
        loop {
            let length = self.notices.recv(&mut text).unwrap();
            if String::from_utf8_lossy(&text[..length]).contains("READY=1") {
                break;
            }
        }
        self.took = begun.elapsed().as_secs_f64();
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

fn spawn(home: &TempDir, etcd: &str, batch_delay: Duration) -> Child {
    let own = |name: &str| home.path().join(name);
    Command::new(env!("CARGO_BIN_EXE_margay"))
        .args(["agent", "--config"])
        .arg(own("none"))
        .env("NOTIFY_SOCKET", own("notify"))
        .env("FELIX_FELIXHOSTNAME", HOST)
        .env("FELIX_STATEDIR", own("state"))
        .env("FELIX_RUNDIR", own("run"))
        .env("FELIX_DATASTORETYPE", "etcdv3")
        .env("FELIX_ETCDENDPOINTS", etcd)
        .env("FELIX_BATCHDELAY", format!("{}ms", batch_delay.as_millis()))
        .env("FELIX_LOGSEVERITYSCREEN", "Error")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}
