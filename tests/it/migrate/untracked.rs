//! Packets without a connection, of which no test of a connection holds.

use margay::migrate::nft::parse;
use margay::migrate::translate::{Class, translate};
use margay::migrate::verify::symbolic::verify;
use margay::net::Family;

use super::host;
use super::replay::replayed;
use super::verify::proven;

const RAW: &str = "*raw
:PREROUTING ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
-A PREROUTING -p udp -m udp --dport 99 -j NOTRACK
-A OUTPUT -p udp -m udp --dport 99 -j NOTRACK
COMMIT
";

/// Tests that hold for every connection.
const ANY: [&str; 3] = [
    "-m connmark ! --mark 0x10/0xf",
    "-m connmark --mark 0x0/0x0",
    "-m connbytes --connbytes 0 --connbytes-mode packets --connbytes-dir both",
];

/// Tests that hold for none.
const NONE: [&str; 2] = [
    "-m connmark --mark 0x10/0xf",
    "-m connmark ! --mark 0x0/0x0",
];

#[test]
fn what_any_connection_is_a_packet_without_one_is_not() {
    let test = "what_any_connection_is_a_packet_without_one_is_not";
    for matches in ANY.into_iter().chain(NONE) {
        let dump =
            format!("{RAW}*filter\n:INPUT ACCEPT [0:0]\n-A INPUT {matches} -j DROP\nCOMMIT\n");
        let host = host(&dump, Family::V4).unwrap();
        let translation = translate(&host);
        let worst = translation.judgements.iter().map(|one| one.class).max();
        assert!(worst <= Some(Class::Equivalent), "{translation:#?}");
        let report = proven(&host, &translation.ruleset).unwrap();
        assert!(report.is_equal(), "{matches}: {:#?}", report.parts);
        let Some(replay) = replayed(test, &dump, |nft| nft) else {
            continue;
        };
        assert!(replay.differences.is_empty(), "{matches}: {replay:#?}");
    }
}

/// A packet that `CT` gave a zone has a template of a connection, which iptables takes for a connection and nft does not.
#[test]
fn what_asks_a_template_is_found() {
    let dump = "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -i eth0 -j CT --zone 5\n\
                -A PREROUTING -i eth0 -m conntrack --ctstate NEW -j MARK --set-xmark 0x2/0xffffffff\nCOMMIT\n";
    let rule = "-m conntrack --ctstate NEW";
    let plain = host(dump, Family::V4).unwrap();
    let translation = translate(&plain);
    let worst = translation.judgements.iter().map(|one| one.class).max();
    assert!(worst <= Some(Class::Equivalent), "{translation:#?}");
    assert!(proven(&plain, &translation.ruleset).unwrap().is_equal());
    for asked in ["-m connmark --mark 0x0", "-m conntrack --ctdir ORIGINAL"] {
        let dump = dump.replace(rule, asked);
        let host = host(&dump, Family::V4).unwrap();
        let text = "table ip raw {\n\tchain PREROUTING {\n\t\ttype filter hook prerouting priority raw; policy accept;\n\
                    \t\tiifname \"eth0\" ct zone set 5\n\t\tiifname \"eth0\" ASKED meta mark set 0x2\n\t}\n}\n";
        for said in ["ct mark 0x0", "ct direction original"] {
            let text = text.replace("ASKED", said);
            let report = verify(&host.dumps, &host.sets, &parse(&text).unwrap()).unwrap();
            assert!(!report.is_equal(), "{asked}\n{text}");
        }
    }
}

#[test]
fn rules_are_met_in_the_order_of_their_chain() {
    let asks = "-A PREROUTING -i a -m connmark --mark 0x0 -j DROP\n";
    let of = |gives: &str| {
        let dump =
            format!("*raw\n:PREROUTING ACCEPT [0:0]\n{asks}{gives} -i a -j CT --zone 1\nCOMMIT\n");
        let judged = translate(&host(&dump, Family::V4).unwrap()).judgements;
        judged.iter().map(|one| one.class).max()
    };
    assert_eq!(of("-A PREROUTING"), Some(Class::Native));
    assert_eq!(of("-I PREROUTING 1"), Some(Class::Unsupported));
}
