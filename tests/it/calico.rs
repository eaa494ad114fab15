//! Calico v3 resources: what is read of each kind, how lists and etcd hold them, what is told.

mod cases;
mod documents;
mod etcd;
mod fields;
mod kinds;
mod policies;
mod scope;
mod settings;
mod validation;

use margay::codec::{self, Loaded};
use margay::model::{Policy, State};

/// A resource as YAML: its kind, what stands in `metadata`, what stands in `spec`.
fn resource(kind: &str, metadata: &str, spec: &str) -> String {
    format!(
        "apiVersion: projectcalico.org/v3\nkind: {kind}\nmetadata: {{{metadata}}}\nspec: {{{spec}}}\n"
    )
}

/// A policy of namespace `ns`.
fn policy(spec: &str) -> String {
    resource("NetworkPolicy", "name: p, namespace: ns", spec)
}

/// A policy of namespace `ns` with one ingress rule.
fn rule(rule: &str) -> String {
    policy(&format!("ingress: [{{{rule}}}]"))
}

/// The problems of a text, one a line.
fn shown(loaded: &Loaded) -> String {
    let lines = loaded.problems.iter().map(|problem| format!("{problem}\n"));
    lines.collect()
}

/// What a text without any problem says.
#[track_caller]
fn good(text: &str) -> State {
    let loaded = codec::parse("a.yaml", text);
    assert_eq!(shown(&loaded), "", "{text}");
    loaded.state
}

/// The only policy of a text without any problem.
#[track_caller]
fn only(text: &str) -> Policy {
    let policies = good(text).policies;
    assert_eq!(policies.len(), 1, "{text}");
    policies.into_values().next().unwrap()
}
