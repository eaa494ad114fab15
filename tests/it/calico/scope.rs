//! Whom the selectors of policies and rules mean together.

use super::{good, only, policy, resource, rule};

fn applies(text: &str) -> String {
    only(text).selector.to_string()
}

fn global(spec: &str) -> String {
    resource("GlobalNetworkPolicy", "name: p", spec)
}

#[test]
fn a_namespaced_policy_applies_to_its_namespace_alone() {
    let ns = "projectcalico.org/namespace == \"ns\"";
    assert_eq!(applies(&policy("")), ns);
    assert_eq!(applies(&policy("selector: ''")), ns);
    assert_eq!(applies(&policy("selector: all()")), ns);
    assert_eq!(
        applies(&policy("selector: has(a)")),
        format!("(has(a) && {ns})")
    );
    assert_eq!(
        applies(&policy("selector: has(a) || has(b)")),
        format!("((has(a) || has(b)) && {ns})")
    );
    assert_eq!(
        applies(&policy(
            "selector: has(a), serviceAccountSelector: r == 'x'"
        )),
        format!("(has(a) && {ns} && pcsa.r == \"x\")")
    );
    assert_eq!(applies(&policy("serviceAccountSelector: all()")), ns);
}

#[test]
fn a_global_policy_applies_to_all_that_it_selects() {
    assert_eq!(applies(&global("")), "all()");
    assert_eq!(applies(&global("selector: has(a)")), "has(a)");
    assert_eq!(
        applies(&global(
            "selector: has(a), namespaceSelector: t == 'x', serviceAccountSelector: all()"
        )),
        "(has(a) && pcns.t == \"x\" && has(projectcalico.org/serviceaccount))"
    );
    assert_eq!(
        applies(&global("namespaceSelector: all()")),
        "has(projectcalico.org/namespace)"
    );
}

/// The selector and the negated selector of the source of a rule.
#[track_caller]
fn source(text: &str) -> (String, String) {
    let source = good(text)
        .policies
        .into_values()
        .next()
        .unwrap()
        .ingress
        .remove(0)
        .source;
    let shown = |selector: Option<margay::model::Selector>| {
        selector
            .map(|selector| selector.to_string())
            .unwrap_or_default()
    };
    (shown(source.selector), shown(source.not_selector))
}

fn in_namespaced(entity: &str) -> (String, String) {
    source(&rule(&format!("action: Allow, source: {{{entity}}}")))
}

fn in_global(entity: &str) -> (String, String) {
    source(&global(&format!(
        "ingress: [{{action: Allow, source: {{{entity}}}}}]"
    )))
}

#[test]
fn a_selector_of_a_namespaced_policy_stays_in_its_namespace() {
    let ns = "projectcalico.org/namespace == \"ns\"";
    for (entity, selector) in [
        ("", String::new()),
        ("nets: [10.0.0.0/8]", String::new()),
        ("selector: ''", String::new()),
        ("selector: all()", ns.to_owned()),
        ("selector: has(a)", format!("({ns} && has(a))")),
        ("notSelector: has(a)", format!("({ns} && !has(a))")),
        (
            "selector: has(a), notSelector: has(b) || has(c)",
            format!("({ns} && has(a) && !(has(b) || has(c)))"),
        ),
        (
            "serviceAccounts: {names: [x, y]}",
            format!("({ns} && projectcalico.org/serviceaccount in {{\"x\", \"y\"}})"),
        ),
        (
            "serviceAccounts: {names: [x], selector: r == 'z'}, selector: has(a)",
            format!(
                "({ns} && pcsa.r == \"z\" && projectcalico.org/serviceaccount == \"x\" && has(a))"
            ),
        ),
        ("serviceAccounts: {}", String::new()),
        ("namespaceSelector: t == 'x'", "pcns.t == \"x\"".to_owned()),
        (
            "namespaceSelector: all()",
            "has(projectcalico.org/namespace)".to_owned(),
        ),
        (
            "namespaceSelector: global()",
            "!has(projectcalico.org/namespace)".to_owned(),
        ),
        (
            "namespaceSelector: t == 'x', selector: has(a)",
            "(pcns.t == \"x\" && has(a))".to_owned(),
        ),
        (
            "namespaceSelector: t == 'x', notSelector: has(a)",
            "(pcns.t == \"x\" && !has(a))".to_owned(),
        ),
    ] {
        assert_eq!(in_namespaced(entity), (selector, String::new()), "{entity}");
    }
}

#[test]
fn a_selector_of_a_global_policy_goes_everywhere() {
    let none = String::new;
    for (entity, selector, not) in [
        ("", none(), none()),
        ("selector: has(a)", "has(a)".to_owned(), none()),
        ("selector: all()", "all()".to_owned(), none()),
        ("notSelector: has(a)", none(), "has(a)".to_owned()),
        (
            "selector: has(a), notSelector: has(b)",
            "(has(a) && !has(b))".to_owned(),
            none(),
        ),
        (
            "namespaceSelector: has(t), notSelector: has(b)",
            "(has(pcns.t) && !has(b))".to_owned(),
            none(),
        ),
        (
            "serviceAccounts: {selector: has(r)}",
            "has(pcsa.r)".to_owned(),
            none(),
        ),
    ] {
        assert_eq!(in_global(entity), (selector, not), "{entity}");
    }
}
