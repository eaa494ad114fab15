//! One table for both families, where theirs have the same hooks and policies.

use std::collections::BTreeSet;

use crate::migrate::nft::{
    Chain, Expression, Family, Field, Match, NatTarget, RejectWith, Rule, Statement, Table, Value,
};

/// Two chains are compared rule by rule where that is no more pairs than that.
const PAIRS_MAX: usize = 4_000_000;

/// The tables, with pairs of one name made one.
pub(super) fn merged(tables: Vec<Table>) -> Vec<Table> {
    let mut all: Vec<Table> = Vec::new();
    for table in tables {
        let partner = all.iter().position(|other| {
            other.family == Family::Ip && table.family == Family::Ip6 && other.name == table.name
        });
        match partner.filter(|place| fit(&all[*place], &table)) {
            Some(place) => {
                let first = all.remove(place);
                all.insert(place, joined(first, table));
            }
            None => all.push(table),
        }
    }
    all
}

/// Whether two tables can be one: hooks, priorities and policies agree, and no other name is twice.
fn fit(four: &Table, six: &Table) -> bool {
    let bases_agree = four.chains.iter().all(|chain| {
        let other = six.chain(chain.name.as_str());
        other.is_none_or(|other| other.base == chain.base)
            && other.is_none_or(|other| chain.rules.len() * other.rules.len() <= PAIRS_MAX)
    });
    let names = |table: &Table| -> BTreeSet<_> {
        let objects = table.objects.iter().map(|object| object.name().clone());
        objects
            .chain(table.sets.iter().map(|set| set.name.clone()))
            .collect()
    };
    let alone = |table: &Table, other: &Table| {
        let bases = table.chains.iter().filter(|chain| chain.base.is_some());
        bases
            .into_iter()
            .all(|chain| other.chain(chain.name.as_str()).is_some())
    };
    // The kernel copies packets in chains of one family alone.
    let copies = |table: &Table| {
        let rules = table.chains.iter().flat_map(|chain| &chain.rules);
        let mut statements = rules.flat_map(|rule| &rule.statements);
        statements.any(|one| matches!(one, Statement::Dup { .. }))
    };
    let copied = copies(four) || copies(six);
    !copied
        && bases_agree
        && alone(four, six)
        && alone(six, four)
        && names(four).is_disjoint(&names(six))
}

fn joined(four: Table, six: Table) -> Table {
    let mut all = Table::new(Family::Inet, four.name.clone());
    all.objects = four.objects.into_iter().chain(six.objects).collect();
    all.sets = four.sets.into_iter().chain(six.sets).collect();
    let mut rest: Vec<Chain> = six.chains;
    for mut chain in four.chains {
        match rest.iter().position(|other| other.name == chain.name) {
            Some(place) => {
                let other = rest.remove(place);
                chain.rules = interleaved(chain.rules, other.rules);
                all.chains.push(chain);
            }
            // Only packets of its own family come here.
            None => all.chains.push(own(chain, Side::Four)),
        }
    }
    all.chains
        .extend(rest.into_iter().map(|chain| own(chain, Side::Six)));
    all
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Four,
    Six,
}

fn own(mut chain: Chain, side: Side) -> Chain {
    chain.rules = chain
        .rules
        .into_iter()
        .map(|rule| guarded(rule, side))
        .collect();
    chain
}

/// Both lists in their orders; what is the same in both, and asks for no family, stands once.
fn interleaved(four: Vec<Rule>, six: Vec<Rule>) -> Vec<Rule> {
    let lengths = common(&four, &six);
    let mut all = Vec::with_capacity(four.len() + six.len());
    let (mut four, mut six) = (four.into_iter().peekable(), six.into_iter().peekable());
    let (mut i, mut j) = (0, 0);
    loop {
        match (four.peek(), six.peek()) {
            (Some(one), Some(other))
                if same(one, other) && lengths[i][j] == lengths[i + 1][j + 1] + 1 =>
            {
                all.extend(four.next().map(|rule| both(rule, six.next())));
                (i, j) = (i + 1, j + 1);
            }
            (Some(_), Some(_)) if lengths[i + 1][j] >= lengths[i][j + 1] => {
                all.extend(four.next().map(|rule| guarded(rule, Side::Four)));
                i += 1;
            }
            (_, Some(_)) => {
                all.extend(six.next().map(|rule| guarded(rule, Side::Six)));
                j += 1;
            }
            (Some(_), None) => {
                all.extend(four.next().map(|rule| guarded(rule, Side::Four)));
                i += 1;
            }
            (None, None) => return all,
        }
    }
}

/// Lengths of the longest common rest of both lists, from each place.
fn common(four: &[Rule], six: &[Rule]) -> Vec<Vec<u32>> {
    let mut lengths = vec![vec![0; six.len() + 1]; four.len() + 1];
    for i in (0..four.len()).rev() {
        for j in (0..six.len()).rev() {
            lengths[i][j] = match same(&four[i], &six[j]) {
                true => lengths[i + 1][j + 1] + 1,
                false => lengths[i + 1][j].max(lengths[i][j + 1]),
            };
        }
    }
    lengths
}

fn same(one: &Rule, other: &Rule) -> bool {
    let tests = |rule: &Rule| {
        let statements = rule.statements.iter();
        statements
            .filter(|one| !matches!(one, Statement::Counter(_)))
            .cloned()
            .collect::<Vec<_>>()
    };
    one.statements.iter().all(is_neutral) && tests(one) == tests(other)
}

/// One rule for both, with what both counted.
fn both(mut rule: Rule, other: Option<Rule>) -> Rule {
    let mut counted = None;
    for statement in other.iter().flat_map(|rule| &rule.statements) {
        if let Statement::Counter(counter) = statement {
            counted = *counter;
        }
    }
    for statement in &mut rule.statements {
        if let Statement::Counter(counter) = statement {
            *counter = match (*counter, counted) {
                (Some((packets, bytes)), Some((more, longer))) => {
                    Some((packets.saturating_add(more), bytes.saturating_add(longer)))
                }
                (one, other) => one.or(other),
            };
        }
    }
    rule
}

/// Whether a statement means the same in both families.
fn is_neutral(statement: &Statement) -> bool {
    match statement {
        Statement::Match(test) => test.left.iter().all(expression_is_neutral),
        Statement::Verdict(_) | Statement::Counter(_) | Statement::Log(_) => true,
        Statement::Notrack | Statement::Queue { .. } | Statement::ResetOption(_) => true,
        Statement::Reject(RejectWith::TcpReset) => true,
        Statement::Nat(nat) => nat.to.is_none(),
        Statement::Set { field, value } => {
            expression_is_neutral(field) && expression_is_neutral(value)
        }
        Statement::VerdictMap { key, .. } => key.iter().all(expression_is_neutral),
        // Each family has a limit of its own in iptables.
        Statement::Limit(_) | Statement::Quota { .. } => false,
        Statement::Named { .. }
        | Statement::ConnLimit { .. }
        | Statement::Reject(RejectWith::Icmp(..))
        | Statement::Dynamic { .. }
        | Statement::Dup { .. }
        | Statement::Tproxy { .. }
        | Statement::Synproxy { .. } => false,
    }
}

fn expression_is_neutral(expression: &Expression) -> bool {
    match expression {
        Expression::Field(field) => family_of(*field).is_none(),
        Expression::Value(_) | Expression::Cgroupv2(_) => true,
        Expression::And(inner, _)
        | Expression::Or(inner, _)
        | Expression::Xor(inner, _)
        | Expression::ShiftLeft(inner, _)
        | Expression::ShiftRight(inner, _) => expression_is_neutral(inner),
        Expression::TcpOption { .. } | Expression::SctpChunk(_) => true,
        Expression::Numgen { .. }
        | Expression::Fib(_)
        | Expression::Jhash { .. }
        | Expression::Raw { .. }
        | Expression::Exthdr(_)
        | Expression::Ipsec { .. }
        | Expression::Map(..) => false,
    }
}

/// The family that a field is of.
fn family_of(field: Field) -> Option<Side> {
    let words: Vec<_> = field.text().split(' ').collect();
    let has = |names: &[&str]| words.iter().any(|word| names.contains(word));
    if has(&["ip", "icmp"]) {
        return Some(Side::Four);
    }
    has(&["ip6", "icmpv6", "frag", "hbh", "dst", "mh"]).then_some(Side::Six)
}

/// A rule of one family: it asks for it, where none of its tests does.
fn guarded(mut rule: Rule, side: Side) -> Rule {
    let asks = rule
        .statements
        .first()
        .is_some_and(|first| asks(first, side));
    if !asks {
        let word = match side {
            Side::Four => "ipv4",
            Side::Six => "ipv6",
        };
        let guard = Match::new(Field::Nfproto, Value::word(word));
        rule.statements.insert(0, guard.into());
    }
    for statement in &mut rule.statements {
        name_family(statement, side);
    }
    rule
}

/// In a table of both families, a translation to an address says whose it is.
fn name_family(statement: &mut Statement, side: Side) {
    let word = match side {
        Side::Four => "ip",
        Side::Six => "ip6",
    };
    if let Statement::Nat(nat) = statement
        && let Some(to) = &nat.to
    {
        let addresses = !matches!(
            to,
            NatTarget::Fixed {
                addresses: None,
                ..
            }
        );
        nat.family = addresses.then(|| word.to_owned());
    }
    if let Statement::Tproxy { family, .. } = statement {
        *family = Some(word.to_owned());
    }
}

/// Whether a statement asks for the family.
fn asks(statement: &Statement, side: Side) -> bool {
    let Statement::Match(test) = statement else {
        return false;
    };
    let of_side = |left: &Expression| matches!(left, Expression::Field(field) if family_of(*field) == Some(side));
    test.left.iter().any(of_side)
}
