//! What is printed reads back.

use super::super::print::print;
use super::parse;

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
