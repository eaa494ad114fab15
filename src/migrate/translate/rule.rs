//! One rule.

use super::action::{self, Ends};
use super::case::{Cases, Outcome, always, product};
use super::class::Obstacle;
use super::condition::{cases, implies_protocol};
use super::draft::Draft;
use super::netmap;
use crate::migrate::iptables::{self, Direction, InterfacePattern, Rule, Sense, Target, Test};
use crate::migrate::nft::{Expression, Match, Operand, Operator, Statement};
use crate::ruleset::Name;

/// A rule that would become more rules than that is better said by hand.
const CASES_MAX: usize = 64;

/// The rules of nft that say one of iptables.
pub(super) fn translate(draft: &mut Draft<'_>, rule: &Rule) -> Outcome<Vec<Vec<Statement>>> {
    if let Some(reason) = draft.entangled.get(&rule.line) {
        return Err(Obstacle::new(
            reason,
            "change one of the rules that it speaks of, or say them in nft by hand",
        ));
    }
    if draft.deep.contains(&rule.line) {
        return Err(Obstacle::new(
            "nft follows 15 jumps from a hook, and this is one more",
            "put the rules of the chain where it is called, or break the circle if there is one",
        ));
    }
    if is_unwritable(rule) {
        return Err(Obstacle::new(
            "nft has no way to write a name with a quotation mark, a backslash or a control character",
            "call it something else",
        ));
    }
    let (mut rules, cases) = conditions(draft, rule)?;
    let ends: Ends = if let Target::Netmap(prefix) = &rule.target {
        netmap::ends(draft, rule, *prefix)?
    } else {
        action::ends(draft, &rule.target)?
    };
    if cases.len() > 1 || ends.len() > 1 {
        draft.equivalent(format!("one rule becomes {}", cases.len() * ends.len()));
    }
    if asked_twice(&cases, &ends) {
        return Err(asks_once_more());
    }
    if cases.len() > 1 && cases.iter().flatten().any(has_own_state) {
        draft.approximate(
            "each of these rules has a limit of its own, where iptables has one for all",
        );
    }
    if cases.is_empty() {
        draft.equivalent("no packet can match, so there is nothing to say");
    }
    for (at, end) in ends.iter().enumerate() {
        for (number, case) in cases.iter().enumerate() {
            let first = at == 0 && number == 0;
            let counters = rule.counters.map(|counters| match first {
                true => (counters.packets, counters.bytes),
                false => (0, 0),
            });
            // All ends are for the same packets, which count once.
            let counter = (at == 0).then_some(Statement::Counter(counters));
            let statements = case.iter().cloned().chain(counter);
            rules.push(statements.chain(end.iter().cloned()).collect());
        }
    }
    Ok(rules)
}

/// Whether a name of the rule would end the text that it stands in.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only some matches and targets name something"
)]
fn is_unwritable(rule: &Rule) -> bool {
    let bad = |name: &String| name.contains(['"', '\\']) || name.chars().any(char::is_control);
    let names = rule.matches.iter().filter_map(|one| match &one.test {
        Test::Interface(_, InterfacePattern::Name(name) | InterfacePattern::Prefix(name))
        | Test::PhysicalInterface(
            _,
            InterfacePattern::Name(name) | InterfacePattern::Prefix(name),
        )
        | Test::Helper(name)
        | Test::System(name)
        | Test::CgroupPath(name) => Some(name),
        _ => None,
    });
    let of_target = match &rule.target {
        Target::Tee { interface, .. } => interface.as_ref(),
        Target::Ct(target) => target.helper.as_ref(),
        _ => None,
    };
    names.chain(of_target).any(bad)
}

fn asks_once_more() -> Obstacle {
    Obstacle::new(
        "the rule becomes several, each of which would ask a limit, a counter or a set once more",
        "split it so that the limit stands behind all else, in a chain of its own",
    )
}

/// Whether one packet would meet a statement that remembers packets in more than one of the rules.
fn asked_twice(cases: &Cases, ends: &Ends) -> bool {
    if ends.len() > 1 {
        return cases.iter().flatten().any(has_state);
    }
    let shared = |one: &[Statement], other: &[Statement]| {
        let pairs = one.iter().zip(other);
        pairs
            .take_while(|(one, other)| one == other)
            .any(|(one, _)| has_state(one))
    };
    let mut neighbours = cases.iter().zip(cases.iter().skip(1));
    neighbours.any(|(one, other)| shared(one, other))
}

/// Whether a statement remembers packets of its own rule alone, which those of a set do not.
fn has_own_state(statement: &Statement) -> bool {
    has_state(statement) && !matches!(statement, Statement::Dynamic { .. })
}

/// Whether a statement remembers packets.
fn has_state(statement: &Statement) -> bool {
    let counts = |test: &Match| {
        test.left
            .iter()
            .any(|left| matches!(left, Expression::Numgen { .. }))
    };
    matches!(
        statement,
        Statement::Limit(_) | Statement::Quota { .. } | Statement::Dynamic { .. }
    ) || matches!(statement, Statement::Match(test) if counts(test))
}

/// The set that a packet must not be in.
fn outside(statement: &Statement) -> Option<Name> {
    let Statement::Match(Match {
        operator: Operator::NotEqual,
        right: Operand::Set(set),
        ..
    }) = statement
    else {
        return None;
    };
    Some(set.clone())
}

/// The ways in which a rule holds, and the rules that stand before those.
fn conditions(draft: &mut Draft<'_>, rule: &Rule) -> Outcome<(Cases, Cases)> {
    quirks(draft, rule);
    // What asks for a protocol can go where the next thing asked implies it.
    let after_header = rule.matches.iter().map(|one| &one.test).find(|test| {
        !matches!(
            test,
            Test::Address(..)
                | Test::Interface(Direction::In | Direction::Out, _)
                | Test::Protocol(_)
                | Test::Fragment
                | Test::Comment(_)
        )
    });
    let implied = after_header.is_some_and(implies_protocol);
    let mut all = always();
    let mut first = Vec::new();
    for one in &rule.matches {
        let implied = implied && one.sense == Sense::Is;
        let remembers = all.iter().flatten().any(has_state);
        draft.rule.remembers = remembers;
        draft.rule.outside = all.iter().flatten().filter_map(outside).collect();
        let found = cases(draft, one, implied)?;
        for before in std::mem::take(&mut draft.rule.first) {
            if remembers {
                return Err(asks_once_more());
            }
            first.extend(product(all.clone(), &vec![before]));
        }
        // What was asked before is asked all the same where this never holds.
        if found.is_empty() && remembers {
            first.append(&mut all);
        }
        all = product(all, &found);
        if all.len() > CASES_MAX {
            return Err(Obstacle::new(
                format!("the rule would become more than {CASES_MAX} rules of nft"),
                "split it, or use a set",
            ));
        }
    }
    Ok((first, all))
}

/// What iptables does beyond what its options say.
fn quirks(draft: &mut Draft<'_>, rule: &Rule) {
    use crate::migrate::iptables::ConnectionStates as States;
    let without = States::INVALID | States::UNTRACKED;
    let of_none = rule.matches.iter().any(|one| match (&one.test, one.sense) {
        (Test::State(states), Sense::Is) => states.intersects(without),
        (Test::State(states), Sense::IsNot) => !states.contains(without),
        _ => false,
    });
    let asks_more = rule.matches.iter().any(|one| {
        matches!(
            one.test,
            Test::Status(_)
                | Test::ConnectionProtocol(_)
                | Test::ConnectionAddress(..)
                | Test::ConnectionPort(..)
                | Test::ConnectionExpiry(_)
                | Test::ConnectionDirection(_)
        )
    });
    let is_of_ports = |name: &str| {
        let set = draft.host_sets.get(name);
        set.is_some_and(|set| iptables::is_of_ports(set))
    };
    if draft.shared.sees_later_fragments(draft.family) && iptables::reads_payload(rule, is_of_ports)
    {
        draft.approximate(
            "no rule here has the kernel track connections, so fragments stay what they are, and in one that is not \
             the first nft reads the IPv6 header for that of the protocol, where iptables reads nothing",
        );
    }
    if of_none && asks_more {
        draft.approximate(
            "for a packet without a connection iptables looks at --ctstate alone, nft at all that is asked",
        );
    }
}
