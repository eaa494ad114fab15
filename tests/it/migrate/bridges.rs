//! `physdev`: frames through a bridge, from port to port, to the host, through it and from it, meet the same rules in
//! iptables and in nft, where ports are bits of the mark.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::path::Path;

use margay::migrate::nft::print;
use margay::migrate::translate::{Class, Known, translate_known};
use margay::net::{Family, MacAddress, Protocol};
use margay::scenario::{Packet, Transport};

use super::host;
use super::verify::proven;
use crate::support::netns::{in_another_netns, in_netns, ip, nft, run, skip};
use crate::support::packet::{self, HOST_MAC, Part};
use crate::support::tun::{Device, Link};

const SEEN: &str = "/proc/sys/net/bridge/bridge-nf-call-iptables";

/// Ports of which two have a name in a rule.
const PORTS: [&str; 3] = ["tap1", "tap2", "tap3"];

/// Whoever is behind the second port, and somebody whom the bridge has never seen, so that all ports get his frames.
const KNOWN: MacAddress = MacAddress([0x02, 0, 0, 0, 0, 2]);
const UNKNOWN: MacAddress = MacAddress([0x02, 0, 0, 0, 0, 9]);

const ASKED: [&str; 12] = [
    "--physdev-in tap1",
    "--physdev-in tap2",
    "! --physdev-in tap1",
    "--physdev-is-in",
    "! --physdev-is-in",
    "--physdev-out tap2 --physdev-is-bridged",
    "! --physdev-out tap2 --physdev-is-bridged",
    "--physdev-in tap1 --physdev-out tap3 --physdev-is-bridged",
    "--physdev-is-bridged",
    "! --physdev-is-bridged",
    "--physdev-is-out",
    "! --physdev-is-out",
];

/// Where each may be asked: a port to go out by is known from `FORWARD` on.
const CHAINS: [(&str, usize); 5] = [
    ("PREROUTING", 5),
    ("INPUT", 5),
    ("FORWARD", ASKED.len()),
    ("OUTPUT", 5),
    ("POSTROUTING", ASKED.len()),
];

#[test]
fn frames_through_a_bridge_meet_the_same() {
    let test = "frames_through_a_bridge_meet_the_same";
    if !Path::new(SEEN).exists() {
        return skip(test, "the kernel has no br_netfilter");
    }
    let dump = dump();
    let host = host(&dump, Family::V4).unwrap();
    let known = Known {
        free_mark: Some(0x00ff_0000),
    };
    let translation = translate_known(&host, known);
    let worst = translation.judgements.iter().map(|one| one.class).max();
    assert_eq!(worst, Some(Class::Equivalent), "{translation:#?}");
    assert!(proven(&host, &translation.ruleset).unwrap().is_equal());
    let printed = print::print(&translation.ruleset);
    in_netns(test, || {
        let original = in_another_netns(|| {
            run("iptables-legacy-restore", &[], &dump).map(|_| {
                send();
                of_iptables(&dump, &run("iptables-legacy-save", &["-c"], "").unwrap())
            })
        });
        let original = match original {
            Ok(original) => original,
            Err(error) => return skip(test, &error),
        };
        let found = of_nft(&printed);
        assert_eq!(found, original, "{dump}{printed}");
        let hit = original.values().filter(|count| **count > 0).count();
        assert!(hit > 25, "{hit}: {original:?}");
        for (right, wrong) in [
            ("iifname \"tap1\"", "iifname \"tap3\""),
            ("oifname \"tap2\"", "oifname \"tap3\""),
            (
                "hook forward priority -301",
                "hook postrouting priority -301",
            ),
        ] {
            assert!(printed.contains(right), "{right}\n{printed}");
            assert_ne!(of_nft(&printed.replace(right, wrong)), original, "{wrong}");
        }
    });
}

fn dump() -> String {
    let chains = CHAINS.map(|(chain, _)| format!(":{chain} ACCEPT [0:0]\n"));
    let rule = |chain: &str, asked: &str| format!("-A {chain} -p udp -m physdev {asked}\n");
    let rules = CHAINS.iter().flat_map(|(chain, count)| {
        let asked = ASKED.iter().take(*count);
        asked.map(move |asked| rule(chain, asked))
    });
    let lines: String = chains.into_iter().chain(rules).collect();
    format!("*mangle\n{lines}COMMIT\n")
}

/// What each rule counted, by its line in the dump.
type Counts = BTreeMap<usize, u64>;

fn of_nft(text: &str) -> Counts {
    in_another_netns(|| {
        nft(&["-f", "-"], text);
        send();
        let mut counts = Counts::new();
        for line in nft(&["list", "ruleset"], "").lines() {
            let Some((_, rest)) = line.split_once("counter packets ") else {
                continue;
            };
            let (count, _) = rest.split_once(' ').unwrap();
            let (_, comment) = rest.split_once("comment \"").unwrap();
            let (line, _) = comment.split_once(':').unwrap();
            *counts.entry(line.parse().unwrap()).or_default() += count.parse::<u64>().unwrap();
        }
        counts
    })
}

/// iptables prints rules in the order in which it was given them.
fn of_iptables(dump: &str, saved: &str) -> Counts {
    let rules = dump.lines().zip(1..);
    let rules = rules.filter(|(line, _)| line.starts_with("-A"));
    let counts = saved.lines().filter_map(|line| {
        let (count, _) = line.strip_prefix('[')?.split_once(':')?;
        count.parse().ok()
    });
    rules.map(|(_, line)| line).zip(counts).collect()
}

/// Builds a bridge, and sends a packet each way.
fn send() {
    let ports = PORTS.map(|name| Device::new(name, Link::Ethernet).unwrap());
    let uplink = Device::new("out0", Link::Ip).unwrap();
    for (key, value) in [("ipv4/ip_forward", "1"), ("ipv4/conf/all/rp_filter", "0")] {
        std::fs::write(format!("/proc/sys/net/{key}"), value).unwrap();
    }
    std::fs::write(SEEN, "1").unwrap();
    let joined = PORTS.map(|name| format!("link set {name} master br0 up\n"));
    ip(&format!(
        "link add br0 address {HOST_MAC} type bridge\nlink set br0 up\n{}\
         address add 10.0.0.254/24 dev br0\naddress add 10.0.1.254/24 dev br0\n\
         neighbour add 10.0.0.2 lladdr {KNOWN} dev br0\nneighbour add 10.0.1.2 lladdr {KNOWN} dev br0\n\
         link set out0 up\nroute add 192.0.2.0/24 dev out0\n",
        joined.concat()
    ));
    // The bridge learns who is behind the second port.
    ports[1]
        .send(&frame(KNOWN, HOST_MAC, "10.0.0.2", "10.0.0.254"))
        .unwrap();
    let sender = MacAddress([0x02, 0, 0, 0, 0, 1]);
    for (receiver, address) in [
        (KNOWN, "10.0.0.2"),
        (UNKNOWN, "10.0.0.9"),
        (HOST_MAC, "10.0.0.254"),
        (HOST_MAC, "192.0.2.9"),
        // It goes back by the bridge, and is routed all the same.
        (HOST_MAC, "10.0.1.2"),
    ] {
        ports[0]
            .send(&frame(sender, receiver, "10.0.0.1", address))
            .unwrap();
    }
    uplink.send(&bytes("192.0.2.9", "10.0.0.2")).unwrap();
    let here = UdpSocket::bind("10.0.0.254:0").unwrap();
    here.send_to(b"x", "10.0.0.2:9").unwrap();
}

fn frame(from: MacAddress, to: MacAddress, source: &str, destination: &str) -> Vec<u8> {
    let mut frame = packet::ethernet(from, &bytes(source, destination));
    frame[..6].copy_from_slice(&to.0);
    frame
}

fn bytes(source: &str, destination: &str) -> Vec<u8> {
    let packet = Packet {
        source: source.parse().unwrap(),
        destination: destination.parse().unwrap(),
        transport: Transport::Ports {
            protocol: Protocol::UDP,
            source: 40_000,
            destination: 9,
        },
    };
    packet::ip(&packet, &packet::transport(&packet, 1, Part::Opening))
}
