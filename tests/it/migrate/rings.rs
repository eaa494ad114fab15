//! `--hitcount`: rings of sets, which count as the kernel's lists do. A ring that was changed anywhere is another one.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use margay::migrate::host::Host;
use margay::migrate::nft::{Ruleset, Statement, parse, print};
use margay::migrate::translate::{Class, translate};
use margay::migrate::verify::symbolic::verify;
use margay::net::Family;

use super::host;
use super::replay::replayed;
use super::verify::proven;
use crate::support::netns::{in_another_netns, in_netns, nft_result, run, skip};

/// All that is done with a list whose packets are counted, in two times.
const ALL: &str = "*filter
:INPUT ACCEPT [0:0]
-A INPUT -p tcp -m recent --set --name a --rsource
-A INPUT -p tcp -m tcp --dport 81 -m recent --update --seconds 60 --hitcount 5 --name a --rsource -j DROP
-A INPUT -p tcp -m tcp --dport 82 -m recent --rcheck --seconds 60 --hitcount 3 --name a --rsource -j DROP
-A INPUT -p tcp -m tcp --dport 83 -m recent ! --rcheck --hitcount 4 --name a --rsource -j DROP
-A INPUT -p tcp -m tcp --dport 84 -m recent --remove --name a --rsource
-A INPUT -p tcp -m tcp --dport 85 -m recent --update --seconds 60 --name a --rsource -j REJECT
COMMIT
";

fn read(dump: &str) -> (Host, Ruleset) {
    let host = host(dump, Family::V4).unwrap();
    let translation = translate(&host);
    let worst = translation.judgements.iter().map(|one| one.class).max();
    assert!(worst <= Some(Class::Equivalent), "{translation:#?}");
    (host, translation.ruleset)
}

#[test]
fn rings_are_proven_and_loaded() {
    let (host, ruleset) = read(ALL);
    let shortened = translate(&host).idiomatic().ruleset;
    in_netns("rings_are_proven_and_loaded", || {
        for ruleset in [&ruleset, &shortened] {
            let printed = print::print(ruleset);
            nft_result(&["-f", "-"], &printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
            nft_result(&["flush", "ruleset"], "").unwrap();
            let report = proven(&host, ruleset).unwrap();
            assert!(report.is_equal(), "{printed}{:#?}", report.parts);
        }
    });
}

/// Every statement of every rule that has to do with a ring is left out, or asks or writes another set, or another key;
/// every such rule is left out.
#[test]
fn a_ring_that_was_changed_is_found() {
    let (host, ruleset) = read(ALL);
    let mut mutants = 0;
    for (chain_at, chain) in ruleset.tables[0].chains.iter().enumerate() {
        for (rule_at, rule) in chain.rules.iter().enumerate() {
            let ring = |statement: &Statement| statement.to_string().contains("recent-a");
            for (at, statement) in rule.statements.iter().enumerate() {
                if !ring(statement) && !chain.name.as_str().starts_with("recent-a") {
                    continue;
                }
                let mut without = ruleset.clone();
                without.tables[0].chains[chain_at].rules[rule_at]
                    .statements
                    .remove(at);
                let text = print::print(&without);
                assert_found(
                    &host,
                    &text,
                    &format!("{}: {rule} without {statement}", chain.name),
                );
                mutants += 1;
            }
            if rule.statements.iter().any(ring) {
                let mut without = ruleset.clone();
                without.tables[0].chains[chain_at].rules.remove(rule_at);
                let text = print::print(&without);
                assert_found(&host, &text, &format!("{} without {rule}", chain.name));
                mutants += 1;
            }
        }
    }
    let printed = print::print(&ruleset);
    for (right, wrong) in [
        ("timeout 1m", "timeout 1m1s"),
        ("@recent-a.60.s3 {", "@recent-a.60.s4 {"),
        ("@recent-a.60.s3 ip", "@recent-a.60.s2 ip"),
        ("!= @recent-a.60.s3", "!= @recent-a.60.s1"),
        ("@recent-a.60.s0 return", "@recent-a.60.s1 return"),
        ("!= @recent-a.s3", "!= @recent-a.60.s3"),
        ("@recent-a.60.of5", "@recent-a.60.of3"),
        ("@recent-a.60.of3", "@recent-a.60.s0"),
        ("recent-a.60.of5.src", "recent-a.60.of3.src"),
        ("{ ip saddr }", "{ ip daddr }"),
        ("ip saddr @", "ip daddr @"),
        ("timeout 1s", "timeout 2s"),
    ] {
        let places: Vec<_> = printed.match_indices(right).map(|(at, _)| at).collect();
        assert!(!places.is_empty(), "{right}\n{printed}");
        for at in places {
            let text = format!("{}{wrong}{}", &printed[..at], &printed[at + right.len()..]);
            let line = text[..at].lines().count();
            assert_found(&host, &text, &format!("{wrong} in line {line}\n{text}"));
            mutants += 1;
        }
    }
    assert!(mutants > 150, "{mutants}");
}

#[track_caller]
fn assert_found(host: &Host, text: &str, what: &str) {
    // What names a set or a chain that is not there no kernel loads, and reading it says so.
    let Ok(parsed) = parse(text) else { return };
    let found = verify(&host.dumps, &host.sets, &parsed).map_or(true, |report| !report.is_equal());
    assert!(found, "{what}");
}

#[test]
fn a_long_ring_loads_and_is_proven() {
    let dump = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m recent --update --seconds 86400 --hitcount 1000 --name a --rsource -j DROP\n\
                -A INPUT -p tcp -m recent --remove --name a --rsource\n-A INPUT -m recent --set --name a --rsource\nCOMMIT\n";
    let (host, ruleset) = read(dump);
    in_netns("a_long_ring_loads_and_is_proven", || {
        let printed = print::print(&ruleset);
        nft_result(&["-f", "-"], &printed).unwrap_or_else(|error| panic!("{error}"));
        assert!(proven(&host, &ruleset).unwrap().is_equal());
    });
}

#[test]
fn packets_are_counted_alike() {
    let test = "packets_are_counted_alike";
    let Some(replay) = replayed(test, ALL, |nft| nft) else {
        return;
    };
    assert!(replay.differences.is_empty(), "{replay:#?}");
    assert!(replay.rules_hit() >= 5, "{replay:?}");
    // The second packet leaves a gap behind the first one, and there are never three.
    let (right, wrong) = ("update @recent-a.60.s1 ", "update @recent-a.60.s2 ");
    let change = |nft: String| {
        assert!(nft.contains(right), "{right}\n{nft}");
        nft.replace(right, wrong)
    };
    let replay = replayed(test, ALL, change).unwrap();
    assert!(!replay.differences.is_empty(), "{wrong}");
}

/// When packets are sent, in milliseconds, and whether they arrive where three in two seconds are too many.
const SENT: [(u64, bool); 7] = [
    (0, true),
    (800, true),
    (1600, false),
    (2400, false),
    (4800, true),
    (5600, true),
    (6400, false),
];

#[test]
fn packets_are_forgotten_at_the_same_time() {
    let test = "packets_are_forgotten_at_the_same_time";
    let dump = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -m recent --set --name a --rsource\n\
                -A INPUT -p udp -m recent --rcheck --seconds 2 --hitcount 3 --name a --rsource -j DROP\nCOMMIT\n";
    let (_, ruleset) = read(dump);
    let printed = print::print(&ruleset);
    in_netns(test, || {
        let (before, after) = thread::scope(|scope| {
            let before = scope.spawn(|| {
                in_another_netns(|| run("iptables-restore", &[], dump).map(|_| arrivals()))
            });
            let after = scope.spawn(|| {
                in_another_netns(|| nft_result(&["-f", "-"], &printed).map(|_| arrivals()))
            });
            (before.join().unwrap(), after.join().unwrap())
        });
        let expected: Vec<_> = SENT.iter().map(|(_, arrives)| *arrives).collect();
        assert_eq!(after.unwrap(), expected);
        match before {
            Ok(before) => assert_eq!(before, expected),
            Err(error) => skip(test, &error),
        }
    });
}

/// Which of the packets arrive.
fn arrivals() -> Vec<bool> {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = receiver.local_addr().unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let wait = Some(Duration::from_millis(200));
    receiver.set_read_timeout(wait).unwrap();
    let start = Instant::now();
    let arrives = |(at, _): &(u64, bool)| {
        thread::sleep(
            (start + Duration::from_millis(*at)).saturating_duration_since(Instant::now()),
        );
        sender.send_to(b"x", to).unwrap();
        receiver.recv(&mut [0; 8]).is_ok()
    };
    SENT.iter().map(arrives).collect()
}

/// The kernel has no place for so many packets of one address in so short a time.
#[test]
fn a_flood_does_not_get_through() {
    let test = "a_flood_does_not_get_through";
    let dump = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -m recent --set --name a --rsource\n\
                -A INPUT -p udp -m recent --update --seconds 60 --hitcount 3 --name a --rsource -j DROP\nCOMMIT\n";
    let (_, ruleset) = read(dump);
    in_netns(test, || {
        nft_result(&["-f", "-"], &print::print(&ruleset)).unwrap();
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..5000 {
            sender.send_to(b"x", to).unwrap();
        }
        receiver.set_nonblocking(true).unwrap();
        let arrived = (0..5000).take_while(|_| receiver.recv(&mut [0; 8]).is_ok());
        assert_eq!(arrived.count(), 2);
    });
}
