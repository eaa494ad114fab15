//! One test of a rule in an environment.

use std::sync::Arc;

use super::conjunction::Conjunction;
use super::environment::{Environment, Outgoing};
use super::field::{Field, Readable, field};
use super::looked::{About, Asked, Looked, Lookups};
use super::lookup::{Ipsets, put};
use super::refusal::Refused;
use super::service;
use super::tree::{self, Branch};
use super::wanted::Wanted;
use crate::backend::xtables::Match;
use crate::net::Family;
use crate::ruleset::{
    CtKey, CtState, Datatype, Expression, Key, MetaKey, Operand, Operator, Table,
};

/// What a test is in xtables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// No packet passes.
    Never,
    /// Every packet passes.
    Always,
    /// A packet passes if any of these holds.
    Any(Vec<Conjunction>),
    /// A packet passes if the first holds and none of the others.
    None(Conjunction, Vec<Conjunction>),
    /// What interfaces say, in a tree of chains, under an operator.
    Tree(Operator, Vec<Branch<()>>),
}

/// Where tests are read.
#[derive(Debug)]
pub(super) struct Reader<'r> {
    /// The table whose sets are looked up.
    pub(super) table: &'r Table,
    /// What is known of packets.
    pub(super) environment: Environment,
    /// What sets of the table are known to become.
    pub(super) lookups: &'r mut Lookups,
    /// Where ipsets go.
    pub(super) ipsets: &'r mut Ipsets,
    /// What ipsets of the rule itself are named after.
    pub(super) name: String,
}

impl Reader<'_> {
    /// A test.
    pub(super) fn test(&mut self, test: &crate::ruleset::Match) -> Result<Found, Refused> {
        let operator = test.operator;
        match test.left.as_slice() {
            [Expression::Meta(MetaKey::Nfproto)] => self.family(operator, &test.right),
            [Expression::Meta(MetaKey::Oif)] => self.outgoing(operator, &test.right),
            [Expression::Meta(MetaKey::Mark)] => {
                let (value, mask) = marked(test)?;
                Ok(any(Match::Mark {
                    operator,
                    value,
                    mask,
                }))
            }
            [Expression::Ct(CtKey::Mark)] => {
                let (value, mask) = marked(test)?;
                Ok(any(Match::ConnectionMark {
                    operator,
                    value,
                    mask,
                }))
            }
            [Expression::Ct(CtKey::State)] => Ok(any(Match::State(operator, state(&test.right)?))),
            _ if test.mask.is_some() => Err(Refused::new("a mask of anything but a mark")),
            _ => self.lookup(test),
        }
    }

    fn lookup(&mut self, test: &crate::ruleset::Match) -> Result<Found, Refused> {
        let wanted = match &test.right {
            Operand::Key(key) => Wanted::inline(&self.name, vec![key]),
            Operand::Anonymous(keys) => Wanted::inline(&self.name, keys.iter().collect()),
            Operand::Set(name) => Wanted::named(self.table, name)?,
            Operand::AnyBit(_) => return Err(Refused::new("bits of anything but `ct state`")),
        };
        self.found(&test.left, test.operator, &wanted)
    }

    /// What looking some keys up comes to.
    fn found(
        &mut self,
        left: &[Expression],
        operator: Operator,
        wanted: &Wanted<'_>,
    ) -> Result<Found, Refused> {
        let Some(fields) = self.fields(left)? else {
            return Ok(match (operator, self.is_absent_interface(left)) {
                (Operator::Ne, true) => Found::Always,
                (Operator::Eq | Operator::Ne, _) => Found::Never,
            });
        };
        let types: Vec<Datatype> = left.iter().map(|part| part.datatype()).collect();
        let dispatch = self.environment.dispatch;
        if let Some(branches) = tree::branches(dispatch, (&fields, &types), wanted, |_| ())? {
            return Ok(Found::Tree(operator, branches));
        }
        let looked = self.looked(wanted, (&fields, &types), About::Keys)?;
        let tests = looked.cases.iter().flat_map(|(_, tests)| tests);
        let tests: Vec<Conjunction> = tests.cloned().collect();
        Ok(match operator {
            Operator::Eq if tests.is_empty() => Found::Never,
            Operator::Eq => Found::Any(tests),
            Operator::Ne => self.negated(&fields, tests),
        })
    }

    /// What a lookup comes to, which is worked out where it is not known.
    pub(super) fn looked(
        &mut self,
        wanted: &Wanted<'_>,
        (fields, types): (&[Field], &[Datatype]),
        about: About,
    ) -> Result<Arc<Looked>, Refused> {
        let asked = Asked {
            fields: fields.to_vec(),
            family: self.environment.family,
            about,
        };
        let looked = self.lookups.look(wanted, types, asked)?;
        for (name, made) in &looked.ipsets {
            put(self.ipsets, name, made)?;
        }
        Ok(looked)
    }

    /// The fields; `None` if no packet of the environment has one of them.
    pub(super) fn fields(&self, left: &[Expression]) -> Result<Option<Vec<Field>>, Refused> {
        let mut fields = Vec::new();
        let mut environment = self.environment;
        if left.contains(&Expression::Meta(MetaKey::L4proto)) {
            // Keys have protocols of their own.
            environment.protocol = None;
        }
        for expression in left {
            match field(*expression, environment) {
                Readable::Maybe(field) => fields.push(field),
                Readable::Never => return Ok(None),
                Readable::Unsayable(what) => return Err(Refused::new(what)),
            }
        }
        Ok(Some(fields))
    }

    /// An interface that is not there has no name, and differs from all that have one.
    fn is_absent_interface(&self, left: &[Expression]) -> bool {
        let outgoing = [Expression::Meta(MetaKey::OifName)];
        left == outgoing && self.environment.outgoing == Outgoing::Absent
    }

    /// Not any of these; a packet without the fields has no other value either.
    fn negated(&self, fields: &[Field], tests: Vec<Conjunction>) -> Found {
        let implied = fields.iter().find_map(|field| match field {
            Field::Port(_, Some(protocol)) => Some(*protocol),
            Field::IcmpType | Field::IcmpCode => Some(service::icmp(self.environment.family)),
            Field::Port(..)
            | Field::Address(_)
            | Field::Protocol
            | Field::Interface(_)
            | Field::Mac => None,
        });
        let implied = implied.map(|protocol| Match::Protocol(Operator::Eq, protocol));
        let implied = implied.map(Conjunction::of).unwrap_or_default();
        Found::None(implied, tests)
    }

    fn family(&self, operator: Operator, right: &Operand) -> Result<Found, Refused> {
        let own: u8 = match self.environment.family {
            Family::V4 => 2,
            Family::V6 => 10,
        };
        let holds = keys_of(right)?
            .iter()
            .any(|key| key.start.as_slice() == [own]);
        Ok(always(holds == (operator == Operator::Eq)))
    }

    /// `oif 0`: there is none.
    fn outgoing(&self, operator: Operator, right: &Operand) -> Result<Found, Refused> {
        let is_zero = |key: &&Key| key.end.is_none() && key.start.iter().all(|byte| *byte == 0);
        if !keys_of(right)?.iter().all(is_zero) {
            return Err(Refused::new("the index of an interface"));
        }
        let absent = self.environment.outgoing == Outgoing::Absent;
        Ok(always(absent == (operator == Operator::Eq)))
    }
}

fn any(test: Match) -> Found {
    Found::Any(vec![Conjunction::of(test)])
}

fn always(holds: bool) -> Found {
    match holds {
        true => Found::Always,
        false => Found::Never,
    }
}

fn keys_of(operand: &Operand) -> Result<Vec<&Key>, Refused> {
    match operand {
        Operand::Key(key) => Ok(vec![key]),
        Operand::Anonymous(keys) => Ok(keys.iter().collect()),
        Operand::AnyBit(_) | Operand::Set(_) => Err(Refused::new("a set of such values")),
    }
}

/// The value and the mask of a mark.
fn marked(test: &crate::ruleset::Match) -> Result<(u32, u32), Refused> {
    let number = |bytes: &[u8]| bytes.try_into().map(u32::from_ne_bytes).ok();
    let mask = match &test.mask {
        Some(mask) => number(mask),
        None => Some(u32::MAX),
    };
    let value = match &test.right {
        Operand::Key(key) if key.end.is_none() => number(&key.start),
        Operand::Key(_) | Operand::AnyBit(_) | Operand::Set(_) | Operand::Anonymous(_) => None,
    };
    let both = value.zip(mask);
    both.ok_or(Refused::new("a mark that is compared with several values"))
}

fn state(right: &Operand) -> Result<CtState, Refused> {
    let number = |bytes: &[u8]| bytes.try_into().map(u32::from_ne_bytes).ok();
    let (bits, single) = match right {
        Operand::AnyBit(bits) => (number(bits), false),
        Operand::Key(key) if key.end.is_none() => (number(&key.start), true),
        Operand::Key(_) | Operand::Set(_) | Operand::Anonymous(_) => (None, true),
    };
    let bits = bits.filter(|bits| !single || bits.count_ones() == 1);
    let states = bits
        .and_then(CtState::from_bits)
        .filter(|states| !states.is_empty());
    states.ok_or(Refused::new(
        "`ct state` that is compared with just these bits",
    ))
}
