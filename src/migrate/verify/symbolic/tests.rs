//! Pairs of texts of which it is known whether they mean the same.

use super::{Difference, Outcome, Report, verify};
use crate::migrate::iptables::read;
use crate::migrate::nft::parse;
use crate::net::Family;

/// A filter table with these rules in INPUT, and the nft text that is to mean the same.
fn compare(rules: &str, nft: &str) -> Report {
    let dump =
        format!("*filter\n:INPUT DROP [0:0]\n:FORWARD ACCEPT [0:0]\n:x - [0:0]\n{rules}\nCOMMIT\n");
    let nft = format!(
        "table ip filter {{\n{}\n\tchain INPUT {{\n\t\ttype filter hook input priority filter; policy drop;\n{nft}\n\t}}\n}}\n",
        "\tset s {\n\t\ttype ipv4_addr\n\t\tflags interval\n\t\telements = { 10.0.0.0/8, 192.168.0.1-192.168.0.9 }\n\t}\n\tchain x {\n\t\treturn\n\t}"
    );
    let dump = read(&dump, Family::V4).expect("a dump");
    let nft = parse(&nft).expect("nft text");
    verify(&[dump], &[], &nft).expect("all of it has a meaning")
}

fn difference(report: &Report) -> Option<&Difference> {
    report.parts.iter().find_map(|part| match &part.outcome {
        Outcome::Different(difference) => Some(&**difference),
        Outcome::Equal | Outcome::Undecided(_) => None,
    })
}

const SAME: [(&str, &str); 24] = [
    (
        "-A INPUT -s 10.0.0.0/8 -p tcp -m tcp --dport 22 -j ACCEPT",
        "ip saddr 10.0.0.0/8 tcp dport 22 accept",
    ),
    (
        "-A INPUT -p tcp -m tcp ! --dport 22 -j ACCEPT",
        "tcp dport != 22 accept",
    ),
    (
        "-A INPUT -p tcp -m multiport --dports 22,80:90 -j ACCEPT",
        "tcp dport { 22, 80-90 } accept",
    ),
    ("-A INPUT -i eth+ -j ACCEPT", "iifname \"eth*\" accept"),
    ("-A INPUT ! -i lo -j ACCEPT", "iifname != \"lo\" accept"),
    (
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "ct state established,related accept",
    ),
    (
        "-A INPUT -m conntrack ! --ctstate NEW -j ACCEPT",
        "ct state ! new accept",
    ),
    (
        "-A INPUT -p tcp -m tcp --tcp-flags FIN,SYN,RST,ACK SYN -j ACCEPT",
        "tcp flags & (fin | syn | rst | ack) == syn accept",
    ),
    (
        "-A INPUT -p icmp -m icmp --icmp-type 8 -j ACCEPT",
        "icmp type echo-request accept",
    ),
    (
        "-A INPUT -m mark --mark 0x1/0xff -j ACCEPT",
        "meta mark & 0xff == 0x1 accept",
    ),
    (
        "-A INPUT -j MARK --set-xmark 0x1/0xff\n-A INPUT -m mark --mark 0x1/0xff -j ACCEPT",
        "meta mark set (meta mark & 0xffffff00) ^ 0x1 accept",
    ),
    (
        "-A INPUT -m limit --limit 3/min --limit-burst 7 -j ACCEPT",
        "limit rate 3/minute burst 7 packets accept",
    ),
    (
        "-A INPUT -s 10.0.0.1/32 -j x\n-A INPUT -s 10.0.0.1/32 -j ACCEPT",
        "ip saddr 10.0.0.1 jump x\n\t\tip saddr 10.0.0.1 accept",
    ),
    (
        "-A INPUT -m iprange --src-range 10.0.0.5-10.0.0.9 -j ACCEPT",
        "ip saddr 10.0.0.5-10.0.0.9 accept",
    ),
    (
        "-A INPUT -p tcp -j REJECT --reject-with tcp-reset",
        "ip protocol tcp reject with tcp reset",
    ),
    (
        "-A INPUT -j REJECT --reject-with icmp-port-unreachable",
        "reject with icmp port-unreachable",
    ),
    (
        "-A INPUT -j LOG --log-prefix \"x \" --log-level 7",
        "log prefix \"x \" level debug",
    ),
    (
        "-A INPUT -m addrtype --dst-type LOCAL -j ACCEPT",
        "fib daddr type local accept",
    ),
    (
        "-A INPUT -m length --length 100:200 -j ACCEPT",
        "meta length 100-200 accept",
    ),
    (
        "-A INPUT -s 10.0.0.1/32 -j ACCEPT\n-A INPUT -s 10.0.0.2/32 -j ACCEPT",
        "ip saddr { 10.0.0.1, 10.0.0.2 } accept",
    ),
    (
        "-A INPUT -s 10.0.0.1/32 -j ACCEPT\n-A INPUT -s 10.0.0.2/32 -j DROP\n-A INPUT -j ACCEPT",
        "ip saddr vmap { 10.0.0.1 : accept, 10.0.0.2 : drop }\n\t\taccept",
    ),
    (
        "-A INPUT -m statistic --mode random --probability 0.5 -j ACCEPT",
        "numgen random mod 2 < 1 accept",
    ),
    ("-A INPUT -m ttl --ttl-lt 5 -j ACCEPT", "ip ttl < 5 accept"),
    (
        "-A INPUT -m dscp --dscp 0x08 -j ACCEPT",
        "ip dscp cs1 accept",
    ),
];

#[test]
fn what_means_the_same_is_equal() {
    for (iptables, nft) in SAME {
        let report = compare(iptables, nft);
        assert!(
            report.is_equal(),
            "{iptables}\n{nft}\n{:#?}",
            difference(&report)
        );
    }
}

const DIFFERENT: [(&str, &str); 15] = [
    (
        "-A INPUT -s 10.0.0.0/8 -j ACCEPT",
        "ip saddr 10.0.0.0/9 accept",
    ),
    (
        "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
        "tcp dport 23 accept",
    ),
    (
        "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
        "tcp sport 22 accept",
    ),
    (
        "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
        "tcp dport 22 drop",
    ),
    (
        "-A INPUT -p tcp -m tcp ! --dport 22 -j ACCEPT",
        "tcp dport 22 accept",
    ),
    ("-A INPUT -i eth+ -j ACCEPT", "iifname \"eth\" accept"),
    (
        "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "ct state established accept",
    ),
    (
        "-A INPUT -m conntrack ! --ctstate NEW -j ACCEPT",
        "ct state != new,related accept",
    ),
    ("-A INPUT -j LOG --log-prefix \"x \"", "log prefix \"y \""),
    (
        "-A INPUT -m limit --limit 3/min -j ACCEPT",
        "limit rate 3/hour accept",
    ),
    (
        "-A INPUT -s 10.0.0.1/32 -m limit --limit 3/min -j ACCEPT",
        "limit rate 3/minute ip saddr 10.0.0.1 accept",
    ),
    (
        "-A INPUT -j REJECT --reject-with icmp-port-unreachable",
        "drop",
    ),
    (
        "-A INPUT -j MARK --set-xmark 0x1/0xff\n-A INPUT -j ACCEPT",
        "meta mark set 0x1\n\t\taccept",
    ),
    (
        "-A INPUT -s 10.0.0.1/32 -j DROP\n-A INPUT -j ACCEPT",
        "accept\n\t\tip saddr 10.0.0.1 drop",
    ),
    ("-A INPUT -j ACCEPT", "ip saddr @s accept"),
];

#[test]
fn what_means_something_else_has_a_packet_that_shows_it() {
    for (iptables, nft) in DIFFERENT {
        let report = compare(iptables, nft);
        assert!(difference(&report).is_some(), "{iptables}\n{nft}");
    }
}

#[test]
fn a_difference_names_both_rules() {
    let report = compare(
        "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
        "\t\ttcp dport 22 ip saddr != 10.0.0.0/8 accept\n\t\ttcp dport 22 drop",
    );
    let found = difference(&report).expect("packets from 10.0.0.0/8 differ");
    assert_eq!(found.iptables.end, "accept");
    assert_eq!(found.nft.end, "drop");
    let lines =
        [&found.iptables, &found.nft].map(|side| side.place.as_ref().map(|place| place.line));
    assert_eq!(lines, [Some(5), Some(13)]);
    assert_eq!(found.packet.get("dport").map(String::as_str), Some("22"));
    assert!(
        found.packet["saddr"].starts_with("10."),
        "{:?}",
        found.packet
    );
}

#[test]
fn a_family_without_a_dump_is_left_alone() {
    let nft = "table inet filter {\n\tchain input {\n\t\ttype filter hook input priority filter; policy drop;\n\t\taccept\n\t}\n\tchain forward {\n\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n";
    let nft = parse(nft).expect("nft text");
    let report = verify(&[], &[], &nft).expect("all of it has a meaning");
    let wrong: Vec<_> = report
        .parts
        .iter()
        .filter(|part| part.outcome != Outcome::Equal)
        .collect();
    assert_eq!(wrong.len(), 2, "forward, in both families: {report:#?}");
}

/// Whether a dump and an nft text are proven equal; nothing where the text is refused.
fn proven(dump: &str, nft: &str) -> Option<bool> {
    let dump = read(dump, Family::V4).expect("a dump");
    let nft = parse(nft).expect("nft text");
    let report = verify(&[dump], &[], &nft).ok()?;
    Some(report.is_equal())
}

#[test]
fn types_and_order_of_chains_are_compared() {
    let dump = "*nat\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n*mangle\n:POSTROUTING ACCEPT [0:0]\n-A POSTROUTING -j MARK --set-xmark 0x1/0xffffffff\nCOMMIT\n";
    let nft = |priority: &str, kind: &str| {
        format!(
            "table ip nat {{\n\tchain POSTROUTING {{\n\t\ttype nat hook postrouting priority {priority}; policy accept;\n\t}}\n}}\ntable ip mangle {{\n\tchain POSTROUTING {{\n\t\ttype {kind} hook postrouting priority -150; policy accept;\n\t\tmeta mark set 0x1\n\t}}\n}}\n"
        )
    };
    assert_eq!(proven(dump, &nft("100", "filter")), Some(true));
    assert_eq!(proven(dump, &nft("-200", "filter")), Some(false));
    assert_eq!(proven(dump, &nft("100", "route")), Some(false));
}

#[test]
fn what_a_set_asks_of_each_element_is_refused() {
    let dump = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 10.0.0.1/32 -j DROP\nCOMMIT\n";
    let nft = |asked: &str| {
        format!(
            "table ip filter {{\n\tset s {{\n\t\ttype ipv4_addr\n{asked}\t\telements = {{ 10.0.0.1 }}\n\t}}\n\tchain INPUT {{\n\t\ttype filter hook input priority filter; policy accept;\n\t\tip saddr @s drop\n\t}}\n}}\n"
        )
    };
    assert_eq!(proven(dump, &nft("")), Some(true));
    assert_eq!(proven(dump, &nft("\t\tlimit rate 1/second\n")), None);
}

#[test]
fn what_rules_share_is_never_equal() {
    let dump = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j NOTRACK\n-A PREROUTING -j CT --zone 1\nCOMMIT\n";
    let nft = "table ip raw {\n\tchain PREROUTING {\n\t\ttype filter hook prerouting priority raw; policy accept;\n\t\tnotrack\n\t\tct zone set 1\n\t}\n}\n";
    assert_eq!(proven(dump, nft), Some(false));
}

#[test]
fn the_protocol_of_a_helper_is_compared() {
    let dump = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -j CT --helper ftp\nCOMMIT\n";
    let nft = |protocol: &str| {
        format!(
            "table ip raw {{\n\tct helper h {{\n\t\ttype \"ftp\" protocol {protocol}\n\t\tl3proto ip\n\t}}\n\tchain PREROUTING {{\n\t\ttype filter hook prerouting priority -199; policy accept;\n\t\tmeta l4proto tcp ct helper set \"h\"\n\t}}\n}}\n"
        )
    };
    assert_eq!(proven(dump, &nft("tcp")), Some(true));
    assert_eq!(proven(dump, &nft("udp")), Some(false));
}

#[test]
fn the_helper_of_a_packet_that_is_dropped_is_no_matter() {
    let dump = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp\n\
                -A PREROUTING -s 192.0.2.0/24 -j DROP\nCOMMIT\n";
    let nft = |helped: &str| {
        format!(
            "table ip raw {{\n\tct helper h {{\n\t\ttype \"ftp\" protocol tcp\n\t\tl3proto ip\n\t}}\n\tchain PREROUTING {{\n\t\ttype filter hook prerouting priority raw; policy accept;\n\t\tip saddr 192.0.2.0/24 drop\n\t}}\n\tchain helped {{\n\t\ttype filter hook prerouting priority -199; policy accept;\n\t\t{helped}ct helper set \"h\"\n\t}}\n}}\n"
        )
    };
    assert_eq!(proven(dump, &nft("tcp dport 21 ")), Some(true));
    assert_eq!(proven(dump, &nft("tcp dport 22 ")), Some(false));
}

#[test]
fn a_set_that_takes_nothing_is_never_equal() {
    let dump = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -j SET --add-set s src\nCOMMIT\n";
    let nft = "table ip filter {\n\tset s {\n\t\ttype ipv4_addr\n\t\tflags dynamic\n\t}\n\tchain INPUT {\n\t\ttype filter hook input priority filter; policy accept;\n\t\tadd @s { ip saddr }\n\t}\n}\n";
    let equal = |set: &str| {
        let sets = crate::migrate::ipset::read(set).expect("a set");
        let dump = read(dump, Family::V4).expect("a dump");
        let nft = parse(nft).expect("nft text");
        verify(&[dump], &sets, &nft).expect("known").is_equal()
    };
    assert!(equal("create s hash:ip family inet\n"));
    assert!(!equal("create s hash:ip family inet6\n"));
    assert!(!equal("create s bitmap:ip range 10.0.0.0-10.0.0.255\n"));
}
