//! What holds for documents of every kind.

use margay::codec::{self, Severity, Strictness};

use super::{good, only, policy, resource, rule, shown};

#[test]
fn unknown_fields_are_warnings_with_their_path_and_errors_if_asked() {
    let text = rule("action: Allow, source: {colour: red}") + "extra: 1\n";
    let warned = codec::parse("a.yaml", &text);
    assert_eq!(
        shown(&warned),
        "a.yaml:4:43: warning: spec.ingress[0].source.colour: unknown field \"colour\"\n\
         a.yaml:5:1: warning: extra: unknown field \"extra\"\n"
    );
    assert_eq!(warned.state.policies.len(), 1);
    let strict = codec::parse_with("a.yaml", &text, Strictness::Strict);
    assert_eq!(
        (strict.count(Severity::Error), strict.state.policies.len()),
        (2, 0),
        "{}",
        shown(&strict)
    );
    assert!(shown(&strict).contains("allowed: nets, notNets, ports"));
}

#[test]
fn lists_are_as_many_documents() {
    let items = "items:\n- metadata: {name: a}\n  spec: {}\n- kind: Tier\n  metadata: {name: b}\n";
    for head in [
        "apiVersion: projectcalico.org/v3\nkind: TierList\nmetadata: {resourceVersion: '1'}\n",
        "apiVersion: v1\nkind: TierList\n",
    ] {
        let loaded = codec::parse("a.yaml", &format!("{head}{items}"));
        assert_eq!(
            (
                shown(&loaded).as_str(),
                loaded.documents,
                loaded.state.tiers.len()
            ),
            ("", 2, 2)
        );
    }
    let mixed = "apiVersion: v1\nkind: List\nitems:\n- metadata: {name: a}\n- {kind: Profile, metadata: {name: b}, spec: {labelsToApply: {é: x}}}\n";
    let loaded = codec::parse("a.yaml", mixed);
    assert_eq!(loaded.count(Severity::Error), 2, "{}", shown(&loaded));
    assert!(shown(&loaded).contains("a.yaml:4:3: error: items[0].kind: the field is missing"));
    assert!(shown(&loaded).contains("error: items[1].spec.labelsToApply.é: invalid label"));
}

#[test]
fn names_of_policies_are_those_that_they_were_made_with() {
    let named = |metadata: &str, spec: &str| {
        only(&resource("GlobalNetworkPolicy", metadata, spec))
            .name
            .name
            .to_string()
    };
    assert_eq!(named("name: default.p", ""), "p");
    assert_eq!(named("name: default.p", "tier: default"), "p");
    assert_eq!(named("name: p", ""), "p");
    let tiered = resource("GlobalNetworkPolicy", "name: default.p", "tier: t")
        + "---\n"
        + &resource("Tier", "name: t", "");
    assert_eq!(
        good(&tiered)
            .policies
            .keys()
            .next()
            .unwrap()
            .name
            .to_string(),
        "default.p"
    );
    let annotated = "name: default.p, annotations: {projectcalico.org/metadata: '{\"name\":\"default.original\"}'}";
    assert_eq!(named(annotated, ""), "default.original");
    let both = resource("GlobalNetworkPolicy", "name: default.p", "")
        + "---\n"
        + &resource("GlobalNetworkPolicy", "name: p", "");
    let loaded = codec::parse("a.yaml", &both);
    assert!(
        shown(&loaded).contains("GlobalNetworkPolicy p is there twice"),
        "{}",
        shown(&loaded)
    );
}

#[test]
fn what_is_named_and_missing_is_a_warning() {
    let text = [
        policy("tier: gone"),
        resource(
            "WorkloadEndpoint",
            "name: n-k8s-p-eth0, namespace: ns",
            "interfaceName: cali1, ipNetworks: [10.0.0.1], profiles: [kns.ns]",
        ),
    ];
    let loaded = codec::parse("a.yaml", &text.join("---\n"));
    assert_eq!(
        shown(&loaded),
        "a.yaml:4:14: warning: spec.tier: tier gone does not exist: it comes after those that do, and \
         denies at its end\n\
         a.yaml:9:65: warning: spec.profiles[0]: profile kns.ns does not exist: it allows nothing\n"
    );
}
