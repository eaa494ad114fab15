//! The book of keys: last good values, what several keys declare, what a restart keeps.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;

use margay::agent::book::Book;
use margay::agent::kept::Kept;
use margay::agent::store::{Content, KeyChange};
use margay::codec::Keys;
use margay::model::{Event, Readiness, State};
use tempfile::TempDir;

const PREFIX: &str = "/calico/resources/v3/projectcalico.org/";
const GOOD: &str = r#"{"metadata":{},"spec":{"nets":["10.0.0.0/8"]}}"#;
const OTHER: &str = r#"{"metadata":{},"spec":{"nets":["192.0.2.0/24"]}}"#;
const FAULTY: &str = r#"{"metadata":{},"spec":{"nets":["10.0.0.0/99"]}}"#;

fn set(value: &str) -> KeyChange {
    KeyChange::value(format!("{PREFIX}globalnetworksets/s"), value)
}

fn resources() -> Book {
    Book::new(Keys::Resources, BTreeMap::new())
}

fn files() -> Book {
    Book::new(Keys::Files, BTreeMap::new())
}

/// The prefixes of the set, as the event says.
fn nets(events: &[Event]) -> String {
    let [Event::NetworkSet(set)] = events else {
        panic!("{events:?}")
    };
    let nets: Vec<_> = set.nets.iter().map(ToString::to_string).collect();
    nets.join(" ")
}

fn group(name: &str, port: u16) -> String {
    format!(
        "apiVersion: margay/v1\nkind: SecurityGroup\nname: {name}\nrules:\n  ingress:\n    - allow IPv4 tcp {port} from 0.0.0.0/0\n---\n"
    )
}

#[test]
fn a_faulty_value_keeps_the_last_good_one() {
    let mut book = resources();
    assert_eq!(nets(&book.take(set(GOOD))), "10.0.0.0/8");
    assert_eq!(book.take(set(FAULTY)), []);
    let problems: Vec<_> = book.problems().collect();
    let [(key, [problem])] = problems[..] else {
        panic!("{problems:?}")
    };
    assert!(key.ends_with("globalnetworksets/s"));
    assert!(problem.to_string().contains("10.0.0.0/99"), "{problem}");
    assert_eq!(book.take(set(GOOD)), [], "what holds already");
    assert_eq!(book.problems().count(), 0);
    book.take(set(FAULTY));
    assert_eq!(nets(&book.take(set(OTHER))), "192.0.2.0/24");
    book.take(set(FAULTY));
    let gone = book.take(KeyChange::gone(format!("{PREFIX}globalnetworksets/s")));
    assert!(matches!(gone[..], [Event::NetworkSetGone(_)]), "{gone:?}");
    assert_eq!(book.problems().count(), 0);
}

#[test]
fn a_faulty_value_of_which_no_good_one_is_known_is_as_if_absent() {
    let mut book = resources();
    assert_eq!(book.take(set(FAULTY)), []);
    assert_eq!(book.problems().count(), 1);
    let gone = KeyChange::gone(format!("{PREFIX}globalnetworksets/s"));
    assert_eq!(book.take(gone), []);
    assert_eq!(book.problems().count(), 0);
}

#[test]
fn what_means_the_same_is_no_event() {
    let mut book = resources();
    book.take(set(GOOD));
    assert_eq!(book.take(set(GOOD)), []);
    let same = GOOD.replace("{}", r#"{"uid":"1","resourceVersion":"7"}"#);
    assert_eq!(book.take(set(&same)), []);
    let unknown = KeyChange::value("/calico/ipam/v2/handle/x", "{");
    assert_eq!(book.take(unknown), []);
    assert_eq!(book.problems().count(), 0, "a key of others has no faults");
}

#[test]
fn hostile_values_are_rejected_alone() {
    let mut book = resources();
    let deep = format!(
        r#"{{"metadata":{{}},"spec":{{"selector":"{}all(){}"}}}}"#,
        "(".repeat(600),
        ")".repeat(600)
    );
    let nested = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let long = format!(r#"{{"metadata":{{"x":"{}"}}}}"#, "a".repeat(10 << 20));
    let labels: Vec<_> = (0..100_000).map(|n| format!(r#""l{n}":"""#)).collect();
    let labels = format!(r#"{{"metadata":{{"labels":{{{}}}}}}}"#, labels.join(","));
    let hostile: [&[u8]; 9] = [
        deep.as_bytes(),
        nested.as_bytes(),
        long.as_bytes(),
        labels.as_bytes(),
        b"\0",
        b"\xff\xfe",
        br#"{"metadata":[],"spec":7}"#,
        br#"{"metadata":{},"spec":{"order":"NaN"}}"#,
        br#"{"metadata":{},"spec":{"selector":{"a":1},"ingress":[{"action":["Allow"],"protocol":"TCP","destination":{"ports":[70000]}}]}}"#,
    ];
    for value in hostile {
        let key = format!("{PREFIX}globalnetworkpolicies/p");
        let shown = String::from_utf8_lossy(&value[..value.len().min(60)]).into_owned();
        let before = std::time::Instant::now();
        let events = book.take(KeyChange::value(key, value));
        assert!(before.elapsed().as_secs() < 10, "{shown}");
        let rejected = book.problems().count() == 1 && events.is_empty();
        let accepted = matches!(events[..], [Event::Policy(_)]);
        assert!(
            rejected || accepted && shown.contains("labels"),
            "{shown}: {events:?}"
        );
        assert_eq!(nets(&book.take(set(GOOD))), "10.0.0.0/8");
        for key in ["globalnetworksets/s", "globalnetworkpolicies/p"] {
            book.take(KeyChange::gone(format!("{PREFIX}{key}")));
        }
    }
}

#[test]
fn a_file_with_an_error_keeps_all_of_its_last_good_version() {
    let mut book = files();
    let file = |text: String| KeyChange::value("p/a.yaml", text);
    let events = book.take(file(group("a", 1) + &group("b", 1)));
    assert_eq!(events.len(), 2);
    let half = group("a", 2) + "apiVersion: margay/v1\nkind: SecurityGroup\n";
    assert_eq!(book.take(file(half)), []);
    let events = book.take(file(group("a", 2)));
    assert!(
        matches!(&events[..], [Event::GroupGone(gone), Event::Group(_)] if gone.as_str() == "b"),
        "{events:?}"
    );
    let unreadable = Content::Unreadable("cannot read: no".to_owned());
    let events = book.take(KeyChange {
        key: "p/a.yaml".to_owned(),
        content: unreadable,
    });
    assert_eq!(events, []);
    let problems: Vec<_> = book.problems().flat_map(|(_, all)| all).collect();
    assert_eq!(problems[0].to_string(), "p/a.yaml: error: cannot read: no");
}

/// The only port that a group allows.
fn port(state: &State, name: &str) -> Option<String> {
    let group = state.groups.get(&name.parse().unwrap())?;
    Some(group.ingress.iter().next()?.service.to_string())
}

/// A document of a group that allows so many ports from the first on, each on a line.
fn ports(first: u16, count: u16) -> KeyChange {
    let mut text = group("web", first);
    text.truncate(text.len() - "---\n".len());
    for port in first + 1..first + count {
        text += &format!("    - allow IPv4 tcp {port} from 0.0.0.0/0\n");
    }
    KeyChange::value("p/a.yaml", text)
}

#[test]
fn rules_that_are_read_again_are_known_by_the_lines_that_they_moved_to() {
    let mut book = files();
    for (first, count) in [
        (100, 400),
        (100, 401),
        (99, 402),
        (100, 401),
        (100, 300),
        (500, 7),
    ] {
        let again = book.take(ports(first, count));
        let anew = files().take(ports(first, count));
        // Two values that differ in where they were written alone are equal, but do not print so.
        assert_eq!(format!("{again:?}"), format!("{anew:?}"));
    }
    let gone = book.take(KeyChange::gone("p/a.yaml"));
    assert!(matches!(&gone[..], [Event::GroupGone(_)]), "{gone:?}");
}

#[test]
fn of_two_documents_of_one_thing_the_first_by_key_counts_whatever_came_first() {
    let (mut book, mut state) = (files(), State::default());
    let mut take = |book: &mut Book, change| {
        for event in book.take(change) {
            state.apply(event);
        }
        port(&state, "g")
    };
    let file = |name: &str, port| KeyChange::value(name, group("g", port));
    assert_eq!(
        take(&mut book, file("b.yaml", 2)).as_deref(),
        Some(" tcp 2")
    );
    assert_eq!(
        take(&mut book, file("a.yaml", 1)).as_deref(),
        Some(" tcp 1")
    );
    assert_eq!(
        take(&mut book, file("b.yaml", 3)).as_deref(),
        Some(" tcp 1")
    );
    let contested: Vec<_> = book
        .contested()
        .map(|(object, files)| (object.to_string(), files.collect::<Vec<_>>().join(" ")))
        .collect();
    assert_eq!(
        contested,
        [("group g".to_owned(), "a.yaml b.yaml".to_owned())]
    );
    let gone = take(&mut book, KeyChange::gone("a.yaml"));
    assert_eq!(gone.as_deref(), Some(" tcp 3"));
    assert_eq!(book.contested().count(), 0);
    assert_eq!(take(&mut book, KeyChange::gone("b.yaml")), None);
}

#[test]
fn a_restart_keeps_the_last_good_value_of_a_faulty_key() {
    let directory = TempDir::new().unwrap();
    let (mut kept, remembered) = Kept::open(directory.path());
    assert!(remembered.is_empty());
    let mut book = Book::new(Keys::Resources, remembered);
    book.take(set(GOOD));
    book.take(set(FAULTY));
    book.in_sync();
    kept.save(&book).unwrap();

    let (mut kept, remembered) = Kept::open(directory.path());
    let mut book = Book::new(Keys::Resources, remembered);
    kept.save(&book).unwrap();
    assert_eq!(nets(&book.take(set(FAULTY))), "10.0.0.0/8");
    assert_eq!(book.problems().count(), 1);
    book.in_sync();
    kept.save(&book).unwrap();
    let (_, remembered) = Kept::open(directory.path());
    assert_eq!(remembered.len(), 1, "a second restart keeps it too");
    book.take(set(OTHER));
    kept.save(&book).unwrap();
    let (_, remembered) = Kept::open(directory.path());
    assert!(remembered.is_empty());
}

#[test]
fn what_a_restart_remembers_does_not_outlive_the_key() {
    let remembered = BTreeMap::from([(
        format!("{PREFIX}globalnetworksets/s"),
        GOOD.as_bytes().to_vec(),
    )]);
    let mut book = Book::new(Keys::Resources, remembered.clone());
    book.in_sync();
    assert_eq!(book.take(set(FAULTY)), []);
    let mut book = Book::new(Keys::Resources, remembered);
    assert_eq!(nets(&book.take(set(OTHER))), "192.0.2.0/24");
    assert_eq!(book.take(set(FAULTY)), []);
    let held: Vec<_> = book.held().collect();
    assert_eq!(held[0].1, OTHER.as_bytes());
}

#[test]
fn the_kept_file_is_for_its_owner_alone_and_survives_nonsense() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("last-good.jsonl");
    std::fs::write(&file, "{\n[\"a\",\"b\"]\n[1]\n\u{0}\n").unwrap();
    let (mut kept, remembered) = Kept::open(directory.path());
    assert_eq!(
        remembered,
        BTreeMap::from([("a".to_owned(), b"b".to_vec())])
    );
    let book = resources();
    kept.save(&book).unwrap();
    let mode = std::fs::metadata(&file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(std::fs::read(&file).unwrap(), b"");
    // A directory that is not there is made, for its owner alone.
    let nowhere = directory.path().join("nowhere/deep");
    let (mut kept, _) = Kept::open(&nowhere);
    let mut book = book;
    book.take(set(GOOD));
    book.take(set(FAULTY));
    kept.save(&book).unwrap();
    let mode = std::fs::metadata(&nowhere).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let (_, remembered) = Kept::open(&nowhere);
    assert_eq!(remembered.len(), 1);
    let (mut kept, _) = Kept::open(&file.join("nowhere"));
    let error = kept.save(&book).unwrap_err().to_string();
    assert!(error.contains("nowhere/last-good.jsonl"), "{error}");
}

#[test]
fn a_store_that_says_nothing_is_blank_and_its_word_is_not_undone() {
    const READY: &str = "/calico/resources/v3/projectcalico.org/clusterinformations/default";
    let value = |ready: bool| {
        let text = format!(
            r#"{{"apiVersion":"projectcalico.org/v3","kind":"ClusterInformation",
                "metadata":{{"name":"default"}},"spec":{{"datastoreReady":{ready}}}}}"#
        );
        Content::Value(text.into_bytes())
    };
    let mut book = Book::new(Keys::Resources, BTreeMap::new());
    assert!(book.is_blank());
    assert!(!Book::new(Keys::Files, BTreeMap::new()).is_blank());
    let mut take = |content| {
        let key = READY.to_owned();
        book.take(KeyChange { key, content })
    };
    let ready = |readiness| [Event::Readiness(readiness)];
    assert_eq!(take(value(true)), ready(Readiness::Ready));
    assert_eq!(take(value(false)), ready(Readiness::NotReady));
    assert_eq!(take(value(true)), ready(Readiness::Ready));
    // Whoever deletes it does not say that what is in force is to go.
    assert_eq!(take(Content::Gone), ready(Readiness::NotReady));
    assert!(!book.is_blank());
}

#[test]
fn a_kept_file_that_cannot_be_read_is_as_one_that_is_not_there() {
    let directory = TempDir::new().unwrap();
    std::fs::create_dir(directory.path().join("last-good.jsonl")).unwrap();
    let (_, remembered) = Kept::open(directory.path());
    assert!(remembered.is_empty());
}
