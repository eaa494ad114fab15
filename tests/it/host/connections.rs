//! Connections as the kernel tracks them, with its own listing as the witness.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

use margay::host::{Conntrack, Flow, FlowFilter, FlowStatus, TupleKey};
use margay::net::{Family, Protocol};
use rustix::net::{AddressFamily, SocketType, ipproto, socket};

use super::{open, plan, settle, veth};
use crate::support::netns::{in_netns, ip, nft};

const TRACK: &str =
    "table inet t { chain out { type filter hook output priority 0; ct state new accept; }; }";

/// A namespace that tracks connections between addresses of its own.
fn tracked(test: &str, body: impl FnOnce(&mut Conntrack) + Send) {
    in_netns(test, || {
        for n in 2..=9 {
            ip(&format!(
                "addr add 10.65.0.{n}/32 dev lo\naddr add fd00::{n}/128 dev lo nodad\n"
            ));
        }
        nft(&["-f", "-"], TRACK);
        body(&mut Conntrack::open().unwrap());
    });
}

/// Sends a packet of UDP.
fn send(from: &str, to: &str) {
    // A program that another test starts has this test's sockets until it runs.
    let bound = (0..100).find_map(|_| match UdpSocket::bind(from) {
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            std::thread::sleep(Duration::from_millis(20));
            None
        }
        bound => Some(bound.unwrap()),
    });
    bound.unwrap().send_to(b"x", to).unwrap();
}

/// Sends an echo request, which the kernel answers.
fn echo(from: &str, to: &str) {
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 0").unwrap();
    let v4 = from.parse::<IpAddr>().unwrap().is_ipv4();
    let (family, protocol, kind) = match v4 {
        true => (AddressFamily::INET, ipproto::ICMP, 8),
        false => (AddressFamily::INET6, ipproto::ICMPV6, 128),
    };
    let fd: OwnedFd = socket(family, SocketType::DGRAM, Some(protocol)).unwrap();
    let address = |text: &str| std::net::SocketAddr::new(text.parse().unwrap(), 0);
    rustix::net::bind(&fd, &address(from)).unwrap();
    UdpSocket::from(fd)
        .send_to(&[kind, 0, 0, 0, 0, 0, 0, 1], address(to))
        .unwrap();
}

fn words(flow: &Flow) -> String {
    let ports = match flow.original.key {
        TupleKey::Ports {
            source,
            destination,
        } => format!("{source}-{destination}"),
        TupleKey::Icmp { kind, code, .. } => format!("{kind}/{code}"),
        TupleKey::Nothing => String::new(),
    };
    let [from, to] = [flow.original.source, flow.original.destination];
    format!("{} {from} {to} {ports} zone {}", flow.protocol, flow.zone)
}

fn all(table: &mut Conntrack) -> BTreeSet<String> {
    table
        .flows(FlowFilter::All)
        .unwrap()
        .iter()
        .map(words)
        .collect()
}

/// What the kernel prints of its table, told in the same words.
fn witness() -> BTreeSet<String> {
    let text = std::fs::read_to_string("/proc/thread-self/net/nf_conntrack").unwrap();
    let line = |line: &str| {
        let field = |name: &str| {
            let mut fields = line.split_whitespace();
            fields
                .find_map(|field| field.strip_prefix(name))
                .map(str::to_owned)
        };
        let address = |name| field(name).unwrap().parse::<IpAddr>().unwrap();
        let protocol: u8 = line.split_whitespace().nth(3).unwrap().parse().unwrap();
        let key = match (field("sport="), field("dport=")) {
            (Some(source), Some(destination)) => format!("{source}-{destination}"),
            _ => format!("{}/{}", field("type=").unwrap(), field("code=").unwrap()),
        };
        let zone = field("zone=").unwrap_or("0".to_owned());
        format!(
            "{} {} {} {key} zone {zone}",
            Protocol(protocol),
            address("src="),
            address("dst=")
        )
    };
    text.lines().map(line).collect()
}

fn addresses<const N: usize>(all: [&str; N]) -> BTreeSet<IpAddr> {
    all.map(|text| text.parse().unwrap()).into()
}

#[test]
fn connections_are_read_as_the_kernel_prints_them() {
    tracked("connections_are_read_as_the_kernel_prints_them", |table| {
        nft(
            &[
                "insert", "rule", "inet", "t", "out", "udp", "dport", "7", "ct", "mark", "set",
                "0x2a",
            ],
            "",
        );
        send("10.65.0.2:1000", "10.65.0.3:7");
        send("[fd00::2]:1001", "[fd00::3]:8");
        echo("10.65.0.2", "10.65.0.4");
        echo("fd00::2", "fd00::4");
        let found = all(table);
        assert_eq!(found, witness());
        assert_eq!(found.len(), 4, "{found:?}");
        let mut flows = table.flows(FlowFilter::All).unwrap();
        flows.retain(|flow| flow.family == Family::V4);
        let udp = flows
            .iter()
            .find(|flow| flow.protocol == Protocol::UDP)
            .unwrap();
        assert_eq!((flows.len(), udp.mark), (2, 0x2a));
        assert_eq!(udp.reply.source, udp.original.destination);
        let icmp = flows
            .iter()
            .find(|flow| flow.protocol == Protocol::ICMP)
            .unwrap();
        assert!(
            icmp.status
                .contains(FlowStatus::SEEN_REPLY | FlowStatus::CONFIRMED)
        );
        assert!(
            matches!(icmp.reply.key, TupleKey::Icmp { kind: 0, .. }),
            "{icmp:?}"
        );
    });
}

#[test]
fn one_connection_is_deleted_and_its_likes_stay() {
    tracked("one_connection_is_deleted_and_its_likes_stay", |table| {
        let raw = "table inet z { chain out { type filter hook output priority raw; udp dport 7 ct zone set 5; }; }";
        send("10.65.0.2:1000", "10.65.0.3:7");
        send("10.65.0.2:1001", "10.65.0.3:7");
        nft(&["-f", "-"], raw);
        send("10.65.0.2:1000", "10.65.0.3:7");
        echo("10.65.0.2", "10.65.0.4");
        echo("10.65.0.2", "10.65.0.4");
        let zones: Vec<u16> = table
            .flows(FlowFilter::All)
            .unwrap()
            .iter()
            .map(|f| f.zone)
            .collect();
        assert_eq!(
            zones.iter().filter(|&&zone| zone == 5).count(),
            1,
            "{zones:?}"
        );
        loop {
            let flows = table.flows(FlowFilter::All).unwrap();
            let Some(last) = flows.last() else { break };
            assert_eq!(table.delete(last).unwrap(), 1, "{last:?}");
            assert_eq!(table.delete(last).unwrap(), 0, "it was there twice");
            let left = table.flows(FlowFilter::All).unwrap();
            assert_eq!(left, flows[..flows.len() - 1]);
        }
        assert_eq!(witness(), BTreeSet::new());
    });
}

#[test]
fn another_connection_between_the_same_ends_is_not_meant() {
    tracked(
        "another_connection_between_the_same_ends_is_not_meant",
        |table| {
            send("10.65.0.2:1000", "10.65.0.3:7");
            let flow = table.flows(FlowFilter::All).unwrap()[0];
            let later = Flow {
                id: flow.id ^ 1,
                ..flow
            };
            assert_eq!(table.delete(&later).unwrap(), 0);
            assert_eq!(all(table).len(), 1);
            assert_eq!(table.delete(&flow).unwrap(), 1);
        },
    );
}

#[test]
fn an_address_is_forgotten_in_every_zone() {
    tracked("an_address_is_forgotten_in_every_zone", |table| {
        nft(
            &["-f", "-"],
            "table inet z { chain out { type filter hook output priority raw;
             udp dport 7 ct zone set 5; udp dport 8 ct original zone set 6; udp dport 9 ct reply zone set 7; }; }",
        );
        for port in 7..=10 {
            send("10.65.0.2:1000", &format!("10.65.0.3:{port}"));
        }
        let flows = table.flows(FlowFilter::All).unwrap();
        let zones: BTreeSet<_> = flows
            .iter()
            .map(|f| (f.zone, f.original.zone, f.reply.zone))
            .collect();
        assert_eq!(zones, [(0, 0, 0), (5, 0, 0), (0, 6, 0), (0, 0, 7)].into());
        assert_eq!(table.forget(&addresses(["10.65.0.2"])).unwrap(), 4);
        assert_eq!(all(table), BTreeSet::new());
    });
}

#[test]
fn an_address_is_forgotten_at_every_end_and_no_other_is() {
    tracked(
        "an_address_is_forgotten_at_every_end_and_no_other_is",
        |table| {
            nft(
                &["-f", "-"],
                "table ip n { chain out { type nat hook output priority -100; ip daddr 10.65.0.8 dnat to 10.65.0.2; }; \
             chain post { type nat hook postrouting priority 100; ip saddr 10.65.0.7 snat to 10.65.0.2; }; }",
            );
            let fill = || {
                send("10.65.0.2:1000", "10.65.0.3:7");
                send("10.65.0.3:1001", "10.65.0.2:7");
                send("10.65.0.3:1002", "10.65.0.8:7");
                send("10.65.0.7:1003", "10.65.0.3:7");
                send("10.65.0.3:1004", "10.65.0.4:7");
                send("[fd00::2]:1005", "[fd00::3]:7");
            };
            let other = [
                "udp 10.65.0.3 10.65.0.4 1004-7 zone 0",
                "udp fd00::2 fd00::3 1005-7 zone 0",
            ];
            fill();
            assert_eq!(all(table).len(), 6);
            let of_one = table
                .flows(FlowFilter::Address("10.65.0.2".parse().unwrap()))
                .unwrap();
            assert_eq!(of_one.len(), 4, "{of_one:#?}");
            assert_eq!(table.forget(&addresses(["10.65.0.2"])).unwrap(), 4);
            assert_eq!(all(table), super::set(other));
            fill();
            assert_eq!(
                table.forget(&addresses(["10.65.0.2", "fd00::9"])).unwrap(),
                4
            );
            assert_eq!(all(table), super::set(other));
            assert_eq!(table.forget(&addresses(["fd00::3"])).unwrap(), 1);
            assert_eq!(table.forget(&addresses([])).unwrap(), 0);
            assert_eq!(all(table), super::set([other[0]]));
        },
    );
}

#[test]
fn a_walk_comes_to_every_connection_while_others_are_removed() {
    let test = "a_walk_comes_to_every_connection_while_others_are_removed";
    tracked(test, |table| {
        for port in 1..=900 {
            send("10.65.0.2:1000", &format!("10.65.0.3:{port}"));
        }
        let odd = |flow: &Flow| match flow.original.key {
            TupleKey::Ports { destination, .. } => destination % 2 == 1,
            TupleKey::Icmp { .. } | TupleKey::Nothing => false,
        };
        // One that is given up leaves nothing behind.
        table.begin().unwrap();
        assert!(table.more().unwrap().is_some());
        table.begin().unwrap();
        let (mut parts, mut seen, mut removed) = (0, BTreeSet::new(), 0);
        while let Some(mut flows) = table.more().unwrap() {
            parts += 1;
            seen.extend(flows.iter().map(words));
            flows.retain(odd);
            removed += table.delete_all(&flows).unwrap();
        }
        assert!(table.more().unwrap().is_none());
        assert!(parts > 2, "{parts}");
        assert_eq!((seen.len(), removed), (900, 450));
        assert_eq!(all(table).len(), 450);
        assert_eq!(all(table), witness());
    });
}

#[test]
fn an_address_that_goes_takes_its_connections_along() {
    tracked(
        "an_address_that_goes_takes_its_connections_along",
        |table| {
            veth("tap1");
            veth("tap2");
            let fill = || {
                send("10.65.0.2:1000", "10.65.0.3:7");
                send("10.65.0.4:1001", "10.65.0.5:7");
                send("10.65.0.6:1002", "10.65.0.7:7");
            };
            let mut host = open();
            let both = plan(&[
                ("a", "tap1", "-", "10.65.0.2, 10.65.0.9"),
                ("b", "tap2", "-", "10.65.0.5"),
            ]);
            assert_eq!(settle(&mut host, &both).forgotten, 0);
            fill();
            ip("link set tap1 down\n");
            assert_eq!(
                settle(&mut host, &both).forgotten,
                0,
                "an interface that is down keeps its connections"
            );
            ip("link set tap1 up\n");
            assert_eq!(settle(&mut host, &both).forgotten, 0);
            let one = plan(&[
                ("a", "tap1", "-", "10.65.0.9"),
                ("b", "tap2", "-", "10.65.0.5"),
            ]);
            assert_eq!(settle(&mut host, &one).forgotten, 1);
            assert_eq!(all(table).len(), 2);
            fill();
            let moved = plan(&[
                ("a", "tap1", "-", "10.65.0.5"),
                ("b", "tap2", "-", "10.65.0.9"),
            ]);
            assert_eq!(settle(&mut host, &moved).forgotten, 1);
            assert_eq!(all(table).len(), 2);
            fill();
            // A new process knows by the routes that are there what an old one had.
            assert_eq!(settle(&mut open(), &plan(&[])).forgotten, 1);
            assert_eq!(all(table).len(), 2);
        },
    );
}
