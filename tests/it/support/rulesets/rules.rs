//! Random rules: tests, then effects, then at most one end.

use std::collections::BTreeMap;
use std::time::Duration;

use margay::ruleset::{
    Bytes, CtKey, Data, Datatype, DynamicOperation, Expression, Key, Limit, LimitUnit, MarkSource,
    Match, MetaKey, ObjectKind, Operand, Operator, PayloadField, RejectKind, Rule, SetFlags,
    Statement, TableFamily, Verdict, VmapSource,
};

use super::choices::Choices;
use super::sets::Planned;
use super::shapes::{self, Context, Network, Transport};
use super::values::{self, Form};
use super::{Place, Scope};

pub(crate) fn rule(choices: &mut Choices, scope: &Scope, place: Place, context: Context) -> Rule {
    let tests = 1 + choices.below(3);
    let effects = choices.below(3);
    let mut statements: Vec<Statement> = Vec::new();
    for _ in 0..tests {
        let test = test(choices, scope, place, context);
        if !statements
            .last()
            .is_some_and(|before| nft_would_merge(before, &test))
        {
            statements.push(test);
        }
    }
    statements.extend((0..effects).map(|_| effect(choices, scope, context)));
    statements.extend(end(choices, scope, place, context, &statements));
    Rule {
        statements,
        comment: values::comment(choices),
    }
}

/// Of two comparisons of header fields nft makes one if the fields are neighbours, with `!=` wrongly.
fn nft_would_merge(before: &Statement, test: &Statement) -> bool {
    let compares_payload = |statement: &Statement| {
        let Statement::Match(Match {
            left,
            right: Operand::Key(_),
            ..
        }) = statement
        else {
            return false;
        };
        matches!(left.as_slice(), [Expression::Payload(_)])
    };
    compares_payload(before) && compares_payload(test)
}

pub(crate) fn limit(choices: &mut Choices) -> Limit {
    Limit {
        rate: 1 + u64::from(choices.any() % 100_000),
        unit: choices.one_of(&[
            LimitUnit::Second,
            LimitUnit::Minute,
            LimitUnit::Hour,
            LimitUnit::Day,
        ]),
        burst: choices.one_of(&[5, 1, 100]),
        over: choices.flag(),
    }
}

pub(crate) fn verdict(choices: &mut Choices, scope: &Scope, place: Place) -> Verdict {
    let mut verdicts = vec![
        Verdict::Accept,
        Verdict::Drop,
        Verdict::Continue,
        Verdict::Return,
    ];
    if place == Place::Trunk {
        let leaf = choices.one_of(&scope.leaves);
        verdicts.extend([Verdict::Jump(leaf.clone()), Verdict::Goto(leaf)]);
    }
    choices.one_of(&verdicts)
}

fn test(choices: &mut Choices, scope: &Scope, place: Place, context: Context) -> Statement {
    let operator = choices.one_of(&[Operator::Eq, Operator::Ne]);
    let named = planned(choices, scope, context, |set| set.data.is_none());
    let (left, mask, right) = match (choices.below(4), named) {
        (0, Some(set)) => (set.key.clone(), None, Operand::Set(set.name.clone())),
        (0 | 1, _) => {
            let left = shapes::key(choices, context, place);
            let keys = anonymous_keys(choices, &left);
            (left, None, Operand::Anonymous(keys))
        }
        (2, _) => masked(choices, context),
        _ => {
            let mut left = shapes::expression(choices, context, place);
            if context.transport == Transport::Any && shapes::is_protocol(left) {
                left = Expression::Meta(MetaKey::IifName);
            }
            let number = choices.below(8);
            let key = values::key(choices, &[left.datatype()], number, Form::Ranging);
            (vec![left], None, Operand::Key(key))
        }
    };
    Statement::Match(Match {
        left,
        mask,
        operator,
        right,
    })
}

/// A comparison of bits.
fn masked(choices: &mut Choices, context: Context) -> (Vec<Expression>, Option<Bytes>, Operand) {
    let mut pool = vec![Expression::Meta(MetaKey::Mark)];
    if context.network != Network::Arp {
        pool.extend([Expression::Ct(CtKey::State), Expression::Ct(CtKey::Mark)]);
    }
    if context.network == Network::V4 {
        pool.push(Expression::Payload(PayloadField::IpSaddr));
    }
    if context.transport == Transport::Tcp {
        pool.push(Expression::Payload(PayloadField::TcpFlags));
    }
    let left = choices.one_of(&pool);
    let datatype = left.datatype();
    let (mask, bits): (Vec<u8>, Vec<u8>) = if datatype == Datatype::Ipv4Addr {
        (vec![255, 0, 255, 0], vec![10, 0, 7, 0])
    } else if datatype == Datatype::TcpFlag {
        (vec![0x17], vec![choices.one_of(&[0x02, 0x12])])
    } else if datatype == Datatype::CtState {
        (10_u32.to_ne_bytes().to_vec(), 8_u32.to_ne_bytes().to_vec())
    } else {
        let mask = choices.any() & !0x2 | 0x1;
        (
            mask.to_ne_bytes().to_vec(),
            (mask & 0xf0f1).to_ne_bytes().to_vec(),
        )
    };
    let is_bits = matches!(datatype, Datatype::TcpFlag | Datatype::CtState);
    if is_bits && choices.flag() {
        return (vec![left], None, Operand::AnyBit(Bytes::from_slice(&mask)));
    }
    (
        vec![left],
        Some(Bytes::from_slice(&mask)),
        Operand::Key(Key::value(&bits)),
    )
}

/// Some keys, in order, as an anonymous set keeps them. Of one key nft makes a plain comparison, but
/// not of a concatenation.
fn anonymous_keys(choices: &mut Choices, left: &[Expression]) -> Vec<Key> {
    let types = values::types(left);
    let count = if left.len() > 1 { 1 } else { 2 } + choices.below(5);
    let mut keys: Vec<Key> = (0..count)
        .map(|number| values::key(choices, &types, number, Form::Ranging))
        .collect();
    keys.sort();
    keys.dedup();
    if types.len() == 1 && keys.windows(2).any(|pair| touch(&pair[0], &pair[1])) {
        // nft holds ranges that touch as one; values that do, without a range, stay apart.
        keys = keys.iter().map(|key| Key::value(&key.start)).collect();
    }
    keys
}

/// Whether no value lies between two ranges.
fn touch(before: &Key, after: &Key) -> bool {
    let mut next = before.last().to_vec();
    for byte in next.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
    next[..] == after.start[..]
}

fn effect(choices: &mut Choices, scope: &Scope, context: Context) -> Statement {
    let counter_map = |set: &Planned| set.data == Some(Data::Object(ObjectKind::Counter));
    let mark_map = |set: &Planned| set.data == Some(Data::Value(vec![Datatype::Mark]));
    let dynamic = |set: &Planned| set.flags.contains(SetFlags::DYNAMIC);
    match choices.below(10) {
        1 => Statement::NamedCounter(choices.one_of(&scope.counters)),
        2 => Statement::NamedLimit(choices.one_of(&scope.limits)),
        3 => Statement::Limit(limit(choices)),
        4 => Statement::Log {
            prefix: choices.one_of(&[None, Some("dropped: ".to_owned())]),
            group: choices.one_of(&[None, Some(0), Some(7)]),
        },
        5 if scope.family != TableFamily::Arp => Statement::Notrack,
        6 => Statement::SetMark(mark_bits(choices)),
        7 => match planned(choices, scope, context, counter_map) {
            Some(set) => Statement::CounterMap {
                key: set.key.clone(),
                map: set.name.clone(),
            },
            None => Statement::Counter,
        },
        8 => match planned(choices, scope, context, mark_map) {
            Some(set) => {
                let (key, map) = (set.key.clone(), set.name.clone());
                Statement::SetMark(MarkSource::Map { key, map })
            }
            None => Statement::Counter,
        },
        9 => match planned(choices, scope, context, dynamic) {
            Some(set) => add(choices, set),
            None => Statement::Counter,
        },
        _ => Statement::Counter,
    }
}

fn mark_bits(choices: &mut Choices) -> MarkSource {
    let bit = 1 << choices.below(32);
    let any = choices.any();
    let (keep, flip) = choices.one_of(&[
        (0, any),
        (!bit, 0),
        (!bit, bit),
        (u32::MAX, bit),
        (0xffff_0000, 0x0123_4567),
    ]);
    MarkSource::Bits { keep, flip }
}

/// `add @set { ip saddr timeout 10s limit rate 5/second }`. A set that counts keeps nothing else.
fn add(choices: &mut Choices, set: &Planned) -> Statement {
    let expires = set.flags.contains(SetFlags::TIMEOUT);
    let operation = choices.one_of(&[DynamicOperation::Add, DynamicOperation::Update]);
    let timeout = (expires && choices.flag()).then(|| Duration::from_secs(7_201));
    let limit = (!set.counted && choices.flag()).then(|| limit(choices));
    Statement::Dynamic {
        operation: if expires {
            operation
        } else {
            DynamicOperation::Add
        },
        set: set.name.clone(),
        key: set.key.clone(),
        timeout,
        limit,
    }
}

/// What a rule does at last; nothing may follow.
fn end(
    choices: &mut Choices,
    scope: &Scope,
    place: Place,
    context: Context,
    before: &[Statement],
) -> Option<Statement> {
    match choices.below(6) {
        1 | 2 => Some(Statement::Verdict(verdict(choices, scope, place))),
        3 => reject(choices, scope, place, before),
        4 => {
            let key = shapes::key(choices, context, place);
            let map = anonymous_map(choices, scope, place, &key);
            Some(Statement::Vmap { key, map })
        }
        5 if place == Place::Trunk => {
            let set = planned(choices, scope, context, |set| {
                set.data == Some(Data::Verdict)
            })?;
            let map = VmapSource::Named(set.name.clone());
            Some(Statement::Vmap {
                key: set.key.clone(),
                map,
            })
        }
        _ => None,
    }
}

/// A reset is an answer to TCP, which a test before it has to make sure of.
fn reject(
    choices: &mut Choices,
    scope: &Scope,
    place: Place,
    before: &[Statement],
) -> Option<Statement> {
    if scope.family != TableFamily::Inet || place == Place::Plain {
        return None;
    }
    let tcp = before
        .iter()
        .any(|statement| statement.to_string().contains("tcp dport"));
    let kinds = [
        RejectKind::PortUnreachable,
        RejectKind::AdminProhibited,
        RejectKind::TcpReset,
    ];
    let kind = choices.one_of(if tcp { &kinds[2..] } else { &kinds[..2] });
    Some(Statement::Reject(kind))
}

fn anonymous_map(
    choices: &mut Choices,
    scope: &Scope,
    place: Place,
    key: &[Expression],
) -> VmapSource {
    let keys = anonymous_keys(choices, key);
    let with_verdict = |key| (key, verdict(choices, scope, place));
    VmapSource::Anonymous(
        keys.into_iter()
            .map(with_verdict)
            .collect::<BTreeMap<_, _>>(),
    )
}

fn planned<'s>(
    choices: &mut Choices,
    scope: &'s Scope,
    context: Context,
    fits: impl Fn(&Planned) -> bool,
) -> Option<&'s Planned> {
    let fitting: Vec<&Planned> = scope
        .sets
        .iter()
        .filter(|set| set.context == context && fits(set))
        .collect();
    (!fitting.is_empty()).then(|| choices.one_of(&fitting))
}
