//! Chains, their hooks and their rules.

use super::cursor::Cursor;
use super::lexer::Token;
use super::{ParseError, statement};
use crate::net::decimal;
use crate::ruleset::keyword::{self, POLICIES};
use crate::ruleset::{Chain, ChainPolicy, Hook, HookPoint, Rule, Table, priority};

/// Reads one chain into a table; one that is there already gets the rules at its end.
pub(super) fn read(cursor: &mut Cursor<'_>, table: &mut Table) -> Result<(), ParseError> {
    let name = cursor.declare("the name of a chain")?;
    cursor.open()?;
    let chain = table.chains.entry(name).or_default();
    while !cursor.closes() {
        read_line(cursor, chain)?;
        cursor.end_of_statement()?;
    }
    Ok(())
}

fn read_line(cursor: &mut Cursor<'_>, chain: &mut Chain) -> Result<(), ParseError> {
    let position = cursor.position();
    if cursor.eat_word("type") {
        let hook = read_hook(cursor)?;
        match chain.hook.replace(hook) {
            Some(other) if other != hook => {
                return Err(cursor.error(position, "a chain with two different hooks"));
            }
            Some(_) | None => {}
        }
    } else if cursor.eat_word("policy") {
        let Some(hook) = &mut chain.hook else {
            return Err(cursor.error(position, "a policy without a hook before it"));
        };
        hook.policy = read_policy(cursor)?;
    } else if cursor.eat_word("comment") {
        chain.comment = Some(cursor.comment()?.to_owned());
    } else {
        chain.rules.push(read_rule(cursor)?);
    }
    Ok(())
}

/// `type filter hook input priority filter - 5; policy accept;`, from `filter` on.
fn read_hook(cursor: &mut Cursor<'_>) -> Result<Hook, ParseError> {
    cursor.expect_word("filter")?;
    cursor.expect_word("hook")?;
    let point = cursor.word(
        "prerouting, input, forward, output or postrouting",
        |word| {
            HookPoint::ALL
                .into_iter()
                .find(|point| point.keyword() == word)
        },
    )?;
    cursor.expect_word("priority")?;
    let priority = read_priority(cursor)?;
    let mut hook = Hook {
        point,
        priority,
        policy: ChainPolicy::Accept,
    };
    // The policy belongs to the hook where it follows in the same line.
    if cursor.peek() == Token::Mark(";") && cursor.ahead(1) == Token::Word("policy") {
        cursor.advance();
        cursor.advance();
        hook.policy = read_policy(cursor)?;
    }
    Ok(hook)
}

fn read_priority(cursor: &mut Cursor<'_>) -> Result<i32, ParseError> {
    let position = cursor.position();
    let base = cursor.word(
        "a priority: a number, raw, mangle, dstnat, filter, security, srcnat",
        |word| priority::named(word).or_else(|| signed(word)),
    )?;
    let sign = match cursor.peek() {
        Token::Mark("+") => 1,
        Token::Mark("-") => -1,
        Token::Mark(_) | Token::Word(_) | Token::Quoted(_) | Token::Newline | Token::End => {
            return Ok(base);
        }
    };
    cursor.advance();
    let offset: i32 = cursor.number("a number")?;
    let priority = offset
        .checked_mul(sign)
        .and_then(|offset| base.checked_add(offset));
    priority.ok_or_else(|| cursor.error(position, "a priority beyond 32 bits"))
}

fn read_policy(cursor: &mut Cursor<'_>) -> Result<ChainPolicy, ParseError> {
    cursor.word("accept or drop", |word| keyword::value(&POLICIES, word))
}

fn read_rule(cursor: &mut Cursor<'_>) -> Result<Rule, ParseError> {
    let mut rule = Rule::default();
    while !cursor.ends() {
        if cursor.eat_word("comment") {
            rule.comment = Some(cursor.comment()?.to_owned());
            return Ok(rule);
        }
        rule.statements.push(statement::read(cursor)?);
    }
    Ok(rule)
}

fn signed(word: &str) -> Option<i32> {
    match word.strip_prefix('-') {
        Some(digits) => decimal::<u32>(digits).and_then(|value| 0_i32.checked_sub_unsigned(value)),
        None => decimal(word),
    }
}
