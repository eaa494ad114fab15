//! Three etcd that are one, for a test, on loopback; and etcd's own proxy.

use std::fs::File;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::etcd::free_ports;

/// How long something may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many members there are.
pub(crate) const MEMBERS: usize = 3;

/// An etcd of three members that a test started, ended with it.
#[derive(Debug)]
pub(crate) struct Cluster {
    home: TempDir,
    clients: [u16; MEMBERS],
    peers: [u16; MEMBERS],
    processes: [Option<Child>; MEMBERS],
}

impl Cluster {
    /// Starts all members, and waits until they have a leader.
    pub(crate) fn start() -> Self {
        let [a, b, c, d, e, f] = free_ports();
        let mut cluster = Self {
            home: TempDir::new().unwrap(),
            clients: [a, b, c],
            peers: [d, e, f],
            processes: [const { None }; MEMBERS],
        };
        for member in 0..MEMBERS {
            cluster.launch(member);
        }
        for member in 0..MEMBERS {
            cluster.wait_for(member);
        }
        cluster
    }

    /// Where all members are reached.
    pub(crate) fn endpoints(&self) -> Vec<String> {
        let ports = self.clients.iter();
        ports
            .map(|port| format!("http://127.0.0.1:{port}"))
            .collect()
    }

    /// Which member leads; all must be there.
    pub(crate) fn leader(&self) -> usize {
        let status = self.try_ctl(&["endpoint", "status", "-w", "json"]).unwrap();
        let status: Value = serde_json::from_str(&status).unwrap();
        let mut members = status.as_array().unwrap().iter();
        let leader = members
            .find(|member| member["Status"]["leader"] == member["Status"]["header"]["member_id"])
            .unwrap_or_else(|| panic!("no leader: {status}"));
        let endpoint = leader["Endpoint"].as_str().unwrap();
        let endpoints = self.endpoints();
        endpoints
            .iter()
            .position(|other| other == endpoint)
            .unwrap()
    }

    /// Ends a member at once.
    pub(crate) fn kill(&mut self, member: usize) {
        end(&mut self.processes[member]);
    }

    /// Starts a member again with what it had, and waits until it is one of them.
    pub(crate) fn run(&mut self, member: usize) {
        self.launch(member);
        self.wait_for(member);
    }

    fn launch(&mut self, member: usize) {
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let (client, peer) = (url(self.clients[member]), url(self.peers[member]));
        let all = self.peers.iter().enumerate();
        let all: Vec<_> = all
            .map(|(n, port)| format!("m{n}={}", url(*port)))
            .collect();
        let data = self.home.path().join(format!("m{member}"));
        let log = File::create(data.with_extension("log")).unwrap();
        let process = Command::new("etcd")
            .args(["--name", &format!("m{member}"), "--data-dir"])
            .arg(data)
            .args(["--listen-client-urls", &client])
            .args(["--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer])
            .args(["--initial-advertise-peer-urls", &peer])
            .args(["--initial-cluster", &all.join(",")])
            .args(["--heartbeat-interval", "50", "--election-timeout", "500"])
            .args(["--grpc-keepalive-min-time", "100ms", "--unsafe-no-fsync"])
            .env_remove("ETCDCTL_API")
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("etcd: `make deps` installs it");
        self.processes[member] = Some(process);
    }

    fn wait_for(&self, member: usize) {
        let begun = Instant::now();
        let endpoint = &self.endpoints()[member];
        while ctl(endpoint, &["get", "nothing"]).is_err() {
            assert!(begun.elapsed() < PATIENCE, "m{member} does not answer");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn try_ctl(&self, arguments: &[&str]) -> Result<String, String> {
        ctl(&self.endpoints().join(","), arguments)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.processes.iter_mut().for_each(end);
    }
}

/// etcd's gRPC proxy before an etcd, ended with the test.
#[derive(Debug)]
pub(crate) struct Fan {
    _home: TempDir,
    scheme: &'static str,
    port: u16,
    process: Option<Child>,
}

impl Fan {
    /// Starts one before some endpoints, with more flags; `access` is how `etcdctl` reaches it.
    pub(crate) fn start(
        scheme: &'static str,
        endpoints: &str,
        flags: &[&str],
        access: &[&str],
    ) -> Self {
        let [port] = free_ports();
        let home = TempDir::new().unwrap();
        let address = format!("127.0.0.1:{port}");
        let process = Command::new("etcd")
            .args(["grpc-proxy", "start", "--endpoints", endpoints])
            .args(["--listen-addr", &address])
            .args(["--advertise-client-url", &address])
            .arg("--data-dir")
            .arg(home.path().join("data"))
            .args(flags)
            .env_remove("ETCDCTL_API")
            .stdout(Stdio::null())
            .stderr(File::create(home.path().join("log")).unwrap())
            .spawn()
            .expect("etcd: `make deps` installs it");
        let log = home.path().join("log");
        let fan = Self {
            _home: home,
            scheme,
            port,
            process: Some(process),
        };
        let begun = Instant::now();
        let asked = [access, &["get", "nothing"]].concat();
        while let Err(why) = ctl(&fan.endpoint(), &asked) {
            let log = || std::fs::read_to_string(&log);
            assert!(begun.elapsed() < PATIENCE, "no answer: {why}: {:?}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        fan
    }

    /// Its endpoint.
    pub(crate) fn endpoint(&self) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.port)
    }
}

impl Drop for Fan {
    fn drop(&mut self) {
        end(&mut self.process);
    }
}

/// Runs `etcdctl`: what it says, or its complaint.
pub(crate) fn ctl(endpoints: &str, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("etcdctl")
        .env("ETCDCTL_API", "3")
        .args(["--dial-timeout", "2s", "--command-timeout", "5s"])
        .args(["--endpoints", endpoints])
        .args(arguments)
        .output()
        .expect("etcdctl: `make deps` installs it");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

fn end(process: &mut Option<Child>) {
    if let Some(mut process) = process.take() {
        let _ended = process.kill();
        let _status = process.wait();
    }
}
