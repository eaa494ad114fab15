//! Rules that are changed on purpose: whether a change means something else, and whether `verify` finds it.
//!
//! That it means something else is decided by packets, which [`walker`](super::walker) sends through both rulesets and
//! which has nothing of `verify` in it. `mutants.txt` beside this file is the golden list: `UPDATE_GOLDEN=1` rewrites it.

use std::collections::BTreeMap;
use std::path::Path;

use margay::migrate::host::Host;
use margay::migrate::nft::Ruleset;
use margay::migrate::translate::translate;
use margay::migrate::verify::symbolic::Outcome;

use super::collected;
use super::dynamic;
use super::mutant::{self, Mutant};
use super::packets::{Vocabulary, Ways};
use super::verify::{proven, whole};
use super::walker::{Watch, affected, walk};
use crate::support::netns::report;

/// So many changes of each kind must mean something else.
const MEANT: usize = 500;

/// Packets of which none may tell a mutant from the original, if it is to mean the same. Two of three are drawn for the
/// rule that was changed, as it was and as it is.
const PACKETS: usize = 300;

#[test]
fn a_translation_that_was_changed_is_found() {
    mutants("translations", 7, |_, ruleset, random| {
        mutant::of_ruleset(ruleset, random)
    });
}

#[test]
fn a_dump_that_was_read_wrongly_is_found() {
    mutants("dumps", 8, |host, _, random| {
        let mutant = mutant::of_dump(&host.dumps[0], random)?;
        let host = Host {
            dumps: vec![mutant.changed],
            sets: host.sets.clone(),
        };
        Some(Mutant {
            kind: mutant.kind,
            lines: mutant.lines,
            what: mutant.what,
            changed: translate(&host).ruleset,
        })
    });
}

/// What became of mutants.
#[derive(Debug, Default)]
struct Tally {
    /// By the kind of change: told apart by packets and found, told apart and not found, found by the proof alone,
    /// neither.
    kinds: BTreeMap<&'static str, [usize; 4]>,
    /// With what was changed.
    missed: Vec<String>,
    unmet: Vec<String>,
    /// By the reason.
    same: BTreeMap<&'static str, Vec<String>>,
}

fn mutants(
    what: &str,
    seed: u64,
    make: impl Fn(&Host, &Ruleset, &mut fastrand::Rng) -> Option<Mutant<Ruleset>>,
) {
    let mut whole = whole();
    // The largest take most of the time and say no more than the others.
    whole.retain(|(_, host, _)| host.dumps[0].rules().count() < 150);
    if whole.is_empty() {
        // `cases` says so, or fails where they are required.
        assert!(collected("iptables-dumps").is_none(), "no dump is whole");
        return;
    }
    // Few of them change sets.
    let (host, ruleset) = dynamic::read();
    let changing = ("rules that change sets".to_owned(), host, ruleset);
    let mut random = fastrand::Rng::with_seed(seed);
    let mut tally = Tally::default();
    while tally
        .kinds
        .values()
        .map(|[a, b, _, _]| a + b)
        .sum::<usize>()
        < MEANT
    {
        let (name, host, ruleset) = match random.u8(..6) {
            0 => &changing,
            _ => &whole[random.usize(..whole.len())],
        };
        if let Some(mutant) = make(host, ruleset, &mut random) {
            tally.judge(name, host, ruleset, &mutant, &mut random);
        }
    }
    report(&format!("{what}:\n{}", tally.text()));
    golden(what, &tally.text());
    assert!(tally.missed.len() * 100 <= MEANT, "{:#?}", tally.missed);
}

impl Tally {
    fn judge(
        &mut self,
        name: &str,
        host: &Host,
        ruleset: &Ruleset,
        mutant: &Mutant<Ruleset>,
        random: &mut fastrand::Rng,
    ) {
        let mut watch = Watch::of(&mutant.lines);
        let meant = differs(ruleset, mutant, &mut watch, random);
        // A text that verify refuses is no difference that it found, nor is what it leaves undecided.
        let found = proven(host, &mutant.changed).is_ok_and(|report| {
            let mut outcomes = report.parts.iter().map(|part| &part.outcome);
            outcomes.any(|outcome| matches!(outcome, Outcome::Different(_)))
        });
        let lines: Vec<_> = mutant.lines.iter().map(usize::to_string).collect();
        let place = format!("{name}, line {}: {}", lines.join(" and "), mutant.kind);
        let at = match (meant, found) {
            (true, true) => 0,
            (true, false) => {
                self.missed.push(format!("{place}: {}", mutant.what));
                1
            }
            (false, true) => {
                self.unmet.push(place);
                2
            }
            (false, false) => {
                self.same
                    .entry(why(mutant, &watch))
                    .or_default()
                    .push(place);
                3
            }
        };
        self.kinds.entry(mutant.kind).or_default()[at] += 1;
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{:<24}{:>8}{:>8}{:>8}{:>8}\n",
            "change", "found", "missed", "unmet", "same"
        );
        let mut all = [0; 4];
        let row = |kind: &str, counts: &[usize; 4]| {
            let counts = counts.map(|count| format!("{count:>8}")).concat();
            format!("{kind:<24}{counts}\n")
        };
        for (kind, counts) in &self.kinds {
            text.push_str(&row(kind, counts));
            all.iter_mut()
                .zip(counts)
                .for_each(|(all, one)| *all += one);
        }
        text.push_str(&row("all", &all));
        let mut list = |why: &str, places: &[String]| {
            text.push_str(&format!("\n{why}: {}\n", places.len()));
            for place in places {
                text.push_str(&format!("  {place}\n"));
            }
        };
        list(
            "Packets show a difference that the proof does not find",
            &self.missed,
        );
        list(
            "The proof finds a difference that no packet shows",
            &self.unmet,
        );
        for (why, places) in &self.same {
            list(&format!("No difference: {why}"), places);
        }
        text
    }
}

/// Why a change means nothing, as far as packets show it.
fn why(mutant: &Mutant<Ruleset>, watch: &Watch) -> &'static str {
    match (watch.asked, watch.matched, mutant.kind) {
        (false, _, _) => "no packet comes to the rule",
        (true, false, _) => "no packet that comes to the rule is what it asks for, before or after",
        (true, true, "order") if !watch.several => "no packet is what both rules ask for",
        (true, true, "order") => "both rules do the same with packets that both ask for",
        (true, true, _) => "what comes behind the rule does the same with these packets",
    }
}

/// Whether a packet tells a mutant from the original.
fn differs(
    original: &Ruleset,
    mutant: &Mutant<Ruleset>,
    watch: &mut Watch,
    random: &mut fastrand::Rng,
) -> bool {
    let vocabulary = Vocabulary::of([original, &mutant.changed]);
    let ways = [original, &mutant.changed].map(|ruleset| Ways::to(ruleset, &mutant.lines));
    let entries = affected(original, &mutant.changed);
    (0..PACKETS).any(|number| {
        let packet = match ways.get(number % 3) {
            Some(ways) => ways.packet(&vocabulary, random),
            None => vocabulary.packet(random),
        };
        let mut walk = |ruleset| walk(ruleset, entries.as_ref(), &packet, watch);
        walk(original) != walk(&mutant.changed)
    })
}

/// The part of the golden file that is about one of both.
fn golden(what: &str, text: &str) {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/migrate/mutants-{what}.txt"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, text).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(text, expected, "UPDATE_GOLDEN=1 writes it again");
}
