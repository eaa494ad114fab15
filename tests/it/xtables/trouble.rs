//! What goes wrong on a host and is not ours: a lock that others hold, sets of our names, prefixes that ipsets
//! do not take.

use std::fs::File;
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use super::drift::{LEGACY, by, said, state};
use crate::apply::{WORLD, World, exits};
use crate::support::fakes::Fake;
use crate::support::netns::{again_in_namespaces, in_netns, run};

/// A group of which others hold an ipset's name.
const SET: &str = "mgy4-group/web/v4";

/// The lock of xtables, in this namespace of mounts.
fn lock() -> File {
    let lock = File::create("/run/xtables.lock").unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    lock
}

#[test]
fn a_lock_that_others_hold_is_waited_for() {
    let test = "xtables::trouble::a_lock_that_others_hold_is_waited_for";
    again_in_namespaces("-nm", test, || {
        const HELD: Duration = Duration::from_secs(2);
        let world = World::new(WORLD);
        let (begun, lock) = (Instant::now(), lock());
        std::thread::scope(|scope| {
            scope.spawn(move || {
                std::thread::sleep(HELD);
                drop(lock);
            });
            by(&world, "apply", &LEGACY, 0);
        });
        assert!(begun.elapsed() >= HELD, "{:?}", begun.elapsed());
        by(&world, "plan", &LEGACY, 0);
    });
}

#[test]
fn a_lock_that_is_not_let_go_of_is_named_and_nothing_changes() {
    let test = "xtables::trouble::a_lock_that_is_not_let_go_of_is_named_and_nothing_changes";
    again_in_namespaces("-nm", test, || {
        let world = World::new(WORLD);
        by(&world, "apply", &LEGACY, 0);
        // A set that nobody looks up yet may be there.
        let rules = || -> Vec<String> {
            let all = state().into_iter();
            all.filter(|line| line.starts_with("-A")).collect()
        };
        let whole = rules();
        world.write(&WORLD.replace("groups: [web]}\n---", "groups: []}\n---"));
        let hasty = "exec iptables-legacy-restore --noflush --wait=1";
        let hasty = Fake::new("iptables-legacy-restore", hasty);
        let apply = || {
            let mut command = Command::new(env!("CARGO_BIN_EXE_margay"));
            command.env("PATH", hasty.path());
            command.args(["apply", world.path(), "--host", "n1"]);
            command.args(LEGACY).args(["--run-dir", &world.run_dir()]);
            command.output().unwrap()
        };
        let held = lock();
        let (_, told) = exits(apply(), 1);
        assert!(told.contains("others hold the lock of xtables"), "{told}");
        assert_eq!(rules(), whole);
        drop(held);
        exits(apply(), 0);
        assert_ne!(rules(), whole);
        by(&world, "plan", &LEGACY, 0);
    });
}

#[test]
fn everywhere_is_a_member_like_any_other() {
    const TEXT: &str = "\
apiVersion: margay/v1
kind: SecurityGroup
name: web
rules:
  ingress:
    - allow IPv4 tcp 80 from 0.0.0.0/0
    - allow IPv4 tcp 443 from 10.0.0.0/8
    - allow IPv6 tcp 80 from ::/0
    - allow IPv6 tcp 443 from fd00::/8
---
{apiVersion: margay/v1, kind: Endpoint, name: vm1, host: n1, interface: tap1,
 addresses: [10.65.0.2, fd00::2], groups: [web]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkSet
metadata: {name: all, labels: {all: here}}
spec: {nets: [0.0.0.0/0, '::/0', 10.1.0.0/16]}
---
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: p}
spec:
  selector: all()
  types: [Ingress]
  ingress: [{action: Allow, protocol: TCP, source: {selector: all == 'here'}, destination: {ports: [99]}}]
---
{apiVersion: projectcalico.org/v3, kind: WorkloadEndpoint,
 metadata: {name: n1-k8s-pod-eth0, namespace: a, labels: {b: c}},
 spec: {node: n1, orchestrator: k8s, pod: pod, endpoint: eth0, interfaceName: cali1, ipNetworks: [10.65.0.3/32]}}
";
    in_netns("everywhere_is_a_member_like_any_other", || {
        let world = World::new(TEXT);
        by(&world, "apply", &LEGACY, 0);
        by(&world, "plan", &LEGACY, 0);
        let saved = said("ipset", &["save"]);
        let sets = |member: &str| -> Vec<String> {
            let added = saved.lines().filter_map(|line| line.strip_prefix("add "));
            let added = added.filter_map(|added| added.split_once(' '));
            let held = added.filter(|(_, held)| *held == member);
            held.map(|(set, _)| set.to_owned()).collect()
        };
        for (half, inside) in [
            ("0.0.0.0/1,tcp:80", "9.9.9.9,tcp:80"),
            ("128.0.0.0/1,tcp:80", "203.0.113.9,tcp:80"),
            ("::/1,tcp:80", "2001:db8::1,tcp:80"),
            ("8000::/1,tcp:80", "fe80::1,tcp:80"),
            ("0.0.0.0/1", "9.9.9.9"),
            ("128.0.0.0/1", "203.0.113.9"),
            ("8000::/1", "fe80::1"),
        ] {
            let sets = sets(half);
            assert!(!sets.is_empty(), "{half}: {saved}");
            for set in sets {
                said("ipset", &["test", &set, inside]);
            }
        }
    });
}

#[test]
fn a_set_of_our_name_and_another_type_is_replaced_unless_others_look_it_up() {
    let test = "a_set_of_our_name_and_another_type_is_replaced_unless_others_look_it_up";
    in_netns(test, || {
        let world = World::new(WORLD);
        let theirs = || said("ipset", &["create", SET, "hash:net"]);
        let kind = || {
            let listed = said("ipset", &["list", "-t", SET]);
            let kind = listed.lines().find_map(|line| line.strip_prefix("Type: "));
            kind.unwrap().to_owned()
        };
        theirs();
        by(&world, "apply", &LEGACY, 0);
        assert_eq!(kind(), "hash:ip");
        let cleanup = ["cleanup", "--run-dir", &world.run_dir()];
        exits(crate::apply::margay(&cleanup), 0);
        theirs();
        let rule = |verb: &str| {
            let words = format!("{verb} FORWARD -m set --match-set {SET} src -j DROP");
            let words: Vec<&str> = words.split(' ').collect();
            said("iptables-legacy", &words)
        };
        rule("-A");
        let (_, told) = by(&world, "apply", &LEGACY, 1);
        assert!(told.contains(&format!("ipset {SET}")), "{told}");
        assert_eq!(kind(), "hash:net");
        assert!(!said("iptables-legacy", &["-S"]).contains("mgy-"));
        rule("-D");
        by(&world, "apply", &LEGACY, 0);
        assert_eq!(kind(), "hash:ip");
        assert!(run("ipset", &["test", SET, "10.65.0.2"], "").is_ok());
    });
}
