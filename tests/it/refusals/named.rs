//! The program in a named network namespace.

use std::fs::{self, File};
use std::os::fd::AsFd;
use std::process::Command;
use std::thread;

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

use super::WORLD;
use crate::support::netns::{again_in_namespaces, ip};

/// A namespace below a `/run` that only this process sees.
struct Named {
    name: String,
    folder: TempDir,
}

impl Named {
    fn new() -> Self {
        let name = format!("margay-test-{}", std::process::id());
        ip(&format!("netns add {name}\n"));
        let folder = tempfile::tempdir().unwrap();
        Self { name, folder }
    }

    fn write(&self, text: &str) {
        fs::write(self.folder.path().join("w.yaml"), text).unwrap();
    }

    /// Runs a command over the folder for the namespace: what it printed, and said beside it.
    #[track_caller]
    fn margay(&self, command: &str, code: i32) -> (String, String) {
        let mut program = Command::new(env!("CARGO_BIN_EXE_margay"));
        program.args([command, "--netns", &self.name]);
        if command != "cleanup" {
            program.arg(self.folder.path()).args(["--host", "n1"]);
        }
        let output = program.output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (stdout, stderr) = (text(output.stdout), text(output.stderr));
        assert_eq!(output.status.code(), Some(code), "{stdout}\n{stderr}");
        (stdout, stderr)
    }

    /// The generation of the namespace's ruleset, from a thread that goes there.
    fn generation(&self) -> u32 {
        let path = format!("/run/netns/{}", self.name);
        let inside = move || {
            let namespace = File::open(path).unwrap();
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(namespace.as_fd(), network).unwrap();
            let mut backend = NftBackend::new(Ownership::None).unwrap();
            backend.generation().unwrap()
        };
        thread::spawn(inside).join().unwrap()
    }

    fn listed(&self) -> String {
        let listed = Command::new("ip")
            .args(["netns", "exec", &self.name, "nft", "list", "ruleset"])
            .output()
            .unwrap();
        assert!(listed.status.success(), "{listed:?}");
        String::from_utf8(listed.stdout).unwrap()
    }
}

#[test]
fn every_command_works_on_a_named_namespace_and_bad_input_moves_nothing() {
    let test = "refusals::named::\
                every_command_works_on_a_named_namespace_and_bad_input_moves_nothing";
    again_in_namespaces("-nm", test, || {
        let named = Named::new();
        named.write(WORLD);
        let empty = named.generation();
        let (plan, _) = named.margay("plan", 2);
        assert!(plan.contains("+ policy web ingress\n"), "{plan}");
        assert_eq!((named.generation(), named.listed().as_str()), (empty, ""));
        let (applied, _) = named.margay("apply", 0);
        assert!(applied.starts_with("applied: "), "{applied}");
        let (generation, listed) = (named.generation(), named.listed());
        assert!(listed.contains("chain policy/web/in") && generation != empty);
        assert_eq!(named.margay("apply", 0).0, "nothing to change\n");
        assert_eq!(named.margay("plan", 0).0, "nothing to change\n");
        assert_eq!(named.generation(), generation);
        named.write(&WORLD.replace("tcp 22-23", "tcp 70000"));
        let (stdout, stderr) = named.margay("apply", 1);
        assert!(
            stdout.is_empty() && stderr.contains("w.yaml:10:"),
            "{stderr}"
        );
        assert_eq!(named.generation(), generation);
        assert_eq!(named.listed(), listed);
        let (removed, _) = named.margay("cleanup", 0);
        assert!(
            removed.starts_with("removing table inet margay: ")
                && removed.ends_with("removed table inet margay\n"),
            "{removed}"
        );
        assert_eq!(named.listed(), "");
        let generation = named.generation();
        assert_eq!(named.margay("cleanup", 0).0, "nothing to remove\n");
        assert_eq!(named.generation(), generation);
    });
}
