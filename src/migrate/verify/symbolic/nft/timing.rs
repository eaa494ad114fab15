//! What depends on more than the packets of one family: who else uses a limit up, and when a chain is met.

use std::collections::BTreeSet;

use super::super::{Condition, Step};
use super::Ground;
use crate::migrate::nft::{
    Chain, Expression, Family as TableFamily, Field, Rule, Statement, Table, Verdict,
};
use crate::net::Family;
use crate::ruleset::Name;

/// When connections are tracked (`NF_IP_PRI_CONNTRACK`).
const TRACKING: i32 = -200;

impl Ground<'_> {
    /// A limit that packets of the other family, or of other rules, use up too is another one than that of iptables, which
    /// has one for each.
    pub(super) fn mark_shared(&self, rule: &Rule, steps: &mut [Step]) {
        let inet = self.table.family == TableFamily::Inet;
        let words = if objects(rule).any(|object| self.users(object) > 1) {
            ", for several rules together"
        } else if inet && self.is_met_by_the_other(rule) {
            ", for IPv4 and IPv6 together"
        } else {
            return;
        };
        for step in steps {
            if let Step::Ask { device, .. } = step {
                device.push_str(words);
            }
        }
    }

    /// So many rules use an object.
    fn users(&self, object: &Name) -> usize {
        let rules = self.table.chains.iter().flat_map(|chain| &chain.rules);
        rules
            .filter(|rule| objects(rule).any(|named| named == object))
            .count()
    }

    /// Whether a rule may be about packets of the other family.
    fn is_met_by_the_other(&self, rule: &Rule) -> bool {
        let family = match self.family {
            Family::V4 => Family::V6,
            Family::V6 => Family::V4,
        };
        let other = Self { family, ..*self };
        let steps = rule.statements.iter().map(|one| other.statement(one));
        let mut steps = steps.flat_map(Option::unwrap_or_default);
        !steps.any(|step| matches!(step, Step::Test(condition) if is_never(&condition)))
    }
}

/// The limits and quotas that a rule uses by their names.
fn objects(rule: &Rule) -> impl Iterator<Item = &Name> {
    rule.statements
        .iter()
        .filter_map(|statement| match statement {
            Statement::Named { kind, name } if kind != "counter" => Some(name),
            _ => None,
        })
}

/// Whether no packet can be so, as far as its form says.
fn is_never(condition: &Condition) -> bool {
    match condition {
        Condition::Never => true,
        Condition::All(parts) => parts.iter().any(is_never),
        Condition::Any(parts) => parts.iter().all(is_never),
        Condition::Not(inner) => matches!(**inner, Condition::Always),
        Condition::Always
        | Condition::Atom(_)
        | Condition::Within(..)
        | Condition::Masked(..)
        | Condition::Name(..) => false,
    }
}

/// What rules set in vain that a base chain leads to, since it is met before or after connections are tracked.
pub(super) fn untimely(table: &Table, chain: &Chain) -> Vec<String> {
    let Some(base) = &chain.base else {
        return Vec::new();
    };
    let mut found = BTreeSet::new();
    for statement in reached(table, chain) {
        let early = matches!(statement, Statement::Notrack)
            || sets(
                statement,
                &[Field::CtZone, Field::CtOriginalZone, Field::CtReplyZone],
            );
        let late = sets(statement, &[Field::CtHelper, Field::CtEvent]);
        let when = match () {
            () if early && base.priority >= TRACKING => "after",
            () if late && base.priority <= TRACKING => "before",
            () => continue,
        };
        found.insert(format!("`{statement}` {when} connections are tracked"));
    }
    found.into_iter().collect()
}

fn sets(statement: &Statement, fields: &[Field]) -> bool {
    matches!(statement, Statement::Set { field: Expression::Field(field), .. } if fields.contains(field))
}

/// The statements of a chain and of those that it leads to.
fn reached<'t>(table: &'t Table, from: &'t Chain) -> Vec<&'t Statement> {
    let mut names = BTreeSet::from([from.name.as_str()]);
    let mut open = vec![from];
    let mut statements = Vec::new();
    while let Some(chain) = open.pop() {
        for statement in chain.rules.iter().flat_map(|rule| &rule.statements) {
            statements.push(statement);
            if let Statement::Verdict(Verdict::Jump(next) | Verdict::Goto(next)) = statement
                && names.insert(next.as_str())
            {
                open.extend(table.chain(next.as_str()));
            }
        }
    }
    statements
}
