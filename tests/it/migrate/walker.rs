//! A second opinion: rules as texts and packets as drawn values, without any of what `verify` is made of.
//!
//! A packet has a value for everything that a rule compares, drawn from what rules compare it with. Two rulesets that
//! mean the same do the same with every such packet.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "only some of what nft and iptables have is changed or drawn"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use margay::migrate::nft::{
    Data, Expression, Item, MapSource, Match, Operand, Operator, RejectWith, Rule, Ruleset,
    Statement, Table, Value, Verdict,
};

/// Everything that rules compare something with.
#[derive(Debug, Default)]
pub(super) struct Vocabulary(BTreeMap<String, BTreeSet<Value>>);

/// What a packet is, by what is compared.
pub(super) type Packet = BTreeMap<String, Value>;

impl Vocabulary {
    pub(super) fn of(rulesets: [&Ruleset; 2]) -> Self {
        let mut vocabulary = Self::default();
        for table in rulesets.iter().flat_map(|ruleset| &ruleset.tables) {
            let rules = table.chains.iter().flat_map(|chain| &chain.rules);
            for statement in rules.flat_map(|rule| &rule.statements) {
                vocabulary.learn(statement);
            }
        }
        vocabulary
    }

    fn learn(&mut self, statement: &Statement) {
        match statement {
            Statement::Match(test) => {
                let keys: Vec<_> = test.left.iter().map(key).collect();
                match &test.right {
                    Operand::Items(items) => self.items(&keys, items),
                    Operand::AnyOf(bits) => {
                        let words = self.0.entry(keys[0].clone()).or_default();
                        words.extend(bits.iter().map(|bit| Value::word(bit)));
                    }
                    Operand::Anonymous(elements) => {
                        elements
                            .iter()
                            .for_each(|element| self.items(&keys, &element.key));
                    }
                    Operand::Set(_) => {}
                }
            }
            Statement::VerdictMap {
                key: left,
                map: MapSource::Anonymous(pairs),
            } => {
                let keys: Vec<_> = left.iter().map(key).collect();
                pairs.iter().for_each(|(items, _)| self.items(&keys, items));
            }
            _ => {}
        }
    }

    fn items(&mut self, keys: &[String], items: &[Item]) {
        for (key, item) in keys.iter().zip(items) {
            let values = self.0.entry(key.clone()).or_default();
            match item {
                Item::One(value) => values.extend([value.clone()].into_iter().chain(beside(value))),
                Item::Prefix(address, length) => {
                    let first = Value::Address(*address);
                    values.insert(flipped(&first, u32::from(*length)));
                    values.insert(flipped(&first, u32::from(length.saturating_sub(1))));
                    values.insert(first);
                }
                Item::Range(first, last) => {
                    values.extend([first, last].into_iter().flat_map(beside));
                    values.extend([first.clone(), last.clone()]);
                }
            }
        }
    }

    /// A packet that a rule may be about.
    pub(super) fn packet(&self, random: &mut fastrand::Rng) -> Packet {
        let draw = |values: &BTreeSet<Value>, random: &mut fastrand::Rng| {
            let at = random.usize(..=values.len());
            values
                .iter()
                .nth(at)
                .cloned()
                .unwrap_or(Value::word("another"))
        };
        self.0
            .iter()
            .map(|(key, values)| (key.clone(), draw(values, random)))
            .collect()
    }
}

/// What is compared: ports of all protocols are one.
fn key(expression: &Expression) -> String {
    match expression {
        Expression::And(inner, _) => key(inner),
        other => match other.to_string().as_str() {
            "tcp dport" | "udp dport" | "th dport" | "sctp dport" => "dport".to_owned(),
            "tcp sport" | "udp sport" | "th sport" | "sctp sport" => "sport".to_owned(),
            "ip protocol" => "meta l4proto".to_owned(),
            text => text.to_owned(),
        },
    }
}

fn beside(value: &Value) -> Vec<Value> {
    match value {
        Value::Number(number) => vec![
            Value::Number(number + 1),
            Value::Number(number.saturating_sub(1)),
        ],
        Value::Hex(number) => vec![Value::Hex(number ^ 1)],
        Value::Address(_) => vec![flipped(value, 31), flipped(value, 127)],
        Value::Text(text) => vec![Value::text(&text.replace('*', "0"))],
        Value::Mac(_) | Value::Word(_) | Value::Bits(_) => Vec::new(),
    }
}

/// The address with one bit changed, counted from the highest.
fn flipped(value: &Value, bit: u32) -> Value {
    match value {
        Value::Address(IpAddr::V4(address)) if bit < 32 => {
            Value::Address(IpAddr::V4((u32::from(*address) ^ 1 << (31 - bit)).into()))
        }
        Value::Address(IpAddr::V6(address)) if bit < 128 => {
            Value::Address(IpAddr::V6((u128::from(*address) ^ 1 << (127 - bit)).into()))
        }
        other => other.clone(),
    }
}

/// What becomes of a packet in every chain that packets come in by, and what happens on the way.
pub(super) fn walk(ruleset: &Ruleset, packet: &Packet) -> Vec<String> {
    let mut seen = Vec::new();
    for table in &ruleset.tables {
        for chain in &table.chains {
            let Some(base) = &chain.base else { continue };
            let mut walk = Walk {
                table,
                packet: packet.clone(),
                happened: Vec::new(),
            };
            let end = walk.chain(&chain.rules, 0);
            let end = end.unwrap_or_else(|| base.policy.text().to_owned());
            if end != "drop" && !end.starts_with("reject") {
                let mark = walk.packet.get("meta mark");
                walk.happened.push(format!("mark {mark:?}"));
            }
            walk.happened.sort();
            seen.push(format!(
                "{} {}: {end} {:?}",
                table.name, chain.name, walk.happened
            ));
        }
    }
    seen.sort();
    seen
}

struct Walk<'a> {
    table: &'a Table,
    packet: Packet,
    happened: Vec<String>,
}

/// Where a rule sends a packet.
enum Next {
    Rule,
    Back,
    End(String),
}

impl Walk<'_> {
    fn chain(&mut self, rules: &[Rule], depth: usize) -> Option<String> {
        for rule in rules {
            match self.rule(rule, depth) {
                Next::Rule => {}
                Next::Back => return None,
                Next::End(end) => return Some(end),
            }
        }
        None
    }

    fn rule(&mut self, rule: &Rule, depth: usize) -> Next {
        for statement in &rule.statements {
            match statement {
                Statement::Match(test) => {
                    if !self.holds(test) {
                        return Next::Rule;
                    }
                }
                Statement::Verdict(verdict) => return self.verdict(verdict, depth),
                Statement::VerdictMap {
                    key: left,
                    map: MapSource::Anonymous(pairs),
                } => {
                    let found = pairs.iter().find(|(items, _)| self.are(left, items));
                    return match found.map(|(_, data)| data) {
                        Some(Data::Verdict(verdict)) => self.verdict(verdict, depth),
                        Some(Data::Items(_)) | None => Next::Rule,
                    };
                }
                Statement::Counter(_) => {}
                Statement::Set { field, value } => match self.written(value) {
                    Some(value) => {
                        self.packet.insert(key(field), value);
                    }
                    None => self.happened.push(statement.to_string()),
                },
                // Only TCP is answered with a reset; nft asks for it without being told.
                Statement::Reject(RejectWith::TcpReset) if !self.is_of("tcp") => return Next::Rule,
                Statement::Nat(_) | Statement::Reject(_) | Statement::Queue { .. } => {
                    return Next::End(statement.to_string());
                }
                other => self.happened.push(other.to_string()),
            }
        }
        Next::Rule
    }

    /// What an expression makes, as far as it is arithmetic.
    fn written(&self, expression: &Expression) -> Option<Value> {
        Some(match expression {
            Expression::Value(value) => value.clone(),
            Expression::And(inner, mask) => self.combined(inner, mask, |a, b| a & b)?,
            Expression::Or(inner, bits) => self.combined(inner, bits, |a, b| a | b)?,
            Expression::Xor(inner, bits) => self.combined(inner, bits, |a, b| a ^ b)?,
            other => self.packet.get(&key(other))?.clone(),
        })
    }

    fn combined(
        &self,
        inner: &Expression,
        with: &Value,
        how: fn(u64, u64) -> u64,
    ) -> Option<Value> {
        let inner = self.written(inner)?.number().unwrap_or(0);
        Some(Value::Hex(how(inner, with.number()?)))
    }

    fn verdict(&mut self, verdict: &Verdict, depth: usize) -> Next {
        let (chain, comes_back) = match verdict {
            Verdict::Accept | Verdict::Drop => return Next::End(verdict.to_string()),
            Verdict::Continue => return Next::Rule,
            Verdict::Return => return Next::Back,
            Verdict::Jump(chain) => (chain, true),
            Verdict::Goto(chain) => (chain, false),
        };
        let chain = self.table.chain(chain.as_str()).unwrap();
        if depth > 16 {
            return Next::End("too deep".to_owned());
        }
        match self.chain(&chain.rules, depth + 1) {
            Some(end) => Next::End(end),
            None if comes_back => Next::Rule,
            None => Next::Back,
        }
    }

    fn holds(&self, test: &Match) -> bool {
        if test.left.iter().any(|left| !self.has(left)) {
            return false;
        }
        match (&test.right, test.left.as_slice()) {
            (Operand::Set(name), left) => {
                let set = self.table.set(name.as_str());
                let found =
                    set.is_some_and(|set| set.elements.iter().any(|e| self.are(left, &e.key)));
                found == (test.operator != Operator::NotEqual)
            }
            (Operand::Anonymous(elements), left) => {
                let found = elements.iter().any(|element| self.are(left, &element.key));
                found == (test.operator != Operator::NotEqual)
            }
            (Operand::AnyOf(bits), [left]) => {
                let value = self.value(left);
                let any = bits.iter().any(|bit| *value == Value::word(bit));
                any == !matches!(test.operator, Operator::None | Operator::NotEqual)
            }
            (Operand::Items(items), [left]) => self.compares(left, test.operator, &items[0]),
            (Operand::Items(items), left) => {
                self.are(left, items) == (test.operator != Operator::NotEqual)
            }
            (Operand::AnyOf(_), _) => false,
        }
    }

    /// Whether the packet has the header.
    fn has(&self, left: &Expression) -> bool {
        let text = left.to_string();
        let mut protocols = ["tcp", "udp", "icmp", "icmpv6", "sctp"].into_iter();
        let needed = protocols.find(|name| {
            text.strip_prefix(name)
                .is_some_and(|rest| rest.starts_with(' '))
        });
        needed.is_none_or(|name| self.is_of(name))
    }

    fn is_of(&self, protocol: &str) -> bool {
        let found = self.packet.get("meta l4proto");
        found.is_none_or(|found| *found == Value::word(protocol))
    }

    fn value(&self, left: &Expression) -> &Value {
        &self.packet[&key(left)]
    }

    fn are(&self, left: &[Expression], items: &[Item]) -> bool {
        left.iter()
            .zip(items)
            .all(|(left, item)| self.compares(left, Operator::Implicit, item))
    }

    fn compares(&self, left: &Expression, operator: Operator, item: &Item) -> bool {
        let value = self.value(left);
        if let Expression::And(_, mask) = left {
            let mask = bits(mask);
            let Item::One(wanted) = item else {
                return false;
            };
            let equal = bits(value) & mask == bits(wanted);
            return equal == (operator != Operator::NotEqual);
        }
        let inside = match item {
            Item::One(Value::Text(pattern)) if pattern.ends_with('*') => match value {
                Value::Text(name) => name.starts_with(pattern.trim_end_matches('*')),
                _ => false,
            },
            Item::One(wanted) => {
                wanted == value || (number(wanted).is_some() && number(wanted) == number(value))
            }
            Item::Prefix(address, length) => {
                let low = (if address.is_ipv4() { 32 } else { 128 }) - u32::from(*length);
                let cut = |value: &Value| number(value).map(|n| n.checked_shr(low).unwrap_or(0));
                cut(value) == cut(&Value::Address(*address))
            }
            Item::Range(first, last) => {
                number(first) <= number(value) && number(value) <= number(last)
            }
        };
        let wanted = match item {
            Item::One(wanted) => number(wanted),
            Item::Prefix(..) | Item::Range(..) => None,
        };
        match operator {
            Operator::Implicit | Operator::Equal => inside,
            Operator::NotEqual | Operator::None => !inside,
            Operator::Less => number(value) < wanted,
            Operator::LessOrEqual => number(value) <= wanted,
            Operator::Greater => number(value) > wanted,
            Operator::GreaterOrEqual => number(value) >= wanted,
        }
    }
}

fn number(value: &Value) -> Option<u128> {
    match value {
        Value::Number(number) | Value::Hex(number) => Some((*number).into()),
        Value::Address(IpAddr::V4(address)) => Some(u32::from(*address).into()),
        Value::Address(IpAddr::V6(address)) => Some((*address).into()),
        Value::Mac(_) | Value::Text(_) | Value::Word(_) | Value::Bits(_) => None,
    }
}

/// Flags by their names, or a number.
fn bits(value: &Value) -> u128 {
    const FLAGS: [&str; 6] = ["fin", "syn", "rst", "psh", "ack", "urg"];
    let bit = |name: &str| {
        FLAGS
            .iter()
            .position(|flag| *flag == name)
            .map_or(0, |at| 1 << at)
    };
    match value {
        Value::Bits(names) => names.iter().map(|name| bit(name)).sum(),
        Value::Word(name) => bit(name),
        other => number(other).unwrap_or(0),
    }
}
