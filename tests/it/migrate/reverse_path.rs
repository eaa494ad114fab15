//! `rpfilter`: which sources have a route back.

use margay::migrate::translate::{Class, translate};
use margay::net::Family;

use super::host;
use super::replay::replayed;
use super::verify::proven;

/// Sources are drawn from what rules ask for: every device of the experiment has such an address, and hears such a broadcast.
const SOURCES: [&str; 7] = [
    "198.18.0.255/32",
    "198.18.1.255/32",
    "198.18.0.1/32",
    "0.0.0.0/32",
    "255.255.255.255/32",
    "224.0.0.5/32",
    "203.0.113.9/32",
];

#[test]
fn a_broadcast_address_has_no_way_back() {
    let test = "a_broadcast_address_has_no_way_back";
    let sources: String = SOURCES
        .iter()
        .map(|source| {
            format!("-A PREROUTING -s {source} -p udp\n-A PREROUTING -s {source} -i eth0 -p udp\n")
        })
        .collect();
    for options in [
        "",
        " --loose",
        " --validmark",
        " --accept-local",
        " --loose --accept-local",
    ] {
        for invert in ["", " --invert"] {
            let dump = format!(
                "*raw\n:PREROUTING ACCEPT [0:0]\n{sources}-A PREROUTING -m rpfilter{options}{invert} -j DROP\nCOMMIT\n"
            );
            let host = host(&dump, Family::V4).unwrap();
            let translation = translate(&host);
            let worst = translation.judgements.iter().map(|one| one.class).max();
            assert_eq!(worst, Some(Class::Equivalent), "{translation:#?}");
            let report = proven(&host, &translation.ruleset).unwrap();
            assert!(report.is_equal(), "{options}{invert}: {:#?}", report.parts);
            let Some(replay) = replayed(test, &dump, |nft| nft) else {
                continue;
            };
            assert!(
                replay.differences.is_empty(),
                "{options}{invert}: {replay:#?}"
            );
        }
    }
}
