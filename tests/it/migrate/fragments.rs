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
        "-A INPUT -j CT --helper ftp\n",
    ] {
        let host = host(&dump(&format!("{ASKS}{puts_together}")), Family::V6).unwrap();
        assert_eq!(class(&host), Class::Native, "{puts_together}");
    }
    assert_eq!(
        class(&host(&dump(ASKS), Family::V4).unwrap()),
        Class::Native
    );
    let without_ports = host(&dump("-A INPUT -p udp -j ACCEPT\n"), Family::V6).unwrap();
    assert_eq!(class(&without_ports), Class::Native);
}

#[test]
fn ports_of_sets_are_as_other_ports() {
    let of = |kind: &str, dimensions: &str| {
        let rule = format!("-A INPUT -m set --match-set s {dimensions} -j DROP\n");
        let texts = Texts {
            v4: None,
            v6: Some(dump(&rule)),
            sets: Some(format!("create s {kind} family inet6\n")),
        };
        class(&Host::read(&texts).unwrap())
    };
    assert_eq!(of("hash:ip,port", "src,dst"), Class::Approximate);
    assert!(of("hash:ip", "src") < Class::Approximate);
}
