//! The same packets through iptables and through our nft.

use margay::migrate::nft::print;
use margay::migrate::translate::translate;
use margay::migrate::verify::empirical::{Original, Replay, ReplayError, replay};
use margay::net::Family;

use super::{collected, host, text};
use crate::support::netns::{report, skip};

/// Dumps whose packets take a second or two in all; `margay migrate verify --packets` does any of them.
const CHOSEN: [&str; 4] = [
    "ferm-dmz.save",
    "psa-team-b.save",
    "serverfault-765855.save",
    "c0m4r-docker.save",
];

const RULES: &str = "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:web - [0:0]
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -s 10.1.0.0/16 -i eth+ -j ACCEPT
-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT
-A FORWARD -i eth0 -o eth1 -j web
-A FORWARD -p udp -m multiport --dports 53,123,124 -j ACCEPT
-A web -p tcp -m tcp --dport 80:90 -j ACCEPT
-A web -s 10.0.0.0/8 ! -d 10.0.0.0/8 -j ACCEPT
-A web -j RETURN
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
-A PREROUTING -i eth0 -j MARK --set-xmark 0x7/0xff
-A PREROUTING -p udp -m udp --dport 53 -j TTL --ttl-set 9
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 123 -j DNAT --to-destination 192.0.2.8:124
-A POSTROUTING -o eth1 -s 10.0.0.0/8 -j SNAT --to-source 192.0.2.1
COMMIT
";

/// Both sides of a dump, or nothing where the machine has no iptables or gives no namespace.
pub(super) fn replayed(
    test: &str,
    dump: &str,
    change: impl Fn(String) -> String,
) -> Option<Replay> {
    replayed_of(Family::V4, test, dump, change)
}

fn replayed_of(
    family: Family,
    test: &str,
    dump: &str,
    change: impl Fn(String) -> String,
) -> Option<Replay> {
    let host = host(dump, family).unwrap();
    let nft = change(print::print(&translate(&host).ruleset));
    let original = Original {
        text: dump,
        dump: &host.dumps[0],
        sets: None,
    };
    match replay(&original, &nft) {
        Ok(replay) => Some(replay),
        Err(ReplayError::NoLane(error)) => {
            skip(test, &error.to_string());
            None
        }
        Err(error @ ReplayError::Refused { .. }) => panic!("{error}\n{nft}"),
    }
}

#[test]
fn packets_meet_the_same_on_both_sides() {
    let test = "packets_meet_the_same_on_both_sides";
    let Some(replay) = replayed(test, RULES, |nft| nft) else {
        return;
    };
    report(&format!("{replay:#?}"));
    assert!(replay.differences.is_empty(), "{replay:#?}");
    assert!(replay.packets > 40 && replay.seen > 10, "{replay:?}");
    assert!(replay.rules_hit() >= 10, "{replay:?}");
}

/// Every chain of IPv6, with headers that only IPv6 has.
const SIX: &str = "*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT DROP [0:0]
:web - [0:0]
-A INPUT -i lo -j ACCEPT
-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT
-A INPUT -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j ACCEPT
-A INPUT -m rt --rt-type 0 -j DROP
-A INPUT -m frag --fragfirst -j ACCEPT
-A INPUT -m hbh -j ACCEPT
-A FORWARD -i eth0 -o eth1 -j web
-A OUTPUT -o lo -j ACCEPT
-A OUTPUT -p udp -m udp --dport 53 -j ACCEPT
-A OUTPUT -d 2001:db8:5::/48 -p tcp -j REJECT --reject-with tcp-reset
-A OUTPUT -d 2001:db8:6::/48 -j ACCEPT
-A OUTPUT -p ipv6-icmp -j ACCEPT
-A web -s fd00::/8 ! -d fd00::/8 -p tcp -m tcp --dport 80:90 -j ACCEPT
-A web -m hl --hl-lt 9 -j REJECT --reject-with icmp6-adm-prohibited
COMMIT
*mangle
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A OUTPUT -p udp -j MARK --set-xmark 0x7/0xff
-A POSTROUTING -m mark --mark 0x7/0xff -j DSCP --set-dscp 0x2e
COMMIT
*nat
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A OUTPUT -d 2001:db8:6::/48 -p udp -m udp --dport 123 -j DNAT --to-destination [2001:db8:6::8]:124
-A POSTROUTING -o eth1 -s fd00::/8 -j SNAT --to-source 2001:db8:7::1
COMMIT
";

#[test]
fn packets_of_ipv6_and_of_the_host_meet_the_same() {
    let test = "packets_of_ipv6_and_of_the_host_meet_the_same";
    let Some(replay) = replayed_of(Family::V6, test, SIX, |nft| nft) else {
        return;
    };
    report(&format!("{replay:#?}"));
    assert!(replay.differences.is_empty(), "{replay:#?}");
    assert_eq!(replay.rules_hit(), 18, "{replay:#?}");
    for (right, wrong) in [
        ("dscp set 0x2e", "dscp set 0x2f"),
        ("[2001:db8:6::8]:124", "[2001:db8:6::8]:125"),
        ("rt type 0", "rt type 2"),
        ("frag frag-off 0", "frag frag-off 1"),
        ("admin-prohibited", "no-route"),
        ("tcp reset", "icmpv6 type no-route"),
        ("2001:db8:7::1", "2001:db8:7::2"),
    ] {
        let change = |nft: String| {
            assert!(nft.contains(right), "{right}: {nft}");
            nft.replacen(right, wrong, 1)
        };
        let replay = replayed_of(Family::V6, test, SIX, change).unwrap();
        assert!(!replay.differences.is_empty(), "{wrong}");
    }
}

/// Each with counts from before, and every n-th packet of its own.
const TAKING_TURNS: &str = "*filter
:INPUT ACCEPT [0:0]
:FORWARD ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
[45:6700] -A INPUT -p udp -m statistic --mode nth --every 3 --packet 0 -j DROP
[0:0] -A INPUT -p udp -m statistic --mode nth --every 4 --packet 1 -j DROP
[7:90] -A INPUT -p udp -m statistic --mode nth --every 4 --packet 3 -j DROP
[0:0] -A INPUT -p udp -m multiport --dports 53,67,123,161,500,514,1194,4500 -j ACCEPT
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
[3:40] -A POSTROUTING -o eth1 -s 10.0.0.0/8 -p udp -j MASQUERADE --random-fully
COMMIT
";

/// The kernel decides here: the proof reads both texts with the same mind.
#[test]
fn packets_take_turns_on_both_sides() {
    let test = "packets_take_turns_on_both_sides";
    let Some(replay) = replayed(test, TAKING_TURNS, |nft| nft) else {
        return;
    };
    report(&format!("{replay:#?}"));
    assert!(replay.differences.is_empty(), "{replay:#?}");
    assert_eq!(replay.rules_hit(), 5, "{replay:?}");
    let wrong = |nft: String| {
        assert!(nft.contains("mod 4 3"), "{nft}");
        nft.replace("mod 4 3", "mod 4 0")
    };
    let replay = replayed(test, TAKING_TURNS, wrong).unwrap();
    assert!(!replay.differences.is_empty());
}

/// What one table puts into a list and counts, another one asks: the list and the rate are the host's.
const TOGETHER: &str = "*filter
:INPUT ACCEPT [0:0]
:x - [0:0]
-A INPUT -p tcp -m tcp --dport 81 -m recent --rcheck --name seen --mask 255.255.255.255 --rsource -j DROP
-A INPUT -p udp -m udp --dport 81 -m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 5 --hashlimit-mode dstip --hashlimit-name few -j ACCEPT
-A INPUT -p udp -m udp --dport 82 -j x
-A x -j DROP
COMMIT
*mangle
:PREROUTING ACCEPT [0:0]
:x - [0:0]
-A PREROUTING -p tcp -m tcp --dport 81 -j x
-A PREROUTING -p udp -m udp --dport 81 -m hashlimit --hashlimit-upto 1/hour --hashlimit-burst 5 --hashlimit-mode dstip --hashlimit-name few -j MARK --set-xmark 0x1/0xffffffff
-A x -m recent --set --name seen --mask 255.255.255.255 --rsource
COMMIT
";

#[test]
fn packets_meet_the_same_where_tables_share() {
    let test = "packets_meet_the_same_where_tables_share";
    let Some(replay) = replayed(test, TOGETHER, |nft| nft) else {
        return;
    };
    report(&format!("{replay:#?}"));
    assert!(replay.differences.is_empty(), "{replay:#?}");
    assert_eq!(replay.rules_hit(), 7, "{replay:?}");
    let change = |nft: String| {
        assert!(nft.contains("update @recent-seen"), "{nft}");
        nft.replace("update @recent-seen", "delete @recent-seen")
    };
    let replay = replayed(test, TOGETHER, change).unwrap();
    assert!(!replay.differences.is_empty());
}

#[test]
fn packets_find_a_rule_that_was_changed() {
    let test = "packets_find_a_rule_that_was_changed";
    for (right, wrong) in [
        ("tcp dport 80-90", "tcp dport 80-89"),
        ("10.1.0.0/16", "10.1.0.0/17"),
        ("192.0.2.8:124", "192.0.2.8:125"),
        ("set 9", "set 10"),
    ] {
        let change = |nft: String| {
            assert!(nft.contains(right), "{nft}");
            nft.replacen(right, wrong, 1)
        };
        let Some(replay) = replayed(test, RULES, change) else {
            return;
        };
        assert!(!replay.differences.is_empty(), "{wrong}");
    }
}

#[test]
fn packets_meet_the_same_in_dumps() {
    let chosen = collected("iptables-dumps").unwrap_or_default();
    for (path, _) in chosen {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !CHOSEN.contains(&name.as_str()) {
            continue;
        }
        let Some(replay) = replayed("packets_meet_the_same_in_dumps", &text(&path), |nft| nft)
        else {
            return;
        };
        report(&format!(
            "{name}: {} packets, {} rules hit",
            replay.packets,
            replay.rules_hit()
        ));
        assert!(replay.differences.is_empty(), "{name}: {replay:#?}");
    }
}

/// The kernel writes about 50 messages at once to all that ask, unless it is told otherwise.
#[test]
fn every_refusal_of_ipv6_is_seen() {
    let test = "every_refusal_of_ipv6_is_seen";
    let rules: String = (1..=150)
        .map(|port| format!("-A INPUT -p udp -m udp --dport {port} -j REJECT --reject-with icmp6-adm-prohibited\n"))
        .collect();
    let dump = format!("*filter\n:INPUT ACCEPT [0:0]\n{rules}COMMIT\n");
    let Some(replay) = replayed_of(Family::V6, test, &dump, |nft| nft) else {
        return;
    };
    assert!(replay.differences.is_empty(), "{replay:#?}");
    assert_eq!(replay.rules_hit(), 150, "{replay:?}");
}
