//! Sets that rules change: how a packet gets in, for how long, and how many have room.

use margay::migrate::host::{Host, Texts};
use margay::migrate::nft::{Ruleset, parse, print};
use margay::migrate::translate::{Class, translate};
use margay::migrate::verify::symbolic::{Outcome, verify};
use margay::net::Family;

use super::host;
use super::verify::proven;

const SETS: &str =
    "create s hash:ip family inet timeout 600\ncreate few hash:ip family inet maxelem 50\n";

const RULES: &str = "*filter
:INPUT DROP [0:0]
-A INPUT -p tcp -m tcp --dport 26 -m recent --set --name MAIL --rsource -j ACCEPT
-A INPUT -p tcp -m tcp --dport 25 -m recent --rcheck --seconds 300 --name MAIL --rsource -j ACCEPT
-A INPUT -p tcp -m tcp --dport 80 -m hashlimit --hashlimit-upto 5/min --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name h -j ACCEPT
-A INPUT -p tcp -m tcp --dport 81 -m hashlimit --hashlimit-upto 5/sec --hashlimit-mode srcip --hashlimit-name few --hashlimit-htable-max 9 --hashlimit-htable-expire 30000 -j ACCEPT
-A INPUT -p tcp -m tcp --dport 82 -m connlimit --connlimit-upto 3 --connlimit-mask 24 --connlimit-saddr -j ACCEPT
-A INPUT -p tcp -m tcp --dport 83 -j SET --add-set s src
-A INPUT -p tcp -m tcp --dport 84 -j SET --add-set s src --exist --timeout 9
-A INPUT -p tcp -m tcp --dport 85 -j SET --add-set few src
-A INPUT -p tcp -m tcp --dport 86 -m recent --update --seconds 60 --hitcount 4 --name ring --rsource -j ACCEPT
COMMIT
";

/// What may be in a text instead, at each place where it is.
const WRONG: [(&str, &str); 27] = [
    ("update @hashlimit-h ", "add @hashlimit-h "),
    ("update @hashlimit-h ", "delete @hashlimit-h "),
    ("update @recent-MAIL.300 ", "add @recent-MAIL.300 "),
    ("update @recent-MAIL.300 ", "delete @recent-MAIL.300 "),
    ("add @connlimit-", "update @connlimit-"),
    ("add @s ", "update @s "),
    ("update @s ", "add @s "),
    ("add @few ", "update @few "),
    ("timeout 5m }", "timeout 5m quota over 1000000 bytes }"),
    ("timeout 5m }", "timeout 5m500ms }"),
    (
        "burst 5 packets }",
        "burst 5 packets limit rate 1/minute burst 5 packets }",
    ),
    (
        "burst 5 packets }",
        "burst 5 packets quota over 1000000 bytes }",
    ),
    ("burst 5 packets }", "burst 5 packets ct count over 2 }"),
    (
        "ct count 3 }",
        "ct count 3 limit rate 1/minute burst 5 packets }",
    ),
    ("timeout 1m limit", "timeout 1s limit"),
    ("timeout 1m limit", "timeout 10d limit"),
    ("timeout 1m limit", "limit"),
    ("timeout 30s limit", "timeout 1s limit"),
    ("timeout 30s limit", "limit"),
    ("timeout 9s }", "timeout 10s }"),
    ("timeout 9s }", "}"),
    ("timeout 10m", "timeout 11m"),
    ("size 65535", "size 1"),
    ("size 65535", "size 2"),
    ("size 65535", "size 65535\n\t\tgc-interval 1h"),
    ("size 9\n", "size 10\n"),
    ("size 50\n", "size 65535\n"),
];

/// The rules above, and what they are translated to.
pub(super) fn read() -> (Host, Ruleset) {
    read_rules(RULES)
}

fn read_rules(rules: &str) -> (Host, Ruleset) {
    let texts = Texts {
        v4: Some(rules.to_owned()),
        v6: None,
        sets: Some(SETS.to_owned()),
    };
    let host = Host::read(&texts).unwrap();
    let translation = translate(&host);
    let worst = translation.judgements.iter().map(|one| one.class).max();
    assert!(worst <= Some(Class::Equivalent), "{translation:#?}");
    (host, translation.ruleset)
}

#[test]
fn a_set_that_is_changed_or_kept_otherwise_is_found() {
    let (host, ruleset) = read();
    for ruleset in [&ruleset, &translate(&host).idiomatic().ruleset] {
        let report = proven(&host, ruleset).unwrap();
        assert!(report.is_equal(), "{:#?}", report.parts);
    }
    let printed = print::print(&ruleset);
    let cleared = [
        ("gc-interval 125ms", "gc-interval 1h"),
        ("\t\tgc-interval 125ms\n", ""),
    ];
    for (right, wrong) in WRONG.into_iter().chain(cleared) {
        let places: Vec<_> = printed.match_indices(right).map(|(at, _)| at).collect();
        assert!(!places.is_empty(), "{right}\n{printed}");
        for at in places {
            let text = format!("{}{wrong}{}", &printed[..at], &printed[at + right.len()..]);
            let report = verify(&host.dumps, &host.sets, &parse(&text).unwrap()).unwrap();
            let mut outcomes = report.parts.iter().map(|part| &part.outcome);
            let found = outcomes.any(|outcome| matches!(outcome, Outcome::Different(_)));
            assert!(found, "{wrong} instead of {right}\n{text}");
        }
    }
}

/// iptables lets a burst of bytes through once, until nothing came for a minute; nft whenever less came than the rate allows.
#[test]
fn a_burst_of_bytes_is_no_bucket() {
    let rule = |rest: &str| {
        format!(
            "*filter\n:INPUT DROP [0:0]\n-A INPUT -m hashlimit --hashlimit-upto 1000b/s{rest} --hashlimit-name h -j ACCEPT\nCOMMIT\n"
        )
    };
    let burst = rule(" --hashlimit-burst 3000b --hashlimit-mode srcip");
    let host = host(&burst, Family::V4).unwrap();
    let translation = translate(&host);
    assert_eq!(translation.judgements[0].class, Class::Approximate);
    let printed = print::print(&translation.ruleset);
    assert!(
        printed.contains("timeout 1m limit rate 1000 bytes/second burst 3000 bytes"),
        "{printed}"
    );
    assert!(!proven(&host, &translation.ruleset).unwrap().is_equal());
    let (host, ruleset) = read_rules(&rule(" --hashlimit-mode srcip"));
    let printed = print::print(&ruleset);
    assert!(
        printed.contains("timeout 15s limit rate 1000 bytes/second }"),
        "{printed}"
    );
    assert!(proven(&host, &ruleset).unwrap().is_equal());
}
