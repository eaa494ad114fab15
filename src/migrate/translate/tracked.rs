//! Helpers of connections. iptables names them before connection tracking, which nft does right after it: the chains
//! that lead there stand a second time, with nothing in them but the way.

use std::collections::BTreeMap;

use super::names::Names;
use crate::migrate::nft::{Chain, Expression, Field, Policy, Rule, Statement, Verdict};
use crate::ruleset::Name;

/// Right after connection tracking, which has -200.
const PRIORITY: i32 = -199;

/// The chains, and where they set helpers a copy of them that a packet meets once it is tracked.
pub(super) fn after_tracking(chains: Vec<Chain>, names: &mut Names) -> Vec<Chain> {
    let sets = |chain: &Chain| {
        chain
            .rules
            .iter()
            .any(|rule| rule.statements.iter().any(helps))
    };
    if !chains.iter().any(sets) {
        return chains;
    }
    let copied = chains.iter().map(|chain| {
        let copy = names.made(&format!("{}.helper", chain.name));
        (chain.name.clone(), copy)
    });
    let copies = Copies(copied.collect());
    let second: Vec<Chain> = chains.iter().filter_map(|chain| copies.of(chain)).collect();
    let mut all: Vec<Chain> = chains.into_iter().map(without_helpers).collect();
    all.extend(second);
    all
}

fn helps(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Set {
            field: Expression::Field(Field::CtHelper),
            ..
        }
    )
}

fn without_helpers(mut chain: Chain) -> Chain {
    for rule in &mut chain.rules {
        rule.statements.retain(|statement| !helps(statement));
    }
    chain
}

/// The names of the copies, by those of the chains.
struct Copies(BTreeMap<Name, Name>);

impl Copies {
    fn of(&self, chain: &Chain) -> Option<Chain> {
        let mut copy = Chain::new(self.0.get(&chain.name)?.clone());
        copy.base = chain.base.clone().map(|mut base| {
            base.priority = PRIORITY;
            // What the first chain drops at its end does not come here.
            base.policy = Policy::Accept;
            base
        });
        let kept = chain.rules.iter().map(|rule| Rule {
            statements: rule
                .statements
                .iter()
                .filter_map(|one| self.kept(one))
                .collect(),
            comment: rule.comment.clone(),
        });
        let acts = |rule: &Rule| {
            let mut statements = rule.statements.iter();
            statements.any(|one| helps(one) || matches!(one, Statement::Verdict(_)))
        };
        copy.rules = kept.filter(acts).collect();
        Some(copy)
    }

    /// What leads to a helper. What was dropped does not come here.
    fn kept(&self, statement: &Statement) -> Option<Statement> {
        let Statement::Verdict(verdict) = statement else {
            return leads(statement).then(|| statement.clone());
        };
        Some(Statement::Verdict(match verdict {
            Verdict::Jump(name) => Verdict::Jump(self.0.get(name)?.clone()),
            Verdict::Goto(name) => Verdict::Goto(self.0.get(name)?.clone()),
            Verdict::Accept | Verdict::Drop => Verdict::Accept,
            Verdict::Continue => Verdict::Continue,
            Verdict::Return => Verdict::Return,
        }))
    }
}

fn leads(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Match(_) | Statement::VerdictMap { .. }
    ) || helps(statement)
}
