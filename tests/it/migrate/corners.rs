//! What a translation must keep though no list of forms shows it: sets of elements that overlap, texts that nft does not
//! take, what rules must not share, how deep chains go.

use margay::migrate::host::{Host, Texts};
use margay::migrate::nft::{Item, Value, parse, print};
use margay::migrate::translate::{Class, Translation, translate};
use margay::migrate::verify::symbolic::{Outcome, verify};
use margay::net::Family;

use super::verify::proven;
use super::{assert_loads, host, unsupported};
use crate::support::netns::in_netns;

fn looked_up(sets: &str, rule: &str) -> Host {
    let dump = format!("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT {rule}\nCOMMIT\n");
    let texts = Texts {
        v4: Some(dump),
        v6: None,
        sets: Some(sets.to_owned()),
    };
    Host::read(&texts).unwrap()
}

/// Both families with the same rules.
fn both(rules: &str) -> Translation {
    let dump = format!("*filter\n:INPUT DROP [0:0]\n{rules}COMMIT\n");
    let texts = Texts {
        v4: Some(dump.clone()),
        v6: Some(dump),
        sets: None,
    };
    translate(&Host::read(&texts).unwrap())
}

#[test]
fn elements_that_overlap_load_and_mean_the_same() {
    in_netns("elements_that_overlap_load_and_mean_the_same", || {
        let mut random = fastrand::Rng::with_seed(5);
        let mut cut = 0;
        for _ in 0..12 {
            let mut sets = "create s hash:net,port,net family inet\n".to_owned();
            for _ in 0..60 {
                // Few different bits, so that many elements lie in each other, or cross.
                let mut net = |first: u8| {
                    let length = random.u8(12..=24);
                    let address =
                        u32::from_be_bytes([first, random.u8(..4), random.u8(..4) << 6, 0]);
                    let network = address & (u32::MAX << (32 - length));
                    format!("{}/{length}", std::net::Ipv4Addr::from(network))
                };
                let (one, other) = (net(10), net(192));
                let port = 80 + random.u8(..2);
                sets.push_str(&format!("add s {one},tcp:{port},{other}\n"));
            }
            let host = looked_up(&sets, "-m set --match-set s src,dst,dst -j DROP");
            let translation = translate(&host);
            let judgement = &translation.judgements[0];
            assert_eq!(
                judgement.class,
                Class::Equivalent,
                "{:?}",
                judgement.reasons
            );
            let keys = translation.ruleset.tables[0].sets[0].elements.iter();
            let ranges = keys.flat_map(|one| &one.key);
            let ranges = ranges.filter(|item| matches!(item, Item::Range(Value::Address(_), _)));
            cut += ranges.count();
            let printed = print::print(&translation.ruleset);
            assert_loads(&printed);
            assert!(
                proven(&host, &translation.ruleset).unwrap().is_equal(),
                "{printed}"
            );
        }
        assert!(cut > 0, "some cross and were cut");
    });
}

#[test]
fn comments_of_elements_are_such_as_nft_takes() {
    let long = "\u{e4}".repeat(150);
    let sets = format!(
        "create s hash:ip family inet comment\nadd s 10.0.0.1 comment \"{long}\"\n\
         add s 10.0.0.2 comment \"a\tb\u{7}c\"\n"
    );
    let host = looked_up(&sets, "-m set --match-set s src -j DROP");
    let ruleset = translate(&host).ruleset;
    let elements = ruleset.tables[0].sets[0].elements.iter();
    let comments: Vec<_> = elements.map(|one| one.comment.clone().unwrap()).collect();
    assert!(comments[0].starts_with("\u{e4}\u{e4}") && comments[0].len() < 128);
    assert_eq!(comments[1], "abc");
    in_netns("comments_of_elements_are_such_as_nft_takes", || {
        assert_loads(&print::print(&ruleset));
    });
}

#[test]
fn what_packets_add_stays_as_long_as_the_set_says() {
    let sets = "create s hash:ip family inet timeout 300\n";
    let host = looked_up(sets, "-j SET --add-set s src");
    let ruleset = translate(&host).ruleset;
    assert!(proven(&host, &ruleset).unwrap().is_equal());
    let mut other = ruleset.clone();
    other.tables[0].sets[0].timeout = None;
    assert!(
        !proven(&host, &other).unwrap().is_equal(),
        "{}",
        print::print(&other)
    );
}

#[test]
fn rules_that_become_one_keep_counts_of_their_own() {
    for (asks, word) in [
        ("-m quota --quota 1000", "quota 1000 bytes"),
        ("-m statistic --mode nth --every 3 --packet 0", "numgen inc"),
        ("-m limit --limit 1/sec", "limit rate"),
    ] {
        let rules = format!("-A INPUT -p 50 {asks} -j ACCEPT\n-A INPUT -p 51 {asks} -j ACCEPT\n");
        let printed = print::print(&both(&rules).idiomatic().ruleset);
        assert_eq!(printed.matches(word).count(), 4, "{printed}");
    }
}

#[test]
fn a_limit_of_both_families_is_another_one() {
    let dump = "*filter\n:INPUT DROP [0:0]\n-A INPUT -m limit --limit 1/sec -j ACCEPT\nCOMMIT\n";
    let texts = Texts {
        v4: Some(dump.to_owned()),
        v6: Some(dump.to_owned()),
        sets: None,
    };
    let host = Host::read(&texts).unwrap();
    let differs = |rules: &str, objects: &str| {
        let text = format!(
            "table inet filter {{\n{objects}\tchain INPUT {{\n\t\ttype filter hook input priority filter; policy drop;\n{rules}\t}}\n}}\n"
        );
        let report = verify(&host.dumps, &host.sets, &parse(&text).unwrap()).unwrap();
        !report.is_equal()
    };
    let limit = "limit rate 1/second burst 5 packets accept";
    let each = |what: &str| format!("\t\tmeta nfproto ipv4 {what}\n\t\tmeta nfproto ipv6 {what}\n");
    assert!(!differs(&each(limit), ""));
    assert!(differs(&format!("\t\t{limit}\n"), ""), "one for both");
    let object = "\tlimit slow {\n\t\trate 1/second burst 5 packets\n\t}\n";
    let named = "limit name \"slow\" accept";
    assert!(differs(&each(named), object), "both name one object");
}

#[test]
fn what_comes_too_late_for_connection_tracking_is_different() {
    for (target, statement) in [
        ("CT --notrack", "notrack"),
        ("CT --zone 5", "ct zone set 5"),
    ] {
        let dump = format!("*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -j {target}\nCOMMIT\n");
        let host = host(&dump, Family::V4).unwrap();
        let equal = |priority: i32| {
            let text = format!(
                "table ip raw {{\n\tchain PREROUTING {{\n\t\ttype filter hook prerouting priority {priority}; policy accept;\n\t\tjump more\n\t}}\n\
                 \tchain more {{\n\t\t{statement}\n\t}}\n}}\n"
            );
            verify(&host.dumps, &host.sets, &parse(&text).unwrap())
                .unwrap()
                .is_equal()
        };
        assert!(equal(-300) && equal(-250), "{statement}");
        assert!(!equal(-200) && !equal(-180), "{statement}");
    }
}

#[test]
fn what_is_said_by_a_chain_counts_as_a_jump() {
    for (rule, deepest) in [
        ("-j CONNMARK --restore-mark --nfmask 0xf --ctmask 0xf", 14),
        ("-j TTL --ttl-dec 1", 14),
        ("-j TOS --set-tos 0x10/0x3f", 14),
        ("-j MARK --set-xmark 0x1/0xffffffff", 15),
        (
            "-m recent --update --seconds 60 --hitcount 3 --name a --rsource -j DROP",
            14,
        ),
        (
            "-m recent --update --seconds 60 --name a --rsource -j DROP",
            15,
        ),
    ] {
        let left = |depth: usize| {
            let chains: String = (1..=depth).map(|at| format!(":c{at} - [0:0]\n")).collect();
            let jumps: String = (1..depth)
                .map(|at| format!("-A c{at} -j c{}\n", at + 1))
                .collect();
            let dump = format!(
                "*mangle\n:PREROUTING ACCEPT [0:0]\n{chains}-A PREROUTING -j c1\n{jumps}-A c{depth} {rule}\nCOMMIT\n"
            );
            let translation = translate(&host(&dump, Family::V4).unwrap());
            let printed = print::print(&translation.ruleset);
            in_netns("what_is_said_by_a_chain_counts_as_a_jump", || {
                assert_loads(&printed);
            });
            unsupported(&translation.judgements)
        };
        assert_eq!((left(deepest), left(deepest + 1)), (0, 1), "{rule}");
    }
}

/// A list and a set that rules of two tables use, and one that rules only look up.
const TOGETHER: &str = "*filter
:INPUT ACCEPT [0:0]
-A INPUT -m recent --rcheck --seconds 60 --name seen --rsource -j DROP
-A INPUT -m set --match-set caught src -j DROP
-A INPUT -m set --match-set fixed src -j DROP
COMMIT
*nat
:PREROUTING ACCEPT [0:0]
-A PREROUTING -m set --match-set fixed src -j ACCEPT
COMMIT
*raw
:PREROUTING ACCEPT [0:0]
-A PREROUTING -p tcp -m tcp --dport 21 -j CT --helper ftp
-A PREROUTING -p tcp -m tcp --dport 1 -j SET --add-set caught src
COMMIT
*mangle
:INPUT ACCEPT [0:0]
-A INPUT -p tcp -m tcp --dport 2 -m recent --set --name seen --rsource
COMMIT
";

#[test]
fn tables_that_share_what_rules_change_are_one() {
    let sets = "create caught hash:ip family inet\ncreate fixed hash:ip family inet\nadd fixed 192.0.2.1\n";
    let texts = Texts {
        v4: Some(TOGETHER.to_owned()),
        v6: None,
        sets: Some(sets.to_owned()),
    };
    let host = Host::read(&texts).unwrap();
    let translation = translate(&host);
    let classes = translation.judgements.iter().map(|one| one.class);
    assert!(classes.max() <= Some(Class::Equivalent));
    let lines: Vec<_> = translation.judgements.iter().map(|one| one.line).collect();
    assert!(lines.is_sorted(), "in the order of the dump: {lines:?}");
    let tables = translation.ruleset.tables.iter();
    let names: Vec<_> = tables.map(|table| table.name.to_string()).collect();
    assert_eq!(names, ["nat", "filter-raw-mangle"]);
    assert_eq!(translation.notes.len(), 1, "{:?}", translation.notes);
    let shortened = translation.clone().idiomatic().ruleset;
    in_netns("tables_that_share_what_rules_change_are_one", || {
        for ruleset in [&translation.ruleset, &shortened] {
            let printed = print::print(ruleset);
            assert_loads(&printed);
            assert!(proven(&host, ruleset).unwrap().is_equal(), "{printed}");
        }
    });
}

#[test]
fn a_set_of_another_table_is_another_one() {
    let dump = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m recent --rcheck --name a --rsource -j DROP\n\
                -A INPUT -m recent --set --name a --rsource\nCOMMIT\n\
                *mangle\n:INPUT ACCEPT [0:0]\n-A INPUT -m recent --rcheck --name a --rsource -j DROP\n\
                -A INPUT -m recent --set --name a --rsource\nCOMMIT\n";
    let host = host(dump, Family::V4).unwrap();
    let translation = translate(&host);
    assert!(proven(&host, &translation.ruleset).unwrap().is_equal());
    let table = |name: &str, priority: i32| {
        format!(
            "table ip {name} {{\n\tset recent-a {{\n\t\ttype ipv4_addr\n\t\tsize 65535\n\t\tflags dynamic\n\t}}\n\
             \tchain INPUT {{\n\t\ttype filter hook input priority {priority}; policy accept;\n\
             \t\tip saddr @recent-a drop\n\t\tupdate @recent-a {{ ip saddr }}\n\t}}\n}}\n"
        )
    };
    let text = format!("{}{}", table("mangle", -150), table("filter", 0));
    let apart = verify(&host.dumps, &host.sets, &parse(&text).unwrap()).unwrap();
    assert!(!apart.is_equal(), "each has a list of its own");
}

#[test]
fn a_rate_of_another_table_is_another_one() {
    let rule = "-A INPUT -m hashlimit --hashlimit-upto 1/sec --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name a -j ACCEPT";
    let dump = |table: &str| format!("*{table}\n:INPUT DROP [0:0]\n{rule}\nCOMMIT\n");
    let host = host(&(dump("filter") + &dump("mangle")), Family::V4).unwrap();
    let translation = translate(&host);
    assert!(proven(&host, &translation.ruleset).unwrap().is_equal());
    let table = |name: &str, priority: i32| {
        format!(
            "table ip {name} {{\n\tset hashlimit-a {{\n\t\ttype ipv4_addr\n\t\tsize 65535\n\t\tflags dynamic,timeout\n\t}}\n\
             \tchain INPUT {{\n\t\ttype filter hook input priority {priority}; policy drop;\n\
             \t\tupdate @hashlimit-a {{ ip saddr timeout 1s limit rate 1/second burst 5 packets }} accept\n\t}}\n}}\n"
        )
    };
    let text = format!("{}{}", table("mangle", -150), table("filter", 0));
    let apart = verify(&host.dumps, &host.sets, &parse(&text).unwrap()).unwrap();
    assert!(!apart.is_equal(), "each has buckets of its own");
}

#[test]
fn a_set_that_both_families_change_is_left_out() {
    let dump = |action: &str| {
        Some(format!(
            "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT {action}\nCOMMIT\n"
        ))
    };
    let texts = Texts {
        v4: dump("-j SET --add-set s src"),
        v6: dump("-m set --match-set s src -j DROP"),
        sets: Some("create s hash:mac\n".to_owned()),
    };
    let judgements = translate(&Host::read(&texts).unwrap()).judgements;
    let classes: Vec<_> = judgements.iter().map(|one| one.class).collect();
    assert_eq!(classes, [Class::Unsupported; 2], "{judgements:?}");
}

#[test]
fn a_set_of_mac_addresses_is_of_both_families() {
    let sets = "create m hash:mac\nadd m 02:00:00:00:00:01\ncreate b bitmap:ip range 192.0.2.0-192.0.2.9\nadd b 192.0.2.1\n";
    for (set, statement) in [("m", "ether saddr @m"), ("b", "")] {
        let texts = Texts {
            v4: None,
            v6: Some(format!(
                "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m set --match-set {set} src -j DROP\nCOMMIT\n"
            )),
            sets: Some(sets.to_owned()),
        };
        let host = Host::read(&texts).unwrap();
        let ruleset = translate(&host).ruleset;
        let printed = print::print(&ruleset);
        let rules = &ruleset.tables[0].chains[0].rules;
        assert_eq!(rules.is_empty(), statement.is_empty(), "{printed}");
        assert!(printed.contains(statement), "{printed}");
        assert!(proven(&host, &ruleset).unwrap().is_equal(), "{printed}");
    }
}

#[test]
fn chains_for_helpers_have_names_of_their_own() {
    let dump = "*raw\n:PREROUTING ACCEPT [0:0]\n:ftp - [0:0]\n:ftp.helper - [0:0]\n-A PREROUTING -j ftp\n-A PREROUTING -j ftp.helper\n\
                -A ftp -p tcp -m tcp --dport 21 -j CT --helper ftp\n-A ftp.helper -s 192.0.2.1/32 -j ACCEPT\nCOMMIT\n";
    let host = host(dump, Family::V4).unwrap();
    let ruleset = translate(&host).ruleset;
    let names: std::collections::BTreeSet<_> = ruleset.tables[0]
        .chains
        .iter()
        .map(|chain| &chain.name)
        .collect();
    assert_eq!(names.len(), 6, "{names:?}");
    assert!(proven(&host, &ruleset).unwrap().is_equal());
    in_netns("chains_for_helpers_have_names_of_their_own", || {
        assert_loads(&print::print(&ruleset));
    });
}

#[test]
fn what_is_not_quite_the_same_is_told_by_a_packet() {
    for (chain, rule, statements, same) in [
        (
            "FORWARD",
            "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --set-mss 1400",
            "tcp flags & (syn | rst) == syn tcp option maxseg size set 1400",
            false,
        ),
        (
            "FORWARD",
            "-p tcp -m tcp --tcp-flags SYN,RST SYN -m tcpmss --mss 1:65535 -j TCPMSS --set-mss 1400",
            "tcp flags & (syn | rst) == syn tcp option maxseg length 4 tcp option maxseg size 1-65535 tcp option maxseg size set 1400",
            true,
        ),
        // An option that is longer names no size in iptables.
        (
            "FORWARD",
            "-p tcp -m tcp --tcp-flags SYN,RST SYN -m tcpmss --mss 1:65535 -j TCPMSS --set-mss 1400",
            "tcp flags & (syn | rst) == syn tcp option maxseg size 1-65535 tcp option maxseg size set 1400",
            false,
        ),
        (
            "FORWARD",
            "-p tcp -m tcp --tcp-flags SYN,RST SYN --tcp-option 2 -j TCPMSS --clamp-mss-to-pmtu",
            "tcp flags & (syn | rst) == syn tcp option maxseg exists tcp option maxseg size set rt mtu",
            false,
        ),
        (
            "PREROUTING",
            "-m socket --transparent -j DROP",
            "socket wildcard 0 socket transparent 1 drop",
            false,
        ),
        (
            "PREROUTING",
            "-m socket --nowildcard -j DROP",
            "socket wildcard <= 1 drop",
            false,
        ),
        (
            "PREROUTING",
            "-m socket --nowildcard -j DROP",
            "socket transparent <= 1 drop",
            true,
        ),
    ] {
        let dump = format!("*mangle\n:{chain} ACCEPT [0:0]\n-A {chain} {rule}\nCOMMIT\n");
        let host = host(&dump, Family::V4).unwrap();
        let hook = chain.to_lowercase();
        let text = format!(
            "table ip mangle {{\n\tchain {chain} {{\n\t\ttype filter hook {hook} priority mangle; policy accept;\n\t\t{statements}\n\t}}\n}}\n"
        );
        let report = verify(&host.dumps, &host.sets, &parse(&text).unwrap()).unwrap();
        assert_eq!(report.is_equal(), same, "{rule}: {:#?}", report.parts);
    }
}

#[test]
fn a_segment_size_is_clamped_alike_where_packets_are_forwarded() {
    let named = "-m tcpmss --mss 1:65535";
    let clamp = "--clamp-mss-to-pmtu";
    for (chain, asks, size, class, equal) in [
        ("FORWARD", named, clamp, Class::Equivalent, true),
        ("OUTPUT", named, clamp, Class::Approximate, false),
        ("POSTROUTING", named, clamp, Class::Approximate, false),
        ("OUTPUT", named, "--set-mss 1400", Class::Equivalent, true),
        // Its length is not asked.
        (
            "FORWARD",
            "--tcp-option 2",
            clamp,
            Class::Approximate,
            false,
        ),
    ] {
        let dump = format!(
            "*mangle\n:{chain} ACCEPT [0:0]\n:mss - [0:0]\n-A {chain} -j mss\n\
             -A mss -p tcp -m tcp --tcp-flags SYN,RST SYN {asks} -j TCPMSS {size}\nCOMMIT\n"
        );
        let host = host(&dump, Family::V4).unwrap();
        let translation = translate(&host);
        let found = translation.judgements.iter().map(|one| one.class).max();
        assert_eq!(found, Some(class), "{dump}");
        let report = proven(&host, &translation.ruleset).unwrap();
        assert_eq!(report.is_equal(), equal, "{dump}{:#?}", report.parts);
    }
}

#[test]
fn marks_that_are_copied_are_compared_in_the_end() {
    let dump = "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -m mark ! --mark 0x0 -j CONNMARK --save-mark\n\
                -A PREROUTING -m connmark --mark 0x1 -j CONNMARK --restore-mark\nCOMMIT\n";
    let host = host(dump, Family::V4).unwrap();
    let printed = print::print(&translate(&host).ruleset);
    let outcome = |text: &str| {
        let report = verify(&host.dumps, &host.sets, &parse(text).unwrap()).unwrap();
        report.parts[0].outcome.clone()
    };
    assert_eq!(outcome(&printed), Outcome::Equal);
    let changed = printed.replace("meta mark != 0x0 counter", "meta mark 0x0 counter");
    assert_ne!(changed, printed);
    let found = outcome(&changed);
    assert!(matches!(found, Outcome::Different(_)), "{found:?}");
}
