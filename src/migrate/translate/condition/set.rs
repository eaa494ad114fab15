//! `set`: what of a packet is looked up in a set of the host.

use super::super::case::{Cases, Outcome, always, constant, member};
use super::super::class::Obstacle;
use super::super::draft::Draft;
use super::super::host_set;
use super::address::address_field;
use crate::migrate::ipset::{Kind, Set, Type};
use crate::migrate::iptables::{MatchSet, Sense, Side};
use crate::migrate::nft::{Expression, Field, Statement};
use crate::net::Family;
use crate::ruleset::Name;

/// Says a lookup.
pub(super) fn cases(draft: &mut Draft<'_>, sense: Sense, asked: &MatchSet) -> Outcome<Cases> {
    if asked.return_nomatch || !asked.counters.is_empty() {
        return Err(Obstacle::new(
            "--return-nomatch and comparisons of an element's counters",
            "split the set in two and look each up",
        ));
    }
    let set = known(draft, &asked.name)?;
    if asked.keep_counters && set.options.counters {
        draft.approximate(
            "the element's counter counts this lookup too, whatever ! --update-counters says",
        );
    }
    if let Type::ListSet = set.kind {
        return listed(draft, sense, set, &asked.sides);
    }
    lookup(draft, sense, set, &asked.sides)
}

/// The set of a name.
pub(in crate::migrate::translate) fn known<'h>(draft: &Draft<'h>, name: &str) -> Outcome<&'h Set> {
    draft.shared.set(name)?;
    draft.host_sets.get(name).copied().ok_or_else(|| {
        Obstacle::new(
            format!("set {name} is not among the sets that were read"),
            "give the output of `ipset save` by --ipset-save",
        )
    })
}

/// One set. The cases of a negation exclude each other: what is not in the set, and what the set excepts.
fn lookup(draft: &mut Draft<'_>, sense: Sense, set: &Set, sides: &[Side]) -> Outcome<Cases> {
    let family = set.options.family;
    if family.is_some_and(|family| family != draft.family) || sides.len() < set.kind.dimensions() {
        draft.equivalent("a set of another family, or of more dimensions than are named, has no element for any packet");
        return Ok(constant(sense, false));
    }
    let (name, exceptions) = host_set::declare(draft, set)?;
    let key = key(draft.family, set, sides)?;
    let found = |sense, name: &Name| Statement::from(member(sense, key.clone(), name));
    let guard = guard(set);
    let tests = |tests: Vec<Statement>| guard.iter().cloned().chain(tests).collect::<Vec<_>>();
    Ok(match (sense, exceptions) {
        (Sense::Is, None) => vec![tests(vec![found(Sense::Is, &name)])],
        (Sense::Is, Some(but)) => vec![tests(vec![
            found(Sense::Is, &name),
            found(Sense::IsNot, &but),
        ])],
        (Sense::IsNot, _) if readable_by_all(set) => match host_set::declare(draft, set)?.1 {
            None => vec![vec![found(Sense::IsNot, &name)]],
            Some(but) => vec![
                vec![found(Sense::IsNot, &name)],
                vec![found(Sense::Is, &name), found(Sense::Is, &but)],
            ],
        },
        (Sense::IsNot, _) => {
            return Err(Obstacle::new(
                "a packet without ports or without a MAC is not in the set, but nft does not compare it",
                "write a rule that returns for what is in the set, before this one",
            ));
        }
    })
}

/// Whether every packet has what is looked up.
fn readable_by_all(set: &Set) -> bool {
    match &set.kind {
        Type::BitmapIp => true,
        Type::Hash(kinds) => kinds.iter().all(|kind| match kind {
            Kind::Ip | Kind::Net | Kind::Mark | Kind::Interface => true,
            Kind::Port | Kind::Mac => false,
        }),
        Type::BitmapIpMac | Type::BitmapPort | Type::ListSet | Type::Unknown(_) => false,
    }
}

/// A set of ports without protocols is one of TCP and UDP.
fn guard(set: &Set) -> Vec<Statement> {
    use super::super::case::among;
    use crate::migrate::nft::Value;
    match set.kind {
        Type::BitmapPort => {
            let items = ["tcp", "udp"].map(|word| Value::word(word).into());
            vec![among(Sense::Is, Field::L4proto, items.to_vec()).into()]
        }
        Type::BitmapIp | Type::BitmapIpMac | Type::Hash(_) | Type::ListSet | Type::Unknown(_) => {
            Vec::new()
        }
    }
}

/// A list of sets: the first that has an element decides, so that the cases exclude each other.
fn listed(draft: &mut Draft<'_>, sense: Sense, list: &Set, sides: &[Side]) -> Outcome<Cases> {
    use super::super::case::product;
    use crate::migrate::ipset::Field as Part;
    draft.equivalent("a list of sets is looked up set by set");
    let mut members = Vec::new();
    for element in &list.elements {
        if let [Part::Set(name)] = element.fields.as_slice() {
            members.push(known(draft, name)?);
        }
    }
    let mut before = always();
    let mut cases = Vec::new();
    for set in members {
        if sense == Sense::Is {
            let found = lookup(draft, Sense::Is, set, sides)?;
            cases.extend(product(before.clone(), &found));
        }
        before = product(before, &lookup(draft, Sense::IsNot, set, sides)?);
    }
    Ok(match sense {
        Sense::Is => cases,
        Sense::IsNot => before,
    })
}

/// What of a packet a set looks up.
pub(in crate::migrate::translate) fn key(
    family: Family,
    set: &Set,
    sides: &[Side],
) -> Outcome<Vec<Expression>> {
    let side = |at: usize| sides.get(at).copied().unwrap_or(Side::Destination);
    let port = |side| match side {
        Side::Source => Field::ThSport,
        Side::Destination => Field::ThDport,
    };
    let mac = |side| match side {
        Side::Source => Field::EtherSaddr,
        Side::Destination => Field::EtherDaddr,
    };
    let fields = match &set.kind {
        Type::BitmapIp => vec![address_field(family, side(0))],
        Type::BitmapIpMac => vec![address_field(family, side(0)), mac(side(1))],
        Type::BitmapPort => vec![port(side(0))],
        Type::Hash(kinds) => {
            let mut fields = Vec::new();
            for (at, kind) in kinds.iter().enumerate() {
                match kind {
                    Kind::Ip | Kind::Net => fields.push(address_field(family, side(at))),
                    Kind::Port => fields.extend([Field::L4proto, port(side(at))]),
                    Kind::Mac => fields.push(mac(side(at))),
                    Kind::Mark => fields.push(Field::Mark),
                    Kind::Interface => fields.push(match side(at) {
                        Side::Source => Field::Iifname,
                        Side::Destination => Field::Oifname,
                    }),
                }
            }
            fields
        }
        Type::ListSet | Type::Unknown(_) => {
            return Err(Obstacle::new(
                format!("sets of the type of {} are not known", set.name),
                "make it a set of a type that is",
            ));
        }
    };
    Ok(fields.into_iter().map(Expression::Field).collect())
}
