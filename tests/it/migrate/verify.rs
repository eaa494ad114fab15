//! What is translated is proven, and what is translated wrongly is found.

use margay::migrate::host::{Host, Texts};
use margay::migrate::nft::{Ruleset, parse, print};
use margay::migrate::translate::{Class, Judgement, Known, translate, translate_known};
use margay::migrate::verify::symbolic::{Report, verify};
use margay::scenario::saved;

use super::{assert_loads, collected, host, text};
use crate::support::netns::in_netns;

const FORMS: [(&str, Option<&str>); 2] = [
    (include_str!("forms.rules"), None),
    (include_str!("sets.rules"), Some(include_str!("sets.ipset"))),
];

pub(super) fn proven(host: &Host, ruleset: &Ruleset) -> Result<Report, String> {
    let printed = print::print(ruleset);
    let parsed = parse(&printed).map_err(|error| error.to_string())?;
    assert_eq!(print::print(&parsed.ruleset), printed);
    verify(&host.dumps, &host.sets, &parsed).map_err(|error| error.to_string())
}

fn is_whole(host: &Host) -> Option<Ruleset> {
    let translation = translate(host);
    let whole = translation
        .judgements
        .iter()
        .all(|one| one.class <= Class::Equivalent);
    whole.then_some(translation.ruleset)
}

#[test]
fn every_form_that_is_translated_is_proven() {
    let mut proofs = 0;
    for (forms, sets) in FORMS {
        for form in forms.lines().filter(|line| !line.starts_with('#')) {
            let parts: Vec<_> = form.splitn(5, ' ').collect();
            let [family, table, chain, _, rule] = parts[..] else {
                panic!("{form}");
            };
            // What is accepted shows where all else is dropped.
            let policy = match table != "nat" && rule.ends_with("-j ACCEPT") {
                true => "DROP",
                false => "ACCEPT",
            };
            let dump = Some(format!(
                "*{table}\n:{chain} {policy} [0:0]\n-A {chain} {rule}\nCOMMIT\n"
            ));
            let (v4, v6) = if family == "v4" {
                (dump, None)
            } else {
                (None, dump)
            };
            let sets = sets.map(str::to_owned);
            let host = Host::read(&Texts { v4, v6, sets }).unwrap();
            let Some(ruleset) = is_whole(&host) else {
                continue;
            };
            let report = proven(&host, &ruleset).unwrap_or_else(|error| panic!("{form}: {error}"));
            assert!(
                report.is_equal(),
                "{form}\n{}{:#?}",
                print::print(&ruleset),
                report.parts
            );
            proofs += 1;
        }
    }
    assert!(proofs >= 200, "{proofs}");
}

/// Dumps that are translated whole.
pub(super) fn whole() -> Vec<(String, Host, Ruleset)> {
    let dumps = collected("iptables-dumps").unwrap_or_default();
    let read = dumps.into_iter().filter_map(|(path, family)| {
        let host = host(&text(&path), family).ok()?;
        let ruleset = is_whole(&host)?;
        Some((
            path.file_name()?.to_string_lossy().into_owned(),
            host,
            ruleset,
        ))
    });
    read.collect()
}

#[test]
fn every_dump_that_is_translated_whole_is_proven() {
    for (name, host, ruleset) in whole() {
        let report = proven(&host, &ruleset).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(report.is_equal(), "{name}: {:#?}", report.parts);
    }
}

#[test]
fn every_dump_with_ports_of_bridges_is_proven_where_bits_of_the_mark_are_free() {
    let mut proofs = 0;
    for (path, family) in collected("iptables-dumps").unwrap_or_default() {
        let host = host(&text(&path), family).unwrap();
        let translation = translate(&host);
        let approximate = |one: &Judgement| one.class == Class::Approximate;
        if !translation.judgements.iter().any(approximate) {
            continue;
        }
        // Bits in the middle, so that what is above and below is seen to be left alone.
        let known = Known {
            free_mark: Some(0x003f_f000),
        };
        let translation = translate_known(&host, known);
        if translation
            .judgements
            .iter()
            .all(|one| one.class <= Class::Equivalent)
        {
            let ruleset = translation.ruleset;
            let report = proven(&host, &ruleset).unwrap();
            assert!(report.is_equal(), "{}: {:#?}", path.display(), report.parts);
            proofs += 1;
        }
    }
    assert!(
        proofs >= 10 || collected("iptables-dumps").is_none(),
        "{proofs}"
    );
}

#[test]
fn the_shorter_form_of_every_dump_is_proven() {
    for (name, host, _) in whole() {
        let shortened = translate(&host).idiomatic().ruleset;
        let report = proven(&host, &shortened).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(report.is_equal(), "{name}: {:#?}", report.parts);
    }
}

#[test]
fn a_busy_host_is_translated_whole_and_proven() {
    let saved = saved(2_000, 3);
    let texts = Texts {
        v4: Some(saved.rules),
        v6: None,
        sets: Some(saved.sets),
    };
    let host = Host::read(&texts).unwrap();
    assert_eq!(host.dumps[0].rules().count(), 2_000);
    let ruleset = is_whole(&host).expect("all of it can be said");
    let shortened = translate(&host).idiomatic().ruleset;
    for ruleset in [&ruleset, &shortened] {
        assert!(proven(&host, ruleset).unwrap().is_equal());
    }
    in_netns("a_busy_host_is_translated_whole_and_proven", || {
        for ruleset in [&ruleset, &shortened] {
            assert_loads(&print::print(ruleset));
        }
    });
}
