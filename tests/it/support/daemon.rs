//! `margay agent` as a process of a test, in the namespace of the thread that starts it.

use std::fs::File;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use margay::model::State;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::netns::ip_json;

/// A daemon that a test started, ended with it.
#[derive(Debug)]
pub(crate) struct Process {
    home: TempDir,
    settings: Vec<(String, String)>,
    /// Where programs are looked for, if not where ours are.
    path: Option<String>,
    child: Option<Child>,
}

impl Process {
    /// One with settings in its environment, by their names without `FELIX_`.
    pub(crate) fn start(host: &str, settings: &[(&str, &str)]) -> Self {
        let mut process = Self::new(host, settings);
        process.run();
        process
    }

    /// The same, not started yet.
    pub(crate) fn new(host: &str, settings: &[(&str, &str)]) -> Self {
        let home = TempDir::new().unwrap();
        let own = |name: &str| home.path().join(name).display().to_string();
        let mut all = vec![
            ("FELIXHOSTNAME".to_owned(), host.to_owned()),
            ("STATEDIR".to_owned(), own("state")),
            ("RUNDIR".to_owned(), own("run")),
        ];
        all.extend(
            settings
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        );
        Self {
            home,
            settings: all,
            path: None,
            child: None,
        }
    }

    /// Starts it, also again.
    pub(crate) fn run(&mut self) {
        self.spawn(Command::new(env!("CARGO_BIN_EXE_margay")), Stdio::null());
    }

    /// Starts it as systemd does: somebody listens at a socket, and a descriptor was kept.
    pub(crate) fn run_in_systemd(&mut self, notify: &Path, kept: Option<OwnedFd>) {
        // The descriptor comes as standard input, so that no other child of this process gets it.
        const KEPT: &str = "LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=margay-netlink \
                            exec \"$0\" \"$@\" 3<&0 0</dev/null";
        let script = if kept.is_some() {
            KEPT
        } else {
            "exec \"$0\" \"$@\""
        };
        let mut command = Command::new("sh");
        command
            .args(["-c", script, env!("CARGO_BIN_EXE_margay")])
            .env("NOTIFY_SOCKET", notify);
        self.spawn(command, kept.map_or_else(Stdio::null, Stdio::from));
    }

    fn spawn(&mut self, mut command: Command, stdin: Stdio) {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.home.path().join("log"))
            .unwrap();
        command
            .args(["agent", "--config"])
            .arg(self.home.path().join("felix.cfg"))
            .stdin(stdin)
            .stdout(Stdio::null())
            .stderr(log);
        for (name, value) in &self.settings {
            command.env(format!("FELIX_{name}"), value);
        }
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        self.child = Some(command.spawn().unwrap());
    }

    /// Has a setting say something else from the next start on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.retain(|(known, _)| known != name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    /// Has programs be looked for elsewhere from the next start on.
    pub(crate) fn find_programs(&mut self, path: Option<String>) {
        self.path = path;
    }

    /// Where its control socket is.
    pub(crate) fn run_dir(&self) -> PathBuf {
        self.home.path().join("run")
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("log")).unwrap()
    }

    /// Waits until every address of the endpoints leads to its interface.
    pub(crate) fn routed(&self, state: &State, patience: Duration) {
        let begun = Instant::now();
        loop {
            let routes = ["route show", "-6 route show"].map(ip_json);
            let leads = |address: &IpAddr, interface: &str| {
                let mut routes = routes
                    .iter()
                    .flat_map(|list| list.as_array().into_iter().flatten());
                routes.any(|route| {
                    route["dst"] == address.to_string().as_str() && route["dev"] == interface
                })
            };
            let endpoints = state.endpoints.values();
            let mut wanted = endpoints.flat_map(|endpoint| {
                let addresses = endpoint.addresses.iter();
                addresses.map(move |address| (address, endpoint.interface.as_str()))
            });
            let missing = wanted.find(|(address, interface)| !leads(address, interface));
            let Some((address, _)) = missing else {
                return;
            };
            assert!(
                begun.elapsed() < patience,
                "no route to {address}: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    /// Waits until it logged something.
    pub(crate) fn wait_for_log(&self, text: &str, patience: Duration) {
        let begun = Instant::now();
        while !self.log().contains(text) {
            let log = self.log();
            assert!(begun.elapsed() < patience, "no {text} in {log}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self, patience: Duration) -> ExitStatus {
        let begun = Instant::now();
        let child = self.child.as_mut().unwrap();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                self.child = None;
                return status;
            }
            let late = begun.elapsed() > patience;
            assert!(!late, "it goes on: {}", self.home.path().display());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it as an operator does, and waits; it must end well.
    pub(crate) fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        signal(&child, Signal::TERM);
        let status = child.wait().unwrap();
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Ends it at once, wherever it is.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(&child, Signal::KILL);
            child.wait().unwrap();
        }
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn signal(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // One that ended already needs no signal.
    let _sent = id.map(|id| kill_process(id, signal));
}
