//! What is translated is proven, and what is translated wrongly is found.

use margay::migrate::host::{Host, Texts};
use margay::migrate::nft::{Ruleset, parse, print};
use margay::migrate::translate::{Class, translate};
use margay::migrate::verify::symbolic::{Report, verify};
use margay::scenario::saved;

use super::mutant::{self, Mutant};
use super::walker::{Vocabulary, walk};
use super::{collected, host, text};
use crate::support::netns::{in_netns, nft_result, report};

const FORMS: [(&str, Option<&str>); 2] = [
    (include_str!("forms.rules"), None),
    (include_str!("sets.rules"), Some(include_str!("sets.ipset"))),
];

/// Packets that a mutant which `verify` does not find must treat as the original does.
const PACKETS: usize = 200;

fn proven(host: &Host, ruleset: &Ruleset) -> Result<Report, String> {
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
            let dump = Some(format!(
                "*{table}\n:{chain} ACCEPT [0:0]\n-A {chain} {rule}\nCOMMIT\n"
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
fn whole() -> Vec<(String, Host, Ruleset)> {
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
            nft_result(&["-c", "-f", "-"], &print::print(ruleset)).unwrap();
        }
    });
}

#[test]
fn a_translation_that_was_changed_is_found() {
    mutants("translations", 7, |_, ruleset, random| {
        mutant::of_ruleset(ruleset, random)
    });
}

#[test]
fn a_dump_that_was_read_wrongly_is_found() {
    mutants("dumps", 8, |host, _, random| {
        let Mutant { what, changed } = mutant::of_dump(&host.dumps[0], random)?;
        let host = Host {
            dumps: vec![changed],
            sets: Vec::new(),
        };
        let changed = translate(&host).ruleset;
        Some(Mutant { what, changed })
    });
}

/// 500 mutants. One that is not found must do the same with every packet that is drawn for it.
fn mutants(
    what: &str,
    seed: u64,
    make: impl Fn(&Host, &Ruleset, &mut fastrand::Rng) -> Option<Mutant<Ruleset>>,
) {
    let mut whole = whole();
    // The largest take most of the time and say no more than the others.
    whole.retain(|(_, host, _)| host.dumps[0].rules().count() < 150);
    // Without dumps nothing is found: `cases` says so, or fails where they are required.
    assert!(
        !whole.is_empty() || collected("iptables-dumps").is_none(),
        "no dump is whole"
    );
    let mut random = fastrand::Rng::with_seed(seed);
    let (mut found, mut same, mut missed) = (0, 0, Vec::new());
    while !whole.is_empty() && found + same + missed.len() < 500 {
        let (name, host, ruleset) = &whole[random.usize(..whole.len())];
        let Some(mutant) = make(host, ruleset, &mut random) else {
            continue;
        };
        // A text that verify refuses is no difference that it found.
        if proven(host, &mutant.changed).is_ok_and(|report| !report.is_equal()) {
            found += 1;
        } else if differs(ruleset, &mutant.changed, &mut random) {
            missed.push(format!("{name}: {}", mutant.what));
        } else {
            same += 1;
        }
    }
    report(&format!(
        "{what}: {found} of 500 mutants found, {same} mean the same, missed: {missed:#?}"
    ));
    assert!(missed.len() * 100 <= found, "{missed:#?}");
}

/// Whether a packet tells two rulesets apart.
fn differs(one: &Ruleset, other: &Ruleset, random: &mut fastrand::Rng) -> bool {
    let vocabulary = Vocabulary::of([one, other]);
    (0..PACKETS).any(|_| {
        let packet = vocabulary.packet(random);
        walk(one, &packet) != walk(other, &packet)
    })
}
