//! Extension headers of IPv6.

use super::super::case::{Cases, Outcome, compared, one};
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
            one(compared(sense, Field::RtHdrlength, units(*bytes)?))
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
            if *reserved || length.is_some() {
                return Err(unsayable("--fragres and --fraglen"));
            }
            vec![fragment(*id, *first, *more)]
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
                Some(bytes) => one(compared(sense, field, units(*bytes)?)),
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

/// A length in bytes as the header has it: in units of eight bytes beyond the first.
fn units(bytes: u32) -> Outcome<Value> {
    let units = (bytes / 8)
        .checked_sub(1)
        .filter(|_| bytes.is_multiple_of(8));
    units
        .map(|units| Value::Number(units.into()))
        .ok_or_else(|| unsayable("a length that no header can have"))
}

fn fragment(id: Option<Span<u32>>, first: Option<bool>, more: Option<bool>) -> Vec<Statement> {
    let number = |field, number| compared(Sense::Is, field, Value::Number(number)).into();
    let mut statements = Vec::new();
    if let Some(id) = id.filter(|id| id.first > 0 || id.last < u32::MAX) {
        statements.push(compared(Sense::Is, Field::FragId, numbers(id)).into());
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
