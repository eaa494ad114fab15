//! The templates as a table, and the rules that stand in no template.

use margay::ruleset::key::interface_bytes;
use margay::ruleset::parse::parse;
use margay::ruleset::{
    Datatype, Expression, Key, Match, MetaKey, Operand, Operator, PayloadField, Rule, Statement,
    Table, Verdict,
};

use super::world::{Direction, name, table_key};

const TEMPLATES: &str = concat!(
    include_str!("../../../nft-templates/slots.nft"),
    include_str!("../../../nft-templates/source.nft"),
    include_str!("../../../nft-templates/filter.nft"),
);

/// The table without endpoints and groups.
pub(super) fn table() -> Table {
    let mut ruleset = parse("templates", TEMPLATES).unwrap();
    let mut table = ruleset.tables.remove(&table_key()).unwrap();
    table
        .sets
        .get_mut("workloads")
        .unwrap()
        .insert(prefix("tap"));
    let action = table.chains.get_mut("host-action").unwrap();
    action.rules.push(verdict_rule(Verdict::Accept));
    table
}

/// Every interface whose name begins so.
pub(super) fn prefix(text: &str) -> Key {
    let mut last = [0xff; 16];
    last[..text.len()].copy_from_slice(text.as_bytes());
    Key::range(&interface_bytes(text), &last)
}

/// The rule by which a policy allows what a set holds, of the members of a group where one is named.
pub(super) fn allow(
    direction: Direction,
    set: &str,
    key: &[Datatype],
    group: Option<&str>,
) -> Rule {
    let (peer, next) = match direction {
        Direction::In => (PayloadField::IpSaddr, "allowed"),
        Direction::Out => (PayloadField::IpDaddr, "destination"),
    };
    let peer = Expression::Payload(peer);
    let parts = [
        peer,
        Expression::Meta(MetaKey::L4proto),
        Expression::Payload(PayloadField::ThDport),
    ];
    let read: Vec<_> = parts
        .into_iter()
        .filter(|part| key.contains(&part.datatype()))
        .collect();
    let members = group.map(|group| lookup(&[peer], group));
    let rest = [
        lookup(&read, set),
        Statement::Verdict(Verdict::Goto(name(next))),
    ];
    Rule::new(members.into_iter().chain(rest).collect())
}

/// A rule of a verdict alone.
pub(super) fn verdict_rule(verdict: Verdict) -> Rule {
    Rule::new(vec![Statement::Verdict(verdict)])
}

fn lookup(key: &[Expression], set: &str) -> Statement {
    Statement::Match(Match {
        left: key.to_vec(),
        mask: None,
        operator: Operator::Eq,
        right: Operand::Set(name(set)),
    })
}
