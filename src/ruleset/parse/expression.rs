//! What a rule reads from a packet.

use super::ParseError;
use super::cursor::Cursor;
use super::lexer::Token;
use crate::ruleset::keyword::{
    self, CT_KEYS, FIB_FLAGS, FIB_RESULTS, META_KEYS, PAYLOAD_FIELDS, is_unqualified,
};
use crate::ruleset::{Datatype, Expression, FibFlags, MetaKey};

/// Most bytes that the kernel compares at once, `NFT_DATA_VALUE_MAXLEN` (linux/netfilter/nf_tables.h).
pub(super) const KEY_BYTES_MAX: usize = 64;

/// Reads an expression, or several with ` . ` between them.
pub(super) fn read_all(cursor: &mut Cursor<'_>) -> Result<Vec<Expression>, ParseError> {
    let position = cursor.position();
    let mut expressions = vec![read(cursor)?];
    while cursor.eat(".") {
        expressions.push(read(cursor)?);
    }
    let bytes: usize = expressions
        .iter()
        .map(|one| one.datatype().padded_bytes())
        .sum();
    if bytes > KEY_BYTES_MAX {
        let message = format!("a concatenation of {bytes} bytes: at most {KEY_BYTES_MAX}");
        return Err(cursor.error(position, message));
    }
    Ok(expressions)
}

/// The types of what is read.
pub(super) fn datatypes(expressions: &[Expression]) -> Vec<Datatype> {
    expressions.iter().map(|one| one.datatype()).collect()
}

/// Whether an expression begins with the word.
pub(super) fn begins(word: &str) -> bool {
    matches!(word, "meta" | "ct" | "fib")
        || PAYLOAD_FIELDS.iter().any(|(_, header, _)| *header == word)
        || unqualified(word).is_some()
}

fn read(cursor: &mut Cursor<'_>) -> Result<Expression, ParseError> {
    if cursor.eat_word("meta") {
        let known = |word: &str| keyword::value(&META_KEYS, word).map(Expression::Meta);
        return cursor.word(
            &alternatives(META_KEYS.iter().map(|(_, word)| *word)),
            known,
        );
    }
    if cursor.eat_word("ct") {
        return cursor.word("state or mark", |word| {
            keyword::value(&CT_KEYS, word).map(Expression::Ct)
        });
    }
    if cursor.eat_word("fib") {
        return read_fib(cursor);
    }
    let header = cursor.word(BEGINNINGS, |word| begins(word).then_some(word))?;
    match unqualified(header) {
        Some(key) => Ok(Expression::Meta(key)),
        None => read_payload(cursor, header),
    }
}

const BEGINNINGS: &str =
    "ether, ip, ip6, tcp, udp, th, icmp, icmpv6, meta, ct, fib, iif, oif, iifname or oifname";

fn read_payload(cursor: &mut Cursor<'_>, header: &str) -> Result<Expression, ParseError> {
    let fields = || {
        PAYLOAD_FIELDS
            .iter()
            .filter(|(_, known, _)| *known == header)
    };
    cursor.word(&alternatives(fields().map(|(.., field)| *field)), |word| {
        let known = fields().find(|(.., field)| *field == word);
        known.map(|&(field, ..)| Expression::Payload(field))
    })
}

/// `fib saddr . iif oif`, from `saddr` on.
fn read_fib(cursor: &mut Cursor<'_>) -> Result<Expression, ParseError> {
    let allowed = alternatives(FIB_FLAGS.iter().map(|(_, word)| *word));
    let mut flags = FibFlags::empty();
    loop {
        flags |= cursor.word(&allowed, |word| keyword::value(&FIB_FLAGS, word))?;
        if !cursor.eat(".") {
            break;
        }
    }
    let result = cursor.word("oif or type", |word| keyword::value(&FIB_RESULTS, word))?;
    Ok(Expression::Fib(flags, result))
}

/// The interface keys stand without the word `meta`.
fn unqualified(word: &str) -> Option<MetaKey> {
    keyword::value(&META_KEYS, word).filter(|key| is_unqualified(*key))
}

fn alternatives<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.collect::<Vec<_>>().join(", ")
}

/// The word here, if it is one.
pub(super) fn word_here<'a>(cursor: &Cursor<'a>) -> Option<&'a str> {
    match cursor.peek() {
        Token::Word(word) => Some(word),
        Token::Quoted(_) | Token::Mark(_) | Token::Newline | Token::End => None,
    }
}
