//! Violations that the rules must find, and a file in which they must find none.

use super::rules::violations;
use super::{assert_none, source::Source};

/// What nobody may write, where, and what is said of it.
const PLANTED: &[(&str, &str, &str)] = &[
    (
        "src/net.rs",
        "use crate::model::Endpoint;",
        "net may not use model",
    ),
    (
        "src/backend/nft/x.rs",
        "use crate::{net, compile::{A, B}};",
        "backend may not use compile",
    ),
    (
        "src/model/group.rs",
        "use super::super::ruleset::Name;",
        "climbs out of its module",
    ),
    (
        "src/model/mod.rs",
        "use super::ruleset::Name;",
        "climbs out of its module",
    ),
    ("src/extra/mod.rs", "", "extra is not in the table of edges"),
    (
        "tests/it/support/reference/rule.rs",
        "use margay::compile;",
        "may use model and net alone",
    ),
    (
        "src/compile/x.rs",
        "use serde::Serialize;",
        "serde may only be used in",
    ),
    (
        "src/demo/x.rs",
        "fn f() { ::libc::getpid(); }",
        "libc may only be used in",
    ),
    (
        "src/compile/x.rs",
        "use tokio::net::UnixStream;",
        "tokio may only be used in",
    ),
    (
        "src/backend/x.rs",
        "use crate::agent::status;",
        "backend may not use agent",
    ),
    (
        "src/compile/x.rs",
        "fn f() { println!(); }",
        "prints outside src/cli",
    ),
    ("src/net.rs", "fn f() { unsafe { g() } }", "unsafe outside"),
    ("src/net.rs", "fn f() { todo!() }", "todo!"),
    ("src/net.rs", "#[ignore]\nfn f() {}", "#[ignore]"),
    ("src/net.rs", "// FIXME later", "FIXME"),
    ("src/net.rs", "//     let x = f(y);", "commented-out code"),
    ("src/net.rs", "// f(y);", "commented-out code"),
    ("src/net.rs", "// if x {", "commented-out code"),
    ("src/cli/utils.rs", "", "says nothing"),
];

#[test]
fn planted_violations_are_found() {
    let clean = "//! Says so.\n/// The line is dropped; \"x\".\nfn f<'a>(x: &'a str) -> [u8; 2] {\n    \
                 // iifname vmap @from;\n    g(x, '\"', r#\"unsafe \"todo!()\"#)\n}\n";
    assert_none(violations(&Source::of("src/compile/rule.rs", clean)));
    for (path, planted, complaint) in PLANTED {
        let found = violations(&Source::of(path, &format!("//! x\n{planted}")));
        assert!(
            found.iter().any(|f| f.contains(complaint)),
            "{path}: {planted:.60}: {found:?}"
        );
    }
    for (lines, complaint) in [(70, "a function of 72 lines"), (500, "504 lines are more")] {
        let long = format!("//! x\n\nfn f() {{\n{}}}", "g();\n".repeat(lines));
        let found = violations(&Source::of("src/net.rs", &long));
        assert!(found.iter().any(|f| f.contains(complaint)), "{found:?}");
    }
    let silent = violations(&Source::of("src/net.rs", "fn f() {}"));
    assert!(silent[0].contains("begins with `//!`"), "{silent:?}");
}
