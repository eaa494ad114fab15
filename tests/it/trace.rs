//! Traces against the kernel: for each packet and each hook, the rules that match are the same.

use std::collections::BTreeSet;

use margay::net::{InterfaceName, MacAddress, Protocol};
use margay::ruleset::packet::{Packet, Transport};
use margay::ruleset::trace::{Outcome, trace};
use margay::ruleset::{CtState, parse};
use margay::scenario;

use crate::support::netns::{in_netns, nft};
use crate::support::packet::Part;
use crate::support::prober::{Line, Wiring};
use crate::support::tun::Link;

/// What is tested of a packet in every hook. The checksum of ICMP is not modelled, so nothing here
/// holds because a port differs from it.
const TESTS: [&str; 38] = [
    "iifname \"ta\"",
    "iifname != \"ta\"",
    "oifname \"tb\"",
    "oifname != \"tb\"",
    "iif 0",
    "oif 0",
    "ip saddr 10.0.0.0/24",
    "ip saddr != 10.0.0.1",
    "ip daddr { 10.0.0.0-10.0.1.9, 10.9.9.9 }",
    "ip daddr != { 10.0.0.0-10.0.1.9 }",
    "ip6 saddr != fd00::9",
    "ip6 daddr fd00::/16",
    "ip protocol udp",
    "ip6 nexthdr icmpv6",
    "meta nfproto ipv4",
    "meta l4proto tcp",
    "meta l4proto != { tcp, udp }",
    "tcp dport 1-1000",
    "tcp dport != 80",
    "udp dport != 80",
    "th sport 2048",
    "th dport 80",
    "icmp type echo-request",
    "icmp code != 1",
    "icmpv6 type 128-130",
    "ether saddr 02:02:02:02:02:02",
    "ether saddr != 02:00:00:00:00:09",
    "meta pkttype 0",
    "ct state new",
    "ct state invalid",
    "ct state != established,related",
    "ct state untracked",
    "meta mark 0x5",
    "meta mark & 0x3 == 0x1",
    "ip saddr . tcp dport { 10.0.0.1 . 80, 10.0.0.1 . 81 }",
    "ip saddr . th dport { 10.0.0.0/24 . 70-100 }",
    "ip saddr . meta l4proto . udp dport != { 10.0.0.1 . udp . 81 }",
    "limit rate over 1000/second",
];

/// A base chain with every test, then a mark and ways into and out of other chains. What the host
/// sends by itself, answers and messages to its neighbours, is let through first.
fn base(name: &str, hook: &str, priority: i32) -> String {
    let tests: String = TESTS
        .iter()
        .map(|test| format!("\t\t{test} counter\n"))
        .collect();
    format!(
        "\tchain {name} {{
		type filter hook {hook} priority {priority}; policy accept;
		iif 0 accept
		icmpv6 type 130-143 accept
{tests}		meta mark set meta mark | 0x5 counter
		ip saddr vmap {{ 10.0.0.1 : jump sub, 10.0.3.1 : goto sub }}
		counter
	}}
"
    )
}

fn rules() -> String {
    let bases = [
        base("raw", "prerouting", -300),
        base("early", "prerouting", 0),
        base("input", "input", 0),
        base("forward", "forward", 0),
        base("late", "postrouting", 0),
    ];
    let bases = bases.concat();
    format!(
        "table inet t {{
	chain sub {{
		ip daddr 10.0.2.1 counter goto end
		tcp dport 80 counter return
		counter
	}}
	chain end {{
		udp dport 99 counter notrack
		counter
	}}
{bases}}}
"
    )
}

/// The rules that nft says were passed to their end, by chain and index.
fn matched_in_kernel() -> BTreeSet<(String, usize)> {
    let mut matched = BTreeSet::new();
    let (mut chain, mut index) = (String::new(), 0);
    for line in nft(&["list", "table", "inet", "t"], "")
        .lines()
        .map(str::trim)
    {
        if let Some(rest) = line.strip_prefix("chain ") {
            chain = rest.trim_end_matches(" {").to_owned();
            index = 0;
        } else if !(line.starts_with("type ")
            || line.starts_with("table ")
            || line == "}"
            || line.is_empty())
        {
            if line.contains("counter packets") && !line.contains("counter packets 0 ") {
                matched.insert((chain.clone(), index));
            }
            index += 1;
        }
    }
    matched
}

fn matched_in_trace(packet: &Packet) -> BTreeSet<(String, usize)> {
    let ruleset = parse("rules", &rules()).unwrap();
    let table = &ruleset.tables.values().next().unwrap().chains;
    let steps = trace(&ruleset, packet).steps.into_iter();
    let passed = steps.filter(|step| step.outcome != Outcome::NoMatch);
    let rules = passed.filter_map(|step| Some((step.chain, step.rule?)));
    let counted = rules.filter(|(chain, rule)| {
        let statements = &table[chain].rules[*rule].statements;
        statements.contains(&margay::ruleset::Statement::Counter)
    });
    counted
        .map(|(chain, rule)| (chain.to_string(), rule))
        .collect()
}

struct Sent {
    from: &'static str,
    to: Option<&'static str>,
    addresses: [&'static str; 2],
    transport: scenario::Transport,
}

fn ports(protocol: Protocol, destination: u16) -> scenario::Transport {
    scenario::Transport::Ports {
        protocol,
        source: 2048,
        destination,
    }
}

fn sent() -> Vec<Sent> {
    let ping = |kind| scenario::Transport::Icmp { kind, code: 0 };
    let to = |from, to, addresses, transport| Sent {
        from,
        to,
        addresses,
        transport,
    };
    let a_to_b = |transport| to("ta", Some("tb"), ["10.0.0.1", "10.0.1.1"], transport);
    vec![
        a_to_b(ports(Protocol::TCP, 80)),
        a_to_b(ports(Protocol::TCP, 443)),
        a_to_b(ports(Protocol::UDP, 80)),
        a_to_b(ports(Protocol::SCTP, 80)),
        a_to_b(ping(8)),
        a_to_b(scenario::Transport::Other(Protocol(253))),
        a_to_b(scenario::Transport::Cut(Protocol::UDP)),
        to(
            "ta",
            Some("tc"),
            ["10.0.0.1", "10.0.2.1"],
            ports(Protocol::UDP, 99),
        ),
        to(
            "tc",
            Some("tb"),
            ["10.0.2.1", "10.0.1.1"],
            ports(Protocol::UDP, 80),
        ),
        to(
            "td",
            Some("tb"),
            ["10.0.3.1", "10.0.1.1"],
            ports(Protocol::TCP, 80),
        ),
        to(
            "ta",
            Some("tb"),
            ["fd00::1", "fd01::1"],
            ports(Protocol::TCP, 80),
        ),
        to("ta", Some("tb"), ["fd00::1", "fd01::1"], ping(128)),
        to(
            "ta",
            Some("tb"),
            ["fd00::1", "fd01::1"],
            scenario::Transport::Cut(Protocol::TCP),
        ),
        to(
            "ta",
            None,
            ["10.0.0.1", "10.0.9.1"],
            ports(Protocol::UDP, 80),
        ),
        to("ta", None, ["fd00::1", "fd09::1"], ports(Protocol::TCP, 81)),
    ]
}

fn traced(sent: &Sent, mac: Option<MacAddress>) -> Packet {
    let headers = headers(sent);
    Packet {
        iif: sent.from.parse().ok(),
        oif: sent.to.and_then(|name| name.parse().ok()),
        ether_saddr: mac,
        source: headers.source,
        destination: headers.destination,
        protocol: headers.protocol(),
        transport: match sent.transport {
            scenario::Transport::Ports {
                source,
                destination,
                ..
            } => Transport::Ports {
                source,
                destination,
            },
            scenario::Transport::Icmp { kind, code } => Transport::Icmp { kind, code },
            scenario::Transport::Other(_) | scenario::Transport::Cut(_) => Transport::Other,
        },
        ct_state: match sent.transport {
            scenario::Transport::Cut(_) => CtState::INVALID,
            scenario::Transport::Ports { .. }
            | scenario::Transport::Icmp { .. }
            | scenario::Transport::Other(_) => CtState::NEW,
        },
        mark: 0,
    }
}

fn headers(sent: &Sent) -> scenario::Packet {
    let [source, destination] = sent.addresses.map(|address| address.parse().unwrap());
    scenario::Packet {
        source,
        destination,
        transport: sent.transport,
    }
}

fn wiring() -> Wiring {
    let line = |name: &str, link, prefixes: &[&str]| Line {
        name: name.to_owned(),
        link,
        prefixes: prefixes.iter().map(|prefix| (*prefix).to_owned()).collect(),
    };
    let lines = [
        line("ta", Link::Ip, &["10.0.0.0/24", "fd00::/16"]),
        line("tb", Link::Ip, &["10.0.1.0/24", "fd01::/16"]),
        line("tc", Link::Ethernet, &["10.0.2.0/24"]),
        line("td", Link::Ip, &["10.0.3.0/24"]),
    ];
    Wiring::new(
        &lines,
        &["10.0.9.1".parse().unwrap(), "fd09::1".parse().unwrap()],
    )
    .unwrap()
}

#[test]
fn the_kernel_matches_the_rules_that_a_trace_matches() {
    in_netns(
        "trace::the_kernel_matches_the_rules_that_a_trace_matches",
        || {
            let mut wiring = wiring();
            for sent in sent() {
                let mac = (sent.from == "tc").then_some(MacAddress([2; 6]));
                nft(&["-f", "-"], &format!("flush ruleset\n{}", rules()));
                wiring.drain();
                let probe = scenario::Probe {
                    from: sent.from.parse::<InterfaceName>().unwrap(),
                    to: sent.to.map(|name| name.parse().unwrap()),
                    mac,
                    packet: headers(&sent),
                };
                wiring.probe(&probe, Part::Opening);
                let (kernel, ours) = (matched_in_kernel(), matched_in_trace(&traced(&sent, mac)));
                let differ: Vec<_> = kernel.symmetric_difference(&ours).collect();
                assert!(!kernel.is_empty(), "{probe:?} was not seen");
                assert!(
                    differ.is_empty(),
                    "{probe:?}: {differ:?}; the kernel matched {kernel:?}"
                );
            }
        },
    );
}
