//! Small changes of a ruleset, or of a dump, of the kind that a wrong translator or parser makes.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "only some of what nft and iptables have is changed or drawn"
)]

use std::net::IpAddr;
use std::time::Duration;

use margay::migrate::iptables::{self, Address, Dump, Sense, Target, Test};
use margay::migrate::nft::{
    Element, Expression, Item, MapSource, Operand, Operator, Rule, Ruleset, Statement, Value,
    Verdict,
};
use margay::net::{Cidr, PortRange};

use super::packets::leads_to;

/// A change and what it was.
#[derive(Debug, Clone)]
pub(super) struct Mutant<T> {
    /// `prefix`, `order`.
    pub(super) kind: &'static str,
    /// The lines of the dump whose rules were changed.
    pub(super) lines: Vec<usize>,
    /// The rule before and after.
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
    if random.u8(..8) == 0 {
        return of_set(ruleset, random);
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
        let pair = [&chain.rules[at], &chain.rules[at + 1]];
        let mutant = Mutant {
            kind: "order",
            lines: pair.iter().filter_map(|rule| line(rule)).collect(),
            what: format!("order in {name}: {before}"),
            changed: Ruleset::default(),
        };
        let differ = pair[0].statements != pair[1].statements;
        return differ.then_some(Mutant { changed, ..mutant });
    }
    let rule = &mut chain.rules[at];
    let kind = change(rule, random)?;
    let what = format!("{name}: {before} -> {rule}");
    let differs = rule.to_string() != before;
    let lines = match line(rule) {
        Some(line) => vec![line],
        None => leading_to(ruleset, name.as_str()),
    };
    differs.then_some(Mutant {
        kind,
        lines,
        what,
        changed,
    })
}

/// Changes how a set keeps what rules put there: how much, or how often it is cleared.
fn of_set(ruleset: &Ruleset, random: &mut fastrand::Rng) -> Option<Mutant<Ruleset>> {
    let mut changed = ruleset.clone();
    let tables = changed.tables.iter_mut();
    let mut sets: Vec<_> = tables
        .flat_map(|table| &mut table.sets)
        .filter(|set| set.dynamic)
        .collect();
    if sets.is_empty() {
        return None;
    }
    let set = sets.swap_remove(random.usize(..sets.len()));
    let (kind, what) = if random.bool() {
        set.size = Some(1 + random.u32(..2));
        (
            "size of a set",
            format!("{} holds {:?}", set.name, set.size),
        )
    } else {
        set.gc_interval = Some(Duration::from_secs(3600));
        (
            "clearing of a set",
            format!("{} is cleared every hour", set.name),
        )
    };
    let name = set.name.to_string();
    let chains = ruleset.tables.iter().flat_map(|table| &table.chains);
    let writing = chains.flat_map(|chain| chain.rules.iter().map(move |rule| (chain, rule)));
    let writing = writing.filter(|(_, rule)| writes(rule, &name));
    let lines = writing.flat_map(|(chain, rule)| match line(rule) {
        Some(line) => vec![line],
        None => leading_to(ruleset, chain.name.as_str()),
    });
    let lines = lines.collect();
    Some(Mutant {
        kind,
        lines,
        what,
        changed,
    })
}

fn writes(rule: &Rule, name: &str) -> bool {
    let mut statements = rule.statements.iter();
    statements.any(|one| matches!(one, Statement::Dynamic { set, .. } if set.as_str() == name))
}

/// The lines of the rules that lead to a chain which is in no dump.
fn leading_to(ruleset: &Ruleset, chain: &str) -> Vec<usize> {
    let chains = ruleset.tables.iter().flat_map(|table| &table.chains);
    let mut rules = chains.flat_map(|chain| &chain.rules);
    let first = rules.find(|rule| leads_to(rule, chain));
    first.and_then(line).into_iter().collect()
}

/// The line of the dump that a rule is for.
pub(super) fn line(rule: &Rule) -> Option<usize> {
    rule.comment.as_ref()?.split_once(':')?.0.parse().ok()
}

/// Changes one statement.
fn change(rule: &mut Rule, random: &mut fastrand::Rng) -> Option<&'static str> {
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
                Some("negation")
            }
            (_, Operand::Items(items)) => item(items.first_mut()?, random),
            (_, Operand::AnyOf(bits)) => (bits.len() > 1)
                .then(|| bits.remove(random.usize(..bits.len())))
                .map(|_| "member of a list"),
            (_, Operand::Anonymous(elements)) => member(elements, random),
            (_, Operand::Set(_)) => None,
        },
        Statement::Verdict(verdict) => {
            *verdict = match verdict {
                Verdict::Accept | Verdict::Jump(_) | Verdict::Goto(_) => Verdict::Drop,
                Verdict::Drop | Verdict::Continue | Verdict::Return => Verdict::Accept,
            };
            Some("verdict")
        }
        Statement::Set {
            value: Expression::Value(value),
            ..
        } => number(value, random).map(|_| "what is written"),
        Statement::VerdictMap {
            map: MapSource::Anonymous(pairs),
            ..
        } => {
            pairs.pop();
            (!pairs.is_empty()).then_some("member of a set")
        }
        Statement::Limit(limit) => {
            limit.rate += 1;
            Some("rate")
        }
        changing @ Statement::Dynamic { .. } => of_dynamic(changing, random),
        _ => None,
    }
}

/// Changes how a rule changes a set.
fn of_dynamic(changing: &mut Statement, random: &mut fastrand::Rng) -> Option<&'static str> {
    let Statement::Dynamic {
        operation,
        timeout,
        statements,
        ..
    } = changing
    else {
        return None;
    };
    match random.u8(..3) {
        0 => {
            *operation = match operation.as_str() {
                "update" => "add",
                "add" => "delete",
                _ => "update",
            }
            .to_owned();
            Some("add, update or delete")
        }
        // An element that goes now has no time, and nothing is asked of it.
        _ if operation == "delete" => None,
        1 => {
            *timeout = match timeout {
                Some(time) if random.bool() => Some(*time + Duration::from_secs(1)),
                Some(_) => None,
                None => Some(Duration::from_secs(60)),
            };
            Some("time of an element")
        }
        _ => match statements.first_mut() {
            Some(Statement::Limit(limit)) if random.bool() => {
                limit.rate += 1;
                Some("rate")
            }
            _ => {
                let (over, bytes) = (true, 1_000_000);
                statements.push(Statement::Quota { over, bytes });
                Some("what an element counts")
            }
        },
    }
}

fn member(elements: &mut Vec<Element>, random: &mut fastrand::Rng) -> Option<&'static str> {
    let at = random.usize(..elements.len());
    if random.bool() && elements.len() > 1 {
        elements.remove(at);
    } else {
        item(elements[at].key.first_mut()?, random)?;
    }
    Some("member of a set")
}

fn item(item: &mut Item, random: &mut fastrand::Rng) -> Option<&'static str> {
    match item {
        Item::One(value) => number(value, random),
        Item::Prefix(address, length) => {
            *length = length.checked_sub(1)?;
            *address = network(*address, *length);
            Some("prefix")
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

fn number(value: &mut Value, random: &mut fastrand::Rng) -> Option<&'static str> {
    match value {
        Value::Number(number) => {
            *number = number.checked_add(1 + random.u64(..3))?;
            return Some("port or number");
        }
        Value::Hex(number) => {
            *number ^= 1 << random.u8(..8);
            return Some("port or number");
        }
        Value::Address(IpAddr::V4(address)) => {
            *address = (u32::from(*address) ^ 1 << random.u8(..32)).into();
            return Some("address");
        }
        Value::Address(IpAddr::V6(address)) => {
            *address = (u128::from(*address) ^ 1 << random.u8(..128)).into();
            return Some("address");
        }
        Value::Mac(mac) => mac[random.usize(..6)] ^= 1,
        Value::Text(text) => {
            text.insert(0, 'x');
            return Some("interface or text");
        }
        Value::Word(word) => *value = Value::word(other_word(word)?),
        Value::Bits(bits) => {
            (bits.len() > 1).then(|| bits.pop())?;
        }
    }
    Some("word")
}

/// Another word that can stand in the same place.
fn other_word(word: &str) -> Option<&'static str> {
    Some(match word {
        "tcp" => "udp",
        "udp" | "icmp" => "tcp",
        "local" => "broadcast",
        "broadcast" => "local",
        "established" | "invalid" | "related" => "new",
        "new" => "established",
        "echo-request" => "echo-reply",
        "exists" => "missing",
        "missing" => "exists",
        _ => return None,
    })
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
    let kind = match rule.matches.get_mut(at) {
        Some(found) => match random.u8(..3) {
            0 => {
                rule.matches.remove(at);
                "match left out"
            }
            1 => {
                found.sense = match found.sense {
                    Sense::Is => Sense::IsNot,
                    Sense::IsNot => Sense::Is,
                };
                "negation"
            }
            _ => fault(&mut found.test, random)?,
        },
        None => {
            rule.target = match &rule.target {
                Target::Accept | Target::Jump(_) | Target::Goto(_) => Target::Drop,
                Target::Return => Target::Continue,
                _ => Target::Accept,
            };
            "verdict"
        }
    };
    let lines = vec![rule.line];
    let what = format!(
        "{} read as {:?} {:?}",
        before.text, rule.matches, rule.target
    );
    (rule.matches != before.matches || rule.target != before.target).then_some(Mutant {
        kind,
        lines,
        what,
        changed,
    })
}

/// A value that was read wrongly, and which.
fn fault(test: &mut Test, random: &mut fastrand::Rng) -> Option<&'static str> {
    match test {
        Test::Port(_, ports) if random.bool() => {
            let last = ports.last().checked_add(1)?;
            let first = if ports.first() == ports.last() {
                last
            } else {
                ports.first()
            };
            *ports = PortRange::new(first, last)?;
            Some("port or number")
        }
        Test::Address(_, Address::Prefix(prefix)) if random.bool() => {
            let length = prefix.prefix_len().checked_sub(1)?;
            *prefix = Cidr::of(network(prefix.network(), length), length);
            Some("prefix")
        }
        Test::Port(side, _) | Test::Address(side, _) => {
            *side = match side {
                iptables::Side::Source => iptables::Side::Destination,
                iptables::Side::Destination => iptables::Side::Source,
            };
            Some("source and destination")
        }
        Test::Interface(direction, _) => {
            *direction = match direction {
                iptables::Direction::In => iptables::Direction::Out,
                iptables::Direction::Out => iptables::Direction::In,
            };
            Some("in and out")
        }
        Test::Protocol(protocol) => {
            protocol.0 ^= 1;
            Some("protocol")
        }
        Test::State(states) => {
            states.toggle(iptables::ConnectionStates::RELATED);
            Some("member of a list")
        }
        Test::Mark(masked) => {
            masked.value ^= 1;
            Some("port or number")
        }
        Test::Multiport(_, ranges) => ranges.pop().map(|_| "member of a list"),
        _ => None,
    }
}
