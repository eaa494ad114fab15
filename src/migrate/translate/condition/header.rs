//! Headers.

use super::super::case::{
    Cases, Outcome, always, among, any_bit, compared, constant, never, one, ordered, product,
};
use super::super::class::Obstacle;
use super::super::draft::Draft;
use super::{chunks, unsayable};
use crate::migrate::iptables::{
    Bound, Direction, Icmp, InterfacePattern, Masked, Match as Asked, Sense, Side, Span, TcpFlags,
    Test,
};
use crate::migrate::nft::{Expression, Field, Item, Match, Operand, Operator, Statement, Value};
use crate::net::{Family, PortRange, Protocol};
use crate::ruleset::{Datatype, symbol};

/// Says a match on a header, or on the interface.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only such tests are handed here"
)]
pub(super) fn cases(draft: &mut Draft<'_>, asked: &Asked) -> Outcome<Cases> {
    let sense = asked.sense;
    match &asked.test {
        Test::Interface(direction, pattern) => Ok(interface(sense, *direction, pattern)),
        Test::Fragment => Ok(fragment(sense)),
        Test::Port(side, port) => self::port(draft, sense, *side, *port),
        Test::Multiport(side, list) => ports(draft, sense, *side, list),
        Test::TcpFlags { mask, set } => Ok(tcp_flags(sense, *mask, *set)),
        Test::TcpOption(kind) => Ok(tcp_option(draft, sense, *kind)),
        Test::TcpMss(span) => Ok(segment(draft, sense, *span)),
        Test::Icmp(icmp) => Ok(self::icmp(sense, *icmp)),
        Test::Icmpv6(icmp) => Ok(icmpv6(sense, *icmp)),
        Test::SctpChunks(mode, list) => chunks::cases(sense, *mode, list),
        Test::DccpTypes(kinds) => Ok(dccp(sense, kinds)),
        Test::Length(span) => Ok(length(sense, *span)),
        Test::Ttl(bound, number) | Test::HopLimit(bound, number) => {
            Ok(hops(draft.family, sense, *bound, *number))
        }
        Test::Dscp(point) => Ok(dscp(draft.family, sense, *point)),
        Test::Tos(octet) => Ok(tos(draft, sense, *octet)),
        Test::Ecn(value) => Ok(ecn(draft.family, sense, *value)),
        Test::EcnTcp(reduced) => Ok(ecn_tcp(sense, *reduced)),
        Test::AhSpi(_) | Test::EspSpi(_) | Test::IpCompSpi(_) => spi(draft, asked),
        _ => Err(unsayable("such a header")),
    }
}

/// `-i`, `-o`.
fn interface(sense: Sense, direction: Direction, pattern: &InterfacePattern) -> Cases {
    let field = match direction {
        Direction::In => Field::Iifname,
        Direction::Out => Field::Oifname,
    };
    // A star at the end is a pattern in nft, and a letter in a name of Linux.
    let literal = |name: &str| name.replace('*', "\\*");
    let text = match pattern {
        InterfacePattern::Prefix(prefix) if prefix.is_empty() => return constant(sense, true),
        InterfacePattern::Prefix(prefix) => format!("{}*", literal(prefix)),
        InterfacePattern::Name(name) => literal(name),
    };
    one(compared(sense, field, Value::text(&text)))
}

/// `-p`.
pub(super) fn protocol(sense: Sense, protocol: Protocol, implied: bool) -> Cases {
    if implied {
        return always();
    }
    one(compared(sense, Field::L4proto, protocol_value(protocol)))
}

/// A protocol by its word, where nft has one.
pub(in crate::migrate::translate) fn protocol_value(protocol: Protocol) -> Value {
    match symbol::name(Datatype::InetProto, protocol.0.into()) {
        Some(word) => Value::word(word),
        None => Value::Number(protocol.0.into()),
    }
}

/// `-f`.
fn fragment(sense: Sense) -> Cases {
    let operator = match sense {
        Sense::Is => Operator::NotEqual,
        Sense::IsNot => Operator::Equal,
    };
    one(Match {
        left: vec![Expression::masked(Field::IpFragOff, 0x1fff)],
        operator,
        right: Operand::Items(vec![Value::Hex(0).into()]),
    })
}

/// `--sport`, `--dport`.
fn port(draft: &Draft<'_>, sense: Sense, side: Side, ports: PortRange) -> Outcome<Cases> {
    let field = port_field(draft.port_protocol()?, side)?;
    Ok(one(compared(sense, field, port_item(ports))))
}

/// `-m multiport`.
fn ports(
    draft: &Draft<'_>,
    sense: Sense,
    side: Option<Side>,
    ports: &[PortRange],
) -> Outcome<Cases> {
    let protocol = draft.port_protocol()?;
    let items: Vec<Item> = merged(ports).into_iter().map(port_item).collect();
    let test = |side, sense| Ok(among(sense, port_field(protocol, side)?, items.clone()).into());
    let (source, destination) = (Side::Source, Side::Destination);
    Ok(match (side, sense) {
        (Some(side), sense) => vec![vec![test(side, sense)?]],
        (None, Sense::IsNot) => vec![vec![test(source, sense)?, test(destination, sense)?]],
        (None, Sense::Is) => vec![
            vec![test(source, Sense::Is)?],
            vec![test(source, Sense::IsNot)?, test(destination, Sense::Is)?],
        ],
    })
}

/// `--tcp-flags`.
fn tcp_flags(sense: Sense, mask: TcpFlags, set: TcpFlags) -> Cases {
    if !mask.contains(set) || mask.is_empty() {
        let holds = constant(sense, mask.contains(set));
        // What holds for every packet of TCP does for no later fragment, and for no other protocol.
        return product(holds, &one(readable()));
    }
    let operator = match sense {
        Sense::Is => Operator::Equal,
        Sense::IsNot => Operator::NotEqual,
    };
    one(Match {
        left: vec![Expression::And(
            Box::new(Field::TcpFlags.into()),
            flag_value(mask),
        )],
        operator,
        right: Operand::Items(vec![flag_value(set).into()]),
    })
}

/// There is a header of TCP to read.
fn readable() -> Match {
    ordered(Field::TcpSport, Operator::GreaterOrEqual, Value::Number(0))
}

fn flag_value(flags: TcpFlags) -> Value {
    let words: Vec<_> = flags
        .iter_names()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    match words.as_slice() {
        [] => Value::Hex(0),
        [word] => Value::word(word),
        _ => Value::Bits(words),
    }
}

/// `--tcp-option`. A later fragment lacks every option in nft, where iptables does not look for one: a comparison that
/// always holds where there is a header leaves it out.
fn tcp_option(draft: &mut Draft<'_>, sense: Sense, kind: u8) -> Cases {
    draft.approximate(match kind {
        0 | 1 => {
            "nft does not look at the last octet of a header, where an option of one octet often is"
        }
        _ => {
            "an option that begins in the last octet of a header, or is longer than what is left of it, nft does not see"
        }
    });
    let left = Expression::TcpOption {
        kind: kind.to_string(),
        field: None,
    };
    let option = compared(Sense::Is, left, presence(sense)).into();
    match sense {
        Sense::Is => vec![vec![option]],
        Sense::IsNot => {
            vec![vec![readable().into(), option]]
        }
    }
}

/// `-m tcpmss`: a packet that says no size has none between two, nor has one whose option is longer or shorter than the
/// size takes.
fn segment(draft: &mut Draft<'_>, sense: Sense, span: Span<u16>) -> Cases {
    // Whoever names two sizes has neither of them changed, which is his own loss; a rule that drops them he would escape.
    if sense == Sense::IsNot || !draft.rule.changes_segment_size {
        draft.approximate(
            "where a packet names two segment sizes, the first in an option that is not of four octets, iptables \
             compares the second, and nft none",
        );
    }
    if sense == Sense::IsNot {
        draft.approximate("nft does not see that an option says 0 or 1 for its length");
    }
    let option = |field: Option<&str>| Expression::TcpOption {
        kind: "maxseg".to_owned(),
        field: field.map(str::to_owned),
    };
    let length = |sense| compared(sense, option(Some("length")), Value::Number(4)).into();
    let size = compared(sense, option(Some("size")), numbers(span)).into();
    let missing = compared(Sense::Is, option(None), presence(Sense::IsNot)).into();
    match sense {
        Sense::Is => vec![vec![length(Sense::Is), size]],
        Sense::IsNot => vec![
            vec![length(Sense::Is), size],
            vec![length(Sense::IsNot)],
            vec![readable().into(), missing],
        ],
    }
}

/// `exists` or `missing`.
pub(super) fn presence(sense: Sense) -> Value {
    Value::word(match sense {
        Sense::Is => "exists",
        Sense::IsNot => "missing",
    })
}

/// `--icmp-type`.
fn icmp(sense: Sense, icmp: Icmp) -> Cases {
    let words = (Datatype::IcmpType, Field::IcmpType, Field::IcmpCode);
    message(sense, icmp, words)
}

/// `--icmpv6-type`.
fn icmpv6(sense: Sense, icmp: Icmp) -> Cases {
    let words = (Datatype::Icmpv6Type, Field::Icmpv6Type, Field::Icmpv6Code);
    message(sense, icmp, words)
}

fn message(
    sense: Sense,
    icmp: Icmp,
    (datatype, kind_field, code_field): (Datatype, Field, Field),
) -> Cases {
    let Some(kind) = icmp.kind else {
        // A later fragment has no type, not even any.
        return match sense {
            Sense::Is => fragment(Sense::IsNot),
            Sense::IsNot => never(),
        };
    };
    let value = match symbol::name(datatype, kind.into()) {
        Some(word) => Value::word(word),
        None => Value::Number(kind.into()),
    };
    let is_kind = |sense| compared(sense, kind_field, value.clone()).into();
    let Span { first, last } = icmp.codes;
    let is_code = |sense| match first == last {
        true => compared(sense, code_field, Value::Number(first.into())).into(),
        false => compared(
            sense,
            code_field,
            Item::Range(Value::Number(first.into()), Value::Number(last.into())),
        )
        .into(),
    };
    match (sense, (first, last)) {
        (sense, (0, u8::MAX)) => vec![vec![is_kind(sense)]],
        (Sense::Is, _) => vec![vec![is_kind(Sense::Is), is_code(Sense::Is)]],
        (Sense::IsNot, _) => vec![
            vec![is_kind(Sense::IsNot)],
            vec![is_kind(Sense::Is), is_code(Sense::IsNot)],
        ],
    }
}

/// `--dccp-types`.
fn dccp(sense: Sense, kinds: &[u8]) -> Cases {
    let items = kinds
        .iter()
        .map(|kind| Value::Number((*kind).into()).into());
    one(among(sense, Field::DccpType, items.collect()))
}

/// `-m length`.
fn length(sense: Sense, span: Span<u16>) -> Cases {
    one(compared(sense, Field::Length, numbers(span)))
}

/// A number or a range of them.
pub(super) fn numbers<T: Into<u64> + PartialEq + Copy>(span: Span<T>) -> Item {
    match span.first == span.last {
        true => Value::Number(span.first.into()).into(),
        false => Item::Range(
            Value::Number(span.first.into()),
            Value::Number(span.last.into()),
        ),
    }
}

/// `-m ttl`, `-m hl`.
fn hops(family: Family, sense: Sense, bound: Bound, number: u8) -> Cases {
    let field = match family {
        Family::V4 => Field::IpTtl,
        Family::V6 => Field::Ip6Hoplimit,
    };
    let operator = match (bound, sense) {
        (Bound::Equal, Sense::Is) => Operator::Implicit,
        (Bound::Equal, Sense::IsNot) => Operator::NotEqual,
        (Bound::Less, Sense::Is) => Operator::Less,
        (Bound::Less, Sense::IsNot) => Operator::GreaterOrEqual,
        (Bound::Greater, Sense::Is) => Operator::Greater,
        (Bound::Greater, Sense::IsNot) => Operator::LessOrEqual,
    };
    one(ordered(field, operator, Value::Number(number.into())))
}

/// `-m dscp`.
fn dscp(family: Family, sense: Sense, point: u8) -> Cases {
    let field = dscp_field(family);
    one(compared(sense, field, Value::Hex(point.into())))
}

/// The field of the code point.
pub(in crate::migrate::translate) fn dscp_field(family: Family) -> Field {
    match family {
        Family::V4 => Field::IpDscp,
        Family::V6 => Field::Ip6Dscp,
    }
}

/// The field of explicit congestion notification.
pub(in crate::migrate::translate) fn ecn_field(family: Family) -> Field {
    match family {
        Family::V4 => Field::IpEcn,
        Family::V6 => Field::Ip6Ecn,
    }
}

/// `-m tos`: the octet of which nft has the halves.
fn tos(draft: &mut Draft<'_>, sense: Sense, octet: Masked) -> Cases {
    let Masked { value, mask } = octet;
    if value & !mask != 0 {
        return constant(sense, false);
    }
    draft.equivalent("the octet of TOS is compared in its halves, dscp and ecn");
    let family = draft.family;
    let half = |field: Field, value: u32, mask: u32, all: u32| {
        (mask != 0).then_some((field, value, mask, all))
    };
    let dscp = half(dscp_field(family), value >> 2, mask >> 2, 0x3f);
    let ecn = half(ecn_field(family), value & 3, mask & 3, 3);
    let test = |sense: Sense, (field, value, mask, all): &(Field, u32, u32, u32)| -> Statement {
        let hex = |value: u32| Value::Hex(value.into());
        let operator = match sense {
            Sense::Is => Operator::Equal,
            Sense::IsNot => Operator::NotEqual,
        };
        if mask == all {
            return ordered(*field, operator, hex(*value)).into();
        }
        match family {
            Family::V4 => {
                let masked = Expression::masked(*field, (*mask).into());
                ordered(masked, operator, hex(*value)).into()
            }
            // nft 1.0.6 shifts these bits of IPv6 the wrong way where there is a mask.
            Family::V6 => {
                let fitting = (0..=*all).filter(|number| number & mask == *value);
                among(
                    sense,
                    *field,
                    fitting.map(|number| hex(number).into()).collect(),
                )
                .into()
            }
        }
    };
    match (dscp, ecn, sense) {
        (None, None, sense) => constant(sense, true),
        (Some(half), None, sense) | (None, Some(half), sense) => vec![vec![test(sense, &half)]],
        (Some(dscp), Some(ecn), Sense::Is) => {
            vec![vec![test(Sense::Is, &dscp), test(Sense::Is, &ecn)]]
        }
        (Some(dscp), Some(ecn), Sense::IsNot) => vec![
            vec![test(Sense::IsNot, &dscp)],
            vec![test(Sense::Is, &dscp), test(Sense::IsNot, &ecn)],
        ],
    }
}

/// `--ecn-ip-ect`.
fn ecn(family: Family, sense: Sense, value: u8) -> Cases {
    one(compared(
        sense,
        ecn_field(family),
        Value::Number(value.into()),
    ))
}

/// `--ecn-tcp-cwr`, `--ecn-tcp-ece`.
fn ecn_tcp(sense: Sense, reduced: bool) -> Cases {
    let word = if reduced { "cwr" } else { "ecn" };
    one(any_bit(sense, Field::TcpFlags, vec![word.to_owned()]))
}

/// `-m ah`, `-m esp`, `-m ipcomp`.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only such tests are handed here"
)]
fn spi(draft: &Draft<'_>, asked: &Asked) -> Outcome<Cases> {
    let (field, span) = match &asked.test {
        Test::AhSpi(_) if draft.family == Family::V6 => {
            return Err(unsayable("the header of AH in IPv6"));
        }
        Test::AhSpi(span) => (Field::AhSpi, *span),
        Test::EspSpi(span) => (Field::EspSpi, *span),
        Test::IpCompSpi(span) => (Field::CompCpi, *span),
        _ => return Err(unsayable("such an index")),
    };
    if span.first == 0 && span.last == u32::MAX {
        return Ok(match asked.sense {
            // A later fragment has no header to read.
            Sense::Is => one(ordered(field, Operator::GreaterOrEqual, Value::Number(0))),
            Sense::IsNot => never(),
        });
    }
    Ok(one(compared(asked.sense, field, numbers(span))))
}

/// The field of a port.
pub(in crate::migrate::translate) fn port_field(protocol: Protocol, side: Side) -> Outcome<Field> {
    const DCCP: Protocol = Protocol(33);
    let (source, destination) = match protocol {
        Protocol::TCP => (Field::TcpSport, Field::TcpDport),
        Protocol::UDP => (Field::UdpSport, Field::UdpDport),
        Protocol::UDPLITE => (Field::UdpliteSport, Field::UdpliteDport),
        Protocol::SCTP => (Field::SctpSport, Field::SctpDport),
        DCCP => (Field::DccpSport, Field::DccpDport),
        other => {
            return Err(Obstacle::new(
                format!("protocol {other} has no ports"),
                "ask for tcp, udp, udplite, sctp or dccp",
            ));
        }
    };
    Ok(match side {
        Side::Source => source,
        Side::Destination => destination,
    })
}

/// A port or a range of ports.
pub(in crate::migrate::translate) fn port_item(ports: PortRange) -> Item {
    numbers(Span {
        first: ports.first(),
        last: ports.last(),
    })
}

/// The same ports in ascending ranges that do not touch.
pub(in crate::migrate::translate) fn merged(ports: &[PortRange]) -> Vec<PortRange> {
    let mut sorted = ports.to_vec();
    sorted.sort();
    let mut merged: Vec<PortRange> = Vec::new();
    for range in sorted {
        let touching = merged
            .last()
            .filter(|last| u32::from(range.first()) <= u32::from(last.last()) + 1)
            .and_then(|last| PortRange::new(last.first(), last.last().max(range.last())));
        match touching {
            Some(joined) => {
                merged.pop();
                merged.push(joined);
            }
            None => merged.push(range),
        }
    }
    merged
}
