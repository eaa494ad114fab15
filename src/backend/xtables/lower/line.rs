//! One rule as far as it was read.

use super::conjunction::{Conjunction, Joined, product};
use super::refusal::Refused;
use crate::backend::xtables::Target;
use crate::net::Protocol;
use crate::ruleset::key::KeyBuilder;
use crate::ruleset::{Expression, Match, Operand, Operator, PayloadField, Statement};

/// One rule as far as it was read.
#[derive(Debug, Clone)]
pub(super) struct Line {
    /// Any of these must hold.
    pub(super) tests: Vec<Conjunction>,
    /// What is done then, before the verdict.
    pub(super) actions: Vec<Target>,
}

impl Line {
    /// The protocol of all packets that match.
    pub(super) fn protocol(&self) -> Option<Protocol> {
        let first = self.tests.first()?.protocol()?;
        let all = self.tests.iter().all(|test| test.protocol() == Some(first));
        all.then_some(first)
    }

    /// Adds that none of these may hold, if the same rules can say it.
    pub(super) fn excludes(&mut self, implied: &Conjunction, tests: &[Conjunction]) -> bool {
        let mut held = implied.clone();
        for test in tests {
            let Some(not) = test.without(implied).negated() else {
                return false;
            };
            match held.and(&not) {
                Joined::Both(both) => held = both,
                Joined::Never => {
                    self.tests.clear();
                    return true;
                }
                Joined::Apart => return false,
            }
        }
        match product(&self.tests, &[held]) {
            Some(tests) => {
                self.tests = tests;
                true
            }
            None => false,
        }
    }
}

pub(super) fn joined(
    these: &[Conjunction],
    those: &[Conjunction],
) -> Result<Vec<Conjunction>, Refused> {
    product(these, those).ok_or(Refused::new("these two tests of one field in one rule"))
}

/// Statements in which a type and a code of ICMP messages are one test: iptables has no test of codes.
pub(super) fn merged(statements: &[Statement]) -> Vec<Statement> {
    let mut merged: Vec<Statement> = Vec::with_capacity(statements.len());
    for statement in statements {
        let both = merged.last().and_then(|before| message(before, statement));
        match both {
            Some(both) => {
                merged.pop();
                merged.push(both);
            }
            None => merged.push(statement.clone()),
        }
    }
    merged
}

/// `icmp type 3 icmp code 1` as `icmp type . icmp code { 3 . 1 }`.
fn message(before: &Statement, after: &Statement) -> Option<Statement> {
    let (Statement::Match(kind), Statement::Match(code)) = (before, after) else {
        return None;
    };
    let ([Expression::Payload(a)], [Expression::Payload(b)]) =
        (kind.left.as_slice(), code.left.as_slice())
    else {
        return None;
    };
    let pair = matches!(
        (a, b),
        (PayloadField::IcmpType, PayloadField::IcmpCode)
            | (PayloadField::Icmpv6Type, PayloadField::Icmpv6Code)
    );
    let equal = [kind, code]
        .iter()
        .all(|test| test.operator == Operator::Eq);
    let (Operand::Key(types), Operand::Key(codes)) = (&kind.right, &code.right) else {
        return None;
    };
    let key = KeyBuilder::default()
        .range(&types.start, types.last())
        .range(&codes.start, codes.last());
    (pair && equal).then(|| {
        Statement::Match(Match {
            left: [kind.left.clone(), code.left.clone()].concat(),
            mask: None,
            operator: Operator::Eq,
            right: Operand::Anonymous(vec![key.build()]),
        })
    })
}
