//! Dumps that others collected: every rule judged, what is whole loaded. `coverage.txt` beside this file is the golden
//! table: `UPDATE_GOLDEN=1` rewrites it.

use std::path::Path;

use margay::migrate::acknowledged::{Acknowledged, line};
use margay::migrate::host::HostError;
use margay::migrate::nft::{parse, print};
use margay::migrate::plan::Plan;
use margay::migrate::translate::{Class, Known, Translation, translate, translate_known};

use super::{assert_loads, collected, host, text};
use crate::support::netns::{in_netns, report};

const DUMPS: &str = "iptables-dumps";
const BROKEN: &str = "iptables-dumps/broken";

#[test]
fn every_rule_of_every_dump_is_judged() {
    let Some(dumps) = collected(DUMPS) else {
        return;
    };
    let mut table = format!(
        "{:<104} {:>6} {:>6} {:>6} {:>6} {:>6}\n",
        "dump", "rules", "nativ", "equiv", "appro", "unsup"
    );
    let (mut whole, mut free, mut acknowledged) = (0, 0, 0);
    for (path, family) in &dumps {
        let host = host(&text(path), *family).unwrap();
        let translation = translate(&host);
        assert_eq!(translation.judgements.len(), host.dumps[0].rules().count());
        let nothing = Acknowledged::default();
        let coverage = Plan::new(&translation, &nothing).coverage;
        let count = |class| coverage.share(class).rules;
        let counts = Class::ALL
            .map(|class| format!("{:>6}", count(class)))
            .join(" ");
        table.push_str(&format!(
            "{:<104} {:>6} {counts}\n",
            name(path),
            coverage.all.rules
        ));
        whole += usize::from(count(Class::Approximate) + count(Class::Unsupported) == 0);
        let known = Known {
            free_mark: Some(0xff00_0000),
        };
        let judged = translate_known(&host, known).judgements;
        free += usize::from(judged.iter().all(|one| one.class <= Class::Equivalent));
        acknowledged += usize::from(count(Class::Unsupported) == 0);
    }
    table.push_str(&format!(
        "\n{} dumps: {whole} whole, {free} whole where bits of the mark are free, {acknowledged} whole where what is \
         approximate is acknowledged\n\n",
        dumps.len()
    ));
    for (path, family) in collected(BROKEN).unwrap() {
        let found = match host(&text(&path), family) {
            Ok(host) => {
                let worst = translate(&host)
                    .judgements
                    .into_iter()
                    .filter(|one| one.class == Class::Unsupported);
                let lines: Vec<_> = worst.map(|one| one.line.to_string()).collect();
                format!(
                    "read; unsupported lines: {}",
                    if lines.is_empty() {
                        "none".to_owned()
                    } else {
                        lines.join(", ")
                    }
                )
            }
            Err(HostError::V4(error) | HostError::V6(error)) => {
                format!("refused at line {}", error.line)
            }
            Err(HostError::Sets(_)) => unreachable!("no sets were given"),
        };
        table.push_str(&format!("broken/{:<40} {found}\n", name(&path)));
    }
    golden(&table);
}

#[test]
fn what_is_translated_loads_and_reads_back() {
    in_netns("what_is_translated_loads_and_reads_back", || {
        let Some(dumps) = collected(DUMPS) else {
            return;
        };
        let mut loaded = 0;
        for (path, family) in dumps {
            let translation = translate(&host(&text(&path), family).unwrap());
            let printed = print::print(&translation.ruleset);
            let read =
                parse(&printed).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(read.ruleset, translation.ruleset, "{}", path.display());
            // What is left out is a rule as well, so even a dump that is not whole loads.
            assert_loads(&printed);
            loaded += 1;
        }
        report(&format!("{loaded} translated dumps load"));
    });
}

#[test]
fn what_is_shortened_loads_and_reads_back() {
    in_netns("what_is_shortened_loads_and_reads_back", || {
        let Some(dumps) = collected(DUMPS) else {
            return;
        };
        let rules = |translation: &Translation| -> usize {
            let tables = translation.ruleset.tables.iter();
            tables
                .flat_map(|table| &table.chains)
                .map(|chain| chain.rules.len())
                .sum()
        };
        let (mut before, mut after) = (0, 0);
        for (path, family) in dumps {
            let faithful = translate(&host(&text(&path), family).unwrap());
            before += rules(&faithful);
            let shortened = faithful.idiomatic();
            after += rules(&shortened);
            let printed = print::print(&shortened.ruleset);
            let read =
                parse(&printed).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(read.ruleset, shortened.ruleset, "{}", path.display());
            assert_loads(&printed);
        }
        assert!(after < before, "{after} of {before}");
        report(&format!(
            "{before} rules are {after} where they are shortened"
        ));
    });
}

#[test]
fn what_is_acknowledged_stands_in_no_way() {
    let Some(dumps) = collected(DUMPS) else {
        return;
    };
    for (path, family) in dumps {
        let translation = translate(&host(&text(&path), family).unwrap());
        let nothing = Acknowledged::default();
        let open = nothing.open(&translation.judgements);
        let lines: String = open.iter().map(|one| format!("{}\n", line(one))).collect();
        let all = Acknowledged::read(&lines);
        assert!(
            all.open(&translation.judgements).is_empty(),
            "{}",
            path.display()
        );
        lines_fail(&translation, &lines);
    }
}

/// One line less leaves a rule open.
fn lines_fail(translation: &Translation, lines: &str) {
    let Some((_, rest)) = lines.split_once('\n') else {
        return;
    };
    assert!(
        !Acknowledged::read(rest)
            .open(&translation.judgements)
            .is_empty()
    );
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn golden(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/migrate/coverage.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, table).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(table, expected, "UPDATE_GOLDEN=1 writes it again");
}
