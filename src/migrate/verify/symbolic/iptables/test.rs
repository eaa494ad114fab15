//! Matches as conditions. A condition in front says what must be there to be looked at, also under `!`.

use std::net::IpAddr;

use super::super::fields::{self, Width};
use super::super::{Condition, Pattern, Step, Variable, labels};
use super::{Ground, extension};
use crate::migrate::iptables::{
    Address, AddressKind, AddressTypes, Bound, ChunkMode, ConnectionField, Direction, Icmp,
    InterfacePattern, Masked, Match, PacketType, Physical, Sense, Side, SocketOption, Span, Test,
};
use crate::net::{Family, PortRange};

/// What must hold first, and what is asked.
pub(super) type Question = (Condition, Condition);

impl Ground<'_> {
    pub(super) fn width(&self) -> Width {
        match self.family {
            Family::V4 => Width::V4,
            Family::V6 => Width::V6,
        }
    }

    pub(super) fn address(&self, side: Side) -> Variable {
        match side {
            Side::Source => fields::saddr(self.width()),
            Side::Destination => fields::daddr(self.width()),
        }
    }

    /// The steps of a match.
    pub(super) fn test(&self, found: &Match) -> Vec<Step> {
        let negated = found.sense == Sense::IsNot;
        if let Some(steps) = self.stateful(&found.test, negated) {
            return steps;
        }
        if let Test::Headers {
            headers: named,
            soft: true,
        } = &found.test
        {
            return vec![Step::Test(extension::headers(*named, negated))];
        }
        let question = self.packet(&found.test);
        let question = question.or_else(|| self.connection(&found.test));
        let question = question.or_else(|| self.header(&found.test));
        let (guard, core) = question.unwrap_or_else(|| self.host(&found.test));
        let guard = (guard != Condition::Always).then_some(Step::Test(guard));
        let core = Step::Test(core.negated_if(negated));
        guard.into_iter().chain([core]).collect()
    }

    /// The steps of `-m tcpmss` as far as the first option goes.
    pub(super) fn first_size(&self, span: Span<u16>) -> Vec<Step> {
        vec![
            Step::Test(fields::not_a_later_fragment()),
            Step::Test(first_size(span)),
        ]
    }

    /// What every packet has.
    fn packet(&self, test: &Test) -> Option<Question> {
        let core = match test {
            Test::Address(side, address) => within_address(&self.address(*side), address),
            Test::Interface(direction, pattern) => {
                let variable = match direction {
                    Direction::In => fields::iifname(),
                    Direction::Out => fields::oifname(),
                };
                Condition::Name(variable, interface(pattern))
            }
            Test::Protocol(protocol) => fields::l4proto().is(protocol.0.into()),
            Test::Fragment => fields::fragment().is(1),
            Test::AddressRange(side, span) => {
                let (first, last) = (number(span.first), number(span.last));
                self.address(*side).within(first, last)
            }
            Test::Mark(masked) => mask(&fields::mark(), *masked),
            Test::Length(span) => span_of(&fields::length(), span.first.into(), span.last.into()),
            Test::Ttl(bound, value) | Test::HopLimit(bound, value) => {
                bounded(&fields::ttl(), *bound, (*value).into())
            }
            Test::Dscp(value) => fields::tos().masked(0xfc, u128::from(*value) << 2),
            Test::Tos(masked) => mask(&fields::tos(), *masked),
            Test::Ecn(value) => fields::tos().masked(0x03, (*value).into()),
            Test::PacketType(kind) => fields::packet_type().is(match kind {
                PacketType::Unicast => 0,
                PacketType::Broadcast => 1,
                PacketType::Multicast => 2,
            }),
            Test::Comment(_) => Condition::Always,
            Test::Time(calendar) => super::calendar::condition(calendar),
            Test::Set(set) => return Some(self.set(set)),
            _ => return None,
        };
        Some((Condition::Always, core))
    }

    /// What the headers of transport protocols say.
    fn header(&self, test: &Test) -> Option<Question> {
        let readable = fields::not_a_later_fragment();
        let core = match test {
            Test::Port(side, range) => ports(*side, *range),
            Test::Multiport(side, ranges) => {
                let sides = side.map_or(vec![Side::Source, Side::Destination], |side| vec![side]);
                let each = ranges
                    .iter()
                    .flat_map(|range| sides.iter().map(move |side| ports(*side, *range)));
                Condition::Any(each.collect())
            }
            Test::TcpFlags { mask, set } => {
                fields::tcp_flags().masked(mask.bits().into(), set.bits().into())
            }
            Test::EcnTcp(reduced) => {
                let bit = if *reduced { 0x80 } else { 0x40 };
                fields::tcp_flags().any_bit(bit)
            }
            Test::TcpOption(kind) => Condition::Any(vec![
                Condition::atom(format!("tcp option {kind}")),
                Condition::atom(format!("tcp option {kind}, which ends with the header")),
            ]),
            Test::Icmp(icmp) | Test::Icmpv6(icmp) => icmp_type(*icmp),
            Test::DccpTypes(types) => {
                let each = types
                    .iter()
                    .map(|kind| fields::dccp_type().is((*kind).into()));
                Condition::Any(each.collect())
            }
            Test::DccpOption(kind) => Condition::atom(format!("dccp option {kind}")),
            Test::TcpMss(span) => Condition::Any(vec![first_size(*span), second_size(*span)]),
            Test::SctpChunks(mode, text) => chunks(*mode, text),
            Test::AhSpi(span) => return Some(self.spi(51, "ah", fields::ah_spi(), *span)),
            Test::EspSpi(span) => return Some(self.spi(50, "esp", fields::esp_spi(), *span)),
            Test::IpCompSpi(span) => return Some(self.spi(108, "comp", fields::comp_cpi(), *span)),
            Test::MobilityType(span) => {
                let core = fields::mobility_type().within(span.first.into(), span.last.into());
                return Some((fields::l4proto().is(135), core));
            }
            Test::Routing(_)
            | Test::Frag6 { .. }
            | Test::Options6 { .. }
            | Test::Headers { .. } => {
                return Some(extension::question(test));
            }
            _ => return None,
        };
        Some((readable, core))
    }

    fn spi(&self, protocol: u8, name: &str, variable: Variable, span: Span<u32>) -> Question {
        let guard = match (self.family, name) {
            (Family::V6, "ah") => Condition::atom("ah header"),
            (Family::V4 | Family::V6, _) => fields::transport(protocol),
        };
        (guard, variable.within(span.first.into(), span.last.into()))
    }

    /// What the connection says.
    fn connection(&self, test: &Test) -> Option<Question> {
        let core = match test {
            Test::State(states) => return Some((Condition::Always, state(*states))),
            Test::Status(status) => {
                // `NONE` adds no bit, and without a bit nothing matches.
                let bits = u128::from(status.bits() >> 1);
                fields::ct_status().any_bit(bits)
            }
            Test::ConnectionProtocol(protocol) => fields::ct_protocol().is(protocol.0.into()),
            Test::ConnectionAddress(field, side, address) => {
                let name = format!("ct {} {}", direction(*field), side_word(*side, "addr"));
                let variable = Variable {
                    name,
                    bits: self.width().bits(),
                };
                within_address(&variable, address)
            }
            Test::ConnectionPort(field, side, range) => {
                let name = format!("ct {} {}", direction(*field), side_word(*side, "port"));
                let variable = Variable::new(&name, 16);
                variable.within(range.first().into(), range.last().into())
            }
            Test::ConnectionExpiry(span) => {
                fields::ct_expiration().within(span.first.into(), span.last.into())
            }
            Test::ConnectionDirection(field) => fields::ct_direction().is(match field {
                ConnectionField::Original => 0,
                ConnectionField::Reply => 1,
            }),
            Test::ConnectionMark(masked) => mask(&fields::ct_mark(), *masked),
            Test::ConnBytes {
                mode,
                direction,
                range,
            } => {
                let variable = Variable::new(&format!("ct {direction} {mode}"), 64);
                span_of(&variable, range.first.into(), range.last.into())
            }
            Test::ConnLabel { label, .. } => {
                // A packet without a connection has no label, which is what `!` asks for.
                let there = Condition::atom(format!("ct label {label}"));
                return Some((Condition::Always, fields::has_connection().and(there)));
            }
            Test::Helper(name) => {
                let core = Condition::atom(format!("ct helper {name}"));
                return Some((Condition::Always, core));
            }
            _ => return None,
        };
        Some((fields::has_connection(), core))
    }

    /// What the host knows.
    fn host(&self, test: &Test) -> Question {
        let always = Condition::Always;
        match test {
            Test::Mac(mac) => {
                let value = mac
                    .0
                    .iter()
                    .fold(0, |value, byte| value << 8 | u128::from(*byte));
                (Condition::atom("on Ethernet"), fields::mac().is(value))
            }
            Test::System(name) => {
                let core = Condition::atom(format!("osf name {name}"));
                (fields::transport(6), core)
            }
            Test::AddressType(side, types, kind) => (always, address_type(*side, *types, *kind)),
            Test::PhysicalInterface(direction, pattern) => physical(*direction, interface(pattern)),
            Test::Physical(what) => {
                // What is bridged has a port that it goes out by, and what is routed has none.
                let variable = match what {
                    Physical::IsIn => fields::physical_in(),
                    Physical::IsOut | Physical::IsBridged => fields::physical_out(),
                };
                (always, fields::some_interface(variable))
            }
            Test::User(span) => (always, owner(&fields::user(), *span)),
            Test::Group(span) => (always, owner(&fields::group(), *span)),
            Test::SocketExists => (always, fields::has_socket()),
            Test::Socket(options) => (always, socket(options)),
            Test::CgroupClass(class) => {
                (fields::has_socket(), fields::cgroup().is((*class).into()))
            }
            Test::CgroupPath(path) => {
                let path = path.trim_matches('/');
                (
                    fields::has_socket(),
                    Condition::atom(format!("cgroup {path}")),
                )
            }
            Test::ReversePath(options) => {
                (always, super::effect::reverse_path(self.family, options))
            }
            Test::Ipsec {
                direction,
                elements,
                ..
            } => (
                always,
                super::effect::ipsec(*direction, elements.as_deref()),
            ),
            Test::Realm(masked) => (always, mask(&fields::realm(), *masked)),
            Test::DeviceGroup(Direction::In, masked) => {
                (always, mask(&fields::input_group(), *masked))
            }
            Test::DeviceGroup(Direction::Out, masked) => {
                (always, mask(&fields::output_group(), *masked))
            }
            Test::Cpu(number) => (always, fields::cpu().is((*number).into())),
            Test::Unknown { text, .. } => (always, Condition::atom(text.clone())),
            other => (always, Condition::atom(format!("{other:?}"))),
        }
    }
}

/// A segment size in the first option that is of its kind, which has four octets.
fn first_size(span: Span<u16>) -> Condition {
    let size = fields::segment_size().within(span.first.into(), span.last.into());
    let there = Condition::atom(labels::SEGMENT_OPTION);
    Condition::All(vec![there, fields::segment_option().is(4), size])
}

/// A segment size behind an option of its kind that has not four octets.
fn second_size(span: Span<u16>) -> Condition {
    let Span { first, last } = span;
    let other = fields::segment_option().is(4).negated();
    let size = format!("tcp mss {first}-{last} behind an option of another length");
    Condition::All(vec![
        Condition::atom(labels::SEGMENT_OPTION),
        other,
        Condition::atom(size),
    ])
}

/// A port of a bridge. What came by a bridge and is not bridged on has none to go out by, which `!` does not
/// change.
fn physical(direction: Direction, pattern: Pattern) -> Question {
    let (came, goes) = (fields::physical_in(), fields::physical_out());
    match direction {
        Direction::In => (Condition::Always, Condition::Name(came, pattern)),
        Direction::Out => {
            let some = fields::some_interface(goes.clone());
            let none = fields::some_interface(came).negated();
            let asked = Condition::Any(vec![some, none]);
            (asked, Condition::Name(goes, pattern))
        }
    }
}

pub(super) fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u32::from(address).into(),
        IpAddr::V6(address) => address.into(),
    }
}

fn within_address(variable: &Variable, address: &Address) -> Condition {
    match address {
        Address::Prefix(prefix) => {
            super::super::prefix(variable, prefix.network(), prefix.prefix_len())
        }
        Address::Masked { address, mask } => variable.masked(number(*mask), number(*address)),
    }
}

fn interface(pattern: &InterfacePattern) -> Pattern {
    match pattern {
        InterfacePattern::Name(name) => Pattern::Exactly(name.clone()),
        InterfacePattern::Prefix(prefix) => Pattern::Prefix(prefix.clone()),
    }
}

fn mask(variable: &Variable, masked: Masked) -> Condition {
    variable.masked(masked.mask.into(), masked.value.into())
}

fn span_of(variable: &Variable, first: u128, last: u128) -> Condition {
    variable.within(first, last)
}

fn bounded(variable: &Variable, bound: Bound, value: u128) -> Condition {
    match bound {
        Bound::Equal => variable.is(value),
        Bound::Less if value == 0 => Condition::Never,
        Bound::Less => variable.within(0, value - 1),
        Bound::Greater => variable.within(value + 1, variable.largest()),
    }
}

fn ports(side: Side, range: PortRange) -> Condition {
    let variable = match side {
        Side::Source => fields::sport(),
        Side::Destination => fields::dport(),
    };
    variable.within(range.first().into(), range.last().into())
}

/// Each type of chunk is there or not; what else is said of them is only known to be the same where it is called the same.
fn chunks(mode: ChunkMode, text: &str) -> Condition {
    let there = |name: &str| {
        let name = name.to_ascii_lowercase().replace('_', "-");
        let name = name.strip_prefix("ecn-").unwrap_or(&name);
        Condition::atom(format!("sctp chunk {name}"))
    };
    match mode {
        _ if text.contains(':') => Condition::atom(format!("sctp chunks {mode:?} {text}")),
        ChunkMode::All => Condition::All(text.split(',').map(there).collect()),
        ChunkMode::Any => Condition::Any(text.split(',').map(there).collect()),
        ChunkMode::Only => Condition::atom(format!("sctp chunks {mode:?} {text}")),
    }
}

fn icmp_type(icmp: Icmp) -> Condition {
    let Some(kind) = icmp.kind else {
        return Condition::Always;
    };
    let codes = fields::icmp_code().within(icmp.codes.first.into(), icmp.codes.last.into());
    fields::icmp_type().is(kind.into()).and(codes)
}

fn state(states: crate::migrate::iptables::ConnectionStates) -> Condition {
    use crate::migrate::iptables::ConnectionStates as States;
    let known = [
        (States::INVALID, fields::ct_state().is(0)),
        (States::ESTABLISHED, fields::ct_state().is(1)),
        (States::RELATED, fields::ct_state().is(2)),
        (States::NEW, fields::ct_state().is(3)),
        (States::UNTRACKED, fields::ct_state().is(4)),
        (States::SNAT, fields::ct_status().any_bit(16)),
        (States::DNAT, fields::ct_status().any_bit(32)),
    ];
    let named = known.into_iter().filter(|(bit, _)| states.contains(*bit));
    Condition::Any(named.map(|(_, condition)| condition).collect())
}

fn direction(field: ConnectionField) -> &'static str {
    match field {
        ConnectionField::Original => "original",
        ConnectionField::Reply => "reply",
    }
}

fn side_word(side: Side, what: &str) -> String {
    match side {
        Side::Source => format!("s{what}"),
        Side::Destination => format!("d{what}"),
    }
}

fn address_type(side: Side, types: AddressTypes, kind: AddressKind) -> Condition {
    let address = match side {
        Side::Source => "saddr",
        Side::Destination => "daddr",
    };
    let variable = match kind {
        AddressKind::Anywhere => fields::fib_type(&[address]),
        AddressKind::OnInput => fields::fib_type(&[address, "iif"]),
        AddressKind::OnOutput => fields::fib_type(&[address, "oif"]),
    };
    let bits = u32::from(types.bits());
    let named = (0..16_u32).filter(|bit| bits >> bit & 1 == 1);
    Condition::Any(named.map(|bit| variable.is(bit.into())).collect())
}

fn owner(variable: &Variable, span: Span<u32>) -> Condition {
    let within = variable.within(span.first.into(), span.last.into());
    fields::has_socket().and(within)
}

pub(super) fn socket(options: &[SocketOption]) -> Condition {
    let found = Condition::atom("a socket for the packet");
    let mut parts = vec![found];
    if !options.contains(&SocketOption::NoWildcard) {
        let any = Condition::atom("the socket is bound to any address");
        parts.push(fields::whole_socket().and(any).negated());
    }
    if options.contains(&SocketOption::Transparent) {
        parts.push(Condition::atom("the socket is transparent"));
    }
    Condition::All(parts)
}
