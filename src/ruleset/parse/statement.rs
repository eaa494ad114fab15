//! Statements of rules.

use super::cursor::Cursor;
use super::expression::{self, word_here};
use super::lexer::Token;
use super::{ParseError, mark, matching};
use crate::net::decimal;
use crate::ruleset::keyword::{self, BURST_DEFAULT, LIMIT_UNITS, REJECTS};
use crate::ruleset::{
    DynamicOperation, Expression, Limit, LimitUnit, MetaKey, RejectKind, Statement, Verdict,
};

/// Reads one statement.
pub(super) fn read(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let Some(word) = word_here(cursor) else {
        return Err(cursor.expected(STATEMENTS));
    };
    match word {
        "accept" | "drop" | "continue" | "return" | "jump" | "goto" => {
            verdict(cursor).map(Statement::Verdict)
        }
        "counter" => read_counter(cursor),
        "limit" => read_limit(cursor),
        "log" => read_log(cursor),
        "reject" => read_reject(cursor),
        "notrack" => {
            cursor.advance();
            Ok(Statement::Notrack)
        }
        "add" => read_dynamic(cursor, DynamicOperation::Add),
        "update" => read_dynamic(cursor, DynamicOperation::Update),
        _ if expression::begins(word) => read_expression(cursor),
        _ => Err(cursor.expected(STATEMENTS)),
    }
}

const STATEMENTS: &str = "a match (ether, ip, ip6, tcp, udp, th, icmp, icmpv6, meta, ct, fib, iif, \
     oif, iifname, oifname), a verdict (accept, drop, continue, return, jump, goto), counter, limit, \
     log, reject, notrack, add, update or comment";

/// Reads what becomes of a packet.
pub(super) fn verdict(cursor: &mut Cursor<'_>) -> Result<Verdict, ParseError> {
    let allowed = "accept, drop, continue, return, jump or goto";
    if cursor.eat_word("jump") {
        return cursor.name("the name of a chain").map(Verdict::Jump);
    }
    if cursor.eat_word("goto") {
        return cursor.name("the name of a chain").map(Verdict::Goto);
    }
    cursor.word(allowed, |word| match word {
        "accept" => Some(Verdict::Accept),
        "drop" => Some(Verdict::Drop),
        "continue" => Some(Verdict::Continue),
        "return" => Some(Verdict::Return),
        _ => None,
    })
}

/// Reads `rate 10/second burst 5 packets`.
pub(super) fn limit(cursor: &mut Cursor<'_>) -> Result<Limit, ParseError> {
    cursor.expect_word("rate")?;
    let over = cursor.eat_word("over");
    cursor.eat_word("until");
    let (rate, unit) = cursor.word("packets per time: 10/second, minute, hour or day", rate)?;
    let mut burst = BURST_DEFAULT;
    if cursor.eat_word("burst") {
        burst = cursor.number("a number of packets")?;
        cursor.expect_word("packets")?;
    }
    Ok(Limit {
        rate,
        unit,
        burst,
        over,
    })
}

/// Goes on over `packets N bytes N`, which are the kernel's and not kept; whether they stood here.
pub(super) fn eat_counter_values(cursor: &mut Cursor<'_>) -> Result<bool, ParseError> {
    if !cursor.eat_word("packets") {
        return Ok(false);
    }
    cursor.number::<u64>("a number of packets")?;
    cursor.expect_word("bytes")?;
    cursor.number::<u64>("a number of bytes")?;
    Ok(true)
}

fn read_expression(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    let left = expression::read_all(cursor)?;
    if left == [Expression::Meta(MetaKey::Mark)] && cursor.eat_word("set") {
        return mark::read(cursor).map(Statement::SetMark);
    }
    matching::read(cursor, left)
}

fn read_counter(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    cursor.expect_word("counter")?;
    if !cursor.eat_word("name") {
        eat_counter_values(cursor)?;
        return Ok(Statement::Counter);
    }
    if !word_here(cursor).is_some_and(expression::begins) {
        return cursor
            .name("the name of a counter")
            .map(Statement::NamedCounter);
    }
    let key = expression::read_all(cursor)?;
    cursor.expect_word("map")?;
    cursor.expect("@")?;
    let map = cursor.name("the name of a map")?;
    Ok(Statement::CounterMap { key, map })
}

fn read_limit(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    cursor.expect_word("limit")?;
    if !cursor.eat_word("name") {
        return limit(cursor).map(Statement::Limit);
    }
    if word_here(cursor).is_some_and(expression::begins) {
        return Err(cursor.expected("the name of a limit: limits are not looked up in maps"));
    }
    cursor
        .name("the name of a limit")
        .map(Statement::NamedLimit)
}

fn read_log(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    cursor.expect_word("log")?;
    let (mut prefix, mut group) = (None, None);
    loop {
        if cursor.eat_word("prefix") {
            prefix = Some(read_log_prefix(cursor)?.to_owned());
        } else if cursor.eat_word("group") {
            group = Some(cursor.number("a group number, 0-65535")?);
        } else {
            return Ok(Statement::Log { prefix, group });
        }
    }
}

/// Longest prefix in bytes, `NF_LOG_PREFIXLEN - 1` (linux/netfilter/nf_log.h).
const LOG_PREFIX_BYTES_MAX: usize = 127;

fn read_log_prefix<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, ParseError> {
    let position = cursor.position();
    let prefix = cursor.quoted("a prefix")?;
    if prefix.len() <= LOG_PREFIX_BYTES_MAX && !prefix.contains('$') {
        return Ok(prefix);
    }
    let message =
        format!("a log prefix is at most {LOG_PREFIX_BYTES_MAX} bytes, without variables");
    Err(cursor.error(position, message))
}

fn read_reject(cursor: &mut Cursor<'_>) -> Result<Statement, ParseError> {
    cursor.expect_word("reject")?;
    if !cursor.eat_word("with") {
        return Ok(Statement::Reject(RejectKind::PortUnreachable));
    }
    let allowed = "icmpx port-unreachable, icmpx admin-prohibited or tcp reset";
    for (kind, with, what) in REJECTS {
        if cursor.peek() == Token::Word(with) && cursor.ahead(1) == Token::Word(what) {
            cursor.advance();
            cursor.advance();
            return Ok(Statement::Reject(kind));
        }
    }
    Err(cursor.expected(allowed))
}

/// `add @set { ip saddr timeout 10s limit rate 5/second }`.
fn read_dynamic(
    cursor: &mut Cursor<'_>,
    operation: DynamicOperation,
) -> Result<Statement, ParseError> {
    cursor.advance();
    cursor.expect("@")?;
    let set = cursor.name("the name of a set")?;
    cursor.open()?;
    let key = expression::read_all(cursor)?;
    let (mut timeout, mut per_element) = (None, None);
    if cursor.eat_word("timeout") {
        timeout = Some(cursor.duration()?);
    }
    if cursor.eat_word("limit") {
        per_element = Some(limit(cursor)?);
    }
    if !cursor.eat("}") {
        return Err(cursor.expected("timeout, limit or `}`"));
    }
    Ok(Statement::Dynamic {
        operation,
        set,
        key,
        timeout,
        limit: per_element,
    })
}

fn rate(word: &str) -> Option<(u64, LimitUnit)> {
    let (count, unit) = word.split_once('/')?;
    let count = decimal(count).filter(|count| *count > 0)?;
    Some((count, keyword::value(&LIMIT_UNITS, unit)?))
}
