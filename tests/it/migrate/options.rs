//! Options of TCP as no honest sender writes them: where iptables and nft read them differently, the plan says so.

use margay::migrate::nft::print;
use margay::migrate::translate::{Class, translate};
use margay::net::{Family, Protocol};
use margay::scenario::{Packet, Transport};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socket_with};

use super::host;
use super::verify::proven;
use crate::support::netns::{in_another_netns, in_netns, ip, nft_result, run, skip};
use crate::support::packet;
use crate::support::tun::{Device, Link};

/// What stands behind the header, in whole words.
const OPTIONS: [(&str, &[u8]); 15] = [
    ("none", &[]),
    ("a size", &[2, 4, 5, 180]),
    ("a small size", &[2, 4, 1, 0]),
    ("no operation", &[1, 1, 1, 1]),
    ("a time", &[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0]),
    ("a size in three octets", &[2, 3, 5, 1]),
    ("a size in six octets", &[2, 6, 5, 180, 1, 1, 1, 1]),
    ("a size of length 0", &[2, 0, 1, 1]),
    ("a size of length 1", &[2, 1, 1, 1]),
    ("a size twice", &[2, 4, 1, 0, 2, 4, 5, 180]),
    ("a size behind three octets", &[2, 3, 5, 1, 2, 4, 5, 180]),
    (
        "a size behind length 0",
        &[2, 0, 1, 1, 2, 4, 5, 180, 1, 1, 1, 1],
    ),
    ("a size in the last octet", &[1, 1, 1, 2]),
    ("a time in the last octet", &[0, 0, 0, 8]),
    ("a time that is cut off", &[8, 10, 1, 1]),
];

/// Rules with their class, and the options of which each side thinks otherwise.
const RULES: [(&str, Class, &[&str]); 7] = [
    (
        "--tcp-option 8 -j DROP",
        Class::Approximate,
        &["a time in the last octet", "a time that is cut off"],
    ),
    (
        "! --tcp-option 8 -j DROP",
        Class::Approximate,
        &["a time in the last octet", "a time that is cut off"],
    ),
    (
        "--tcp-option 2 -j DROP",
        Class::Approximate,
        &["a size in the last octet"],
    ),
    (
        "--tcp-option 1 -j DROP",
        Class::Approximate,
        &["a size in three octets"],
    ),
    (
        "-m tcpmss --mss 1400:1500 -j DROP",
        Class::Approximate,
        &["a size behind three octets", "a size behind length 0"],
    ),
    (
        "-m tcpmss ! --mss 1400:1500 -j DROP",
        Class::Approximate,
        &[
            "a size of length 0",
            "a size of length 1",
            "a size behind three octets",
        ],
    ),
    (
        "--tcp-flags SYN,RST SYN -m tcpmss --mss 1400:1500 -j TCPMSS --set-mss 1300",
        Class::Equivalent,
        &["a size behind three octets", "a size behind length 0"],
    ),
];

#[test]
fn options_that_are_read_differently_are_known() {
    let test = "options_that_are_read_differently_are_known";
    in_netns(test, || {
        for (asks, class, differing) in RULES {
            let dump =
                format!("*mangle\n:INPUT ACCEPT [0:0]\n-A INPUT -p tcp -m tcp {asks}\nCOMMIT\n");
            let host = host(&dump, Family::V4).unwrap();
            let translation = translate(&host);
            let ruleset = &translation.ruleset;
            assert_eq!(translation.judgements[0].class, class, "{asks}");
            let report = proven(&host, ruleset).unwrap();
            assert_eq!(report.is_equal(), class == Class::Equivalent, "{asks}");
            let before =
                in_another_netns(|| run("iptables-legacy-restore", &[], &dump).map(|_| arrivals()));
            let after = in_another_netns(|| {
                nft_result(&["-f", "-"], &print::print(ruleset)).map(|_| arrivals())
            });
            let before = match before {
                Ok(before) => before,
                Err(error) => return skip(test, &error),
            };
            let each = OPTIONS.iter().zip(before.iter().zip(after.unwrap()));
            let found = each.filter(|(_, (before, after))| *before != after);
            let found: Vec<_> = found.map(|((name, _), _)| *name).collect();
            assert_eq!(found, differing, "{asks}");
        }
    });
}

/// With which options each packet arrives, if it does.
fn arrivals() -> Vec<Option<Vec<u8>>> {
    let device = Device::new("tun0", Link::Ip).unwrap();
    ip("address add 10.0.0.1/24 dev tun0\nlink set tun0 up\n");
    let (domain, kind) = (AddressFamily::INET, SocketType::RAW);
    let tcp = Some(rustix::net::ipproto::TCP);
    let socket = socket_with(domain, kind, SocketFlags::NONBLOCK, tcp).unwrap();
    let arrives = |(_, options): &(&str, &[u8])| {
        device.send(&bytes(options)).unwrap();
        let mut buffer = [0; 256];
        let (length, _) = recv(&socket, &mut buffer[..], RecvFlags::DONTWAIT).ok()?;
        Some(buffer[40..length].to_vec())
    };
    OPTIONS.iter().map(arrives).collect()
}

/// A SYN. Nobody looks at its sum.
fn bytes(options: &[u8]) -> Vec<u8> {
    let (source, destination) = (40_000_u16, 80_u16);
    let packet = Packet {
        source: [10, 0, 0, 2].into(),
        destination: [10, 0, 0, 1].into(),
        transport: Transport::Ports {
            protocol: Protocol::TCP,
            source,
            destination,
        },
    };
    let words = u8::try_from(5 + options.len() / 4).unwrap();
    let ports = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    let rest = [
        0,
        0,
        0,
        1,
        0,
        0,
        0,
        0,
        words << 4,
        0x02,
        0xff,
        0xff,
        0,
        0,
        0,
        0,
    ];
    packet::ip(&packet, &[&ports, &rest[..], options].concat())
}
