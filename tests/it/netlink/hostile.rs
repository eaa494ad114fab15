//! What others can put into our table by other means than nft, as the kernel would tell it: none of it
//! becomes a value that text cannot say.

use margay::backend::ObserveError;
use margay::backend::nft::{Catalog, Ownership, decode, encode};
use margay::compile::skeleton::table_key;
use margay::ruleset::diff::rebuilt;
use margay::ruleset::{Table, Tracked, parse};

/// A table with these objects in it.
fn table(objects: &str) -> Table {
    let text = format!("table inet margay {{\n{objects}\n}}\n");
    let mut ruleset = parse("table", &text).unwrap();
    ruleset.tables.remove(&table_key()).unwrap()
}

/// The messages that make it, with every run of some bytes replaced by as many others.
fn messages(objects: &str, from: &[u8], to: &[u8]) -> Vec<u8> {
    let step = rebuilt(&Tracked::from(table(objects)), &table_key())
        .steps
        .remove(0);
    let mut catalog = Catalog::default();
    let batch = encode(
        &table_key(),
        Ownership::None,
        &mut catalog,
        &step.operations,
    )
    .unwrap();
    let mut bytes = batch.bytes().to_vec();
    assert_eq!(from.len(), to.len());
    let found = |bytes: &[u8]| bytes.windows(from.len()).position(|window| window == from);
    assert!(found(&bytes).is_some(), "{from:?}");
    while let Some(at) = found(&bytes).filter(|_| from != to) {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    bytes
}

fn read(objects: &str, from: &[u8], to: &[u8]) -> Table {
    let bytes = messages(objects, from, to);
    decode(&table_key(), &bytes).unwrap().unwrap()
}

#[track_caller]
fn is_foreign(objects: &str, from: &[u8], to: &[u8]) {
    let read = decode(&table_key(), &messages(objects, from, to));
    assert!(
        matches!(read, Err(ObserveError::Foreign { .. })),
        "{read:?}"
    );
}

/// An attribute of one number.
fn number(kind: u8, value: u8) -> [u8; 8] {
    [8, 0, kind, 0, 0, 0, 0, value]
}

/// A port as the value of a key.
fn port(value: u8) -> [u8; 6] {
    [6, 0, 1, 0, 0, value]
}

#[test]
fn what_makes_a_table_is_read_as_that_table() {
    let objects = "counter hits { }
        limit few { rate 5/second }
        set ports { type inet_service; flags interval; elements = { 80-90, 443 }; }
        map to { type ifname : verdict; elements = { \"tap1\" : goto c }; }
        chain c { tcp dport @ports counter name hits accept comment \"why\"; }";
    assert_eq!(read(objects, b"margay", b"margay"), table(objects));
    let others = messages(objects, b"margay", b"yagram");
    assert!(decode(&table_key(), &others).unwrap().is_none());
}

#[test]
fn an_anonymous_set_of_another_name_is_foreign() {
    let objects = "chain c { tcp dport { 80, 443 } accept; }";
    // Behind five bytes, where the kernel's number begins in the names that it makes, stands half a
    // character.
    is_foreign(objects, b"__set%d", "__\u{e9}\u{e9}x".as_bytes());
    is_foreign(objects, b"__set%d", b"__\xff\xff\xff%d");
}

#[test]
fn a_comment_that_has_no_text_is_none() {
    let objects = "chain c { accept comment \"why\"; }";
    for comment in [b"w\"y", b"w\ny", b"w\xffy"] {
        let read = read(objects, b"why", comment);
        assert_eq!(read.chains["c"].rules[0].comment, None);
    }
    assert_eq!(
        read(objects, b"why", b"y/$").chains["c"].rules[0]
            .comment
            .as_deref(),
        Some("y/$")
    );
}

#[test]
fn a_log_prefix_that_has_no_text_is_foreign() {
    let objects = "chain c { log prefix \"abc\" drop; }";
    for prefix in [b"a\"c", b"a$c", b"a\nc"] {
        is_foreign(objects, b"abc", prefix);
    }
}

#[test]
fn keys_of_another_type_are_foreign() {
    let objects = "set s { type ipv4_addr; elements = { 10.0.0.1 }; }";
    // No type, ether_addr, ipv6_addr, a type that nobody has: libnftables datatype.h.
    for kind in [0, 9, 8, 63] {
        is_foreign(objects, &number(4, 7), &number(4, kind));
    }
    let names = "set s { type ifname; elements = { \"tap1\" }; }";
    for name in [b"ta/1", b"ta\"1", b"t\0p1", b"\0\0\0\0"] {
        is_foreign(names, b"tap1", name);
    }
    is_foreign(
        "chain c { tcp dport 80 accept; }",
        &port(80),
        &[5, 0, 1, 0, 80, 0],
    );
}

#[test]
fn a_range_that_ends_before_it_begins_is_foreign() {
    let objects = "set s { type inet_service; flags interval; elements = { 80-90, 100-110 }; }";
    is_foreign(objects, &port(100), &port(80));
}

#[test]
fn ranges_that_touch_are_one() {
    let objects = "chain c { tcp dport { 80-90, 92-100, 443 } accept; }";
    let joined = table("chain c { tcp dport { 80-100, 443 } accept; }");
    assert_eq!(read(objects, &port(92), &port(91)), joined);
}

#[test]
fn a_rule_of_nothing_is_foreign() {
    // NFTA_RULE_EXPRESSIONS, a nest, becomes an attribute that nobody knows.
    is_foreign("chain c { accept; }", &[4, 0x80], &[99, 0x80]);
}
