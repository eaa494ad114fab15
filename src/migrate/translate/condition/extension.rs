//! Extension headers of IPv6.

use super::super::case::{Cases, Outcome, compared, never, one};
use super::super::draft::Draft;
use super::header::{numbers, presence};
use super::unsayable;
use crate::migrate::iptables::{ExtensionHeaders, Match, RoutingHeader, Sense, Span, Test};
use crate::migrate::nft::{Expression, Field, Statement, Value};

/// Says a match on extension headers.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only such tests are handed here"
)]
pub(super) fn cases(draft: &mut Draft<'_>, asked: &Match) -> Outcome<Cases> {
    let sense = asked.sense;
    Ok(match &asked.test {
        Test::Routing(RoutingHeader::Kind(kind)) => one(compared(
            sense,
            Field::RtType,
            Value::Number((*kind).into()),
        )),
        Test::Routing(RoutingHeader::SegmentsLeft(span)) => {
            one(compared(sense, Field::RtSegLeft, numbers(*span)))
        }
        Test::Routing(RoutingHeader::Length(bytes)) => {
            sized(sense, "rt", Field::RtHdrlength, *bytes)
        }
        Test::Routing(RoutingHeader::Reserved) => {
            return Err(unsayable("the reserved field of a routing header"));
        }
        Test::MobilityType(span) => one(compared(sense, Field::MhType, numbers(*span))),
        Test::Frag6 {
            id,
            first,
            more,
            reserved,
            length,
        } => {
            if length.is_some() {
                draft.equivalent("the kernel does not look at --fraglen");
            }
            let mut statements = fragment(*id, *first, *more);
            if *reserved {
                for field in [Field::FragReserved, Field::FragReserved2] {
                    statements.push(compared(Sense::Is, field, Value::Number(0)).into());
                }
            }
            vec![statements]
        }
        Test::Options6 {
            destination,
            length,
            options,
        } => {
            if options.is_some() {
                return Err(unsayable("options in an extension header"));
            }
            let (name, field) = match destination {
                true => ("dst", Field::DstHdrlength),
                false => ("hbh", Field::HbhHdrlength),
            };
            match length {
                Some((sense, bytes)) => sized(*sense, name, field, *bytes),
                None => one(compared(Sense::Is, header(name), presence(sense))),
            }
        }
        Test::Headers { headers, soft } => named(draft, sense, *headers, *soft)?,
        _ => return Err(unsayable("this header")),
    })
}

fn header(name: &str) -> Expression {
    Expression::Exthdr(name.to_owned())
}

/// A header of so many bytes, which it says in units of eight beyond the first.
fn sized(sense: Sense, name: &str, field: Field, bytes: u32) -> Cases {
    let units = (bytes / 8)
        .checked_sub(1)
        .filter(|units| bytes.is_multiple_of(8) && *units <= u8::MAX.into());
    match (units, sense) {
        (Some(units), sense) => one(compared(sense, field, Value::Number(units.into()))),
        (None, Sense::Is) => never(),
        (None, Sense::IsNot) => one(compared(Sense::Is, header(name), presence(Sense::Is))),
    }
}

fn fragment(
    id: Option<(Sense, Span<u32>)>,
    first: Option<bool>,
    more: Option<bool>,
) -> Vec<Statement> {
    let number = |field, number| compared(Sense::Is, field, Value::Number(number)).into();
    let mut statements = Vec::new();
    let every = |id: Span<u32>| id.first == 0 && id.last == u32::MAX;
    if let Some((sense, id)) = id.filter(|(sense, id)| *sense == Sense::IsNot || !every(*id)) {
        statements.push(compared(sense, Field::FragId, numbers(id)).into());
    }
    if first == Some(true) {
        statements.push(number(Field::FragFragOff, 0));
    }
    if let Some(more) = more {
        statements.push(number(Field::FragMoreFragments, more.into()));
    }
    if statements.is_empty() {
        statements.push(compared(Sense::Is, header("frag"), presence(Sense::Is)).into());
    }
    statements
}

fn named(
    draft: &mut Draft<'_>,
    sense: Sense,
    headers: ExtensionHeaders,
    soft: bool,
) -> Outcome<Cases> {
    const NAMES: [(ExtensionHeaders, &str); 4] = [
        (ExtensionHeaders::HOP, "hbh"),
        (ExtensionHeaders::DST, "dst"),
        (ExtensionHeaders::ROUTE, "rt"),
        (ExtensionHeaders::FRAG, "frag"),
    ];
    let known = NAMES
        .iter()
        .fold(ExtensionHeaders::empty(), |all, (one, _)| all | *one);
    if !soft || !known.contains(headers) {
        return Err(unsayable(
            "an exact list of extension headers, nor for ah, esp, none and prot",
        ));
    }
    draft.equivalent("ipv6header --soft is exthdr");
    let asked = NAMES.iter().filter(|(one, _)| headers.contains(*one));
    let names: Vec<_> = asked.map(|(_, name)| *name).collect();
    // The negation asks for none of them, not for fewer than all.
    let tests = names.iter().map(|name| {
        let there = compared(Sense::Is, header(name), presence(sense));
        Statement::from(there)
    });
    Ok(vec![tests.collect()])
}
