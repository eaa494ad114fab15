//! The daemon as a process, over its life: first start, packets, restart, others who interfere.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::model::State;
use margay::ruleset::Table;
use margay::ruleset::diff::normalised;
use margay::scenario::place::HOST;
use tempfile::TempDir;

use super::notify::taken;
use crate::gapless::script::Script;
use crate::support::daemon::Process;
use crate::support::netns::{in_netns, ip, nft, nft_result};

/// How long a change may take to be in force on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon that reads a folder with one file, in the calling thread's namespace.
pub(super) struct Host {
    folder: TempDir,
    pub(super) process: Process,
    witness: NftBackend,
}

impl Host {
    pub(super) fn start(script: &Script) -> Self {
        Self::start_with(script, &[])
    }

    /// One with more settings.
    pub(super) fn start_with(script: &Script, settings: &[(&str, &str)]) -> Self {
        Self::start_by(script, settings, Process::run)
    }

    /// The same, where the process is started in some way.
    fn start_by(
        script: &Script,
        settings: &[(&str, &str)],
        start: impl FnOnce(&mut Process),
    ) -> Self {
        for n in [0, 1] {
            ip(&format!(
                "link add tap{n} type veth peer name far{n}
link set tap{n} up
link set far{n} up
"
            ));
        }
        let folder = TempDir::new().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), script.text()).unwrap();
        let path = folder.path().display().to_string();
        let mut all = vec![("DATASTORETYPE", "folder"), ("DATASTOREFOLDER", &*path)];
        all.extend(settings);
        let mut process = Process::new(HOST, &all);
        start(&mut process);
        let mut host = Self {
            folder,
            process,
            witness: NftBackend::new(Ownership::None).unwrap(),
        };
        host.wait_for(&script.state());
        host
    }

    /// Puts another text in the place of the file, as editors do.
    pub(super) fn write(&self, text: &str) {
        let new = self.folder.path().join(".policy.yaml.new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, self.folder.path().join("policy.yaml")).unwrap();
    }

    pub(super) fn held(&mut self) -> Table {
        let held = self.witness.observe(&table_key()).unwrap();
        held.map(|table| normalised(&table)).unwrap_or_default()
    }

    /// Waits until the kernel holds what a state becomes.
    pub(super) fn wait_for(&mut self, state: &State) {
        let desired = desired(state);
        self.wait(|host| host.held() == desired);
    }

    pub(super) fn wait(&mut self, holds: impl Fn(&mut Self) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < PATIENCE, "{}", self.process.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn generation(&mut self) -> u32 {
        self.witness.generation().unwrap()
    }

    /// What `margay status` says, and its exit code.
    pub(super) fn status(&self) -> (i32, serde_json::Value) {
        let output = Command::new(env!("CARGO_BIN_EXE_margay"))
            .args(["status", "-o", "json", "--run-dir"])
            .arg(self.process.run_dir())
            .output()
            .unwrap();
        let value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        (output.status.code().unwrap(), value)
    }
}

pub(super) fn desired(state: &State) -> Table {
    let mut ruleset = compile(state, HOST, &Skeleton::builtin().unwrap());
    normalised(&ruleset.tables.remove(&table_key()).unwrap())
}

pub(super) fn script(port: u16) -> Script {
    Script::default()
        .group("client", &[], &["to all"])
        .group("server", &[format!("udp {port} from group client")], &[])
        .endpoint("a", 0, 0, "client")
        .endpoint("b", 1, 1, "server")
}

#[test]
fn a_folder_is_all_it_takes() {
    in_netns("a_folder_is_all_it_takes", || {
        let mut host = Host::start(&script(100));
        host.process.routed(&script(100).state(), PATIENCE);
        host.wait(|host| host.status().0 == 0);
        let (_, status) = host.status();
        assert_eq!(status["schema"], "margay.status/1");
        assert_eq!(status["table"]["hold"], "owned");
        assert_eq!(status["endpoints"]["a"]["state"], "up");
        host.write(script(200).text());
        host.wait_for(&script(200).state());
        // What does not parse keeps what it said last, and the daemon says so.
        host.write("apiVersion: margay/v1\nkind: SecurityGroup\nname: [\n");
        host.wait(|host| host.status().0 == 3);
        let (_, status) = host.status();
        assert_eq!(status["problems"].as_object().unwrap().len(), 1, "{status}");
        assert_eq!(host.held(), desired(&script(200).state()));
        host.process.stop();
        assert_eq!(host.held(), desired(&script(200).state()));
        assert_eq!(host.status().0, 3);
    });
}

#[test]
fn endpoints_that_do_not_work_are_in_error_and_said_once() {
    let test = "endpoints_that_do_not_work_are_in_error_and_said_once";
    in_netns(test, || {
        ip("route add blackhole 10.0.1.2\n");
        let more = script(100)
            .endpoint("shares", 0, 5, "client")
            .endpoint("absent", 3, 3, "client");
        let mut host = Host::start(&more);
        let states = |host: &mut Host, wanted: [&str; 4]| {
            let names = ["a", "b", "shares", "absent"];
            let (_, status) = host.status();
            let states = names.map(|name| status["endpoints"][name]["state"].clone());
            states == wanted
        };
        host.wait(|host| states(host, ["up", "error", "error", "down"]));
        // It is tried again, less and less often, and said once.
        std::thread::sleep(Duration::from_secs(4));
        let log = host.process.log();
        assert_eq!(
            log.matches("route to 10.0.1.2: File exists").count(),
            1,
            "{log}"
        );
        let both = "endpoints a and shares both name interface tap0";
        assert_eq!(log.matches(both).count(), 1, "{log}");
        ip("route del blackhole 10.0.1.2\n");
        host.write(script(100).endpoint("absent", 3, 3, "client").text());
        host.wait(|host| {
            let (_, status) = host.status();
            let gone = status["endpoints"]["shares"].is_null();
            gone && status["endpoints"]["b"]["state"] == "up"
        });
        ip("link add tap3 type veth peer name far3\nlink set tap3 up\nlink set far3 up\n");
        host.wait(|host| host.status().1["endpoints"]["absent"]["state"] == "up");
    });
}

#[test]
fn a_restart_over_a_correct_table_sends_one_message() {
    in_netns("a_restart_over_a_correct_table_sends_one_message", || {
        let mut host = Host::start(&script(100));
        host.wait(|host| host.status().0 == 0);
        for ends_well in [true, false] {
            match ends_well {
                true => host.process.stop(),
                false => host.process.kill(),
            }
            let before = host.generation();
            host.process.run();
            host.wait(|host| host.status().0 == 0);
            assert_eq!(host.generation(), before + 1, "{}", host.process.log());
            assert_eq!(host.held(), desired(&script(100).state()));
        }
    });
}

#[test]
fn what_systemd_keeps_owns_the_table_between_two_daemons() {
    in_netns(
        "what_systemd_keeps_owns_the_table_between_two_daemons",
        || {
            let home = TempDir::new().unwrap();
            let path = home.path().join("notify");
            let socket = UnixDatagram::bind(&path).unwrap();
            let mut host = Host::start_by(&script(100), &[], |process| {
                process.run_in_systemd(&path, None);
            });
            let kept = loop {
                if let (text, Some(kept)) = taken(&socket) {
                    assert!(text.contains("FDNAME=margay-netlink"), "{text}");
                    break kept;
                }
            };
            host.wait(|host| host.status().0 == 0);
            host.process.kill();
            let refused = || nft_result(&["delete", "table", "inet", "margay"], "").is_err();
            assert!(refused(), "nobody owns the table");
            let before = host.generation();
            host.process.run_in_systemd(&path, Some(kept));
            host.wait(|host| host.status().0 == 0);
            assert_eq!(host.generation(), before, "{}", host.process.log());
            assert!(refused(), "nobody owns the table");
            host.write(script(200).text());
            host.wait_for(&script(200).state());
            // The socket was the daemon's alone.
            host.process.kill();
            assert!(!refused());
        },
    );
}

#[test]
fn a_value_that_does_not_parse_holds_across_a_restart() {
    in_netns("a_value_that_does_not_parse_holds_across_a_restart", || {
        let mut host = Host::start(&script(100));
        host.wait(|host| host.status().0 == 0);
        host.write("[");
        host.wait(|host| host.status().0 == 3);
        host.process.stop();
        host.process.run();
        host.wait(|host| host.status().1["sync"] == "in-sync");
        std::thread::sleep(Duration::from_millis(200));
        assert_eq!(host.held(), desired(&script(100).state()));
    });
}

#[test]
fn nobody_else_can_change_the_table_while_the_daemon_lives() {
    in_netns(
        "nobody_else_can_change_the_table_while_the_daemon_lives",
        || {
            let mut host = Host::start(&script(100));
            for change in [
                "delete table inet margay",
                "add rule inet margay forward accept",
                "flush chain inet margay forward",
                "add element inet margay endpoints { \"tap9\" }",
            ] {
                assert!(nft_result(&["-f", "-"], change).is_err(), "{change}");
            }
            nft(&["flush", "ruleset"], "");
            assert_eq!(host.held(), desired(&script(100).state()));
            host.process.kill();
            nft(&["delete", "table", "inet", "margay"], "");
            assert_eq!(host.held(), Table::default());
            host.process.run();
            host.wait_for(&script(100).state());
        },
    );
}

#[test]
fn the_daemon_keeps_two_capabilities_at_most() {
    in_netns("the_daemon_keeps_two_capabilities_at_most", || {
        const CAP_NET_ADMIN: u64 = 1 << 12;
        const CAP_NET_RAW: u64 = 1 << 13;
        let host = Host::start(&script(100));
        let tasks = std::fs::read_dir(format!("/proc/{}/task", host.process.id())).unwrap();
        let mut threads = 0;
        for task in tasks {
            let status = task.unwrap().path().join("status");
            assert_few(&status, CAP_NET_ADMIN | CAP_NET_RAW);
            threads += 1;
        }
        assert!(threads > 1);
    });
}

/// Every set of capabilities of a thread holds none but some.
fn assert_few(status: &Path, allowed: u64) {
    let text = std::fs::read_to_string(status).unwrap();
    let mut sets = 0;
    for line in text.lines().filter(|line| line.starts_with("Cap")) {
        let (name, value) = line.split_once(':').unwrap();
        let held = u64::from_str_radix(value.trim(), 16).unwrap();
        assert_eq!(held & !allowed, 0, "{name} of {}", status.display());
        sets += 1;
    }
    assert_eq!(sets, 5);
    assert!(text.contains("NoNewPrivs:\t1"));
}
