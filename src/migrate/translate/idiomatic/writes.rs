//! What chains write to packets: rules around a jump are one rule only where the jump changes nothing that they ask.

use std::collections::{BTreeMap, BTreeSet};

use crate::migrate::nft::{
    Data, Expression, Field, MapSource, Operand, Rule, Statement, Table, Verdict,
};
use crate::ruleset::Name;

/// Fields that nothing else of a packet changes with.
const ALONE: &[Field] = &[
    Field::Mark,
    Field::CtMark,
    Field::Priority,
    Field::IpDscp,
    Field::Ip6Dscp,
];

/// What each chain of a table writes, together with those that it leads to.
#[derive(Debug, Default)]
pub(super) struct Writes {
    of: BTreeMap<Name, Written>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Written {
    fields: BTreeSet<Field>,
    sets: BTreeSet<Name>,
    /// More than those: a tracked connection, an option.
    more: bool,
}

impl Writes {
    pub(super) fn of(table: &Table) -> Self {
        let mut of = BTreeMap::new();
        let mut led = BTreeMap::new();
        for chain in &table.chains {
            let mut written = Written::default();
            let statements = chain.rules.iter().flat_map(|rule| &rule.statements);
            statements.for_each(|statement| written.add(statement));
            of.insert(chain.name.clone(), written);
            let led_to: BTreeSet<_> = chain
                .rules
                .iter()
                .flat_map(|rule| leads(table, rule))
                .collect();
            led.insert(&chain.name, led_to);
        }
        let mut all = Self { of };
        while all.spread(&led) {}
        all
    }

    /// Whether a packet that a verdict sends away and that comes back may no longer be what these tests saw.
    pub(super) fn change(&self, verdict: &Verdict, tests: &[Statement]) -> bool {
        let Verdict::Jump(chain) = verdict else {
            return false;
        };
        let Some(written) = self.of.get(chain) else {
            return true;
        };
        tests.iter().any(|test| {
            let Statement::Match(test) = test else {
                return true;
            };
            let set = match &test.right {
                Operand::Set(name) => written.more || written.sets.contains(name),
                Operand::Items(_) | Operand::AnyOf(_) | Operand::Anonymous(_) => false,
            };
            set || test.left.iter().any(|left| written.changes(left))
        })
    }

    /// Gives chains what those write that they lead to; whether that was anything new.
    fn spread(&mut self, led: &BTreeMap<&Name, BTreeSet<&Name>>) -> bool {
        let mut grew = false;
        for (chain, led_to) in led {
            let mut written = self.of.get(*chain).cloned().unwrap_or_default();
            let before = written.clone();
            for other in led_to.iter().filter_map(|other| self.of.get(*other)) {
                written.fields.extend(&other.fields);
                written.sets.extend(other.sets.iter().cloned());
                written.more |= other.more;
            }
            if written != before {
                grew = true;
                self.of.insert((*chain).clone(), written);
            }
        }
        grew
    }
}

impl Written {
    fn add(&mut self, statement: &Statement) {
        match statement {
            Statement::Set {
                field: Expression::Field(field),
                ..
            } if ALONE.contains(field) => {
                self.fields.insert(*field);
            }
            Statement::Set { .. }
            | Statement::Notrack
            | Statement::ResetOption(_)
            | Statement::Tproxy { .. }
            | Statement::Synproxy { .. }
            | Statement::Named { .. } => self.more = true,
            Statement::Dynamic { set, .. } => {
                self.sets.insert(set.clone());
            }
            Statement::Match(_)
            | Statement::Verdict(_)
            | Statement::VerdictMap { .. }
            | Statement::Counter(_)
            | Statement::Limit(_)
            | Statement::Quota { .. }
            | Statement::ConnLimit { .. }
            | Statement::Log(_)
            | Statement::Dup { .. } => {}
            // No rule of the table sees the packet after these.
            Statement::Reject(_) | Statement::Nat(_) | Statement::Queue { .. } => {}
        }
    }

    fn changes(&self, read: &Expression) -> bool {
        match read {
            Expression::Field(field) => self.more || self.fields.contains(field),
            Expression::Value(_) => false,
            Expression::And(inner, _)
            | Expression::Or(inner, _)
            | Expression::Xor(inner, _)
            | Expression::ShiftLeft(inner, _)
            | Expression::ShiftRight(inner, _) => self.changes(inner),
            // A route may hang on the mark, and bits of the header be those of a field.
            Expression::Fib(_)
            | Expression::Cgroupv2(_)
            | Expression::Numgen { .. }
            | Expression::Jhash { .. }
            | Expression::Raw { .. }
            | Expression::TcpOption { .. }
            | Expression::SctpChunk(_)
            | Expression::Exthdr(_)
            | Expression::Ipsec { .. }
            | Expression::Map(..) => self.more || !self.fields.is_empty(),
        }
    }
}

/// The chains that a rule leads to.
fn leads<'t>(table: &'t Table, rule: &'t Rule) -> Vec<&'t Name> {
    let mut all = Vec::new();
    for statement in &rule.statements {
        if let Statement::Verdict(verdict) = statement {
            all.extend(chain_of(verdict));
        }
        if let Statement::VerdictMap { map, .. } = statement {
            all.extend(mapped(table, map));
        }
    }
    all
}

fn mapped<'t>(table: &'t Table, map: &'t MapSource) -> Vec<&'t Name> {
    match map {
        MapSource::Anonymous(pairs) => pairs
            .iter()
            .filter_map(|(_, data)| chain_in(data))
            .collect(),
        MapSource::Named(name) => {
            let elements = table.set(name.as_str()).map(|set| &set.elements);
            let elements = elements.into_iter().flatten();
            let data = elements.filter_map(|element| element.data.as_ref());
            data.filter_map(chain_in).collect()
        }
    }
}

fn chain_in(data: &Data) -> Option<&Name> {
    match data {
        Data::Verdict(verdict) => chain_of(verdict),
        Data::Items(_) => None,
    }
}

fn chain_of(verdict: &Verdict) -> Option<&Name> {
    match verdict {
        Verdict::Jump(chain) | Verdict::Goto(chain) => Some(chain),
        Verdict::Accept | Verdict::Drop | Verdict::Continue | Verdict::Return => None,
    }
}
