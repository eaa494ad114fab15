//! Helpers of connections. iptables names them before connection tracking, which nft does right after it: the chains
//! that lead there stand a second time, with nothing in them but the way.

use crate::migrate::nft::{Chain, Expression, Field, Policy, Rule, Statement, Verdict};
use crate::ruleset::Name;

/// Right after connection tracking, which has -200.
const PRIORITY: i32 = -199;

/// The chains, and where they set helpers a copy of them that a packet meets once it is tracked.
pub(super) fn after_tracking(chains: Vec<Chain>) -> Vec<Chain> {
    let sets = |chain: &Chain| {
        chain
            .rules
            .iter()
            .any(|rule| rule.statements.iter().any(helps))
    };
    if !chains.iter().any(sets) {
        return chains;
    }
    let copies: Vec<Chain> = chains.iter().map(copy).collect();
    let mut all: Vec<Chain> = chains.into_iter().map(without_helpers).collect();
    all.extend(copies);
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

fn copied_name(name: &Name) -> Name {
    Name::from_parts(&format!("{}.helper", name.as_str()))
}

fn copy(chain: &Chain) -> Chain {
    let mut copy = Chain::new(copied_name(&chain.name));
    copy.base = chain.base.clone().map(|mut base| {
        base.priority = PRIORITY;
        // What the first chain drops at its end does not come here.
        base.policy = Policy::Accept;
        base
    });
    let kept = chain.rules.iter().map(|rule| Rule {
        statements: rule.statements.iter().filter_map(kept).collect(),
        comment: rule.comment.clone(),
    });
    let acts = |rule: &Rule| {
        let mut statements = rule.statements.iter();
        statements.any(|one| helps(one) || matches!(one, Statement::Verdict(_)))
    };
    copy.rules = kept.filter(acts).collect();
    copy
}

/// What leads to a helper. What was dropped does not come here.
fn kept(statement: &Statement) -> Option<Statement> {
    let Statement::Verdict(verdict) = statement else {
        return leads(statement).then(|| statement.clone());
    };
    Some(Statement::Verdict(match verdict {
        Verdict::Jump(name) => Verdict::Jump(copied_name(name)),
        Verdict::Goto(name) => Verdict::Goto(copied_name(name)),
        Verdict::Accept | Verdict::Drop => Verdict::Accept,
        Verdict::Continue => Verdict::Continue,
        Verdict::Return => Verdict::Return,
    }))
}

fn leads(statement: &Statement) -> bool {
    matches!(
        statement,
        Statement::Match(_) | Statement::VerdictMap { .. }
    ) || helps(statement)
}
