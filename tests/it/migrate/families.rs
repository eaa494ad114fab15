//! Both families at once: what only one of them has, in a table of both and in a dump of the other.

use margay::migrate::host::{Host, Texts};
use margay::migrate::nft::print;
use margay::migrate::translate::{Class, translate};
use margay::net::Family;

use super::host;
use super::verify::proven;
use crate::support::netns::{in_netns, nft_result};

#[test]
fn copies_of_packets_are_said_for_each_family() {
    let dump = |gateway: &str| {
        Some(format!(
            "*mangle\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i eth0 -j TEE --gateway {gateway}\nCOMMIT\n"
        ))
    };
    let texts = Texts {
        v4: dump("10.0.0.9"),
        v6: dump("fd00::9"),
        sets: None,
    };
    let host = Host::read(&texts).unwrap();
    let shorter = translate(&host).idiomatic().ruleset;
    let printed = print::print(&shorter);
    in_netns("copies_of_packets_are_said_for_each_family", || {
        nft_result(&["-f", "-"], &printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    });
    assert!(proven(&host, &shorter).unwrap().is_equal(), "{printed}");
}

#[test]
fn what_only_one_family_has_is_proven_in_a_table_of_both() {
    let dump = |rules: &str| {
        Some(format!(
            "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n{rules}COMMIT\n"
        ))
    };
    let ring = "-A INPUT -m recent --update --seconds 60 --hitcount 10 --name FLOOD --rsource -j DROP\n\
                -A INPUT -m recent --set --name FLOOD --rsource\n";
    for (v4, v6) in [
        ("", "-A INPUT -m frag --fragmore -j DROP\n"),
        ("", "-A INPUT -m frag --fragid 7 -j DROP\n"),
        ("", "-A INPUT -m ipv6header --header hop --soft -j DROP\n"),
        ("", "-A INPUT -m hbh --hbh-len 8 -j DROP\n"),
        ("", "-A INPUT -m dst --dst-len 8 -j DROP\n"),
        ("", "-A INPUT -m rt --rt-type 0 -j DROP\n"),
        ("", "-A INPUT -p ipv6-mh -m mh --mh-type 1 -j DROP\n"),
        (
            "",
            "-A INPUT -m conntrack --ctorigsrc 2001:db8::1 -j DROP\n",
        ),
        ("-A INPUT -m conntrack --ctorigsrc 192.0.2.1 -j DROP\n", ""),
        (
            "-A INPUT -m conntrack --ctrepldst 192.0.2.0/24 -j DROP\n",
            "-A INPUT -m conntrack --ctrepldst 2001:db8::/32 -j DROP\n",
        ),
        (ring, "-A INPUT -i lo -j ACCEPT\n"),
        ("-A INPUT -i lo -j ACCEPT\n", ring),
    ] {
        let texts = Texts {
            v4: dump(v4),
            v6: dump(v6),
            sets: None,
        };
        let host = Host::read(&texts).unwrap();
        let shorter = translate(&host).idiomatic().ruleset;
        let printed = print::print(&shorter);
        assert!(printed.contains("table inet filter"), "{printed}");
        let report = proven(&host, &shorter).unwrap();
        assert!(report.is_equal(), "{printed}\n{:#?}", report.parts);
    }
}

#[test]
fn what_the_other_family_has_is_left_out() {
    for (family, table, rule) in [
        (Family::V4, "filter", "-m rt --rt-type 0 -j DROP"),
        (Family::V4, "filter", "-m frag --fragmore -j DROP"),
        (Family::V4, "filter", "-m hl --hl-eq 64 -j DROP"),
        (
            Family::V4,
            "filter",
            "-p icmpv6 -m icmp6 --icmpv6-type 1 -j DROP",
        ),
        (Family::V4, "mangle", "-j HL --hl-set 64"),
        (Family::V6, "filter", "-m ttl --ttl-eq 64 -j DROP"),
        (Family::V6, "filter", "-m realm --realm 1 -j DROP"),
        (Family::V6, "mangle", "-j TTL --ttl-set 64"),
    ] {
        let dump = format!("*{table}\n:INPUT ACCEPT [0:0]\n-A INPUT {rule}\nCOMMIT\n");
        let judgements = translate(&host(&dump, family).unwrap()).judgements;
        assert_eq!(judgements[0].class, Class::Unsupported, "{rule}");
        let reason = &judgements[0].reasons[0];
        let (other, own) = match family {
            Family::V4 => ("IPv6", "IPv4"),
            Family::V6 => ("IPv4", "IPv6"),
        };
        let said = format!("is for {other} alone, and the dump is of {own}");
        assert!(reason.contains(&said), "{reason}");
    }
}
