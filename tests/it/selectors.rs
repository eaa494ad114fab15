//! Selectors: what they match, how they read and print, and what an index may rely on.

use std::time::{Duration, Instant};

use margay::model::label::{Inherited, LabelKey, LabelValue, LabelView, Labels};
use margay::model::selector::{Requirement, Subject};
use margay::model::{Namespace, Selector};
use proptest::prelude::*;

fn key(text: &str) -> LabelKey {
    text.parse().unwrap()
}

fn value(text: &str) -> LabelValue {
    text.parse().unwrap()
}

/// Labels written as `a=b c=`.
fn labels(text: &str) -> Labels {
    let pairs = text
        .split_whitespace()
        .map(|pair| pair.split_once('=').unwrap());
    pairs.map(|(k, v)| (key(k), value(v))).collect()
}

#[track_caller]
fn read(text: &str) -> Selector {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[track_caller]
fn truth(selector: &str, matching: &[&str], others: &[&str]) {
    let read = read(selector);
    for (sets, expected) in [(matching, true), (others, false)] {
        for set in sets {
            assert_eq!(
                read.matches(&labels(set)),
                expected,
                "{selector} of {set:?}"
            );
            let text = read.to_string();
            assert_eq!(self::read(&text).matches(&labels(set)), expected, "{text}");
        }
    }
}

#[test]
fn every_operator_has_its_truth_table() {
    truth("", &["", "a=b"], &[]);
    truth("  \t", &["", "a=b"], &[]);
    truth("all()", &["", "a=b"], &[]);
    truth("all( )", &["", "a=b"], &[]);
    truth("global()", &["", "a=b"], &[]);
    truth("!all()", &[], &["", "a=b"]);
    truth("has(a)", &["a=b", "a="], &["", "b=a", "A=b"]);
    truth("has( a )", &["a=b"], &[""]);
    truth("!has(a)", &["", "b=a"], &["a=b", "a="]);
    truth(
        "a == 'b'",
        &["a=b", "a=b c=d"],
        &["", "a=c", "a=bb", "b=b", "a="],
    );
    truth("a == ''", &["a="], &["", "a=b"]);
    truth("a != 'b'", &["", "a=c", "b=b", "a="], &["a=b"]);
    truth("a in {'b', 'c'}", &["a=b", "a=c"], &["", "a=d", "a="]);
    truth("a in {'b',}", &["a=b"], &["", "a=c"]);
    truth("a in {}", &[], &["", "a=", "a=b"]);
    truth("a not in {'b', 'c'}", &["", "a=d", "a="], &["a=b", "a=c"]);
    truth("a not in {}", &["", "a=b"], &[]);
    truth("a notin{'b'}", &["", "a=d"], &["a=b"]);
    truth(
        "a contains 'b'",
        &["a=b", "a=abc", "a=bb"],
        &["", "a=", "a=c", "b=b"],
    );
    truth("a contains ''", &["a=", "a=b"], &[""]);
    truth("a starts with 'b'", &["a=b", "a=bc"], &["", "a=cb", "a="]);
    truth("a startswith 'b'", &["a=bc"], &["a=cb"]);
    truth("a ends with 'b'", &["a=b", "a=cb"], &["", "a=bc", "a="]);
    truth("a endswith\t'b'", &["a=cb"], &["a=bc"]);
}

#[test]
fn and_binds_tighter_than_or_and_not_tightest() {
    truth(
        "has(a) || has(b) && has(c)",
        &["a=1", "b=1 c=1"],
        &["", "b=1", "c=1"],
    );
    truth(
        "(has(a) || has(b)) && has(c)",
        &["a=1 c=1", "b=1 c=1"],
        &["a=1", "c=1"],
    );
    truth(
        "has(a) && has(b) || has(c)",
        &["a=1 b=1", "c=1"],
        &["a=1", "b=1"],
    );
    truth("!has(a) && has(b)", &["b=1"], &["", "a=1 b=1"]);
    truth("!(has(a) && has(b))", &["", "a=1"], &["a=1 b=1"]);
    truth("!has(a) || has(b)", &["", "b=1", "a=1 b=1"], &["a=1"]);
    truth("!!has(a)", &["a=1"], &[""]);
    truth("! ! ! has(a)", &[""], &["a=1"]);
    truth("!a == 'b'", &["", "a=c"], &["a=b"]);
    truth("((((has(a)))))", &["a=1"], &[""]);
    truth(
        "a=='1'&&b=='2'||c=='3'",
        &["a=1 b=2", "c=3"],
        &["a=1", "b=2"],
    );
    truth("all() && has(a)", &["a=1"], &[""]);
    truth("all() || has(a)", &["", "a=1"], &[]);
}

#[test]
fn quotes_hold_anything_but_themselves() {
    let with = |text: &str| [(key("a"), value(text))].into_iter().collect::<Labels>();
    for (selector, text) in [
        ("a == 'x \"y\" z'", "x \"y\" z"),
        ("a == \"it's\"", "it's"),
        ("a == 'a && b || (c)'", "a && b || (c)"),
        ("a == 'all()'", "all()"),
        ("a == '\\'", "\\"),
        ("a == 'é\t'", "é\t"),
    ] {
        let selector = read(selector);
        assert!(selector.matches(&with(text)), "{selector}");
        assert!(
            read(&selector.to_string()).matches(&with(text)),
            "{selector}"
        );
    }
    assert!("both ' and \"".parse::<LabelValue>().is_err());
}

#[test]
fn words_are_labels_where_no_operator_can_be() {
    truth("in in {'in'}", &["in=in"], &["", "in=not"]);
    truth("not not in {'in'}", &["", "not=x"], &["not=in"]);
    truth("has == 'a'", &["has=a"], &[""]);
    truth(
        "all == 'a' && global == 'b'",
        &["all=a global=b"],
        &["all=a"],
    );
    truth("contains contains 'a'", &["contains=xay"], &[""]);
    truth("a.b/c-d_E9 == 'x'", &["a.b/c-d_E9=x"], &[""]);
}

#[test]
fn canonical_texts_are_sorted_quoted_and_grouped() {
    for (written, canonical) in [
        ("", "all()"),
        ("a=='b'", "a == \"b\""),
        ("a == 'b\"c'", "a == 'b\"c'"),
        ("a in {'c','b','c'}", "a in {\"b\", \"c\"}"),
        ("a notin {}", "a not in {}"),
        ("a startswith 'b'", "a starts with \"b\""),
        ("has(a)&&has(b)||has(c)", "((has(a) && has(b)) || has(c))"),
        (
            "(has(a) && has(b)) && has(c)",
            "(has(a) && has(b) && has(c))",
        ),
        ("!(!(has(a)))", "has(a)"),
        ("!(has(a)||has(b))", "!(has(a) || has(b))"),
        ("all() && has(a)", "has(a)"),
    ] {
        assert_eq!(read(written).to_string(), canonical, "{written}");
    }
}

#[test]
fn faults_are_found_where_they_stand() {
    let long = "k".repeat(513);
    for (text, at, said) in [
        ("a", 1, "==, !=, contains"),
        ("a b", 2, "==, !=, contains"),
        ("a =", 2, "==, !="),
        ("a = 'b'", 2, "==, !="),
        ("a == b", 5, "a text in ' or \""),
        ("a == 'b", 5, "ends with its quote"),
        ("a == 'b' 'c'", 9, "&&, || or the end"),
        ("a == 'b' & has(c)", 9, "&&, || or the end"),
        ("a in 'b'", 5, "{ before"),
        ("a in {'b' 'c'}", 10, "or }"),
        ("a in {'b'", 9, "or }"),
        ("a in {,}", 6, "or }"),
        ("a containsx 'b'", 2, "==, !="),
        ("a starts 'b'", 2, "==, !="),
        ("has(a", 5, ") right after"),
        ("has()", 4, "the label in has"),
        ("has (a)", 4, "==, !="),
        ("all(a)", 4, ") right after"),
        ("(has(a)", 7, "&&, || or )"),
        ("has(a))", 6, "&&, || or the end"),
        ("has(a) &&", 9, "a label, has"),
        ("|| has(a)", 0, "a label, has"),
        ("!", 1, "a label, has"),
        ("!= 'a'", 1, "a label, has"),
        ("()", 1, "a label, has"),
        ("a == 'b'\n", 8, "&&, || or the end"),
        ("é == 'b'", 0, "a label, has"),
        (&format!("{long} == 'b'"), 0, "1-512 of"),
    ] {
        let error = text.parse::<Selector>().expect_err(text);
        assert_eq!(error.offset, at, "{text}: {error}");
        assert!(error.to_string().contains(said), "{text}: {error}");
    }
}

#[test]
fn long_and_deep_selectors_are_read_and_hostile_ones_refused_at_once() {
    let nested = |depth: usize| format!("{}has(a){}", "(".repeat(depth), ")".repeat(depth));
    truth(&nested(509), &["a=1"], &[""]);
    let alternating = (0..84).fold("has(a)".to_owned(), |inner, n| match n % 2 {
        0 => format!("!({inner}&&!!all())"),
        _ => format!("({inner})||a in{{}}"),
    });
    assert!(read(&alternating).matches(&labels("a=1")) != read(&alternating).matches(&labels("")));
    let mut long = "a == 'x'".to_owned();
    while long.len() + 16 <= 1024 {
        long += &format!(" || a == 'v{:03}'", long.len());
    }
    truth(&long, &["a=x", "a=v008"], &["", "a=y"]);

    let deep = 100_000;
    let hostile = [
        "(".repeat(deep),
        nested(deep),
        nested(513),
        "!(".repeat(deep),
        "has(".repeat(deep),
        "a in {".to_owned() + &"'b',".repeat(deep) + "c",
        "!".repeat(deep),
        "'".repeat(deep),
        "a && ".repeat(deep),
        "has(a) || ".repeat(deep),
        "é".repeat(deep),
        "a".repeat(deep),
    ];
    for text in &hostile {
        let begin = Instant::now();
        let error = text.parse::<Selector>().expect_err("hostile");
        assert!(error.to_string().len() < 400, "{error}");
        assert!(begin.elapsed() < Duration::from_secs(2), "{error}");
    }
    let wide = vec!["has(a)"; deep].join(" && ");
    let begin = Instant::now();
    assert!(read(&wide).matches(&labels("a=1")));
    assert!(begin.elapsed() < Duration::from_secs(2));
}

#[test]
fn own_labels_win_over_inherited_and_the_first_parent_over_the_next() {
    let own = labels("a=own");
    let (first, second) = (labels("a=1 b=1"), labels("a=2 b=2 c=2"));
    let all = Inherited::new(&own, [&first, &second]);
    let seen = ["a", "b", "c", "d"].map(|k| all.value(&key(k)).map(LabelValue::as_str));
    assert_eq!(seen, [Some("own"), Some("1"), Some("2"), None]);
    assert!(read("a == 'own' && b == '1' && c == '2' && !has(d)").matches(&all));
    let swapped = Inherited::new(&own, [&second, &first]);
    assert!(read("b == '2'").matches(&swapped));
}

#[test]
fn selectors_of_namespaces_and_accounts_become_selectors_of_endpoints() {
    use Subject::{Endpoints, Namespaces, ServiceAccounts, ServiceAccountsAnywhere};
    for (subject, written, read) in [
        (Endpoints, "all()", "all()"),
        (Namespaces, "a == 'b'", "pcns.a == \"b\""),
        (Namespaces, "all()", "has(projectcalico.org/namespace)"),
        (Namespaces, "global()", "!has(projectcalico.org/namespace)"),
        (
            Namespaces,
            "all() && a != 'all()'",
            "(has(projectcalico.org/namespace) && pcns.a != \"all()\")",
        ),
        (
            ServiceAccounts,
            "has(a) || b in {'c'}",
            "(has(pcsa.a) || pcsa.b in {\"c\"})",
        ),
        (ServiceAccounts, "all()", "all()"),
        (
            ServiceAccountsAnywhere,
            "all()",
            "has(projectcalico.org/serviceaccount)",
        ),
    ] {
        assert_eq!(Selector::of(subject, written).unwrap().to_string(), read);
    }
    let namespace: Namespace = "ns".parse().unwrap();
    let pinned = self::read("has(a)").and(&Selector::in_namespace(&namespace));
    assert_eq!(
        pinned.to_string(),
        "(has(a) && projectcalico.org/namespace == \"ns\")"
    );
}

#[test]
fn requirements_are_what_every_match_carries() {
    let said = |text: &str| {
        let selector = read(text);
        let all: Vec<_> = selector
            .requirements()
            .into_iter()
            .map(|requirement| match requirement {
                Requirement::Has(key) => format!("{key}"),
                Requirement::OneOf(key, values) => {
                    let values: Vec<_> = values.iter().map(|v| v.as_str()).collect();
                    format!("{key}={}", values.join("|"))
                }
            })
            .collect();
        all.join(" ")
    };
    assert_eq!(said("a == 'b' && has(c) && d in {'x','y'}"), "a=b c d=x|y");
    assert_eq!(said("a == 'b' || a == 'c'"), "a=b|c");
    assert_eq!(said("a == 'b' || a contains 'c'"), "a");
    assert_eq!(said("a == 'b' && has(c) || a == 'd' && has(e)"), "a=b|d");
    assert_eq!(said("a == 'b' || has(c)"), "");
    assert_eq!(said("a != 'b' && !has(c)"), "");
    assert_eq!(said("a in {}"), "a=");
    let keys: Vec<_> = read("a == 'b' || !(has(c) && d notin {'e'})")
        .keys()
        .into_iter()
        .map(|k| k.to_string())
        .collect();
    assert_eq!(keys, ["a", "c", "d"]);
}

/// Texts of selectors, with labels and values of which few exist, so that they often match.
fn written() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec!["a", "b", "c.d/e-f_G", "in", "has"]);
    let text = prop::sample::select(vec!["''", "'x'", "\"xy\"", "'y x'", "\"it's\"", "'\"'"]);
    let set = prop::collection::vec(text.clone(), 0..3).prop_map(|all| all.join(", "));
    let leaf = prop_oneof![
        Just("all()".to_owned()),
        key.clone().prop_map(|k| format!("has({k})")),
        (
            key.clone(),
            prop::sample::select(vec!["==", "!=", "contains", "starts with", "endswith"]),
            text
        )
            .prop_map(|(k, operator, t)| format!("{k} {operator} {t}")),
        (key, prop::sample::select(vec!["in", "not in"]), set)
            .prop_map(|(k, operator, set)| format!("{k} {operator} {{{set}}}")),
    ];
    leaf.prop_recursive(6, 40, 4, |inner| {
        let group = |operator: &'static str| {
            prop::collection::vec(inner.clone(), 1..4)
                .prop_map(move |all| format!("({})", all.join(operator)))
        };
        prop_oneof![
            group(" && "),
            group("||"),
            inner.clone().prop_map(|inner| format!("!({inner})")),
            inner.prop_map(|inner| format!("!{inner}")),
        ]
    })
}

fn some_labels() -> impl Strategy<Value = Labels> {
    let keys = vec!["a", "b", "c.d/e-f_G", "in", "has"];
    let values = vec!["", "x", "xy", "y x", "it's", "\""];
    let pair = (prop::sample::select(keys), prop::sample::select(values));
    prop::collection::vec(pair, 0..4)
        .prop_map(|all| all.into_iter().map(|(k, v)| (key(k), value(v))).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_is_printed_reads_back_as_the_same(text in written()) {
        let selector = read(&text);
        prop_assert_eq!(read(&selector.to_string()), selector);
    }

    #[test]
    fn combinations_mean_what_they_say(one in written(), other in written(), labels in some_labels()) {
        let (one, other) = (read(&one), read(&other));
        let both = one.matches(&labels) && other.matches(&labels);
        prop_assert_eq!(one.and(&other).matches(&labels), both);
        prop_assert_eq!(one.not().matches(&labels), !one.matches(&labels));
    }

    #[test]
    fn whatever_matches_carries_what_is_required(text in written(), labels in some_labels()) {
        let selector = read(&text);
        if selector.matches(&labels) {
            for requirement in selector.requirements() {
                let value = labels.value(requirement.key());
                let carried = match &requirement {
                    Requirement::Has(_) => value.is_some(),
                    Requirement::OneOf(_, values) => value.is_some_and(|v| values.contains(&v)),
                };
                prop_assert!(carried, "{} of {:?}: {:?}", selector, labels, requirement);
            }
        }
    }

    #[test]
    fn labels_that_are_not_read_do_not_matter(text in written(), labels in some_labels()) {
        let selector = read(&text);
        let keys = selector.keys();
        let few: Labels = labels
            .iter()
            .filter(|(key, _)| keys.contains(key))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        prop_assert_eq!(selector.matches(&few), selector.matches(&labels));
    }
}
