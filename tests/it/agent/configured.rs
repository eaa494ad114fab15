//! What the store says of the daemon itself: acted by at once, or after a restart that it asks for.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use margay::scenario::place::HOST;
use tempfile::TempDir;

use crate::support::daemon::Process;
use crate::support::netns::in_netns;

/// How long a change may take to be acted by on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(20);

/// A daemon that reads a folder, in the calling thread's namespace.
struct Host {
    folder: TempDir,
    process: Process,
}

impl Host {
    fn start(spec: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().display().to_string();
        let settings = [
            ("DATASTORETYPE", "folder"),
            ("DATASTOREFOLDER", &path),
            ("HEALTHHOST", "127.0.0.1"),
        ];
        write(&folder, spec);
        let process = Process::start(HOST, &settings);
        Self { folder, process }
    }

    /// Waits until a page answers with a code; no answer is 0.
    fn wait_for(&self, port: u16, path: &str, code: u16) -> String {
        let begun = Instant::now();
        loop {
            let (seen, body) = asked(port, path).unwrap_or_default();
            if seen == code {
                return body;
            }
            let log = self.process.log();
            assert!(begun.elapsed() < PATIENCE, "{path}: {seen} {body}\n{log}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The one configuration of the folder.
fn write(folder: &TempDir, spec: &str) {
    let text = format!(
        "apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\n\
         metadata: {{name: default}}\nspec: {{{spec}}}\n"
    );
    let new = folder.path().join(".new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(&new, folder.path().join("felix.yaml")).unwrap();
}

fn asked(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

#[test]
fn what_the_store_says_of_the_daemon_is_acted_by() {
    in_netns("what_the_store_says_of_the_daemon_is_acted_by", || {
        crate::support::netns::ip("link set lo up\n");
        let mut host = Host::start("healthEnabled: true, healthPort: 7001");
        host.wait_for(7001, "/readiness", 200);
        // A level is taken in place.
        assert!(!host.process.log().contains("[DEBUG]"));
        write(
            &host.folder,
            "healthEnabled: true, healthPort: 7001, logSeverityScreen: Debug",
        );
        host.process.wait_for_log("[DEBUG]", PATIENCE);
        // What is read at the start alone takes a restart.
        write(&host.folder, "healthEnabled: true, healthPort: 7002");
        assert_eq!(host.process.wait(PATIENCE).code(), Some(129));
        assert!(host.process.log().contains("HealthPort"));
        host.process.run();
        host.wait_for(7002, "/readiness", 200);
        assert_eq!(asked(7001, "/readiness"), None);
    });
}

#[test]
fn a_configuration_that_is_none_is_not_acted_by_and_told() {
    in_netns(
        "a_configuration_that_is_none_is_not_acted_by_and_told",
        || {
            crate::support::netns::ip("link set lo up\n");
            let host = Host::start("healthEnabled: true, healthPort: 7001");
            host.wait_for(7001, "/readiness", 200);
            write(
                &host.folder,
                "healthEnabled: true, healthPort: 7002, openstackRegion: 'A B'",
            );
            let body = host.wait_for(7001, "/readiness", 503);
            assert!(body.contains("OpenstackRegion"), "{body}");
            write(&host.folder, "healthEnabled: true, healthPort: 7001");
            host.wait_for(7001, "/readiness", 200);
        },
    );
}
