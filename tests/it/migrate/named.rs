//! What rules share by a name: it stays apart from what has another name, and is as the kernel has it for all of them.

use margay::migrate::host::{Host, Texts};
use margay::migrate::nft::{parse, print};
use margay::migrate::translate::translate;
use margay::migrate::verify::symbolic::verify;
use margay::net::Family;

use super::verify::proven;
use super::{assert_loads, host, unsupported};
use crate::support::netns::in_netns;

#[test]
fn names_that_nft_does_not_take_stay_apart() {
    for (one, other) in [
        (
            "-m recent --set --name \"a b\" --rsource",
            "-m recent --rcheck --name a_b --rsource -j DROP",
        ),
        (
            "-m recent --rcheck --seconds 60 --name a --rsource -j DROP",
            "-m recent --rcheck --name a-60 --rsource -j DROP",
        ),
        (
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name \"a b\" -j ACCEPT",
            "-m hashlimit --hashlimit-upto 1/sec --hashlimit-mode srcip --hashlimit-name a_b -j ACCEPT",
        ),
    ] {
        let dump =
            format!("*filter\n:INPUT ACCEPT [0:0]\n-A INPUT {one}\n-A INPUT {other}\nCOMMIT\n");
        let host = host(&dump, Family::V4).unwrap();
        let ruleset = translate(&host).ruleset;
        let printed = print::print(&ruleset);
        assert_eq!(ruleset.tables[0].sets.len(), 2, "{printed}");
        assert!(proven(&host, &ruleset).unwrap().is_equal(), "{printed}");
        in_netns("names_that_nft_does_not_take_stay_apart", || {
            assert_loads(&printed);
        });
    }
}

#[test]
fn rules_of_one_rate_have_that_of_the_first() {
    let rule = |rate: &str| {
        format!(
            "-m hashlimit --hashlimit-upto {rate} --hashlimit-burst 5 --hashlimit-mode srcip --hashlimit-name a -j ACCEPT"
        )
    };
    let (slow, fast) = (rule("1/sec"), rule("9/sec"));
    let dump = format!(
        "*filter\n:INPUT DROP [0:0]\n-A INPUT -p tcp {slow}\n-A INPUT -p udp {fast}\nCOMMIT\n"
    );
    let host = host(&dump, Family::V4).unwrap();
    let ruleset = translate(&host).ruleset;
    let printed = print::print(&ruleset);
    assert_eq!(
        printed.matches("limit rate 1/second").count(),
        2,
        "{printed}"
    );
    assert!(proven(&host, &ruleset).unwrap().is_equal(), "{printed}");
    let at = printed.rfind("rate 1/second").unwrap();
    let own = format!("{}rate 9/second{}", &printed[..at], &printed[at + 13..]);
    let report = verify(&host.dumps, &host.sets, &parse(&own).unwrap()).unwrap();
    assert!(!report.is_equal(), "{own}");
}

/// Programs load chains of users behind those of the kernel, so that the first rule of the dump may not be the first one.
#[test]
fn a_rate_that_may_not_be_loaded_first_is_left_out() {
    let rule = |rate: &str| {
        format!(
            "-m hashlimit --hashlimit-upto {rate} --hashlimit-mode srcip --hashlimit-name a -j ACCEPT"
        )
    };
    let (slow, fast) = (rule("1/sec"), rule("9/sec"));
    for (order, left) in [([&slow, &fast], 2), ([&slow, &slow], 0)] {
        let dump = format!(
            "*filter\n:x - [0:0]\n:INPUT DROP [0:0]\n-A x {}\n-A INPUT {}\nCOMMIT\n",
            order[0], order[1]
        );
        let judgements = translate(&host(&dump, Family::V4).unwrap()).judgements;
        let found = unsupported(&judgements);
        assert_eq!(found, left, "{dump}{judgements:#?}");
    }
}

#[test]
fn a_list_of_both_families_has_one_mask() {
    let rule = |mask: &str| {
        Some(format!(
            "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m recent --set --name a{mask} --rsource\nCOMMIT\n"
        ))
    };
    for (four, six, left) in [
        ("", "", 0),
        ("", " --mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 0),
        ("", " --mask ffff::", 2),
        (" --mask 255.255.255.0", "", 2),
        // It has no bits for what is longer.
        (" --mask 255.255.255.255", "", 2),
    ] {
        let texts = Texts {
            v4: rule(four),
            v6: rule(six),
            sets: None,
        };
        let judgements = translate(&Host::read(&texts).unwrap()).judgements;
        let found = unsupported(&judgements);
        assert_eq!(found, left, "{four} and {six}: {judgements:#?}");
    }
}

/// A packet is put into a list even where the rest of the rule never holds.
#[test]
fn what_is_asked_before_it_cannot_hold_is_asked() {
    let dump = "*filter\n:INPUT ACCEPT [0:0]\n-A INPUT -m recent --set --name a --rsource -m mark --mark 0x1/0x2 -j DROP\n\
                -A INPUT -m recent --rcheck --name a --rsource -j DROP\nCOMMIT\n";
    let host = host(dump, Family::V4).unwrap();
    let ruleset = translate(&host).ruleset;
    let printed = print::print(&ruleset);
    assert!(
        printed.contains("update @recent-a { ip saddr }"),
        "{printed}"
    );
    assert!(proven(&host, &ruleset).unwrap().is_equal(), "{printed}");
}

/// Every word that means something to nft 1.0.6 or to a later one.
const WORDS: &str = include_str!("words.txt");

#[test]
fn words_of_nft_are_names_of_chains_and_sets() {
    let words: Vec<_> = WORDS.lines().collect();
    let each =
        |line: &dyn Fn(&str) -> String| words.iter().map(|word| line(word)).collect::<String>();
    let chains = each(&|word| format!(":{word} - [0:0]\n"));
    let jumps = each(&|word| {
        format!(
            "-A INPUT -p tcp -m tcp --dport 22 -j {word}\n-A INPUT -m mark --mark 0x1 -g {word}\n-A INPUT -m set --match-set {word} src -j DROP\n\
             -A INPUT -p udp -j SET --add-set {word} src\n"
        )
    });
    let texts = Texts {
        v4: Some(format!(
            "*filter\n:INPUT ACCEPT [0:0]\n{chains}{jumps}COMMIT\n"
        )),
        v6: None,
        sets: Some(each(&|word| format!("create {word} hash:ip family inet\n"))),
    };
    let translation = translate(&Host::read(&texts).unwrap());
    assert_eq!(unsupported(&translation.judgements), 0);
    in_netns("words_of_nft_are_names_of_chains_and_sets", || {
        for ruleset in [
            &translation.ruleset,
            &translation.clone().idiomatic().ruleset,
        ] {
            assert_loads(&print::print(ruleset));
        }
    });
}
