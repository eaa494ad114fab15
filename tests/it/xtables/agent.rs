//! The daemon on either backend: what it says of it, and a connection that outlives the change.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use margay::scenario::place::HOST;
use serde_json::Value;

use super::drift::said;
use crate::gapless::script::Script;
use crate::support::daemon::Process;
use crate::support::netns::{in_netns, ip, nft};
use crate::support::pod::Pod;

/// How long a change may take on a machine that does much else.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// A client behind `tap0` may reach a server behind `tap1`.
pub(super) fn script() -> Script {
    Script::default()
        .group("client", &[], &["to all"])
        .group("server", &["tcp 100 from group client"], &["to all"])
        .endpoint("a", 0, 0, "client")
        .endpoint("b", 1, 1, "server")
}

/// Two workloads with their ends of an interface each.
pub(super) fn pods() -> [Pod; 2] {
    std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
    // Routers of workloads are answered for where there is a way to them.
    ip(
        "link add up0 type veth peer name wup\naddr add 198.51.100.1/24 dev up0\nlink set up0 up\n\
         link set wup up\nroute add default via 198.51.100.7 dev up0\n",
    );
    [0, 1].map(|n| {
        ip(&format!(
            "link add tap{n} type veth peer name far{n}\nlink set tap{n} up\nlink set far{n} up\n"
        ));
        let pod = Pod::new();
        let address = format!("10.0.{n}.2");
        pod.wire(&format!("far{n}"), &[&address]);
        pod.run(move || ip(&format!("route add default via 10.0.{n}.1 dev far{n}\n")));
        pod
    })
}

/// A stream of numbers that one end sends and the other answers, until it is told to stop.
struct Stream {
    stop: Arc<AtomicBool>,
    counted: JoinHandle<u64>,
}

impl Stream {
    fn open([client, server]: &[Pod; 2]) -> Self {
        let listener = server.run(|| TcpListener::bind("10.0.1.2:100").unwrap());
        let address = "10.0.1.2:100".parse().unwrap();
        let stream = client.run(move || TcpStream::connect_timeout(&address, PATIENCE).unwrap());
        let (mut answering, _) = listener.accept().unwrap();
        std::thread::spawn(move || {
            let mut number = [0; 8];
            while answering.read_exact(&mut number).is_ok() {
                answering.write_all(&number).unwrap();
            }
        });
        let stop = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&stop);
        let counted = std::thread::spawn(move || counted(stream, &told));
        Self { stop, counted }
    }

    /// How many numbers went there and back.
    fn close(self) -> u64 {
        self.stop.store(true, Ordering::SeqCst);
        self.counted.join().unwrap()
    }
}

fn counted(mut stream: TcpStream, stop: &AtomicBool) -> u64 {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut count = 0_u64;
    while !stop.load(Ordering::SeqCst) {
        count += 1;
        stream.write_all(&count.to_be_bytes()).unwrap();
        let mut answer = [0; 8];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(u64::from_be_bytes(answer), count);
        std::thread::sleep(Duration::from_millis(1));
    }
    count
}

/// What `apply` by the other backend says.
fn refused(process: &Process, path: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_margay"))
        .args([
            "apply",
            path,
            "--host",
            HOST,
            "--backend",
            "nft",
            "--run-dir",
        ])
        .arg(process.run_dir())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4));
    String::from_utf8(output.stderr).unwrap()
}

pub(super) fn status(process: &Process) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_margay"))
        .args(["status", "-o", "json", "--run-dir"])
        .arg(process.run_dir())
        .output()
        .unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

fn wait_for_backend(process: &Process, backend: &str) {
    let begun = Instant::now();
    loop {
        let status = status(process);
        if status["table"]["backend"] == backend && status["health"] == "healthy" {
            return;
        }
        let log = process.log();
        assert!(begun.elapsed() < PATIENCE, "{status:#}\n{log}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_connection_outlives_the_change_of_backend() {
    in_netns("a_connection_outlives_the_change_of_backend", || {
        let pods = pods();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), script().text()).unwrap();
        let path = folder.path().display().to_string();
        let settings = [
            ("DATASTORETYPE", "folder"),
            ("DATASTOREFOLDER", &*path),
            ("NFTABLESMODE", "Disabled"),
            ("IPTABLESBACKEND", "Legacy"),
        ];
        let mut process = Process::start(HOST, &settings);
        wait_for_backend(&process, "iptables-legacy");
        process.routed(&script().state(), PATIENCE);
        assert!(said("iptables-legacy", &["-S", "FORWARD"]).contains("mgy-forward"));
        let told = refused(&process, &path);
        assert!(
            told.contains("the agent programs by iptables-legacy: "),
            "{told}"
        );
        let stream = Stream::open(&pods);
        for (mode, backend) in [
            ("Enabled", "nft"),
            ("Disabled", "iptables-legacy"),
            ("Enabled", "nft"),
        ] {
            // At once, wherever it is.
            process.kill();
            process.set("NFTABLESMODE", mode);
            process.run();
            wait_for_backend(&process, backend);
            let is_nft = backend == "nft";
            assert_eq!(nft(&["list", "tables"], "").contains("margay"), is_nft);
            assert_eq!(said("iptables-legacy", &["-S"]).contains("mgy"), !is_nft);
            assert_eq!(said("ipset", &["list", "-n"]).contains("mgy"), !is_nft);
        }
        assert!(stream.close() > 100);
        process.stop();
    });
}

#[test]
fn the_daemon_puts_back_what_others_change() {
    in_netns("the_daemon_puts_back_what_others_change", || {
        let _pods = pods();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), script().text()).unwrap();
        let path = folder.path().display().to_string();
        let settings = [
            ("DATASTORETYPE", "folder"),
            ("DATASTOREFOLDER", &*path),
            ("NFTABLESMODE", "Disabled"),
            ("IPTABLESBACKEND", "Legacy"),
            ("NFTABLESREFRESHINTERVAL", "1"),
        ];
        let process = Process::start(HOST, &settings);
        wait_for_backend(&process, "iptables-legacy");
        said("iptables-legacy", &["-I", "FORWARD", "-j", "ACCEPT"]);
        let begun = Instant::now();
        let first = || {
            let listed = said("iptables-legacy", &["-S", "FORWARD"]);
            listed.lines().nth(1).unwrap_or_default().to_owned()
        };
        while !first().ends_with("-j mgy-forward") {
            assert!(begun.elapsed() < PATIENCE, "{}\n{}", first(), process.log());
            std::thread::sleep(Duration::from_millis(50));
        }
        let listed = said("iptables-legacy", &["-S", "FORWARD"]);
        assert!(listed.contains("\n-A FORWARD -j ACCEPT"), "{listed}");
        // As the kernel protects an agent's table of nf_tables.
        let run_dir = process.run_dir().display().to_string();
        let cleanup = ["cleanup", "--run-dir", &run_dir];
        crate::apply::exits(crate::apply::margay(&cleanup), 4);
        assert!(first().ends_with("-j mgy-forward"), "{}", first());
    });
}
