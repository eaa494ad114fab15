//! Rules of classic profiles.

use margay::model::Rule;
use margay::net::Family;

use super::Store;

/// What a rule becomes, or why not.
fn rule(text: &str) -> Result<Vec<Rule>, String> {
    let mut store = Store::empty();
    store.put(
        "policy/profile/P/rules",
        &format!(r#"{{"inbound_rules":[{text}]}}"#),
    );
    match store.state.profile(&"P".parse().unwrap()) {
        Some(profile) => Ok(profile.ingress.clone()),
        None => Err(store.problems()),
    }
}

#[test]
fn rules_are_read_with_all_their_parts() {
    for (text, shown) in [
        ("{}", "Allow"),
        (r#"{"action":"deny","protocol":17}"#, "Deny udp"),
        (r#"{"!protocol":"tcp","src_net":null}"#, "Allow not tcp"),
        (
            r#"{"protocol":"sctp","src_ports":[0,"1:2"]}"#,
            "Allow sctp from ports 0,1:2",
        ),
        (
            r#"{"protocol":"udplite","!dst_ports":[7]}"#,
            "Allow udplite to not ports 7",
        ),
        (
            r#"{"protocol":"icmp","icmp_type":8,"icmp_code":0}"#,
            "Allow icmp icmp 8/0",
        ),
        (
            r#"{"protocol":"icmpv6","!icmp_type":128}"#,
            "Allow icmpv6 not icmp 128",
        ),
        (
            r#"{"src_net":"10.1.2.3/8","!dst_net":"::1"}"#,
            "Allow from 10.0.0.0/8 to not ::1/128",
        ),
        (
            r#"{"src_tag":"a","src_selector":"b == 'c'"}"#,
            r#"Allow from (has(classic-tag/a) && b == "c")"#,
        ),
        (
            r#"{"!dst_tag":"a","!dst_selector":"has(b)"}"#,
            "Allow to not !(!has(classic-tag/a) && !has(b))",
        ),
        (
            r#"{"src_tag":"a","!src_tag":"b"}"#,
            "Allow from (has(classic-tag/a) && !has(classic-tag/b))",
        ),
        (r#"{"src_selector":""}"#, "Allow from all()"),
    ] {
        let rules = rule(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        let all: Vec<_> = rules.iter().map(ToString::to_string).collect();
        assert_eq!(all, [shown], "{text}");
    }
}

#[test]
fn a_rule_that_is_wrong_is_refused_with_all_beside_it() {
    for (text, why) in [
        (
            r#"{"sourcenet":"10.0.0.0/8"}"#,
            "inbound_rules[1].sourcenet: unknown field",
        ),
        (r#"{"action":"accept"}"#, "allow, deny, log or next-tier"),
        (r#"{"protocol":0}"#, "invalid protocol"),
        (r#"{"protocol":"tcp","dst_ports":[70000]}"#, "invalid port"),
        (r#"{"protocol":"tcp","dst_ports":["9:8"]}"#, "invalid port"),
        (r#"{"protocol":"tcp","dst_ports":8}"#, "found a text"),
        (r#"{"dst_ports":[8]}"#, "ports of a protocol that has none"),
        (
            r#"{"protocol":33,"dst_ports":[8]}"#,
            "ports of a protocol that has none",
        ),
        (
            r#"{"protocol":"icmp","icmp_type":255}"#,
            "invalid ICMP type",
        ),
        (
            r#"{"protocol":"icmp","icmp_code":1}"#,
            "icmp_type: the field is missing",
        ),
        (r#"{"icmp_type":1}"#, "ICMP messages of another protocol"),
        (
            r#"{"ip_version":6,"src_net":"10.0.0.0/8"}"#,
            "a prefix of the other family",
        ),
        (r#"{"src_tag":"a b"}"#, "invalid name"),
        (r#"{"src_selector":"a =="}"#, "src_selector"),
        ("[]", "a map"),
    ] {
        let told = rule(&format!("{{}},{text}")).expect_err(text);
        assert!(told.contains(why), "{text}: {told}");
    }
}

#[test]
fn what_felix_let_through_by_mistake_does_not_pass() {
    let of = |text: &str| rule(text).unwrap().remove(0);
    let net = of(r#"{"src_net":"10.0.0.0/8"}"#);
    assert!(net.speaks_of(Family::V4) && !net.speaks_of(Family::V6));
    let icmp = of(r#"{"protocol":"icmp","icmp_type":8}"#);
    assert!(icmp.speaks_of(Family::V4) && !icmp.speaks_of(Family::V6));
    assert!(of(r#"{"protocol":"icmp","ip_version":6}"#).is_void());
}
