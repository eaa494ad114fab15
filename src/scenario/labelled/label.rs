//! Labels and selectors of which neither all nor none match.

use super::Random;
use crate::model::{LabelKey, LabelValue, Labels, Namespace, Selector, Subject};

/// One of the two namespaces.
pub(super) fn namespace(random: &mut Random) -> Option<Namespace> {
    random.pick(&["ns1", "ns2"]).parse().ok()
}

/// Values of `app`.
const APPS: [&str; 3] = ["a", "ab", "b"];

/// Values of `role`; `z` is inherited from a profile.
const ROLES: [&str; 3] = ["x", "y", "z"];

/// The labels of an endpoint or a network set.
pub(super) fn of_thing(random: &mut Random, namespace: Option<&Namespace>) -> Labels {
    let mut labels = Labels::default();
    let mut set = |key: &str, value: &str| {
        if let (Ok(key), Ok(value)) = (key.parse(), value.parse()) {
            labels.insert(key, value);
        }
    };
    if random.percent(80) {
        set("app", random.pick::<&str>(&APPS));
    }
    if random.percent(40) {
        set("role", random.pick::<&str>(&ROLES[..2]));
    }
    if random.percent(40) {
        set(
            LabelKey::of_service_account().as_str(),
            random.pick::<&str>(&["sa", "other"]),
        );
    }
    if let Some(namespace) = namespace {
        labels.insert(LabelKey::of_namespace(), LabelValue::from(namespace));
    }
    labels
}

/// A selector of something.
pub(super) fn selector(random: &mut Random, subject: Subject) -> Option<Selector> {
    let text = match subject {
        Subject::Endpoints => of_endpoints(random, 2),
        Subject::Namespaces => of_one(random, "team", &["red", "blue", "green"]),
        Subject::ServiceAccounts | Subject::ServiceAccountsAnywhere => {
            of_one(random, "trust", &["high", "low"])
        }
    };
    Selector::of(subject, &text).ok()
}

fn of_endpoints(random: &mut Random, depth: usize) -> String {
    let kinds = if depth == 0 { 6 } else { 10 };
    match random.below(kinds) {
        0..4 => of_one(random, "app", &APPS),
        4..6 => of_one(random, "role", &ROLES),
        6 => format!("!({})", of_endpoints(random, depth - 1)),
        7 => joined(random, depth, "&&"),
        8 => joined(random, depth, "||"),
        _ => "all()".to_owned(),
    }
}

fn joined(random: &mut Random, depth: usize, word: &str) -> String {
    let [one, other] = [(); 2].map(|()| of_endpoints(random, depth - 1));
    format!("{one} {word} ({other})")
}

/// One test of one label.
fn of_one(random: &mut Random, key: &str, values: &[&str]) -> String {
    let value = *random.pick(values);
    let other = *random.pick(values);
    match random.below(12) {
        0..4 => format!("{key} == \"{value}\""),
        4 => format!("{key} != \"{value}\""),
        5 => format!("{key} in {{\"{value}\", \"{other}\"}}"),
        6 => format!("{key} not in {{\"{value}\", \"{other}\"}}"),
        7 => format!("has({key})"),
        8 => format!("!has({key})"),
        9 => format!("{key} contains \"{value}\""),
        10 => format!("{key} starts with \"{value}\""),
        _ => format!("{key} ends with \"{value}\""),
    }
}
