//! `--hitcount`: rings of sets, which count as the kernel's lists do. A ring that was changed anywhere is another one.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use margay::migrate::host::Host;
use margay::migrate::nft::{Chain, Ruleset, Statement, parse, print};
use margay::migrate::translate::{Class, translate};
use margay::migrate::verify::symbolic::verify;
use margay::net::Family;

use super::replay::replayed;
use super::verify::proven;
use super::{assert_loads, host};
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
fn a_plan_says_what_a_ring_does_not_count() {
    let noted = |dump: &str| {
        let notes = translate(&host(dump, Family::V4).unwrap()).notes;
        notes
            .iter()
            .filter(|note| note.contains("--hitcount"))
            .count()
    };
    assert_eq!(noted(ALL), 1);
    assert_eq!(
        noted(
            &ALL.replace(" --hitcount 5", "")
                .replace(" --hitcount 3", "")
                .replace(" --hitcount 4", "")
        ),
        0
    );
}

#[test]
fn rings_are_proven_and_loaded() {
    let (host, ruleset) = read(ALL);
    let shortened = translate(&host).idiomatic().ruleset;
    in_netns("rings_are_proven_and_loaded", || {
        for ruleset in [&ruleset, &shortened] {
            let printed = print::print(ruleset);
            assert_loads(&printed);
            let report = proven(&host, ruleset).unwrap();
            assert!(report.is_equal(), "{printed}{:#?}", report.parts);
        }
    });
}

/// Every statement of every rule that has to do with a ring is left out, or asks or writes another set, or another key;
/// every such rule is left out.
#[test]
fn a_ring_that_was_changed_is_found() {
    // Where a packet was noted whatever it is, to ask whether it was is nothing to leave out.
    let all = ALL.replace(
        "-p tcp -m recent --set",
        "-p tcp -m tcp --dport 80 -m recent --set",
    );
    let (host, ruleset) = read(&all);
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
        assert_loads(&printed);
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

#[test]
fn packets_are_forgotten_at_the_same_time() {
    let test = "packets_are_forgotten_at_the_same_time";
    let dump = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -m recent --set --name a --rsource\n\
                -A INPUT -p udp -m recent --rcheck --seconds 2 --hitcount 3 --name a --rsource -j DROP\nCOMMIT\n";
    let at = [0, 800, 1600, 2400, 4800, 5600, 6400];
    let expected = [true, true, false, false, true, true, false];
    in_netns(test, || {
        let sent = at.map(|at| (Duration::from_millis(at), COUNTED));
        assert_on_both_sides(test, dump, &sent, &expected);
    });
}

/// What is counted, and what makes it all forgotten, by its length.
const COUNTED: &[u8] = b"x";
const FORGOTTEN: &[u8] = b"xx";

/// After one packet, after two, and so on, so that the newest one was in each set of the ring.
#[test]
fn packets_are_forgotten_when_a_rule_says_so() {
    let test = "packets_are_forgotten_when_a_rule_says_so";
    let dump = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -p udp -m length --length 30 -m recent --remove --name a --rsource -j ACCEPT\n\
                -A INPUT -p udp -m recent --set --name a --rsource\n\
                -A INPUT -p udp -m recent --rcheck --seconds 60 --hitcount 3 --name a --rsource -j DROP\nCOMMIT\n";
    let rounds = (1..=5).flat_map(|round| [vec![COUNTED; round], vec![FORGOTTEN]].concat());
    let sent: Vec<_> = rounds.map(|what| (Duration::ZERO, what)).collect();
    let expected = (1..=5).flat_map(|round| (0..=round).map(move |at| at < 2 || at == round));
    let expected: Vec<_> = expected.collect();
    in_netns(test, || {
        assert_on_both_sides(test, dump, &sent, &expected);
        // Each of the four sets keeps what no rule takes out.
        let (_, ruleset) = read(dump);
        let chains = &ruleset.tables[0].chains;
        let forgets = |chain: &Chain| chain.name.as_str() == "recent-a.60.forget.src";
        let place = chains.iter().position(forgets).unwrap();
        assert_eq!(chains[place].rules.len(), 4);
        let wrong = (0..4).map(|rule| {
            let mut without = ruleset.clone();
            without.tables[0].chains[place].rules.remove(rule);
            without
        });
        let wrong: Vec<_> = wrong.collect();
        thread::scope(|scope| {
            let each = wrong
                .iter()
                .map(|nft| scope.spawn(|| arrivals_of_nft(nft, &sent)));
            for arrived in each.collect::<Vec<_>>() {
                assert_ne!(arrived.join().unwrap(), expected);
            }
        });
    });
}

/// Packets with when they are sent.
type Sent<'a> = [(Duration, &'a [u8])];

#[track_caller]
fn assert_on_both_sides(test: &str, dump: &str, sent: &Sent<'_>, expected: &[bool]) {
    let (_, ruleset) = read(dump);
    let (before, after) = thread::scope(|scope| {
        let before = scope.spawn(|| {
            in_another_netns(|| run("iptables-restore", &[], dump).map(|_| arrivals(sent)))
        });
        let after = arrivals_of_nft(&ruleset, sent);
        (before.join().unwrap(), after)
    });
    assert_eq!(after, expected);
    match before {
        Ok(before) => assert_eq!(before, expected),
        Err(error) => skip(test, &error),
    }
}

fn arrivals_of_nft(ruleset: &Ruleset, sent: &Sent<'_>) -> Vec<bool> {
    let printed = print::print(ruleset);
    in_another_netns(|| nft_result(&["-f", "-"], &printed).map(|_| arrivals(sent))).unwrap()
}

/// Which of the packets arrive.
fn arrivals(sent: &Sent<'_>) -> Vec<bool> {
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = receiver.local_addr().unwrap();
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    let wait = Some(Duration::from_millis(100));
    receiver.set_read_timeout(wait).unwrap();
    let start = Instant::now();
    let arrives = |(at, what): &(Duration, &[u8])| {
        thread::sleep((start + *at).saturating_duration_since(Instant::now()));
        sender.send_to(what, to).unwrap();
        receiver.recv(&mut [0; 8]).is_ok()
    };
    sent.iter().map(arrives).collect()
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
