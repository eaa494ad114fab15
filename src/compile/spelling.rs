//! Tests in the words in which nft lists them, so that what the kernel holds reads as what was meant.

use crate::net::Protocol;
use crate::ruleset::{Expression, Match, MetaKey, Operand, Operator, PayloadField, Statement};

/// The tests of a rule: ports by the name of the protocol that tests before them leave, and no test of
/// the family where an address says it.
pub(super) fn spelled(tests: Vec<Statement>) -> Vec<Statement> {
    let says_family = tests
        .iter()
        .flat_map(left)
        .any(|expression| is_address(*expression));
    let mut known = None;
    let mut spelled = Vec::with_capacity(tests.len());
    for mut test in tests {
        if says_family && is_family(&test) {
            continue;
        }
        if let Statement::Match(test) = &mut test {
            for expression in &mut test.left {
                *expression = of_protocol(*expression, known);
            }
            known = said(test).or(known);
        }
        spelled.push(test);
    }
    side_by_side(spelled)
}

/// Two single ports one after the other: nft joins what is compared with them, where the first stands.
fn side_by_side(mut tests: Vec<Statement>) -> Vec<Statement> {
    let sources = [
        PayloadField::ThSport,
        PayloadField::TcpSport,
        PayloadField::UdpSport,
    ];
    let destinations = [
        PayloadField::ThDport,
        PayloadField::TcpDport,
        PayloadField::UdpDport,
    ];
    let at = |tests: &[Statement], fields: [PayloadField; 3]| {
        let fields = fields.map(Expression::Payload);
        tests.iter().position(|test| compares_one(test, &fields))
    };
    if let (Some(_), Some(destination)) = (at(&tests, sources), at(&tests, destinations)) {
        let moved = tests.remove(destination);
        let source = at(&tests, sources).unwrap_or_default();
        tests.insert(source + 1, moved);
    }
    tests
}

/// Whether one of the fields is compared with a single value.
fn compares_one(statement: &Statement, fields: &[Expression]) -> bool {
    matches!(statement, Statement::Match(Match { left, operator: Operator::Eq, right: Operand::Key(key), .. })
        if key.end.is_none() && left.len() == 1 && fields.contains(&left[0]))
}

fn left(statement: &Statement) -> &[Expression] {
    match statement {
        Statement::Match(test) => &test.left,
        Statement::Verdict(_)
        | Statement::Vmap { .. }
        | Statement::Counter
        | Statement::NamedCounter(_)
        | Statement::CounterMap { .. }
        | Statement::Limit(_)
        | Statement::NamedLimit(_)
        | Statement::Log { .. }
        | Statement::Reject(_)
        | Statement::Notrack
        | Statement::SetMark(_)
        | Statement::Dynamic { .. } => &[],
    }
}

fn is_address(expression: Expression) -> bool {
    let addresses = [
        PayloadField::IpSaddr,
        PayloadField::IpDaddr,
        PayloadField::Ip6Saddr,
        PayloadField::Ip6Daddr,
    ];
    addresses.map(Expression::Payload).contains(&expression)
}

/// `meta nfproto ipv4`, and not its negation.
fn is_family(statement: &Statement) -> bool {
    matches!(statement, Statement::Match(Match { left, operator: Operator::Eq, .. })
        if left[..] == [Expression::Meta(MetaKey::Nfproto)])
}

/// `th dport` as `tcp dport`, where packets are known to be TCP.
fn of_protocol(expression: Expression, known: Option<Protocol>) -> Expression {
    let [tcp, udp] = [Protocol::TCP, Protocol::UDP].map(|protocol| known == Some(protocol));
    let [sport, dport] = [PayloadField::ThSport, PayloadField::ThDport].map(Expression::Payload);
    let field = match (expression == sport, expression == dport) {
        (true, _) if tcp => PayloadField::TcpSport,
        (true, _) if udp => PayloadField::UdpSport,
        (_, true) if tcp => PayloadField::TcpDport,
        (_, true) if udp => PayloadField::UdpDport,
        _ => return expression,
    };
    Expression::Payload(field)
}

/// The protocol that every packet has which a test lets go on.
fn said(test: &Match) -> Option<Protocol> {
    let [only] = test.left[..] else { return None };
    match (only, test.operator, &test.right) {
        (Expression::Meta(MetaKey::L4proto), Operator::Eq, Operand::Key(key)) => {
            let [number] = key.start[..] else { return None };
            key.end.is_none().then_some(Protocol(number))
        }
        (Expression::Payload(PayloadField::TcpSport | PayloadField::TcpDport), ..) => {
            Some(Protocol::TCP)
        }
        (Expression::Payload(PayloadField::UdpSport | PayloadField::UdpDport), ..) => {
            Some(Protocol::UDP)
        }
        _ => None,
    }
}
