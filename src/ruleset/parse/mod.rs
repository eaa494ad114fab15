//! Reads nft text: everything that the types of `ruleset` can say, and nothing else.
//!
//! Tokens come from `lexer`; a `Cursor` walks over them; each other file reads one noun from it.
//! No reader calls itself, so no text can exhaust the stack.

mod chain;
mod cursor;
mod expression;
mod lexer;
mod mark;
mod matching;
mod set;
mod statement;
mod table;
mod value;

use std::fmt;

use super::{Name, Ruleset, TableKey};
use cursor::Cursor;
pub use lexer::Position;

/// Reads a ruleset. `source` names the text in errors. A table, set or chain that stands several times
/// is one, with the parts in order.
///
/// # Errors
/// The first construct that is not nft, or that our types cannot express.
pub fn parse(source: &str, text: &str) -> Result<Ruleset, ParseError> {
    let mut ruleset = Ruleset::default();
    parse_into(source, text, &mut ruleset)?;
    Ok(ruleset)
}

/// Reads one more text into a ruleset, and says where it declares what.
///
/// # Errors
/// As [`parse`]; what stands before the error is in the ruleset then.
pub fn parse_into(
    source: &str,
    text: &str,
    ruleset: &mut Ruleset,
) -> Result<Vec<Declaration>, ParseError> {
    let mut cursor = Cursor::new(source, text)?;
    while cursor.skip_separators() {
        table::read(&mut cursor, ruleset)?;
    }
    Ok(cursor.declarations)
}

/// Where an object of a table is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declaration {
    /// The table that it stands in.
    pub table: TableKey,
    /// Its name; `None` is the table itself.
    pub name: Option<Name>,
    /// Where the name stands.
    pub position: Position,
}

/// Where a text leaves the subset of nft, what stands there and what may.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The name of the text, as a file's.
    pub source: String,
    /// The line, from 1.
    pub line: usize,
    /// The character in the line, from 1.
    pub column: usize,
    /// What was found and what is allowed.
    pub message: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.source, self.line, self.column, self.message
        )
    }
}

// Not derived: thiserror takes a field named `source` for the cause.
impl std::error::Error for ParseError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the lines of a table, of which the first is line 2.
    fn error(lines: &str) -> String {
        parse("x.nft", &format!("table inet t {{\n{lines}\n}}\n"))
            .unwrap_err()
            .to_string()
    }

    fn rule_error(rule: &str) -> String {
        error(&format!("chain c {{\n\t{rule}\n}}"))
    }

    #[test]
    fn an_error_says_where_what_and_what_is_allowed() {
        for (rule, expected) in [
            (
                "tcp window 5",
                "x.nft:3:6: found `window`, expected sport, dport, flags",
            ),
            (
                "meta cgroup 1",
                "x.nft:3:7: found `cgroup`, expected iifname, oifname, iif, oif",
            ),
            (
                "ip saddr 10.0.0.256",
                "x.nft:3:11: found `10.0.0.256`, expected an IPv4 address",
            ),
            (
                "ip saddr fd00::1",
                "x.nft:3:11: found `fd00::1`, expected an IPv4 address",
            ),
            (
                "tcp dport 65536",
                "x.nft:3:12: found `65536`, expected a port",
            ),
            ("tcp dport 9-5", "x.nft:3:12: found `9-5`, expected a port"),
            ("meta mark 1-5", "x.nft:3:12: found `1-5`, expected a mark"),
            (
                "ip saddr . tcp dport 1.2.3.4 . 5",
                "x.nft:3:23: found `1.2.3.4`, expected `@set`",
            ),
            (
                "ct state established | new",
                "x.nft:3:23: found `|`, expected `,` for any",
            ),
            (
                "masquerade",
                "x.nft:3:2: found `masquerade`, expected a match",
            ),
            (
                "limit rate 10/fortnight",
                "x.nft:3:13: found `10/fortnight`, expected packets",
            ),
            (
                "log prefix \"$x\"",
                "x.nft:3:13: a log prefix is at most 127 bytes",
            ),
            (
                "jump",
                "x.nft:3:6: found the end of the line, expected the name of a chain",
            ),
            (
                "accept comment \"a",
                "x.nft:3:17: found a text in quotes that does not end",
            ),
            (
                "tcp dport vmap { 1 : drop, 1 : accept }",
                "x.nft:3:29: a key that stands twice",
            ),
            ("meta mark set meta mark | 1 & 2", "x.nft:3:30: found `&`"),
        ] {
            let error = rule_error(rule);
            assert!(error.starts_with(expected), "{rule}: {error}");
        }
    }

    #[test]
    fn sets_say_what_they_hold() {
        for (set, expected) in [
            (
                "set s { elements = { 1 } }",
                "x.nft:2:9: found `elements`, expected type once",
            ),
            ("set s { }", "x.nft:2:5: a set or map without `type`"),
            (
                "set s { type ipv4_addr; elements = { 10.0.0.0/8 } }",
                "x.nft:2:38: a range or prefix",
            ),
            (
                "set s { type ipv4_addr; elements = { 1.2.3.4 timeout 1s } }",
                "x.nft:2:38: a timeout",
            ),
            (
                "set s { type mark; flags interval; }",
                "x.nft:2:14: mark in a set with `flags interval`",
            ),
            (
                "set s { type ipv4_addr; auto-merge; }",
                "x.nft:2:25: found `auto-merge`",
            ),
            (
                "map m { type ipv4_addr; }",
                "x.nft:2:23: found `;`, expected `:`",
            ),
            (
                "map m { type mark : verdict; elements = { 1 : drop, 1 : accept }; }",
                "x.nft:2:53: a key that stands twice",
            ),
            (
                "flowtable f { }",
                "x.nft:2:1: found `flowtable`, expected set, map, chain",
            ),
        ] {
            let error = error(set);
            assert!(error.starts_with(expected), "{set}: {error}");
        }
    }

    #[test]
    fn the_same_table_and_set_in_two_places_are_one() {
        let text = "table inet t { set s { type mark; elements = { 1 }; }; chain c { accept; }; }\n\
                    table inet t { set s { type mark; elements = { 2 }; }; chain c { drop; }; }";
        let read = parse("x.nft", text).unwrap();
        let table = read.tables.values().next().unwrap();
        assert_eq!(table.sets["s"].elements.len(), 2);
        assert_eq!(table.chains["c"].rules.len(), 2);
        let other = text.replacen("type mark", "type ct_state", 1);
        let error = parse("x.nft", &other).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x.nft:2:20: a set or map that is declared twice, each time differently"
        );
    }

    #[test]
    fn marks_fold_into_two_masks() {
        let folded = |expression: &str| {
            let text = format!("table inet t {{ chain c {{ meta mark set {expression}; }}; }}");
            parse("x.nft", &text).unwrap().to_string()
        };
        for (written, printed) in [
            ("meta mark & 0xffffdfff", "meta mark & 0xffffdfff\n"),
            ("meta mark | 0x2000", "meta mark | 0x00002000\n"),
            (
                "(meta mark & 0xf0) ^ 0x31",
                "meta mark & 0x000000f1 ^ 0x00000030 | 0x00000001\n",
            ),
            ("7", "meta mark set 0x00000007\n"),
        ] {
            assert!(folded(written).contains(printed), "{written}");
        }
    }
}
