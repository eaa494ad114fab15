//! Connection tracking.

use super::super::case::{
    Cases, Outcome, any_bit, compared, constant, masked, never, one, ordered,
};
use super::super::class::Obstacle;
use super::super::draft::Draft;
use super::address::under;
use super::header::{numbers, port_item, protocol_value};
use super::{unnegatable, unsayable};
use crate::migrate::iptables::{
    ConnectionField, ConnectionStates, ConnectionStatus, Match, Sense, Side, Span, Test,
};
use crate::migrate::nft::{Field, Item, Operator, Statement, Value};
use crate::net::Family;

const TRANSLATED: ConnectionStates = ConnectionStates::SNAT.union(ConnectionStates::DNAT);
const WITHOUT_CONNECTION: ConnectionStates =
    ConnectionStates::INVALID.union(ConnectionStates::UNTRACKED);

/// Says a match on the packet's connection.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only such tests are handed here"
)]
pub(super) fn cases(draft: &mut Draft<'_>, asked: &Match) -> Outcome<Cases> {
    let sense = asked.sense;
    Ok(match &asked.test {
        Test::State(states) => state(draft, sense, *states),
        Test::Status(status) => self::status(sense, *status),
        Test::ConnectionProtocol(protocol) => one(compared(
            sense,
            Field::CtOriginalProtocol,
            protocol_value(*protocol),
        )),
        Test::ConnectionAddress(way, side, address) => {
            under(sense, address_field(draft.family, *way, *side), address)
        }
        Test::ConnectionPort(way, side, ports) => {
            if !draft.rule.names_connection_protocol {
                return Err(Obstacle::new(
                    "ports of a connection are compared of no protocol",
                    "add --ctproto or -p",
                ));
            }
            one(compared(sense, port_field(*way, *side), port_item(*ports)))
        }
        Test::ConnectionExpiry(span) => one(compared(sense, Field::CtExpiration, seconds(*span))),
        Test::ConnectionDirection(way) => one(compared(
            sense,
            Field::CtDirection,
            Value::word(match way {
                ConnectionField::Original => "original",
                ConnectionField::Reply => "reply",
            }),
        )),
        Test::ConnectionMark(mark) => {
            let cases = masked(sense, Field::CtMark, mark.value, mark.mask);
            of_a_connection(draft, cases)
        }
        Test::ConnBytes {
            mode,
            direction,
            range,
        } => {
            let cases = counted(sense, mode, direction, *range)?;
            of_a_connection(draft, cases)
        }
        Test::ConnLabel { label, set } => {
            if *set {
                unnegatable("that a label is set", sense)?;
                return Ok(vec![vec![
                    any_bit(Sense::IsNot, Field::CtState, words(WITHOUT_CONNECTION)).into(),
                    Statement::set(Field::CtLabel, Value::Number((*label).into())),
                ]]);
            }
            labelled(draft, sense, *label)
        }
        Test::Helper(name) => {
            if sense == Sense::IsNot {
                draft.approximate("`ct helper !=` does not match connections without any helper");
            }
            one(compared(sense, Field::CtHelper, Value::text(name)))
        }
        _ => return Err(unsayable("such a property of a connection")),
    })
}

/// What holds for any connection does not for a packet without one, which iptables finds out before it compares.
fn of_a_connection(draft: &mut Draft<'_>, mut cases: Cases) -> Cases {
    for case in cases.iter_mut().filter(|case| case.is_empty()) {
        draft.equivalent("what holds for any connection asks whether there is one");
        case.push(any_bit(Sense::IsNot, Field::CtState, words(WITHOUT_CONNECTION)).into());
    }
    cases
}

/// A bit of the labels, by its number. A packet without a connection has none, which nft does not compare.
fn labelled(draft: &mut Draft<'_>, sense: Sense, label: u16) -> Cases {
    let test = |operator| {
        let number = Value::Number(label.into());
        Statement::from(ordered(Field::CtLabel, operator, number))
    };
    match sense {
        Sense::Is => vec![vec![test(Operator::Implicit)]],
        Sense::IsNot => {
            draft.equivalent(
                "a packet without a connection, which has no label, has a rule of its own",
            );
            let without = any_bit(Sense::Is, Field::CtState, words(WITHOUT_CONNECTION));
            vec![vec![test(Operator::None)], vec![without.into()]]
        }
    }
}

/// `--ctstate`. A packet has one state; that a connection is translated is a bit beside it.
fn state(draft: &mut Draft<'_>, sense: Sense, states: ConnectionStates) -> Cases {
    let plain = states.difference(TRANSLATED);
    let bits = words(states.intersection(TRANSLATED));
    if bits.is_empty() {
        return stated(sense, plain).map_or_else(never, |test| vec![vec![test]]);
    }
    draft.equivalent("SNAT and DNAT are bits of the status in nft");
    let translated = |sense| Statement::from(any_bit(sense, Field::CtStatus, bits.clone()));
    let mut cases = Vec::new();
    match sense {
        Sense::Is => {
            cases.extend(stated(Sense::Is, plain).map(|test| vec![test]));
            let mut other: Vec<_> = stated(Sense::IsNot, plain).into_iter().collect();
            other.push(translated(Sense::Is));
            cases.push(other);
        }
        Sense::IsNot => {
            let tracked = stated(Sense::IsNot, plain | WITHOUT_CONNECTION);
            cases.push(
                tracked
                    .into_iter()
                    .chain([translated(Sense::IsNot)])
                    .collect(),
            );
            let without = WITHOUT_CONNECTION.difference(plain);
            cases.extend(stated(Sense::Is, without).map(|test| vec![test]));
        }
    }
    cases
}

/// A state that is one of some, or none of them; nothing where there are none.
fn stated(sense: Sense, states: ConnectionStates) -> Option<Statement> {
    let words = words(states);
    (!words.is_empty()).then(|| any_bit(sense, Field::CtState, words).into())
}

/// The words of states in nft's order.
fn words(states: ConnectionStates) -> Vec<String> {
    const ORDER: [ConnectionStates; 7] = [
        ConnectionStates::INVALID,
        ConnectionStates::ESTABLISHED,
        ConnectionStates::RELATED,
        ConnectionStates::NEW,
        ConnectionStates::UNTRACKED,
        ConnectionStates::SNAT,
        ConnectionStates::DNAT,
    ];
    let named = ORDER.into_iter().filter(|state| states.contains(*state));
    let names = named.flat_map(|state| state.iter_names().map(|(name, _)| name).next());
    names.map(str::to_ascii_lowercase).collect()
}

/// `--ctstatus`; `NONE` is no bit, of which a connection cannot have one.
fn status(sense: Sense, status: ConnectionStatus) -> Cases {
    let bits = status.difference(ConnectionStatus::NONE).iter_names();
    let named: Vec<_> = bits
        .map(|(name, _)| name.to_ascii_lowercase().replace('_', "-"))
        .collect();
    match (named.is_empty(), sense) {
        (false, sense) => one(any_bit(sense, Field::CtStatus, named)),
        (true, Sense::Is) => never(),
        (true, Sense::IsNot) => one(any_bit(
            Sense::IsNot,
            Field::CtState,
            words(WITHOUT_CONNECTION),
        )),
    }
}

/// Whole seconds: what is left of the last one belongs to it.
fn seconds(span: Span<u32>) -> Item {
    Value::word(&format!("{}s-{}s999ms", span.first, span.last)).into()
}

fn counted(sense: Sense, mode: &str, direction: &str, range: Span<u64>) -> Outcome<Cases> {
    let field = match (direction, mode) {
        ("original", "bytes") => Field::CtOriginalBytes,
        ("original", "packets") => Field::CtOriginalPackets,
        ("original", "avgpkt") => Field::CtOriginalAvgpkt,
        ("reply", "bytes") => Field::CtReplyBytes,
        ("reply", "packets") => Field::CtReplyPackets,
        ("reply", "avgpkt") => Field::CtReplyAvgpkt,
        ("both", "bytes") => Field::CtBytes,
        ("both", "packets") => Field::CtPackets,
        ("both", "avgpkt") => Field::CtAvgpkt,
        _ => return Err(unsayable("such a count of a connection")),
    };
    Ok(match (range.first, range.last) {
        (0, u64::MAX) => constant(sense, true),
        (first, u64::MAX) => {
            let operator = match sense {
                Sense::Is => Operator::GreaterOrEqual,
                Sense::IsNot => Operator::Less,
            };
            one(ordered(field, operator, Value::Number(first)))
        }
        _ => one(compared(sense, field, numbers(range))),
    })
}

fn address_field(family: Family, way: ConnectionField, side: Side) -> Field {
    use ConnectionField::{Original, Reply};
    use Side::{Destination, Source};
    match (family, way, side) {
        (Family::V4, Original, Source) => Field::CtOriginalIpSaddr,
        (Family::V4, Original, Destination) => Field::CtOriginalIpDaddr,
        (Family::V4, Reply, Source) => Field::CtReplyIpSaddr,
        (Family::V4, Reply, Destination) => Field::CtReplyIpDaddr,
        (Family::V6, Original, Source) => Field::CtOriginalIp6Saddr,
        (Family::V6, Original, Destination) => Field::CtOriginalIp6Daddr,
        (Family::V6, Reply, Source) => Field::CtReplyIp6Saddr,
        (Family::V6, Reply, Destination) => Field::CtReplyIp6Daddr,
    }
}

fn port_field(way: ConnectionField, side: Side) -> Field {
    match (way, side) {
        (ConnectionField::Original, Side::Source) => Field::CtOriginalProtoSrc,
        (ConnectionField::Original, Side::Destination) => Field::CtOriginalProtoDst,
        (ConnectionField::Reply, Side::Source) => Field::CtReplyProtoSrc,
        (ConnectionField::Reply, Side::Destination) => Field::CtReplyProtoDst,
    }
}
