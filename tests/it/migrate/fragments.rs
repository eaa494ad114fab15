//! Fragments of IPv6 that are not the first: nft reads ports in them where nothing puts them together.

use margay::migrate::host::{Host, Texts};
use margay::migrate::nft::{parse, print};
use margay::migrate::translate::{Class, translate};
use margay::migrate::verify::symbolic::verify;
use margay::net::Family;

use super::host;

const ASKS: &str = "-A INPUT -p udp -m udp --dport 53 -j ACCEPT\n";

fn dump(rules: &str) -> String {
    format!("*filter\n:INPUT ACCEPT [0:0]\n{rules}COMMIT\n")
}

fn class(host: &Host) -> Class {
    translate(host).judgements[0].class
}

#[test]
fn ports_are_approximate_where_nothing_puts_fragments_together() {
    let alone = host(&dump(ASKS), Family::V6).unwrap();
    assert_eq!(class(&alone), Class::Approximate);
    let parsed = parse(&print::print(&translate(&alone).ruleset)).unwrap();
    let told = verify(&alone.dumps, &[], &parsed).unwrap().abstracted;
    assert!(
        told.iter().any(|one| one.contains("fragments of IPv6")),
        "{told:?}"
    );
    for puts_together in [
        "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT\n",
        "-A INPUT -m connmark --mark 0x1 -j ACCEPT\n",
    ] {
        let host = host(&dump(&format!("{ASKS}{puts_together}")), Family::V6).unwrap();
        assert_eq!(class(&host), Class::Native, "{puts_together}");
    }
    assert_eq!(
        class(&host(&dump(ASKS), Family::V4).unwrap()),
        Class::Native
    );
    let left_out =
        "-A INPUT -m conntrack --ctstate NEW -m recent --rcheck --rttl --name a -j DROP\n";
    let left_out = host(&dump(&format!("{ASKS}{left_out}")), Family::V6).unwrap();
    assert_eq!(class(&left_out), Class::Approximate);
    let rate = "-A INPUT -p udp -m hashlimit --hashlimit-above 1/sec --hashlimit-mode dstport --hashlimit-name a -j DROP\n";
    assert_eq!(
        class(&host(&dump(rate), Family::V6).unwrap()),
        Class::Approximate
    );
    let without_ports = host(&dump("-A INPUT -p udp -j ACCEPT\n"), Family::V6).unwrap();
    assert_eq!(class(&without_ports), Class::Native);
}

#[test]
fn ports_of_sets_are_as_other_ports() {
    let of = |kind: &str, asks: &str| {
        let rule = format!("-A INPUT {asks}\n");
        let texts = Texts {
            v4: None,
            v6: Some(dump(&rule)),
            sets: Some(format!("create s {kind} family inet6\n")),
        };
        class(&Host::read(&texts).unwrap())
    };
    assert_eq!(
        of("hash:ip,port", "-m set --match-set s src,dst -j DROP"),
        Class::Approximate
    );
    assert!(of("hash:ip", "-m set --match-set s src -j DROP") < Class::Approximate);
    let adds = "-j SET --add-set s src,dst";
    assert_eq!(of("hash:ip,port", adds), Class::Approximate);
}
