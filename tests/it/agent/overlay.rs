//! What `margay apply` puts in the place of what the store says, through the daemon that owns the table.

use std::time::Duration;

use margay::scenario::place::HOST;

use super::daemon::{Host, desired, script};
use crate::apply::{exits, margay};
use crate::gapless::script::Script;
use crate::support::netns::{in_another_netns, in_netns, nft_result};

impl Host {
    /// Runs `apply` with documents, for a host.
    #[track_caller]
    fn apply(&self, documents: &str, host: &str, more: &[&str], code: i32) -> (String, String) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("over.yaml");
        std::fs::write(&file, documents).unwrap();
        let (file, run_dir) = (file.display().to_string(), self.run_dir());
        let own = ["apply", &file, "--host", host, "--run-dir", &run_dir];
        exits(margay(&[&own, more].concat()), code)
    }

    #[track_caller]
    fn ask(&self, command: &str, code: i32) -> (String, String) {
        exits(margay(&[command, "--run-dir", &self.run_dir()]), code)
    }

    fn run_dir(&self) -> String {
        self.process.run_dir().display().to_string()
    }
}

/// A daemon with port 100 in its store, and all of it in force.
fn host() -> Host {
    let mut host = Host::start(&script(100));
    host.wait(|host| host.status().0 == 0);
    host
}

/// The group of the servers alone, with another port.
fn servers(port: u16) -> String {
    let rule = format!("udp {port} from group client");
    Script::default()
        .group("server", &[rule], &[])
        .text()
        .to_owned()
}

#[test]
fn documents_stand_for_what_they_declare_until_they_are_rolled_back() {
    in_netns(
        "documents_stand_for_what_they_declare_until_they_are_rolled_back",
        || {
            let mut host = host();
            let (told, _) = host.apply(&servers(200), HOST, &["-o", "json"], 0);
            let told: serde_json::Value = serde_json::from_str(&told).unwrap();
            assert_eq!(told["schema"], "margay.apply/1");
            assert_eq!(told["changed"], true, "{told}");
            // The rest is what the store says.
            assert_eq!(host.held(), desired(&script(200).state()));
            let (exit, status) = host.status();
            assert_eq!(exit, 0);
            assert_eq!(
                status["overlay"]["objects"],
                serde_json::json!(["group server"])
            );
            assert_eq!(
                status["overlay"]["rolled_back_in_seconds"],
                serde_json::Value::Null
            );
            assert_eq!(
                host.apply(&servers(200), HOST, &[], 0).0,
                "nothing to change\n"
            );
            // Still nobody else may change the table.
            assert!(nft_result(&["delete", "table", "inet", "margay"], "").is_err());
            host.apply(&servers(300), HOST, &[], 0);
            assert_eq!(host.held(), desired(&script(300).state()));
            // One apply is undone by each, and then the store alone is in force.
            host.ask("rollback", 0);
            assert_eq!(host.held(), desired(&script(200).state()));
            host.ask("rollback", 0);
            assert_eq!(host.held(), desired(&script(100).state()));
            assert_eq!(host.status().1["overlay"], serde_json::Value::Null);
            let (_, stderr) = host.ask("rollback", 1);
            assert!(stderr.contains("there is nothing to undo"), "{stderr}");
        },
    );
}

#[test]
fn what_nobody_confirms_gives_way_to_the_store_and_what_is_confirmed_stays() {
    in_netns(
        "what_nobody_confirms_gives_way_to_the_store_and_what_is_confirmed_stays",
        || {
            let mut host = host();
            let (told, _) = host.apply(&servers(200), HOST, &["--confirm-within", "2"], 0);
            assert!(
                told.ends_with("\nrolled back in 2 s, unless `margay confirm` comes before\n"),
                "{told}"
            );
            assert_eq!(host.held(), desired(&script(200).state()));
            let (_, stderr) = host.apply(&servers(300), HOST, &[], 4);
            assert!(
                stderr.contains("another apply waits to be confirmed"),
                "{stderr}"
            );
            host.wait_for(&script(100).state());
            let (_, stderr) = host.ask("confirm", 1);
            assert!(stderr.contains("nothing waits to be confirmed"), "{stderr}");
            host.apply(&servers(200), HOST, &["--confirm-within", "1"], 0);
            host.ask("confirm", 0);
            std::thread::sleep(Duration::from_millis(1500));
            assert_eq!(host.held(), desired(&script(200).state()));
        },
    );
}

#[test]
fn what_the_store_says_meanwhile_waits_below() {
    in_netns("what_the_store_says_meanwhile_waits_below", || {
        let mut host = host();
        host.apply(&servers(200), HOST, &[], 0);
        let both = |port: u16| script(port).endpoint("c", 2, 2, "server");
        host.write(both(400).text());
        // The endpoint comes, and the port is still that of the documents.
        host.wait_for(&both(200).state());
        host.ask("rollback", 0);
        assert_eq!(host.held(), desired(&both(400).state()));
        // What the store takes back is gone when the documents are.
        host.apply(&servers(200), HOST, &[], 0);
        let without = Script::default().group("client", &[], &["to all"]);
        host.write(without.text());
        host.ask("rollback", 0);
        host.wait_for(&without.state());
    });
}

#[test]
fn the_way_back_outlives_an_apply_that_says_the_same_or_nothing_new() {
    in_netns(
        "the_way_back_outlives_an_apply_that_says_the_same_or_nothing_new",
        || {
            let mut host = host();
            host.apply(&servers(200), HOST, &[], 0);
            host.apply(&servers(200), HOST, &["--confirm-within", "60"], 0);
            // Nothing waits, so that another apply is not in the way.
            host.ask("confirm", 1);
            host.ask("rollback", 0);
            assert_eq!(host.held(), desired(&script(100).state()));
            host.ask("rollback", 1);
        },
    );
}

#[test]
fn what_documents_say_of_the_daemon_itself_does_not_end_it() {
    in_netns(
        "what_documents_say_of_the_daemon_itself_does_not_end_it",
        || {
            let mut host = host();
            let felix = "---\napiVersion: projectcalico.org/v3\nkind: FelixConfiguration\n\
                         metadata: {name: default}\nspec: {healthPort: 7009, healthEnabled: true}\n\
                         ---\napiVersion: projectcalico.org/v3\nkind: ClusterInformation\n\
                         metadata: {name: default}\nspec: {datastoreReady: false}\n";
            host.apply(&(servers(200) + felix), HOST, &[], 0);
            assert_eq!(host.held(), desired(&script(200).state()));
            assert_eq!(host.status().1["sync"], "in-sync");
            host.ask("rollback", 0);
            assert_eq!(host.held(), desired(&script(100).state()));
        },
    );
}

#[test]
fn a_restart_goes_back_to_the_store() {
    in_netns("a_restart_goes_back_to_the_store", || {
        let mut host = host();
        host.apply(&servers(200), HOST, &[], 0);
        host.process.kill();
        assert_eq!(host.held(), desired(&script(200).state()));
        host.process.run();
        host.wait_for(&script(100).state());
    });
}

#[test]
fn an_agent_of_another_host_or_namespace_is_not_the_one_that_is_meant() {
    in_netns(
        "an_agent_of_another_host_or_namespace_is_not_the_one_that_is_meant",
        || {
            let mut host = host();
            let (_, stderr) = host.apply(&servers(200), "elsewhere", &[], 4);
            assert!(stderr.contains("not for elsewhere"), "{stderr}");
            assert_eq!(host.held(), desired(&script(100).state()));
            in_another_netns(|| {
                let (told, _) = host.apply(&servers(200), HOST, &[], 0);
                assert!(told.starts_with("applied: "), "{told}");
            });
            assert_eq!(host.held(), desired(&script(100).state()));
        },
    );
}
