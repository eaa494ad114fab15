//! The daemon with the rights that `docs/etcd.md` gives it, through a proxy and certificates.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use margay::scenario::place::HOST;
use tempfile::TempDir;

use super::security::{Authority, text};
use crate::support::cluster::{Fan, ctl};
use crate::support::daemon::Process;
use crate::support::etcd::Etcd;
use crate::support::netns::{in_netns, ip};

const PATIENCE: Duration = Duration::from_secs(30);
const ROOT: &str = "ro0t-s3cret";
const PASSWORD: &str = "ag3nt-s3cret";
const POLICY: &str = "/calico/resources/v3/projectcalico.org/";

const ENDPOINT: &str = r#"{"metadata":{"name":"NODE-k8s-p-eth0","namespace":"ns"},"spec":{
    "orchestrator":"k8s","node":"NODE","pod":"p","endpoint":"eth0","interfaceName":"tap0",
    "ipNetworks":["10.0.0.2/32"]}}"#;

/// The commands of the page, for this host.
fn commands() -> Vec<Vec<String>> {
    let page = include_str!("../../../docs/etcd.md");
    let (_, page) = page.split_once("## Rights").unwrap();
    let (page, _) = page.split_once("\n## ").unwrap();
    let lines = page
        .lines()
        .filter_map(|line| line.strip_prefix("    etcdctl "));
    let words = |line: &str| -> Vec<String> {
        let line = line
            .replace("ROOTPASSWORD", ROOT)
            .replace("PASSWORD", PASSWORD);
        let words = line.split(' ').map(|word| word.replace("node1", HOST));
        words.collect()
    };
    lines.map(words).collect()
}

/// What `etcdctl` takes to be a user.
fn access(authority: &Authority, client: &(PathBuf, PathBuf), user: &str) -> Vec<String> {
    let file = authority.file();
    let flags = [
        "--cacert",
        text(&file),
        "--cert",
        text(&client.0),
        "--key",
        text(&client.1),
    ];
    let all = flags.into_iter().chain(["--user", user]);
    all.map(str::to_owned).collect()
}

fn words(list: &[String]) -> Vec<&str> {
    list.iter().map(String::as_str).collect()
}

/// An etcd with certificates and users, a proxy before it, and what those who come by it need.
struct Guarded {
    etcd: Etcd,
    fan: Fan,
    authority: Authority,
    client: (PathBuf, PathBuf),
}

impl Guarded {
    fn start(home: &Path) -> Self {
        let authority = Authority::new(home, "ours");
        let server = authority.issue_to("server", &["127.0.0.1"], Some("server"));
        let client = authority.issue_to("client", &["agent"], Some("nobody"));
        let nameless = authority.issue_to("proxy", &["proxy"], None);
        let file = authority.file();
        let shown = [
            "--cert-file",
            text(&server.0),
            "--key-file",
            text(&server.1),
            "--trusted-ca-file",
            text(&file),
        ];
        let root = access(&authority, &client, &format!("root:{ROOT}"));
        let flags = [&shown[..], &["--client-cert-auth"]].concat();
        let etcd = Etcd::start_with("https", &flags, &words(&root));
        for command in commands() {
            etcd.ctl(&words(&command));
        }
        let flags = [
            &shown[..],
            &[
                "--cacert",
                text(&file),
                "--cert",
                text(&nameless.0),
                "--key",
                text(&nameless.1),
            ],
        ];
        let fan = Fan::start("https", &etcd.endpoint(), &flags.concat(), &words(&root));
        Self {
            etcd,
            fan,
            authority,
            client,
        }
    }

    fn daemon(&self) -> Process {
        let file = self.authority.file();
        let settings = [
            ("DATASTORETYPE", "etcdv3"),
            ("ETCDENDPOINTS", &self.fan.endpoint()),
            ("ETCDCAFILE", text(&file)),
            ("ETCDCERTFILE", text(&self.client.0)),
            ("ETCDKEYFILE", text(&self.client.1)),
            ("ETCDUSERNAME", &format!("margay-{HOST}")),
            ("ETCDPASSWORD", PASSWORD),
            ("ENDPOINTREPORTINGENABLED", "true"),
            ("ENDPOINTREPORTINGDELAYSECS", "0.1"),
            ("LOGSEVERITYSCREEN", "debug"),
        ];
        Process::start(HOST, &settings)
    }

    /// What a command of the agent's user comes to, through the proxy and without it.
    fn as_agent(&self, arguments: &[&str]) -> [Result<String, String>; 2] {
        let user = format!("margay-{HOST}:{PASSWORD}");
        let access = access(&self.authority, &self.client, &user);
        let all = [&words(&access), arguments].concat();
        [self.fan.endpoint(), self.etcd.endpoint()].map(|endpoint| ctl(&endpoint, &all))
    }
}

fn wait(process: &Process, what: &str, holds: impl Fn() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "{what}: {}", process.log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_agent_works_with_the_rights_of_the_documentation_and_has_no_more() {
    let test = "the_agent_works_with_the_rights_of_the_documentation_and_has_no_more";
    in_netns(test, || {
        let home = TempDir::new().unwrap();
        assert_eq!(commands().len(), 10, "{:?}", commands());
        let guarded = Guarded::start(home.path());
        ip("link add tap0 type veth peer name far0\nlink set tap0 up\nlink set far0 up\n");
        let key = format!("{POLICY}workloadendpoints/ns/{HOST}-k8s-p-eth0");
        guarded.etcd.put(&key, &ENDPOINT.replace("NODE", HOST));
        let process = guarded.daemon();
        let base = format!("/calico/felix/v2/no-region/host/{HOST}/");
        let reported = || guarded.etcd.ctl(&["get", "--prefix", &base]);
        wait(&process, "lives", || reported().contains("/status\n"));
        wait(&process, "is up", || {
            reported().contains("{\"status\":\"up\"}")
        });
        // A change comes through the proxy's watch.
        guarded.etcd.delete(&key);
        wait(&process, "is gone", || !reported().contains("/workload/"));
        assert_refused(&guarded, &key);
        let log = process.log();
        assert!(
            !log.contains(PASSWORD) && !log.contains("permission denied"),
            "{log}"
        );
    });
}

/// What its user may not do, and what it may.
fn assert_refused(guarded: &Guarded, policy: &str) {
    let other = "/calico/felix/v2/no-region/host/other/status";
    let near = format!("/calico/felix/v2/no-region/host/{HOST}x/status");
    let refused: [&[&str]; 8] = [
        &["put", policy, "x"],
        &["del", policy],
        &["del", "--prefix", POLICY],
        &["put", other, "x"],
        &["put", &near, "x"],
        &["get", other],
        &["get", "--prefix", "/calico/"],
        &[
            "role",
            "grant-permission",
            &format!("margay-{HOST}"),
            "readwrite",
            policy,
        ],
    ];
    for command in refused {
        for outcome in guarded.as_agent(command) {
            let why = outcome.expect_err(&command.join(" "));
            assert!(why.contains("permission denied"), "{command:?}: {why}");
        }
    }
    let own = format!("/calico/felix/v2/no-region/host/{HOST}/status");
    let allowed: [&[&str]; 3] = [
        &["get", "--prefix", POLICY],
        &["put", &own, "x"],
        &["get", &own],
    ];
    for command in allowed {
        for outcome in guarded.as_agent(command) {
            outcome.unwrap_or_else(|why| panic!("{command:?}: {why}"));
        }
    }
}
