//! Workloads as Felix programs them: a chain for each direction of each, and their policies by sets.

use std::collections::BTreeSet;

use super::text::{Text, hashed, ports};
use crate::scenario::Random;

/// A packet that policy accepts has this bit.
const ACCEPTED: &str = "0x10000/0x10000";
/// A packet that goes on to the next tier has this bit.
const PASSED: &str = "0x20000/0x20000";
/// Policies for each ten workloads.
const POLICIES_PER_TEN: usize = 6;
/// Members of a set.
const MEMBERS: usize = 24;

/// So many workloads, and what they need.
pub(super) fn workloads(text: &mut Text, count: usize, random: &mut Random) {
    base(text, random);
    let policies: Vec<_> = (0..=count * POLICIES_PER_TEN / 10)
        .map(|_| policy(text, random))
        .collect();
    for number in 0..count {
        let interface = format!("cali{:06x}{number:03x}", random.below(1 << 24));
        for (way, own, policies_of, option) in
            [("from", "fw", "po", "-i"), ("to", "tw", "pi", "-o")]
        {
            let chain = format!("cali-{own}-{interface}");
            let dispatch = format!("cali-{way}-wl-dispatch");
            text.rule(
                "filter",
                &dispatch,
                &format!("{option} {interface} -g {chain}"),
                random,
            );
            workload(text, &chain, policies_of, &policies, random);
        }
    }
    for way in ["from", "to"] {
        let dispatch = format!("cali-{way}-wl-dispatch");
        text.rule(
            "filter",
            &dispatch,
            "-m comment --comment \"Unknown interface\" -j DROP",
            random,
        );
    }
}

fn base(text: &mut Text, random: &mut Random) {
    let accept = format!("-m mark --mark {ACCEPTED} -j ACCEPT");
    let rules = [
        ("raw", "PREROUTING", "-j cali-PREROUTING"),
        ("raw", "cali-PREROUTING", "-j MARK --set-xmark 0x0/0xf0000"),
        (
            "raw",
            "cali-PREROUTING",
            "-i cali+ -j MARK --set-xmark 0x40000/0x40000",
        ),
        ("filter", "FORWARD", "-j cali-FORWARD"),
        ("filter", "FORWARD", &accept),
        ("filter", "cali-FORWARD", "-j MARK --set-xmark 0x0/0xe0000"),
        (
            "filter",
            "cali-FORWARD",
            "-i cali+ -j cali-from-wl-dispatch",
        ),
        ("filter", "cali-FORWARD", "-o cali+ -j cali-to-wl-dispatch"),
        ("filter", "INPUT", "-j cali-INPUT"),
        ("filter", "cali-INPUT", "-i cali+ -g cali-wl-to-host"),
        ("filter", "cali-wl-to-host", "-j cali-from-wl-dispatch"),
        (
            "filter",
            "cali-wl-to-host",
            "-m comment --comment \"Configured DefaultEndpointToHostAction\" -j ACCEPT",
        ),
    ];
    for (table, chain, rule) in rules {
        text.rule(table, chain, rule, random);
    }
}

fn workload(text: &mut Text, chain: &str, of: &str, policies: &[String], random: &mut Random) {
    let mut add = |rule: &str, random: &mut Random| text.rule("filter", chain, rule, random);
    add(
        "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        random,
    );
    add("-m conntrack --ctstate INVALID -j DROP", random);
    add("-j MARK --set-xmark 0x0/0x10000", random);
    add(
        "-m comment --comment \"Start of policies\" -j MARK --set-xmark 0x0/0x20000",
        random,
    );
    for _ in 0..2 {
        let policy = random.pick(policies).clone();
        add(
            &format!("-m mark --mark 0x0/0x20000 -j cali-{of}-{policy}"),
            random,
        );
        add(
            &format!(
                "-m comment --comment \"Return if policy accepted\" -m mark --mark {ACCEPTED} -j RETURN"
            ),
            random,
        );
    }
    add(
        "-m comment --comment \"Drop if no policies passed packet\" -m mark --mark 0x0/0x20000 -j DROP",
        random,
    );
    add(
        "-m comment --comment \"Drop if no profiles matched\" -j DROP",
        random,
    );
}

/// A policy: sets of its peers, and rules that set a bit and return.
fn policy(text: &mut Text, random: &mut Random) -> String {
    let name = hashed(16, random);
    for (of, side) in [("pi", "src"), ("po", "dst")] {
        let chain = format!("cali-{of}-{name}");
        for _ in 0..2 + random.below(4) {
            let set = format!("cali40s:{}", hashed(20, random));
            let members: BTreeSet<_> = (0..MEMBERS).map(|_| member(random)).collect();
            text.set(&set, "hash:net", &members);
            let protocol = random.pick(&["tcp", "udp"]);
            let ports = ports(random);
            let mark = if random.percent(10) { PASSED } else { ACCEPTED };
            let rule = format!(
                "-p {protocol} -m set --match-set {set} {side} -m multiport --dports {ports} -j MARK --set-xmark {mark}"
            );
            text.rule("filter", &chain, &rule, random);
            text.rule(
                "filter",
                &chain,
                &format!("-m mark --mark {mark} -j RETURN"),
                random,
            );
        }
    }
    name
}

/// An address of a workload, or now and then a network.
fn member(random: &mut Random) -> String {
    let (second, third, last) = (16 + random.below(16), random.below(256), random.below(256));
    if random.percent(10) {
        format!("192.168.{third}.0/{}", 24)
    } else {
        format!("10.{second}.{third}.{last}")
    }
}
