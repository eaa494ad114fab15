//! Dumps of an iptables host, its sets, and the nft text that they become.

use margay::migrate::host::{Host, Texts};
use margay::migrate::translate::translate;
use margay::migrate::{inventory, ipset, iptables, nft};
use margay::net::Family;

/// A dump that is read is judged rule by rule, and what it becomes reads back.
pub(crate) fn dump(text: &str) {
    for family in Family::ALL {
        let dump = match iptables::read(text, family) {
            Ok(dump) => dump,
            Err(error) => {
                in_text(error.line, &error.problem, text);
                continue;
            }
        };
        inventory::inventory(&[(None, &dump)], &[]).text();
        let rules = dump.rules().count();
        let host = Host {
            dumps: vec![dump],
            sets: Vec::new(),
        };
        let translation = translate(&host);
        assert_eq!(translation.judgements.len(), rules);
        let printed = nft::print::print(&translation.ruleset);
        let read = nft::parse(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
        assert_eq!(read.ruleset, translation.ruleset, "{printed}");
    }
}

/// Sets that are read are declared by a rule that looks them up.
pub(crate) fn sets(text: &str) {
    let sets = match ipset::read(text) {
        Ok(sets) => sets,
        Err(error) => return in_text(error.line, &error.problem, text),
    };
    for set in sets {
        if set.name.contains(['"', '\\', '\n', '\r']) {
            continue;
        }
        let rule = format!(
            "-A INPUT -m set --match-set \"{}\" src,src,src -j DROP",
            set.name
        );
        let host = Host::read(&Texts {
            v4: Some(format!("*filter\n:INPUT ACCEPT [0:0]\n{rule}\nCOMMIT\n")),
            sets: Some(text.to_owned()),
            ..Texts::default()
        });
        let translation = translate(&host.unwrap());
        let printed = nft::print::print(&translation.ruleset);
        let read = nft::parse(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
        assert_eq!(read.ruleset, translation.ruleset, "{printed}");
    }
}

/// nft text that is read prints as what reads back the same.
pub(crate) fn translation(text: &str) {
    let Ok(read) = nft::parse(text) else { return };
    let printed = nft::print::print(&read.ruleset);
    let again = nft::parse(&printed).unwrap_or_else(|error| panic!("{error}\n{printed}"));
    assert_eq!(again.ruleset, read.ruleset, "{printed}");
}

fn in_text(line: usize, problem: &str, text: &str) {
    assert!(!problem.is_empty());
    assert!(
        (1..=text.lines().count().max(1)).contains(&line),
        "line {line}: {problem}"
    );
}
