//! What is printed reads back.

use super::super::print::print;
use super::{NftError, Parsed, parse};

#[test]
fn every_form_reads_and_prints_as_it_stands() {
    let text = include_str!("forms.nft");
    let parsed = parse(text).expect("the text is of our kind");
    assert_eq!(print(&parsed.ruleset), text);
}

#[test]
fn a_fault_names_its_line() {
    let fault = parse("table ip x {\n\tchain y {\n\t\ttcp dport frob { \n").expect_err("no brace");
    assert_eq!(fault.line, 3, "{fault}");
    let fault = parse("table ip x {\n\tchain y {\n\t\tfrobnicate\n\t}\n}\n").expect_err("no field");
    assert_eq!(
        fault.to_string(),
        "line 3: found `frobnicate`, expected a field or a statement"
    );
}

#[test]
fn the_line_of_each_rule_is_known() {
    let parsed = parse("table ip x {\n\tchain y {\n\n\t\taccept\n\t}\n}\n").expect("a rule");
    assert_eq!(parsed.lines.values().copied().collect::<Vec<_>>(), [4]);
}

fn rule(text: &str) -> Result<Parsed, NftError> {
    parse(&format!(
        "table ip x {{\n\tchain y {{\n\t\t{text}\n\t}}\n}}\n"
    ))
}

#[test]
fn what_nobody_writes_so_deep_is_refused_and_ends_nothing() {
    let deep = |count| {
        let (open, close) = ("(".repeat(count), ")".repeat(count));
        [
            format!("{open}ip saddr{close} == 10.0.0.1 drop"),
            format!("meta mark {}== 0x1 drop", "& 0x1 ".repeat(count)),
            format!(
                "{}ip saddr {}== 1 drop",
                "jhash ".repeat(count),
                "mod 2 ".repeat(count)
            ),
            format!(
                "{}{}",
                "add @s { ip saddr ".repeat(count),
                "}".repeat(count)
            ),
        ]
    };
    for text in deep(20) {
        rule(&text).expect("what somebody might write");
    }
    for text in deep(100_000) {
        let fault = rule(&text).expect_err("too deep");
        assert!(fault.expected.starts_with("no more than 32 "), "{fault}");
    }
}

#[test]
fn an_operator_that_binds_closer_wants_parentheses() {
    rule("meta mark set meta mark | 0x1 & 0xff").expect_err("0x1 & 0xff is a constant");
    rule("meta mark set (meta mark | 0x1) & 0xff").expect("parentheses");
    rule("meta mark set meta mark & 0xfe ^ 0x1").expect("in the order of nft");
}
