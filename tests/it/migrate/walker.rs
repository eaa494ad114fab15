//! A second opinion: rules as texts and packets as drawn values, without any of what `verify` is made of.
//!
//! A packet has a value for everything that a rule compares, drawn from what rules compare it with ([`super::packets`]).
//! Two rulesets that mean the same do the same with every such packet.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "only some of what nft and iptables have is changed or drawn"
)]

use std::collections::BTreeSet;
use std::net::IpAddr;

use margay::migrate::nft::{
    Chain, Data, Expression, Item, MapSource, Match, Operand, Operator, RejectWith, Rule, Ruleset,
    Statement, Table, Value, Verdict,
};

use super::packets::{Packet, key, leads_to, tests};

/// How near packets come to the rules of some lines of the dump.
#[derive(Debug, Default, Clone)]
pub(super) struct Watch {
    lines: Vec<String>,
    /// A packet came to one.
    pub(super) asked: bool,
    /// A packet was what one asks for.
    pub(super) matched: bool,
    /// A packet was what several of them ask for.
    pub(super) several: bool,
}

impl Watch {
    /// Watches the rules of these lines.
    pub(super) fn of(lines: &[usize]) -> Self {
        Self {
            lines: lines.iter().map(|line| format!("{line}: ")).collect(),
            ..Self::default()
        }
    }

    fn is_for(&self, rule: &Rule) -> bool {
        let comment = rule.comment.as_ref();
        comment.is_some_and(|text| self.lines.iter().any(|line| text.starts_with(line)))
    }
}

/// A chain that packets come in by, and its table's place.
pub(super) type Entry = (usize, String);

/// Where packets come in that may meet a difference between two rulesets of the same tables.
pub(super) fn affected(one: &Ruleset, other: &Ruleset) -> Option<BTreeSet<Entry>> {
    if one.tables.len() != other.tables.len() {
        return None;
    }
    let mut entries = BTreeSet::new();
    for (at, (one, other)) in one.tables.iter().zip(&other.tables).enumerate() {
        let same = |name: &str| one.chain(name) == other.chain(name);
        let all = || one.chains.iter().chain(&other.chains);
        let whole = one.sets != other.sets || one.objects != other.objects;
        let mut reached: BTreeSet<&str> = all()
            .map(|chain| chain.name.as_str())
            .filter(|name| whole || !same(name))
            .collect();
        loop {
            let leads = |chain: &Chain| {
                let mut rules = chain.rules.iter();
                rules.any(|rule| reached.iter().any(|name| leads_to(rule, name)))
            };
            let more: Vec<_> = all()
                .filter(|chain| !reached.contains(chain.name.as_str()) && leads(chain))
                .map(|chain| chain.name.as_str())
                .collect();
            if more.is_empty() {
                break;
            }
            reached.extend(more);
        }
        entries.extend(
            all()
                .filter(|chain| chain.base.is_some() && reached.contains(chain.name.as_str()))
                .map(|chain| (at, chain.name.to_string())),
        );
    }
    Some(entries)
}

/// What becomes of a packet in every chain that packets come in by, and what happens on the way.
pub(super) fn walk(
    ruleset: &Ruleset,
    entries: Option<&BTreeSet<Entry>>,
    packet: &Packet,
    watch: &mut Watch,
) -> Vec<String> {
    let mut seen = Vec::new();
    for (at, table) in ruleset.tables.iter().enumerate() {
        for chain in &table.chains {
            let Some(base) = &chain.base else { continue };
            if entries.is_some_and(|all| !all.contains(&(at, chain.name.to_string()))) {
                continue;
            }
            let mut walk = Walk {
                table,
                packet: packet.clone(),
                happened: Vec::new(),
                met: 0,
                watch: &mut *watch,
            };
            let end = walk.chain(&chain.rules, 0);
            let end = end.unwrap_or_else(|| base.policy.text().to_owned());
            if end != "drop" && !end.starts_with("reject") {
                let mark = walk.packet.get("meta mark");
                walk.happened.push(format!("mark {mark:?}"));
            }
            // A connection may outlive the packet.
            let mark = walk.packet.get("ct mark");
            walk.happened.push(format!("connection's mark {mark:?}"));
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
    /// Rules that are watched and that the packet was for.
    met: usize,
    watch: &'a mut Watch,
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
        if self.watch.is_for(rule) {
            self.watch.asked = true;
            let mut tests = tests(rule);
            if tests.all(|test| self.holds(test)) {
                self.watch.matched = true;
                self.met += 1;
                self.watch.several |= self.met > 1;
            }
        }
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
                        self.packet.insert(key(field).name, value);
                    }
                    None => self.happened.push(statement.to_string()),
                },
                // Only TCP is answered with a reset; nft asks for it without being told.
                Statement::Reject(RejectWith::TcpReset) if !self.is_of("tcp") => return Next::Rule,
                Statement::Nat(_) | Statement::Reject(_) | Statement::Queue { .. } => {
                    return Next::End(statement.to_string());
                }
                Statement::Dynamic { set: name, .. } => {
                    let set = self.table.set(name.as_str());
                    let kept = set.map(|set| (set.size, set.gc_interval, set.timeout));
                    self.happened.push(format!("{statement} {kept:?}"));
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
            other => self.packet.get(key(other).name)?.clone(),
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
        key(left).protocol.is_none_or(|name| self.is_of(name))
    }

    fn is_of(&self, protocol: &str) -> bool {
        let found = self.packet.get("meta l4proto");
        found.is_none_or(|found| *found == Value::word(protocol))
    }

    fn value(&self, left: &Expression) -> &Value {
        &self.packet[key(left).name]
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
