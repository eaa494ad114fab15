//! A set of `recent` that is full takes no more addresses, and its rule goes on.

use std::net::UdpSocket;

use margay::migrate::nft::{parse, print};
use margay::migrate::translate::{Class, translate};
use margay::migrate::verify::symbolic::verify;
use margay::net::Family;

use super::host;
use super::verify::proven;
use crate::support::netns::{in_netns, nft_result, run};

const KNOCKS: &str = "*filter
:INPUT ACCEPT [0:0]
-A INPUT -p udp -m udp --dport 1111 -m recent --set --name a --rsource -j DROP
-A INPUT -p udp -m udp --dport 1112 -m recent --update --seconds 60 --name a --rsource -j DROP
-A INPUT -p tcp -m recent --remove --name a --rsource
COMMIT
";

#[test]
fn a_full_set_does_not_end_the_rule() {
    let host = host(KNOCKS, Family::V4).unwrap();
    let translation = translate(&host);
    assert!(
        translation
            .judgements
            .iter()
            .all(|one| one.class <= Class::Equivalent)
    );
    in_netns("a_full_set_does_not_end_the_rule", || {
        for ruleset in [
            &translation.ruleset,
            &translation.clone().idiomatic().ruleset,
        ] {
            assert!(proven(&host, ruleset).unwrap().is_equal());
            let text = print::print(ruleset);
            let small = text.replace("size 65535", "size 1");
            assert_ne!(text, small);
            nft_result(&["-f", "-"], &small).unwrap();
            run("ip", &["link", "set", "lo", "up"], "").unwrap();
            for (source, port) in [
                ("127.0.0.2", 1111),
                ("127.0.0.3", 1111),
                ("127.0.0.2", 1112),
            ] {
                let socket = UdpSocket::bind((source, 0)).unwrap();
                socket.send_to(b"knock", ("127.0.0.1", port)).unwrap();
            }
            let listed = nft_result(&["list", "chain", "ip", "filter", "INPUT"], "").unwrap();
            for (port, count) in [("1111", "packets 2 "), ("1112", "packets 1 ")] {
                let mut dropped = listed.lines().filter(|line| line.contains(port));
                let dropped = dropped.find(|line| line.contains("drop")).unwrap();
                assert!(dropped.contains(count), "{listed}");
            }
            nft_result(&["flush", "ruleset"], "").unwrap();
        }
    });
}

#[test]
fn behind_a_limit_the_difference_is_named() {
    let rule = "-A INPUT -m limit --limit 5/sec -m recent --set --name a --rsource -j DROP";
    let dump = format!("*filter\n:INPUT ACCEPT [0:0]\n{rule}\nCOMMIT\n");
    let judged = translate(&host(&dump, Family::V4).unwrap()).judgements;
    assert_eq!(judged[0].class, Class::Approximate);
    assert!(
        judged[0].reasons.iter().any(|one| one.contains("is full")),
        "{judged:?}"
    );
}

#[test]
fn what_a_packet_noted_it_finds() {
    let dump = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -m recent ! --rcheck --name a --rsource -m recent --set --name a --rsource -j DROP\nCOMMIT\n";
    let host = host(dump, Family::V4).unwrap();
    let translation = translate(&host);
    assert!(proven(&host, &translation.ruleset).unwrap().is_equal());
    let printed = print::print(&translation.ruleset);
    let rule = printed
        .lines()
        .find(|line| line.contains("update @recent-a"))
        .unwrap();
    let (asks, rest) = rule.split_once(" update @recent-a { ip saddr }").unwrap();
    // The second of these never holds, other than where the set is full.
    let split = format!("{asks} update @recent-a {{ ip saddr }}\n{asks}{rest}");
    let parsed = parse(&printed.replace(rule, &split)).unwrap();
    assert!(
        !verify(&host.dumps, &[], &parsed).unwrap().is_equal(),
        "{split}"
    );
}
