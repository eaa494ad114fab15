//! What is read of a packet.

use super::super::{Expression, Fib, Field};
use super::cursor::{Cursor, NftError};
use super::lookup::map_source;
use super::value::value;

/// So much is done to one expression at the most, which is more than anybody writes.
const OPERATIONS_MAX: usize = 32;

/// A concatenation of expressions.
pub(super) fn concatenation(cursor: &mut Cursor<'_>) -> Result<Vec<Expression>, NftError> {
    let mut parts = vec![expression(cursor)?];
    while cursor.eat(".") {
        parts.push(expression(cursor)?);
    }
    Ok(parts)
}

/// What is written to a field: an expression, a map lookup or a constant.
pub(super) fn source(cursor: &mut Cursor<'_>) -> Result<Expression, NftError> {
    if starts(cursor) || (cursor.ahead(0) == "(" && field_at(cursor, 1).is_some()) {
        let key = concatenation(cursor)?;
        if cursor.eat("map") {
            return Ok(Expression::Map(key, map_source(cursor)?));
        }
        return match <[Expression; 1]>::try_from(key) {
            Ok([single]) => Ok(single),
            Err(_) => Err(cursor.unexpected("`map` after a concatenation")),
        };
    }
    value(cursor).map(Expression::Value)
}

/// An expression with what is done to it.
pub(super) fn expression(cursor: &mut Cursor<'_>) -> Result<Expression, NftError> {
    cursor.nested(|cursor| {
        let first = if cursor.eat("(") {
            let inner = expression(cursor)?;
            cursor.expect(")")?;
            inner
        } else {
            primary(cursor)?
        };
        operations(cursor, first)
    })
}

/// What is done to an expression.
fn operations(cursor: &mut Cursor<'_>, first: Expression) -> Result<Expression, NftError> {
    // nft binds `<<` and `>>` closest, then `&`, `^` and `|`. What binds closer than what stands before it would be part
    // of a constant.
    const LOOSER: [(&str, u8); 5] = [("<<", 0), (">>", 0), ("&", 1), ("^", 2), ("|", 3)];
    let (mut left, mut loosest) = (first, 0);
    for _ in 0..=OPERATIONS_MAX {
        let here = cursor.ahead(0);
        if let Some((_, level)) = LOOSER.iter().find(|(word, _)| *word == here) {
            if *level < loosest {
                return Err(cursor.unexpected("parentheses around what stands before it"));
            }
            loosest = *level;
        }
        let inner = Box::new(left);
        left = if cursor.eat("&") {
            Expression::And(inner, value(cursor)?)
        } else if cursor.eat("|") {
            Expression::Or(inner, value(cursor)?)
        } else if cursor.eat("^") {
            Expression::Xor(inner, value(cursor)?)
        } else if cursor.eat("<<") {
            Expression::ShiftLeft(inner, cursor.number()?)
        } else if cursor.eat(">>") {
            Expression::ShiftRight(inner, cursor.number()?)
        } else {
            return Ok(*inner);
        };
    }
    Err(cursor.unexpected(&format!("no more than {OPERATIONS_MAX} operations")))
}

/// Whether an expression that is no constant begins here.
fn starts(cursor: &Cursor<'_>) -> bool {
    let words = [
        "fib", "numgen", "jhash", "@", "socket", "exthdr", "ipsec", "tcp", "sctp",
    ];
    let here = cursor.ahead(0);
    field_at(cursor, 0).is_some() || (words.contains(&here) && !cursor.ahead(1).is_empty())
}

fn primary(cursor: &mut Cursor<'_>) -> Result<Expression, NftError> {
    if cursor.eat("fib") {
        return fib(cursor);
    }
    if cursor.eat("numgen") {
        return numgen(cursor);
    }
    if cursor.eat("jhash") {
        return jhash(cursor);
    }
    if cursor.eat("@") {
        let base = cursor.word("ll, nh, th or ih")?.to_owned();
        cursor.expect(",")?;
        let offset = cursor.number()?;
        cursor.expect(",")?;
        let bits = cursor.number()?;
        return Ok(Expression::Raw { base, offset, bits });
    }
    if cursor.eat_words("socket cgroupv2 level") {
        return cursor.number().map(Expression::Cgroupv2);
    }
    if cursor.eat_words("tcp option") {
        return tcp_option(cursor);
    }
    if cursor.eat_words("sctp chunk") {
        let kind = cursor.word("the name of a chunk")?;
        return Ok(Expression::SctpChunk(kind.to_owned()));
    }
    if cursor.eat("exthdr") {
        let header = cursor.word("the name of a header")?;
        return Ok(Expression::Exthdr(header.to_owned()));
    }
    if cursor.eat("ipsec") {
        return ipsec(cursor);
    }
    field(cursor).map(Expression::Field)
}

/// What nft calls some fields where it lists them.
const LISTED: [(Field, &str); 2] = [
    (Field::CtOriginalProtocol, "ct protocol"),
    (Field::Secpath, "meta ipsec"),
];

fn field(cursor: &mut Cursor<'_>) -> Result<Field, NftError> {
    let found = spelled_at(cursor, 0);
    let (found, text) = found.ok_or_else(|| cursor.unexpected("a field or a statement"))?;
    // The interface keys may stand with and without the word `meta`.
    if cursor.ahead(0) == "meta" && !text.starts_with("meta ") {
        cursor.expect("meta")?;
    }
    cursor.eat_words(text);
    Ok(found)
}

/// The longest field that stands so many words further on.
pub(super) fn field_at(cursor: &Cursor<'_>, distance: usize) -> Option<Field> {
    spelled_at(cursor, distance).map(|(field, _)| field)
}

fn spelled_at(cursor: &Cursor<'_>, distance: usize) -> Option<(Field, &'static str)> {
    let stands = |text: &str, from: usize| {
        let mut words = text.split(' ').enumerate();
        words.all(|(at, word)| cursor.ahead(from + at) == word)
    };
    let from = |from| {
        let all = Field::ALL.iter().map(|field| (*field, field.text()));
        let known = all.chain(LISTED).filter(|(_, text)| stands(text, from));
        known.max_by_key(|(_, text)| text.len())
    };
    let bare = || (cursor.ahead(distance) == "meta").then(|| from(distance + 1));
    from(distance).or_else(|| bare().flatten())
}

fn fib(cursor: &mut Cursor<'_>) -> Result<Expression, NftError> {
    let mut flags = vec![cursor.word("what is looked up")?.to_owned()];
    while cursor.eat(".") {
        flags.push(cursor.word("what is looked up")?.to_owned());
    }
    let results = [("type", "type"), ("oif", "oif"), ("oifname", "oifname")];
    let result = cursor.choice("a result", &results)?.to_owned();
    Ok(Expression::Fib(Fib { flags, result }))
}

fn numgen(cursor: &mut Cursor<'_>) -> Result<Expression, NftError> {
    let random = cursor.choice("a generator", &[(true, "random"), (false, "inc")])?;
    cursor.expect("mod")?;
    let modulus = cursor.number()?;
    let offset = if cursor.eat("offset") {
        cursor.number()?
    } else {
        0
    };
    Ok(Expression::Numgen {
        random,
        modulus,
        offset,
    })
}

fn jhash(cursor: &mut Cursor<'_>) -> Result<Expression, NftError> {
    let key = concatenation(cursor)?;
    cursor.expect("mod")?;
    let modulus = cursor.number()?;
    let hex = |word: &str| u32::from_str_radix(word.strip_prefix("0x")?, 16).ok();
    let seed = if cursor.eat("seed") {
        Some(cursor.read("a seed", |word| word.parse().ok().or_else(|| hex(word)))?)
    } else {
        None
    };
    Ok(Expression::Jhash { key, modulus, seed })
}

fn tcp_option(cursor: &mut Cursor<'_>) -> Result<Expression, NftError> {
    const FIELDS: [(&str, &str); 8] = [
        ("kind", "kind"),
        ("length", "length"),
        ("size", "size"),
        ("count", "count"),
        ("left", "left"),
        ("right", "right"),
        ("tsval", "tsval"),
        ("tsecr", "tsecr"),
    ];
    let kind = cursor.word("the name of an option")?.to_owned();
    let known = FIELDS.iter().any(|(word, _)| *word == cursor.ahead(0));
    let field = if known {
        Some(cursor.choice("a field", &FIELDS)?.to_owned())
    } else {
        None
    };
    Ok(Expression::TcpOption { kind, field })
}

fn ipsec(cursor: &mut Cursor<'_>) -> Result<Expression, NftError> {
    const KEYS: [&str; 6] = [
        "reqid",
        "spi",
        "ip saddr",
        "ip daddr",
        "ip6 saddr",
        "ip6 daddr",
    ];
    let input = cursor.choice("a direction", &[(true, "in"), (false, "out")])?;
    let number = if cursor.eat("spnum") {
        cursor.number()?
    } else {
        0
    };
    let key = KEYS.into_iter().find(|key| cursor.eat_words(key));
    let key = key.ok_or_else(|| cursor.unexpected(&KEYS.join(", ")))?;
    Ok(Expression::Ipsec {
        input,
        number,
        key: key.to_owned(),
    })
}
