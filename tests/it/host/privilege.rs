//! What is left of root's rights, and that it is enough.

use std::process::Command;
use std::thread;

use margay::host::capability::keep_network_capabilities;

use super::{open, plan, routes, set, settle, veth};
use crate::support::netns::{in_netns, nft_result, skip};

/// `CAP_NET_ADMIN` and `CAP_NET_RAW` (linux/capability.h).
const NETWORK: u64 = 1 << 12 | 1 << 13;

/// The capability sets of a child of this thread, as the kernel shows them.
fn sets() -> [u64; 5] {
    let status = child_status();
    ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"].map(|name| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(&format!("{name}:\t")));
        u64::from_str_radix(line.unwrap(), 16).unwrap()
    })
}

fn child_status() -> String {
    let output = Command::new("cat")
        .arg("/proc/self/status")
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn root_without_its_other_capabilities_still_programs_a_host() {
    let test = "root_without_its_other_capabilities_still_programs_a_host";
    in_netns(test, || {
        veth("tap1");
        let [_, permitted, ..] = sets();
        if permitted & NETWORK != NETWORK {
            return skip(test, "the test has not the rights that it would keep");
        }
        keep_network_capabilities().unwrap();
        assert_eq!(sets(), [0, NETWORK, NETWORK, NETWORK, 0]);
        assert!(child_status().contains("NoNewPrivs:\t1"));
        let mount = Command::new("unshare").args(["-m", "true"]).status();
        assert!(
            !mount.unwrap().success(),
            "a mount namespace takes CAP_SYS_ADMIN"
        );

        let mut host = open();
        let report = settle(
            &mut host,
            &plan(&[("a", "tap1", "02:00:00:00:00:01", "10.65.0.2")]),
        );
        assert!(report.writes > 0);
        assert_eq!(routes("tap1"), set(["10.65.0.2"]));
        nft_result(&["add", "table", "inet", "probe"], "").unwrap();
    });
}

#[test]
fn others_than_root_program_a_host_with_these_capabilities() {
    let test = "others_than_root_program_a_host_with_these_capabilities";
    in_netns(test, || {
        veth("tap1");
        if !become_nobody() {
            return skip(test, "there is no other user to become");
        }
        keep_network_capabilities().unwrap();
        let report = settle(
            &mut open(),
            &plan(&[("a", "tap1", "-", "10.65.0.2, fd00::2")]),
        );
        assert!(report.writes >= 10, "{report:?}");
    });
}

/// Makes the calling thread another user's, with the capabilities it has. Threads have each a user
/// of their own as far as the kernel is concerned.
fn become_nobody() -> bool {
    use rustix::thread::{
        CapabilitySet, CapabilitySets, set_capabilities, set_keep_capabilities, set_thread_uid,
    };
    let network = CapabilitySet::NET_ADMIN | CapabilitySet::NET_RAW;
    set_keep_capabilities(true).unwrap();
    let changed = set_thread_uid(rustix::process::Uid::from_raw(65_534)).is_ok();
    let all = CapabilitySets {
        effective: network,
        permitted: network,
        inheritable: CapabilitySet::empty(),
    };
    changed && set_capabilities(None, all).is_ok()
}

#[test]
fn who_has_no_rights_gets_none() {
    thread::spawn(|| {
        let nothing = rustix::thread::CapabilitySet::empty();
        let sets_of_nothing = rustix::thread::CapabilitySets {
            effective: nothing,
            permitted: nothing,
            inheritable: nothing,
        };
        rustix::thread::set_capabilities(None, sets_of_nothing).unwrap();
        keep_network_capabilities().unwrap();
        let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
        assert!(status.contains("CapEff:\t0000000000000000"), "{status}");
    })
    .join()
    .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}
