//! Packets without a connection, of which no test of a connection holds.

use margay::migrate::translate::{Class, translate};
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
