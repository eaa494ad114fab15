//! What a field of nft reads: which bits of which variable, and when there is something to read.

use super::super::words::{self, Words};
use super::super::{Condition, Variable, fields};
use super::Ground;
use crate::migrate::nft::{Family as TableFamily, Field};
use crate::net::Family;

/// What is read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    /// What must hold, or the rule ends.
    pub(super) guard: Condition,
    /// What the value is.
    pub(super) subject: Subject,
    /// The words that stand for values.
    pub(super) words: Words,
    /// Values are sets of bits.
    pub(super) bits: bool,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Subject {
    /// Bits of a number: from the lowest of them on, so many.
    Number {
        variable: Variable,
        low: u32,
        count: u32,
    },
    /// The name of an interface.
    Interface(Variable),
    /// The state of the connection, of which there is one.
    State,
    /// Yes or no.
    Flag(Condition),
    /// Always this.
    Constant(u128),
    /// Something that is compared with a text: what stands before it.
    Text(String),
}

impl Reading {
    pub(super) fn number(guard: Condition, variable: Variable) -> Self {
        let count = variable.bits;
        Self {
            guard,
            subject: Subject::Number {
                variable,
                low: 0,
                count,
            },
            words: &[],
            bits: false,
        }
    }

    fn with(subject: Subject) -> Self {
        Self {
            guard: Condition::Always,
            subject,
            words: &[],
            bits: false,
        }
    }

    pub(super) fn flag(condition: Condition) -> Self {
        Self::with(Subject::Flag(condition)).in_words(words::BOOLEANS)
    }

    pub(super) fn text(guard: Condition, what: &str) -> Self {
        let mut reading = Self::with(Subject::Text(what.to_owned()));
        reading.guard = guard;
        reading
    }

    pub(super) fn in_words(mut self, words: Words) -> Self {
        self.words = words;
        self
    }

    fn of_bits(mut self) -> Self {
        self.bits = true;
        self
    }

    pub(super) fn part(guard: Condition, variable: Variable, low: u32, count: u32) -> Self {
        let mut reading = Self::number(guard, variable.clone());
        reading.subject = Subject::Number {
            variable,
            low,
            count,
        };
        reading
    }

    /// The variable, where the whole of it is read.
    pub(super) fn variable(&self) -> Option<Variable> {
        match &self.subject {
            Subject::Number { variable, .. } | Subject::Interface(variable) => {
                Some(variable.clone())
            }
            Subject::State | Subject::Flag(_) | Subject::Constant(_) | Subject::Text(_) => None,
        }
    }
}

impl Ground<'_> {
    /// What a field reads; nothing if that is not known.
    pub(super) fn field(&self, field: Field) -> Option<Reading> {
        self.meta(field)
            .or_else(|| self.network(field))
            .or_else(|| self.transport(field))
            .or_else(|| self.connection(field))
            .or_else(|| self.extension(field))
    }

    /// In family bridge, interfaces are ports of bridges.
    fn interface(&self, input: bool) -> Variable {
        match (self.table.family == TableFamily::Bridge, input) {
            (false, true) => fields::iifname(),
            (false, false) => fields::oifname(),
            (true, true) => fields::physical_in(),
            (true, false) => fields::physical_out(),
        }
    }

    fn only(&self, family: Family) -> Condition {
        if self.family == family {
            Condition::Always
        } else {
            Condition::Never
        }
    }
    fn meta(&self, field: Field) -> Option<Reading> {
        let always = |variable| Reading::number(Condition::Always, variable);
        let socket = |variable| Reading::number(fields::has_socket(), variable);
        let v4 = self.family == Family::V4;
        Some(match field {
            Field::Iifname | Field::Iif => Reading::with(Subject::Interface(self.interface(true))),
            Field::Oifname | Field::Oif => Reading::with(Subject::Interface(self.interface(false))),
            Field::Iifgroup => always(fields::input_group()),
            Field::Oifgroup => always(fields::output_group()),
            Field::Mark => always(fields::mark()),
            Field::L4proto => always(fields::l4proto()).in_words(words::PROTOCOLS),
            Field::Nfproto => Reading::with(Subject::Constant(if v4 { 2 } else { 10 }))
                .in_words(&[("ipv4", 2), ("ipv6", 10)]),
            Field::Protocol | Field::EtherType => {
                Reading::with(Subject::Constant(if v4 { 0x800 } else { 0x86dd }))
                    .in_words(&[("ip", 0x800), ("ip6", 0x86dd)])
            }
            Field::Length => always(fields::length()),
            Field::Pkttype => always(fields::packet_type()).in_words(words::PACKET_TYPES),
            Field::Skuid => socket(fields::user()),
            Field::Skgid => socket(fields::group()),
            Field::Cgroup => socket(fields::cgroup()),
            Field::Priority => always(fields::priority()),
            Field::Cpu => always(fields::cpu()),
            Field::Hour => always(fields::hour()),
            Field::Day => always(fields::day()).in_words(words::DAYS),
            Field::Time => always(fields::date()),
            Field::Secpath => Reading::flag(Condition::atom("ipsec in")),
            Field::RtIpsec => Reading::flag(Condition::atom("ipsec out")),
            Field::RtClassid => always(fields::realm()),
            Field::EtherSaddr => Reading::number(Condition::atom("on Ethernet"), fields::mac()),
            Field::SocketTransparent => {
                let found = Condition::atom("a socket for the packet");
                let flag = Condition::atom("the socket is transparent");
                guarded(found, flag)
            }
            Field::SocketMark => {
                let found = Condition::atom("a socket for the packet");
                Reading::number(found.and(fields::whole_socket()), fields::socket_mark())
            }
            Field::SocketWildcard => {
                let found = Condition::atom("a socket for the packet").and(fields::whole_socket());
                let flag = Condition::atom("the socket is bound to any address");
                guarded(found, flag)
            }
            _ => return None,
        })
    }
    fn network(&self, field: Field) -> Option<Reading> {
        let (v4, v6) = (self.only(Family::V4), self.only(Family::V6));
        let (source, target) = (fields::saddr(self.width()), fields::daddr(self.width()));
        Some(match field {
            Field::IpSaddr => Reading::number(v4, source),
            Field::IpDaddr => Reading::number(v4, target),
            Field::Ip6Saddr => Reading::number(v6, source),
            Field::Ip6Daddr => Reading::number(v6, target),
            Field::IpProtocol => Reading::number(v4, fields::l4proto()).in_words(words::PROTOCOLS),
            Field::Ip6Nexthdr => {
                Reading::number(v6, fields::next_header()).in_words(words::PROTOCOLS)
            }
            Field::IpLength => Reading::number(v4, fields::length()),
            Field::IpTtl => Reading::number(v4, fields::ttl()),
            Field::Ip6Hoplimit => Reading::number(v6, fields::ttl()),
            Field::IpDscp => Reading::part(v4, fields::tos(), 2, 6).in_words(words::DSCP),
            Field::Ip6Dscp => Reading::part(v6, fields::tos(), 2, 6).in_words(words::DSCP),
            Field::IpEcn => Reading::part(v4, fields::tos(), 0, 2).in_words(words::ECN),
            Field::Ip6Ecn => Reading::part(v6, fields::tos(), 0, 2).in_words(words::ECN),
            Field::IpFragOff => Reading::number(v4, Variable::new("ip frag-off", 16)),
            Field::IpVersion => Reading::with(Subject::Constant(4)),
            Field::Ip6Version => Reading::with(Subject::Constant(6)),
            Field::IpHdrlength => Reading::number(v4, Variable::new("ip hdrlength", 4)),
            Field::IpId => Reading::number(v4, Variable::new("ip id", 16)),
            Field::Ip6Length => Reading::number(v6, Variable::new("ip6 length", 16)),
            Field::Ip6Flowlabel => Reading::number(v6, Variable::new("ip6 flowlabel", 20)),
            _ => return None,
        })
    }
    fn transport(&self, field: Field) -> Option<Reading> {
        let of = |protocol, variable| Reading::number(fields::transport(protocol), variable);
        let any = |variable| Reading::number(fields::not_a_later_fragment(), variable);
        let icmp = |variable| {
            let guard = fields::transport(1).and(self.only(Family::V4));
            Reading::number(guard, variable)
        };
        let icmpv6 = |variable| {
            let guard = fields::transport(58).and(self.only(Family::V6));
            Reading::number(guard, variable)
        };
        Some(match field {
            Field::ThSport => any(fields::sport()),
            Field::ThDport => any(fields::dport()),
            Field::TcpSport => of(6, fields::sport()),
            Field::TcpDport => of(6, fields::dport()),
            Field::UdpSport => of(17, fields::sport()),
            Field::UdpDport => of(17, fields::dport()),
            Field::UdpliteSport => of(136, fields::sport()),
            Field::UdpliteDport => of(136, fields::dport()),
            Field::SctpSport => of(132, fields::sport()),
            Field::SctpDport => of(132, fields::dport()),
            Field::DccpSport => of(33, fields::sport()),
            Field::DccpDport => of(33, fields::dport()),
            Field::DccpType => of(33, fields::dccp_type()).in_words(words::DCCP_TYPES),
            Field::TcpFlags => of(6, fields::tcp_flags())
                .in_words(words::TCP_FLAGS)
                .of_bits(),
            Field::TcpWindow => of(6, Variable::new("tcp window", 16)),
            Field::UdpLength => of(17, Variable::new("udp length", 16)),
            Field::IcmpType => icmp(fields::icmp_type()).in_words(words::ICMP_TYPES),
            Field::IcmpCode => icmp(fields::icmp_code()).in_words(words::ICMP_CODES),
            Field::Icmpv6Type => icmpv6(fields::icmp_type()).in_words(words::ICMPV6_TYPES),
            Field::Icmpv6Code => icmpv6(fields::icmp_code()).in_words(words::ICMPV6_CODES),
            Field::AhSpi => of(51, fields::ah_spi()),
            Field::EspSpi => of(50, fields::esp_spi()),
            Field::CompCpi => of(108, fields::comp_cpi()),
            _ => return None,
        })
    }
    fn connection(&self, field: Field) -> Option<Reading> {
        let of = |variable| Reading::number(fields::has_connection(), variable);
        // nft asks for the family of an address by itself.
        let address = |name: &str, v6: bool| {
            let family = if v6 { Family::V6 } else { Family::V4 };
            let variable = Variable::new(name, self.width().bits());
            let guard = self.only(family).and(fields::has_connection());
            Reading::number(guard, variable)
        };
        let count = |name: &str| of(Variable::new(name, 64));
        let port = |name: &str| of(Variable::new(name, 16));
        Some(match field {
            Field::CtState => Reading::with(Subject::State)
                .in_words(words::CT_STATES)
                .of_bits(),
            Field::CtStatus => of(fields::ct_status()).in_words(words::CT_STATUS).of_bits(),
            Field::CtDirection => of(fields::ct_direction()).in_words(words::DIRECTIONS),
            Field::CtMark => of(fields::ct_mark()),
            Field::CtExpiration => of(fields::ct_expiration()),
            Field::CtHelper => Reading::text(Condition::Always, "ct helper"),
            Field::OsfName => Reading::text(fields::transport(6), "osf name"),
            Field::CtLabel => Reading::text(fields::has_connection(), "ct label"),
            Field::CtBytes => count("ct both bytes"),
            Field::CtPackets => count("ct both packets"),
            Field::CtAvgpkt => count("ct both avgpkt"),
            Field::CtOriginalBytes => count("ct original bytes"),
            Field::CtOriginalPackets => count("ct original packets"),
            Field::CtOriginalAvgpkt => count("ct original avgpkt"),
            Field::CtReplyBytes => count("ct reply bytes"),
            Field::CtReplyPackets => count("ct reply packets"),
            Field::CtReplyAvgpkt => count("ct reply avgpkt"),
            Field::CtOriginalProtocol => of(fields::ct_protocol()).in_words(words::PROTOCOLS),
            Field::CtOriginalIpSaddr => address("ct original saddr", false),
            Field::CtOriginalIp6Saddr => address("ct original saddr", true),
            Field::CtOriginalIpDaddr => address("ct original daddr", false),
            Field::CtOriginalIp6Daddr => address("ct original daddr", true),
            Field::CtReplyIpSaddr => address("ct reply saddr", false),
            Field::CtReplyIp6Saddr => address("ct reply saddr", true),
            Field::CtReplyIpDaddr => address("ct reply daddr", false),
            Field::CtReplyIp6Daddr => address("ct reply daddr", true),
            Field::CtOriginalProtoSrc => port("ct original sport"),
            Field::CtOriginalProtoDst => port("ct original dport"),
            Field::CtReplyProtoSrc => port("ct reply sport"),
            Field::CtReplyProtoDst => port("ct reply dport"),
            _ => return None,
        })
    }

    /// Whether a header of IPv6 is there.
    pub(super) fn header(&self, name: &str) -> Reading {
        guarded(
            self.only(Family::V6),
            Condition::atom(format!("exthdr {name}")),
        )
    }

    /// Headers of IPv6: nft asks for the family by itself.
    fn extension(&self, field: Field) -> Option<Reading> {
        let of = |header: &str, variable| {
            let guard = self
                .only(Family::V6)
                .and(Condition::atom(format!("exthdr {header}")));
            Reading::number(guard, variable)
        };
        Some(match field {
            Field::RtType => of("rt", fields::rt_type()),
            Field::RtSegLeft => of("rt", fields::rt_segments()),
            Field::RtHdrlength => of("rt", fields::rt_length()),
            Field::FragId => of("frag", fields::frag_id()),
            Field::FragFragOff => of("frag", fields::frag_offset()),
            Field::FragMoreFragments => of("frag", fields::frag_more()).in_words(words::BOOLEANS),
            Field::FragReserved => of("frag", fields::frag_reserved()),
            Field::FragReserved2 => of("frag", fields::frag_reserved2()),
            Field::HbhHdrlength => of("hbh", Variable::new("hbh hdrlength", 8)),
            Field::DstHdrlength => of("dst", Variable::new("dst hdrlength", 8)),
            Field::MhType => {
                let guard = self.only(Family::V6).and(fields::l4proto().is(135));
                Reading::number(guard, fields::mobility_type()).in_words(words::MOBILITY_TYPES)
            }
            _ => return None,
        })
    }
}

fn guarded(guard: Condition, flag: Condition) -> Reading {
    let mut reading = Reading::flag(flag);
    reading.guard = guard;
    reading
}
