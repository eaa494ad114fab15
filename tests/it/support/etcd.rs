//! An etcd of its own for a test, on loopback.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// How long an etcd may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// An etcd that a test started, ended with it.
#[derive(Debug)]
pub(crate) struct Etcd {
    home: TempDir,
    /// Which of its data directories it uses.
    data: PathBuf,
    client: u16,
    peer: u16,
    flags: Vec<String>,
    /// How `etcdctl` reaches it.
    access: Vec<String>,
    scheme: &'static str,
    process: Option<Child>,
}

impl Etcd {
    /// Starts one that anybody may use.
    pub(crate) fn start() -> Self {
        Self::start_with("http", &[], &[])
    }

    /// Starts one with more flags, which `etcdctl` reaches with flags of its own.
    pub(crate) fn start_with(scheme: &'static str, flags: &[&str], access: &[&str]) -> Self {
        let home = TempDir::new().unwrap();
        let [client, peer] = free_ports();
        let own = |list: &[&str]| list.iter().map(|flag| (*flag).to_owned()).collect();
        let mut etcd = Self {
            data: home.path().join("data"),
            home,
            client,
            peer,
            flags: own(flags),
            access: own(access),
            scheme,
            process: None,
        };
        etcd.run();
        etcd
    }

    /// Its endpoint.
    pub(crate) fn endpoint(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.client)
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.client
    }

    /// Starts the process again, on the same ports.
    pub(crate) fn run(&mut self) {
        let (client, peer) = (self.endpoint(), format!("http://127.0.0.1:{}", self.peer));
        let log = std::fs::File::create(self.home.path().join("log")).unwrap();
        let process = Command::new("etcd")
            .args(["--name", "default", "--data-dir"])
            .arg(&self.data)
            .args([
                "--listen-client-urls",
                &client,
                "--advertise-client-urls",
                &client,
            ])
            .args([
                "--listen-peer-urls",
                &peer,
                "--initial-advertise-peer-urls",
                &peer,
            ])
            .args(["--initial-cluster", &format!("default={peer}")])
            .args(["--max-request-bytes", "20000000", "--unsafe-no-fsync"])
            .args(["--grpc-keepalive-min-time", "100ms"])
            .args(&self.flags)
            .env_remove("ETCDCTL_API")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("etcd: `make deps` installs it");
        self.process = Some(process);
        let begun = Instant::now();
        while !self.try_ctl(&["get", "nothing"]).status.success() {
            if begun.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(self.home.path().join("log"));
                panic!("etcd does not answer: {log:?}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Runs `etcdctl`, which must go well; what it says.
    pub(crate) fn ctl(&self, arguments: &[&str]) -> String {
        let output = self.try_ctl(arguments);
        let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "{arguments:?}: {}",
            said(&output.stderr)
        );
        said(&output.stdout)
    }

    fn try_ctl(&self, arguments: &[&str]) -> Output {
        Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .args(["--dial-timeout", "2s", "--command-timeout", "10s"])
            .args(["--endpoints", &self.endpoint()])
            .args(&self.access)
            .args(arguments)
            .output()
            .expect("etcdctl: `make deps` installs it")
    }

    pub(crate) fn put(&self, key: &str, value: &str) {
        self.ctl(&["put", key, "--", value]);
    }

    pub(crate) fn delete(&self, key: &str) {
        self.ctl(&["del", key]);
    }

    /// Forgets all history.
    pub(crate) fn compact(&self) {
        let status = self.ctl(&["endpoint", "status", "-w", "fields"]);
        let line = status.lines().find(|line| line.contains("\"Revision\""));
        let revision = line.and_then(|line| line.rsplit(' ').next()).unwrap();
        self.ctl(&["compact", "--physical", revision]);
    }

    /// Saves a backup.
    pub(crate) fn back_up(&self) -> PathBuf {
        let file = self.home.path().join("backup");
        self.ctl(&["snapshot", "save", file.to_str().unwrap()]);
        file
    }

    /// Ends the process at once, and gives it other data: those of a backup, or none.
    pub(crate) fn replace_data(&mut self, backup: Option<&Path>) {
        self.kill();
        self.data = self.home.path().join("other");
        if let Some(file) = backup {
            let peer = format!("http://127.0.0.1:{}", self.peer);
            let cluster = format!("default={peer}");
            let data = self.data.clone();
            self.ctl(&[
                "snapshot",
                "restore",
                file.to_str().unwrap(),
                "--data-dir",
                data.to_str().unwrap(),
                "--name",
                "default",
                "--initial-cluster",
                &cluster,
                "--initial-advertise-peer-urls",
                &peer,
            ]);
        }
    }

    /// Ends the process at once.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ended = process.kill();
            let _status = process.wait();
        }
    }

    /// Has the process stand still.
    pub(crate) fn stop(&self) {
        self.signal(Signal::STOP);
    }

    /// Has it go on.
    pub(crate) fn cont(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        let process = self.process.as_ref().unwrap();
        let pid = Pid::from_raw(i32::try_from(process.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Ports on which nobody listens.
pub(crate) fn free_ports<const N: usize>() -> [u16; N] {
    let held = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}
