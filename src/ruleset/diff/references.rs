//! The names that rules and elements mention, and other names in their place.

use crate::ruleset::{
    Data, Element, ElementData, Expression, Kind, MarkSource, Match, Name, Operand, PayloadField,
    Rule, Set, Statement, Verdict, VmapSource,
};

/// Whether elements of the set can mention names.
pub(super) fn mentions_names(set: &Set) -> bool {
    matches!(set.data, Some(Data::Verdict | Data::Object(_)))
}

/// The rule with every name replaced.
pub(super) fn renamed_rule(rule: &Rule, rename: &impl Fn(Kind, &Name) -> Name) -> Rule {
    let mut renamed = rule.clone();
    for statement in &mut renamed.statements {
        rename_statement(statement, rename);
    }
    renamed
}

fn rename_statement(statement: &mut Statement, rename: &impl Fn(Kind, &Name) -> Name) {
    match statement {
        Statement::Match(test) => match &mut test.right {
            Operand::Set(set) => *set = rename(Kind::Set, set),
            Operand::Key(_) | Operand::AnyBit(_) | Operand::Anonymous(_) => {}
        },
        Statement::Verdict(verdict) => rename_verdict(verdict, rename),
        Statement::Vmap { map, .. } => match map {
            VmapSource::Named(map) => *map = rename(Kind::Set, map),
            VmapSource::Anonymous(map) => map.values_mut().for_each(|v| rename_verdict(v, rename)),
        },
        Statement::NamedCounter(counter) => *counter = rename(Kind::Counter, counter),
        Statement::CounterMap { map: set, .. }
        | Statement::SetMark(MarkSource::Map { map: set, .. })
        | Statement::Dynamic { set, .. } => *set = rename(Kind::Set, set),
        Statement::NamedLimit(limit) => *limit = rename(Kind::Limit, limit),
        Statement::Counter
        | Statement::Limit(_)
        | Statement::Log { .. }
        | Statement::Reject(_)
        | Statement::Notrack
        | Statement::SetMark(MarkSource::Bits { .. }) => {}
    }
}

fn rename_verdict(verdict: &mut Verdict, rename: &impl Fn(Kind, &Name) -> Name) {
    match verdict {
        Verdict::Jump(chain) | Verdict::Goto(chain) => *chain = rename(Kind::Chain, chain),
        Verdict::Accept | Verdict::Drop | Verdict::Continue | Verdict::Return => {}
    }
}

/// The element of a map of this data with its name replaced.
pub(super) fn renamed_element(
    element: &Element,
    data: Option<&Data>,
    rename: &impl Fn(Kind, &Name) -> Name,
) -> Element {
    if element.is_bare() {
        return Element::default();
    }
    let mut renamed = element.clone();
    match (&mut renamed.data, data) {
        (ElementData::Verdict(verdict), _) => rename_verdict(verdict, rename),
        (ElementData::Object(name), Some(Data::Object(kind))) => {
            *name = rename((*kind).into(), name);
        }
        (ElementData::None | ElementData::Value(_) | ElementData::Object(_), _) => {}
    }
    renamed
}

/// Whether a rule that looks the set up does so for the far end of packets. Chains of what is sent have
/// `/out` in their names, those of what is received `/in`.
pub(super) fn reads_far_end(chain: &Name, rule: &Rule, set: &Name) -> bool {
    let far = match chain
        .as_str()
        .rsplit('/')
        .find(|part| ["in", "out"].contains(part))
    {
        Some("in") => [PayloadField::IpSaddr, PayloadField::Ip6Saddr],
        Some(_) | None => [PayloadField::IpDaddr, PayloadField::Ip6Daddr],
    };
    let far = far.map(Expression::Payload);
    rule.statements.iter().all(|statement| {
        if let Statement::Match(Match {
            left,
            right: Operand::Set(named),
            ..
        }) = statement
            && named.logical() == set.logical()
        {
            return left.first().is_some_and(|end| far.contains(end));
        }
        true
    })
}

/// Whether the rule holds an anonymous set that the kernel publishes later than the rule.
///
/// Ranges make an interval set, a concatenation with ranges a pipapo, and verdicts a map; what is
/// left is a hash, which is safe to bring along.
pub(super) fn publishes_late(rule: &Rule) -> bool {
    rule.statements.iter().any(|statement| match statement {
        Statement::Match(test) => match &test.right {
            Operand::Anonymous(keys) => keys.iter().any(|key| key.end.is_some()),
            Operand::Key(_) | Operand::AnyBit(_) | Operand::Set(_) => false,
        },
        Statement::Vmap { map, .. } => matches!(map, VmapSource::Anonymous(_)),
        Statement::Verdict(_)
        | Statement::Counter
        | Statement::NamedCounter(_)
        | Statement::CounterMap { .. }
        | Statement::Limit(_)
        | Statement::NamedLimit(_)
        | Statement::Log { .. }
        | Statement::Reject(_)
        | Statement::Notrack
        | Statement::SetMark(_)
        | Statement::Dynamic { .. } => false,
    })
}
