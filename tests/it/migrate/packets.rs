//! Packets as drawn values: one for everything that rules compare, drawn from what they compare it with.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "only some of what nft and iptables have is changed or drawn"
)]

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use margay::migrate::nft::{
    Chain, Data, Expression, Item, MapSource, Match, Operand, Operator, Rule, Ruleset, Statement,
    Table, Value, Verdict,
};

use super::mutant::line;

/// Everything that rules compare something with.
#[derive(Debug, Default)]
pub(super) struct Vocabulary(BTreeMap<&'static str, BTreeSet<Value>>);

/// What a packet is, by what is compared.
pub(super) type Packet = BTreeMap<&'static str, Value>;

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
                let keys: Vec<_> = test.left.iter().map(|left| key(left).name).collect();
                match &test.right {
                    Operand::Items(items) => self.items(&keys, items),
                    Operand::AnyOf(bits) => {
                        let words = self.0.entry(keys[0]).or_default();
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
                let keys: Vec<_> = left.iter().map(|left| key(left).name).collect();
                pairs.iter().for_each(|(items, _)| self.items(&keys, items));
            }
            _ => {}
        }
    }

    fn items(&mut self, keys: &[&'static str], items: &[Item]) {
        for (key, item) in keys.iter().zip(items) {
            let values = self.0.entry(key).or_default();
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
        self.0
            .iter()
            .map(|(key, values)| (*key, draw(values, random)))
            .collect()
    }
}

/// How packets come to the rules of some lines.
#[derive(Debug)]
pub(super) struct Ways<'r>(Vec<Vec<Spot<'r>>>);

/// A rule of a table.
#[derive(Debug, Clone, Copy)]
struct Spot<'r> {
    table: &'r Table,
    chain: &'r Chain,
    at: usize,
}

impl<'r> Ways<'r> {
    pub(super) fn to(ruleset: &'r Ruleset, lines: &[usize]) -> Self {
        let tables = ruleset.tables.iter();
        let chains = tables.flat_map(|table| table.chains.iter().map(move |chain| (table, chain)));
        let spots: Vec<_> = chains
            .flat_map(|(table, chain)| {
                (0..chain.rules.len()).map(move |at| Spot { table, chain, at })
            })
            .collect();
        let of = |wanted: &usize| {
            let rules = spots
                .iter()
                .filter(|spot| line(spot.rule()) == Some(*wanted));
            rules.copied().collect::<Vec<_>>()
        };
        let each = lines.iter().map(of);
        Self(each.filter(|spots| !spots.is_empty()).collect())
    }

    /// A packet for the rules, or one that is almost for them.
    pub(super) fn packet(&self, words: &Vocabulary, random: &mut fastrand::Rng) -> Packet {
        let mut packet = words.packet(random);
        let drawn = self
            .0
            .iter()
            .map(|spots| spots[random.usize(..spots.len())]);
        let drawn: Vec<_> = drawn.collect();
        let mut rules = Vec::new();
        for spot in &drawn {
            // What a later rule asks for comes first, since the way to the rule itself matters more.
            rules.extend(spot.later(random));
            rules.extend(spot.way(random));
        }
        for test in rules.into_iter().flat_map(tests) {
            satisfy(&mut packet, test, random);
        }
        let own: Vec<_> = drawn.iter().flat_map(|spot| tests(spot.rule())).collect();
        if !own.is_empty() && random.bool() {
            let test = own[random.usize(..own.len())];
            for name in test.left.iter().map(|left| key(left).name) {
                if let Some(values) = words.0.get(name) {
                    packet.insert(name, draw(values, random));
                }
            }
        }
        packet
    }
}

impl<'r> Spot<'r> {
    fn rule(self) -> &'r Rule {
        &self.chain.rules[self.at]
    }

    /// A rule that a packet may meet after this one: behind it, or where it leads.
    fn later(self, random: &mut fastrand::Rng) -> Option<&'r Rule> {
        let led = self
            .table
            .chains
            .iter()
            .find(|chain| leads_to(self.rule(), chain.name.as_str()));
        let rules = match led.filter(|_| random.bool()) {
            Some(chain) => chain.rules.as_slice(),
            None => &self.chain.rules[self.at + 1..],
        };
        rules.get(random.usize(..rules.len() + 1))
    }

    /// The rules by which packets come here, and this one.
    fn way(self, random: &mut fastrand::Rng) -> Vec<&'r Rule> {
        let mut way = vec![self.rule()];
        let mut chain = self.chain;
        while chain.base.is_none() && way.len() < 16 {
            let callers = self.table.chains.iter().flat_map(|from| {
                let rules = from.rules.iter().map(move |rule| (from, rule));
                rules.filter(|(_, rule)| leads_to(rule, chain.name.as_str()))
            });
            let callers: Vec<_> = callers.collect();
            if callers.is_empty() {
                break;
            }
            let (from, rule) = callers[random.usize(..callers.len())];
            way.push(rule);
            chain = from;
        }
        way.reverse();
        way
    }
}

/// Whether a rule jumps or goes to a chain.
pub(super) fn leads_to(rule: &Rule, chain: &str) -> bool {
    rule.statements.iter().any(|statement| match statement {
        Statement::Verdict(Verdict::Jump(name) | Verdict::Goto(name)) => name.as_str() == chain,
        Statement::VerdictMap {
            map: MapSource::Anonymous(pairs),
            ..
        } => pairs.iter().any(|(_, data)| {
            matches!(data, Data::Verdict(Verdict::Jump(name) | Verdict::Goto(name)) if name.as_str() == chain)
        }),
        _ => false,
    })
}

fn draw(values: &BTreeSet<Value>, random: &mut fastrand::Rng) -> Value {
    let at = random.usize(..=values.len());
    let drawn = values.iter().nth(at).cloned();
    drawn.unwrap_or(Value::word("another"))
}

pub(super) fn tests(rule: &Rule) -> impl Iterator<Item = &Match> {
    rule.statements.iter().filter_map(|one| match one {
        Statement::Match(test) => Some(test),
        _ => None,
    })
}

/// Makes a packet what a test asks for.
fn satisfy(packet: &mut Packet, test: &Match, random: &mut fastrand::Rng) {
    let wanted = match &test.right {
        Operand::Items(items) => items.clone(),
        Operand::AnyOf(bits) => vec![Value::word(&bits[random.usize(..bits.len())]).into()],
        Operand::Anonymous(elements) => elements[random.usize(..elements.len())].key.clone(),
        Operand::Set(_) => return,
    };
    let not = matches!(test.operator, Operator::NotEqual | Operator::None);
    for (left, item) in test.left.iter().zip(wanted) {
        let key = key(left);
        if let Some(protocol) = key.protocol {
            packet.insert("meta l4proto", Value::word(protocol));
        }
        packet.insert(
            key.name,
            match item {
                _ if not => Value::word("another"),
                Item::One(Value::Text(pattern)) => Value::text(&pattern.replace('*', "0")),
                Item::One(value) | Item::Range(value, _) => value,
                Item::Prefix(address, _) => Value::Address(address),
            },
        );
    }
}

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    /// The field, without its mask; ports of all protocols are one.
    pub(super) name: &'static str,
    /// The protocol whose header is read.
    pub(super) protocol: Option<&'static str>,
}

/// What an expression reads. Texts are slow to make, so each is made once.
pub(super) fn key(expression: &Expression) -> Key {
    thread_local! {
        static KEYS: RefCell<HashMap<Expression, Key>> = RefCell::default();
    }
    if let Expression::And(inner, _) = expression {
        return key(inner);
    }
    KEYS.with_borrow_mut(|keys| {
        let known = keys.get(expression).copied();
        known.unwrap_or_else(|| *keys.entry(expression.clone()).or_insert(read(expression)))
    })
}

fn read(expression: &Expression) -> Key {
    let text = expression.to_string();
    let mut protocols = ["tcp", "udp", "icmp", "icmpv6", "sctp"].into_iter();
    let protocol = protocols.find(|name| {
        text.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with(' '))
    });
    let name = match text.as_str() {
        "tcp dport" | "udp dport" | "th dport" | "sctp dport" => "dport",
        "tcp sport" | "udp sport" | "th sport" | "sctp sport" => "sport",
        "ip protocol" => "meta l4proto",
        _ => String::leak(text),
    };
    Key { name, protocol }
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
