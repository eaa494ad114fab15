//! Small changes of a ruleset, or of a dump, of the kind that a wrong translator or parser makes.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "only some of what nft and iptables have is changed or drawn"
)]

use std::net::IpAddr;

use margay::migrate::iptables::{self, Dump, Sense, Target, Test};
use margay::migrate::nft::{
    Element, Expression, Item, MapSource, Operand, Operator, Rule, Ruleset, Statement, Value,
    Verdict,
};

/// A change and what it was.
#[derive(Debug, Clone)]
pub(super) struct Mutant<T> {
    pub(super) what: String,
    pub(super) changed: T,
}

/// Changes one rule of a ruleset: a number, a prefix, a verdict, the order, a negation, a member of a set.
pub(super) fn of_ruleset(ruleset: &Ruleset, random: &mut fastrand::Rng) -> Option<Mutant<Ruleset>> {
    let mut changed = ruleset.clone();
    let tables = changed.tables.iter_mut();
    let mut chains: Vec<_> = tables
        .flat_map(|table| &mut table.chains)
        .filter(|chain| !chain.rules.is_empty())
        .collect();
    if chains.is_empty() {
        return None;
    }
    let chain = chains.swap_remove(random.usize(..chains.len()));
    let at = random.usize(..chain.rules.len());
    let before = chain.rules[at].to_string();
    let name = chain.name.clone();
    if random.u8(..6) == 0 {
        if at + 1 == chain.rules.len() {
            return None;
        }
        chain.rules.swap(at, at + 1);
        let what = format!("order in {name}: {before}");
        return (chain.rules[at] != chain.rules[at + 1]).then_some(Mutant { what, changed });
    }
    let rule = &mut chain.rules[at];
    change(rule, random)?;
    let what = format!("{name}: {before} -> {rule}");
    (rule.to_string() != before).then_some(Mutant { what, changed })
}

/// Changes one statement.
fn change(rule: &mut Rule, random: &mut fastrand::Rng) -> Option<()> {
    let at = random.usize(..rule.statements.len().max(1));
    match rule.statements.get_mut(at)? {
        Statement::Match(test) => match (random.u8(..3), &mut test.right) {
            (0, _) => {
                test.operator = match test.operator {
                    Operator::Implicit | Operator::Equal => Operator::NotEqual,
                    Operator::NotEqual => Operator::Implicit,
                    Operator::None => Operator::Implicit,
                    Operator::Less => Operator::GreaterOrEqual,
                    Operator::LessOrEqual => Operator::Greater,
                    Operator::Greater => Operator::LessOrEqual,
                    Operator::GreaterOrEqual => Operator::Less,
                };
                // nft has `!` and not `!=` for bits.
                if matches!(test.right, Operand::AnyOf(_)) && test.operator == Operator::NotEqual {
                    test.operator = Operator::None;
                }
                Some(())
            }
            (_, Operand::Items(items)) => item(items.first_mut()?, random),
            (_, Operand::AnyOf(bits)) => (bits.len() > 1)
                .then(|| bits.remove(random.usize(..bits.len())))
                .map(|_| ()),
            (_, Operand::Anonymous(elements)) => member(elements, random),
            (_, Operand::Set(_)) => None,
        },
        Statement::Verdict(verdict) => {
            *verdict = match verdict {
                Verdict::Accept | Verdict::Jump(_) | Verdict::Goto(_) => Verdict::Drop,
                Verdict::Drop | Verdict::Continue | Verdict::Return => Verdict::Accept,
            };
            Some(())
        }
        Statement::Set {
            value: Expression::Value(value),
            ..
        } => number(value, random),
        Statement::VerdictMap {
            map: MapSource::Anonymous(pairs),
            ..
        } => {
            pairs.pop();
            (!pairs.is_empty()).then_some(())
        }
        Statement::Limit(limit) => {
            limit.rate += 1;
            Some(())
        }
        _ => None,
    }
}

fn member(elements: &mut Vec<Element>, random: &mut fastrand::Rng) -> Option<()> {
    let at = random.usize(..elements.len());
    if random.bool() && elements.len() > 1 {
        elements.remove(at);
        return Some(());
    }
    item(elements[at].key.first_mut()?, random)
}

fn item(item: &mut Item, random: &mut fastrand::Rng) -> Option<()> {
    match item {
        Item::One(value) => number(value, random),
        Item::Prefix(address, length) => {
            *length = length.checked_sub(1)?;
            *address = network(*address, *length);
            Some(())
        }
        Item::Range(first, _) => number(first, random),
    }
}

/// The address without the bits below a length.
fn network(address: IpAddr, length: u8) -> IpAddr {
    let cut = |width: u32| {
        u128::MAX
            .checked_shl(width - u32::from(length))
            .unwrap_or(0)
    };
    match address {
        IpAddr::V4(address) => {
            let mask = u32::try_from(cut(32) & u128::from(u32::MAX)).unwrap();
            IpAddr::V4((u32::from(address) & mask).into())
        }
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & cut(128)).into()),
    }
}

fn number(value: &mut Value, random: &mut fastrand::Rng) -> Option<()> {
    match value {
        Value::Number(number) => *number = number.checked_add(1 + random.u64(..3))?,
        Value::Hex(number) => *number ^= 1 << random.u8(..8),
        Value::Address(IpAddr::V4(address)) => {
            *address = (u32::from(*address) ^ 1 << random.u8(..32)).into();
        }
        Value::Address(IpAddr::V6(address)) => {
            *address = (u128::from(*address) ^ 1 << random.u8(..128)).into();
        }
        Value::Mac(mac) => mac[random.usize(..6)] ^= 1,
        Value::Text(text) => text.insert(0, 'x'),
        Value::Word(word) => {
            let other = match word.as_str() {
                "tcp" => "udp",
                "udp" => "tcp",
                "icmp" => "tcp",
                "local" => "broadcast",
                "broadcast" => "local",
                "established" => "new",
                "new" => "established",
                "invalid" => "new",
                "related" => "new",
                "echo-request" => "echo-reply",
                "exists" => "missing",
                "missing" => "exists",
                _ => return None,
            };
            *value = Value::word(other);
        }
        Value::Bits(bits) => {
            (bits.len() > 1).then(|| bits.pop())?;
        }
    }
    Some(())
}

/// Changes one rule of a dump, as a parser would that reads it wrongly.
pub(super) fn of_dump(dump: &Dump, random: &mut fastrand::Rng) -> Option<Mutant<Dump>> {
    let mut changed = dump.clone();
    let tables = changed.tables.iter_mut();
    let mut rules: Vec<_> = tables
        .flat_map(|t| &mut t.chains)
        .flat_map(|chain| &mut chain.rules)
        .collect();
    if rules.is_empty() {
        return None;
    }
    let rule = rules.swap_remove(random.usize(..rules.len()));
    let before = rule.clone();
    let at = random.usize(..=rule.matches.len());
    match rule.matches.get_mut(at) {
        Some(found) => match random.u8(..3) {
            0 => {
                rule.matches.remove(at);
            }
            1 => {
                found.sense = match found.sense {
                    Sense::Is => Sense::IsNot,
                    Sense::IsNot => Sense::Is,
                };
            }
            _ => fault(&mut found.test),
        },
        None => {
            rule.target = match &rule.target {
                Target::Accept | Target::Jump(_) | Target::Goto(_) => Target::Drop,
                Target::Return => Target::Continue,
                _ => Target::Accept,
            };
        }
    }
    let what = format!(
        "{} read as {:?} {:?}",
        before.text, rule.matches, rule.target
    );
    (rule.matches != before.matches || rule.target != before.target)
        .then_some(Mutant { what, changed })
}

/// A value that was read wrongly.
fn fault(test: &mut Test) {
    match test {
        Test::Port(side, _) | Test::Address(side, _) => {
            *side = match side {
                iptables::Side::Source => iptables::Side::Destination,
                iptables::Side::Destination => iptables::Side::Source,
            };
        }
        Test::Interface(direction, _) => {
            *direction = match direction {
                iptables::Direction::In => iptables::Direction::Out,
                iptables::Direction::Out => iptables::Direction::In,
            };
        }
        Test::Protocol(protocol) => protocol.0 ^= 1,
        Test::State(states) => states.toggle(iptables::ConnectionStates::RELATED),
        Test::Mark(masked) => masked.value ^= 1,
        Test::Multiport(_, ranges) => {
            ranges.pop();
        }
        _ => {}
    }
}
