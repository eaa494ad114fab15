//! What iptables itself would not take is an error with its line, and what it prints is read as it means it.

use margay::migrate::iptables::Test;
use margay::migrate::nft::parse;
use margay::migrate::nft::print;
use margay::migrate::translate::{Class, translate};
use margay::migrate::verify::symbolic::verify;
use margay::net::{Family, Protocol};

use super::host;
use super::verify::proven;
use crate::support::netns::{in_netns, run};

fn filter(rules: &str) -> String {
    format!("*filter\n:INPUT ACCEPT [0:0]\n{rules}COMMIT\n")
}

#[test]
fn what_iptables_refuses_is_an_error() {
    for (rule, problem) in [
        ("-p tcp ! -j DROP", "-j cannot be negated"),
        ("! -m state --state NEW -j DROP", "-m cannot be negated"),
        ("! -g INPUT", "-g cannot be negated"),
        ("-j ACCEPT !", "`!` with no option behind it"),
        ("! ! -s 192.0.2.1 -j DROP", "`!` with no option behind it"),
        ("! 192.0.2.1 -j DROP", "`!` with no option behind it"),
        ("! -s ! 192.0.2.1 -j DROP", "`!` twice"),
        ("-s 192.0.2.1 -s 192.0.2.2 -j DROP", "-s twice in one rule"),
        (
            "-s 192.0.2.1 --source 192.0.2.2 -j DROP",
            "--source twice in one rule",
        ),
        ("-p tcp -p udp -j DROP", "-p twice in one rule"),
        ("-i eth0 -i eth1 -j DROP", "-i twice in one rule"),
        (
            "-p tcp -m tcp --dport 22 --dport 23 -j DROP",
            "--dport twice in one rule",
        ),
        (
            "-j LOG --log-prefix a --log-prefix b",
            "--log-prefix twice in one rule",
        ),
    ] {
        let error = host(&filter(&format!("-A INPUT {rule}\n")), Family::V4).unwrap_err();
        let said = error.to_string();
        let place = "iptables-save, line 3: ";
        assert!(
            said.starts_with(place) && said.contains(problem),
            "{rule}: {said}"
        );
    }
    for rule in [
        "-p tcp -m multiport --dports 1,2 -m multiport --sports 3 -j DROP",
        "-p tcp -m multiport --dports 1,2 -m multiport --dports 2,3 -j DROP",
        "-m mark --mark 0x1 -m connmark --mark 0x1 -j DROP",
        "-m policy --dir in --pol ipsec --strict --reqid 1 --next --reqid 2 -j DROP",
        "-s ! 192.0.2.1 -j DROP",
    ] {
        host(&filter(&format!("-A INPUT {rule}\n")), Family::V4).unwrap();
    }
}

#[test]
fn a_byte_order_mark_is_no_matter() {
    let dump = format!("\u{feff}{}", filter("-A INPUT -j DROP\n"));
    assert_eq!(host(&dump, Family::V4).unwrap().dumps[0].rules().count(), 1);
}

#[test]
fn protocols_are_read_as_iptables_prints_them() {
    let rules: String = (1..=255)
        .map(|number| format!("-A INPUT -p {number} -j DROP\n"))
        .collect();
    in_netns("protocols_are_read_as_iptables_prints_them", || {
        for (family, program) in [(Family::V4, "iptables-nft"), (Family::V6, "ip6tables-nft")] {
            run(&format!("{program}-restore"), &[], &filter(&rules)).unwrap();
            let saved = run(&format!("{program}-save"), &[], "").unwrap();
            let host = host(&saved, family).unwrap();
            let read = host.dumps[0].rules().flat_map(|(_, _, rule)| &rule.matches);
            let read: Vec<_> = read.map(|one| one.test.clone()).collect();
            let numbers: Vec<_> = (1..=255)
                .map(|number| Test::Protocol(Protocol(number)))
                .collect();
            assert_eq!(read, numbers, "{saved}");
        }
    });
}

#[test]
fn names_of_protocols_are_those_of_debian() {
    for (name, number) in [
        ("ipip", 94),
        ("ipencap", 4),
        ("etherip", 97),
        ("encap", 98),
        ("isis", 124),
        ("hip", 139),
        ("mpls-in-ip", 137),
        ("ax.25", 93),
        ("manet", 138),
    ] {
        let dump = filter(&format!("-A INPUT -p {name} -j DROP\n"));
        let host = host(&dump, Family::V4).unwrap();
        let rule = host.dumps[0].rules().next().unwrap().2;
        assert_eq!(
            rule.matches[0].test,
            Test::Protocol(Protocol(number)),
            "{name}"
        );
        assert!(proven(&host, &translate(&host).ruleset).unwrap().is_equal());
    }
    let all = host(&filter("-A INPUT -p ip -j DROP\n"), Family::V4).unwrap();
    assert!(all.dumps[0].rules().next().unwrap().2.matches.is_empty());
}

#[test]
fn a_time_that_ends_where_it_begins_is_all_day() {
    for time in ["00:00:00", "08:00:00"] {
        let rule = format!("-A INPUT -m time --timestart {time} --timestop {time} -j DROP\n");
        let host = host(&filter(&rule), Family::V4).unwrap();
        let translation = translate(&host);
        assert_eq!(translation.judgements[0].class, Class::Equivalent);
        let printed = print::print(&translation.ruleset);
        assert!(!printed.contains("hour"), "{printed}");
        assert!(
            proven(&host, &translation.ruleset).unwrap().is_equal(),
            "{printed}"
        );
        let second = printed.replace("counter", "meta hour 28800 counter");
        assert_ne!(second, printed);
        let parsed = parse(&second).unwrap();
        assert!(
            !verify(&host.dumps, &host.sets, &parsed).unwrap().is_equal(),
            "{second}"
        );
    }
    let rule = "-A INPUT -m time --timestart 08:00:00 --timestop 08:00:00 --weekdays Mon --contiguous -j DROP\n";
    let judgements = translate(&host(&filter(rule), Family::V4).unwrap()).judgements;
    assert_eq!(
        judgements[0].class,
        Class::Unsupported,
        "the day is another before eight"
    );
}

#[test]
fn any_helper_is_left_out() {
    let host = host(
        &filter("-A INPUT -m helper --helper \"\" -j ACCEPT\n"),
        Family::V4,
    )
    .unwrap();
    let judgement = &translate(&host).judgements[0];
    assert_eq!(judgement.class, Class::Unsupported);
    assert!(judgement.reasons[0].contains("any helper"), "{judgement:?}");
}

#[test]
fn what_a_target_does_that_nobody_knows_is_named() {
    let host = host(&filter("-A INPUT -p tcp -j TARPIT --tarpit\n"), Family::V4).unwrap();
    let judgement = &translate(&host).judgements[0];
    assert_eq!(
        judgement.reasons,
        ["-j TARPIT --tarpit: TARPIT is neither a chain nor a known target"]
    );
}
