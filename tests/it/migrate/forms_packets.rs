//! Every form, once in iptables and once in nft, with packets for which it holds and such for which it just fails.
//! `forms.txt` beside this file is the golden table of which forms packets can tell: `UPDATE_GOLDEN=1` rewrites it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use margay::migrate::host::Host;
use margay::migrate::nft::print;
use margay::migrate::translate::{Class, translate};
use margay::migrate::verify::empirical::{Original, Replay, ReplayError, replay};
use margay::net::Family;

use super::forms::{FORMS, Form, SETS, read};
use crate::support::netns::{report, skip};

/// So many forms must be told by packets.
const TOLD_MIN: usize = 120;

/// So many experiments at once.
const WORKERS: usize = 4;

/// What is put before a form that would hold for no packet otherwise, or behind one that would change nothing that is
/// seen, by words of its rule.
const COMPANIONS: [(&str, Place, &str); 12] = [
    (
        "--set --name a --rsource",
        Place::Behind,
        "-m recent --rcheck --name a --rsource",
    ),
    (
        "--rcheck --seconds 60 --name a --rsource",
        Place::Before,
        "-d 203.0.113.8/32 -m recent --set --name a --rsource",
    ),
    (
        "! --rcheck",
        Place::Before,
        "-d 203.0.113.8/32 -m recent --set --name a --rsource",
    ),
    (
        "--name a --rdest",
        Place::Before,
        "-s 198.51.100.8/32 -m recent --set --name a --rdest",
    ),
    (
        "--remove",
        Place::Before,
        "-s 198.51.100.8/32 -m recent --set --name a --rsource",
    ),
    (
        "--hitcount",
        Place::Before,
        "-m recent --set --name a --rsource",
    ),
    (
        "--hitcount 3 --name a --rdest",
        Place::Before,
        "-m recent --set --name a --rdest",
    ),
    (
        "--add-set addresses",
        Place::Behind,
        "-m set --match-set addresses src",
    ),
    (
        "--del-set addresses",
        Place::Behind,
        "-m set --match-set addresses src",
    ),
    (
        "--add-set timed",
        Place::Behind,
        "-m set --match-set timed src",
    ),
    (
        "-j CONNMARK --restore-mark",
        Place::Before,
        "-p tcp -j CONNMARK --set-xmark 0x35/0xffffffff",
    ),
    ("-j RETURN", Place::Behind, "-j DROP"),
];

/// Words of what is asked of connections: those that are not let in are forgotten, and nothing could be asked of them.
const OF_CONNECTIONS: [&str; 4] = ["-m conn", "-m state", "-j CONNMARK", "-j CT"];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Before,
    Behind,
}

/// How a form came out.
enum Told {
    /// Some packets hit it and others miss it.
    Counters,
    /// Packets meet something else than without it.
    Effect,
    /// Both sides differ, as the judgement of the form says.
    Differs,
    /// Both sides do the same, but so they would with any other rule.
    Not(&'static str),
    /// No packets were sent.
    LeftOut(&'static str),
}

impl Told {
    fn word(&self) -> &'static str {
        match self {
            Self::Counters => "counters",
            Self::Effect => "effect",
            Self::Differs => "differs",
            Self::Not(_) => "not told",
            Self::LeftOut(_) => "left out",
        }
    }

    fn line(&self, form: &Form<'_>) -> String {
        let word = self.word();
        let why = match self {
            Self::Counters | Self::Effect => "",
            Self::Differs => "as it is judged",
            Self::Not(why) | Self::LeftOut(why) => why,
        };
        let why = if why.is_empty() {
            String::new()
        } else {
            format!("  ({why})")
        };
        format!("{word:<9} {}{why}\n", form.place())
    }
}

#[test]
fn every_form_is_the_same_to_packets() {
    let test = "every_form_is_the_same_to_packets";
    let forms: Vec<_> = Form::all(FORMS).chain(Form::all(SETS)).collect();
    let mut lines = String::new();
    let mut told: BTreeMap<&str, usize> = BTreeMap::new();
    let mut wrong = Vec::new();
    for (form, outcome) in forms.iter().zip(experiments(&forms)) {
        match outcome {
            Ok((outcome, differences)) => {
                let place = form.place();
                wrong.extend(differences.iter().map(|what| format!("{place}: {what}")));
                *told.entry(outcome.word()).or_default() += 1;
                lines.push_str(&outcome.line(form));
            }
            Err(Missing(why)) => return skip(test, &why),
        }
    }
    report(&format!("{told:?}"));
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
    golden(&lines);
    let told = told["counters"] + told["effect"];
    assert!(told >= TOLD_MIN, "{told}");
}

/// What there is to say of a form, and what differs.
type Experiment = Result<(Told, Vec<String>), Missing>;

/// Something that the machine lacks.
struct Missing(String);

/// Several at once: most of the time the kernel waits for itself.
fn experiments(forms: &[Form<'_>]) -> Vec<Experiment> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some(form) = forms.get(next.fetch_add(1, Ordering::Relaxed)) {
            done.push((form.place(), experiment(form)));
        }
        done
    };
    let mut done: BTreeMap<String, Experiment> = thread::scope(|scope| {
        let workers: Vec<_> = (0..WORKERS).map(|_| scope.spawn(work)).collect();
        let done = workers.into_iter().map(|worker| worker.join().unwrap());
        done.flatten().collect()
    });
    let placed = forms.iter().filter_map(|form| done.remove(&form.place()));
    placed.collect()
}

fn experiment(form: &Form<'_>) -> Experiment {
    let left_out = |why| Ok((Told::LeftOut(why), Vec::new()));
    if form.class == "unsupported" {
        return left_out("unsupported");
    }
    if form.may_lack() {
        return left_out("the kernel of the tests lacks it");
    }
    for (word, why) in [
        ("--mode random", "chance decides"),
        ("-m cpu", "the scheduler decides"),
    ] {
        if form.rule.contains(word) {
            return left_out(why);
        }
    }
    let host = read(form, &dump(form, form.rule));
    let ours = match sent(form, &host, &nft(&host)) {
        Ok(ours) => ours,
        Err(ReplayError::NoLane(error)) => return Err(Missing(error.to_string())),
        Err(ReplayError::Refused { program, message }) if message.contains("os error 2") => {
            return Err(Missing(format!("no {program}")));
        }
        Err(ReplayError::Refused { message, .. }) if message.contains("set type not") => {
            return left_out("the kernel of the tests has no such set");
        }
        // The sets of the host are there for both families, but each for the rules of its own.
        Err(ReplayError::Refused { message, .. }) if message.contains("not applicable") => {
            return left_out("iptables does not load it");
        }
        Err(error @ ReplayError::Refused { .. }) => {
            return Ok((Told::Not("refused"), vec![error.to_string()]));
        }
    };
    let first = COMPANIONS
        .iter()
        .filter(|(word, place, _)| *place == Place::Before && form.rule.contains(word))
        .count();
    let counts: Vec<(usize, u64)> = ours.counted.iter().map(|(a, b)| (*a, *b)).collect();
    let ((_, all), (line, rule)) = (counts[first], counts[first + 1]);
    let told = if form.rule.contains("-m time") {
        Told::Not("the clock decides")
    } else if rule > 0 && rule < all {
        Told::Counters
    } else if differs_without(form, &host, line) {
        Told::Effect
    } else if rule == 0 {
        Told::Not("no packet hits it")
    } else {
        Told::Not("every packet hits it, and nothing shows")
    };
    match form.class == "approximate" && !ours.differences.is_empty() {
        true => Ok((Told::Differs, Vec::new())),
        false => Ok((told, ours.differences)),
    }
}

/// Whether the same packets meet something else where another rule stands that does nothing.
fn differs_without(form: &Form<'_>, host: &Host, line: usize) -> bool {
    let without = nft(&read(form, &dump(form, "")));
    let own = format!("rule of line {line} ");
    let replay = sent(form, host, &without).unwrap();
    replay
        .differences
        .iter()
        .any(|what| !what.starts_with(&own))
}

/// A rule that counts what comes to the form, and then the form.
fn dump(form: &Form<'_>, rule: &str) -> String {
    let Form { table, chain, .. } = form;
    let companions = |wanted: Place| {
        let fitting = COMPANIONS
            .iter()
            .filter(move |(word, place, _)| *place == wanted && form.rule.contains(word));
        fitting
            .map(|(_, _, rule)| format!("-A {chain} {}\n", of_family(form.family, rule)))
            .collect::<String>()
    };
    let (before, behind) = (companions(Place::Before), companions(Place::Behind));
    // What is accepted shows where all else is dropped.
    let asks = |word: &&str| form.rule.contains(*word);
    let shows = form.rule.ends_with("-j ACCEPT") && !OF_CONNECTIONS.iter().any(asks);
    let policy = if shows { "DROP" } else { "ACCEPT" };
    format!(
        "*{table}\n:{chain} {policy} [0:0]\n{before}-A {chain}\n-A {chain} {rule}\n{behind}COMMIT\n"
    )
}

/// The addresses of a companion are those next to the experiment's own.
fn of_family(family: Family, rule: &str) -> String {
    match family {
        Family::V4 => rule.to_owned(),
        Family::V6 => rule
            .replace("203.0.113.8/32", "2001:db8:2::8/128")
            .replace("198.51.100.8/32", "2001:db8:1::8/128"),
    }
}

fn nft(host: &Host) -> String {
    let translation = translate(host);
    assert!(
        translation
            .judgements
            .iter()
            .all(|one| one.class != Class::Unsupported),
        "{:?}",
        translation.judgements
    );
    print::print(&translation.ruleset)
}

fn sent(form: &Form<'_>, host: &Host, nft: &str) -> Result<Replay, ReplayError> {
    let sets = form.sets().map(|sets| asked(form.rule, sets));
    let original = Original {
        text: &dump(form, form.rule),
        dump: &host.dumps[0],
        sets: sets.as_deref(),
    };
    replay(&original, nft)
}

/// The sets that a rule names, and those that its list names: not every kernel has all types.
fn asked(rule: &str, sets: &str) -> String {
    let is_asked = |name: &str| {
        let mut words = rule.split(' ');
        words.any(|word| word == name || word == "all" && ["addresses", "nets"].contains(&name))
    };
    let lines = sets
        .lines()
        .filter(|line| line.split(' ').nth(1).is_some_and(is_asked));
    lines.map(|line| format!("{line}\n")).collect()
}

fn golden(lines: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/migrate/forms.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, lines).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(lines, expected, "UPDATE_GOLDEN=1 writes it again");
}
