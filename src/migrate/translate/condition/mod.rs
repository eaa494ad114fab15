//! Matches of iptables, each as cases of nft.

mod address;
mod chunks;
mod connection;
mod extension;
mod header;
mod limit;
mod meta;
mod recent;
mod ring;
mod set;
mod time;

pub(super) use address::{address_field, prefix_item, range_item};
pub(super) use header::{dscp_field, ecn_field, port_item, protocol_value};
pub(super) use limit::address_type;
pub(super) use set::{key, known};

use super::case::{Cases, Outcome, always};
use super::class::Obstacle;
use super::draft::Draft;
use crate::migrate::iptables::{Match, Sense, Test};

/// Says a match in nft.
pub(super) fn cases(draft: &mut Draft<'_>, it: &Match, implied: bool) -> Outcome<Cases> {
    match &it.test {
        Test::Address(..) | Test::AddressRange(..) | Test::AddressType(..) => {
            address::cases(draft, it)
        }
        Test::Protocol(protocol) => Ok(header::protocol(it.sense, *protocol, implied)),
        Test::DccpOption(_) => Err(unsayable("options of DCCP")),
        Test::Interface(..)
        | Test::Fragment
        | Test::Port(..)
        | Test::Multiport(..)
        | Test::TcpFlags { .. }
        | Test::TcpOption(_)
        | Test::TcpMss(_)
        | Test::Icmp(_)
        | Test::Icmpv6(_)
        | Test::SctpChunks(..)
        | Test::DccpTypes(_)
        | Test::Length(_)
        | Test::Ttl(..)
        | Test::HopLimit(..)
        | Test::Dscp(_)
        | Test::Tos(_)
        | Test::Ecn(_)
        | Test::EcnTcp(_)
        | Test::AhSpi(_)
        | Test::EspSpi(_)
        | Test::IpCompSpi(_) => header::cases(draft, it),
        Test::State(_)
        | Test::Status(_)
        | Test::ConnectionProtocol(_)
        | Test::ConnectionAddress(..)
        | Test::ConnectionPort(..)
        | Test::ConnectionExpiry(_)
        | Test::ConnectionDirection(_)
        | Test::ConnectionMark(_)
        | Test::ConnBytes { .. }
        | Test::ConnLabel { .. }
        | Test::Helper(_) => connection::cases(draft, it),
        Test::Set(set) => set::cases(draft, it.sense, set),
        Test::Comment(_) => Ok(always()),
        Test::Limit { .. } | Test::HashLimit(_) | Test::ConnLimit { .. } => limit::cases(draft, it),
        Test::Recent(recent) => recent::cases(draft, it.sense, recent),
        Test::Time(calendar) => time::cases(draft, calendar),
        Test::Routing(_)
        | Test::Frag6 { .. }
        | Test::Options6 { .. }
        | Test::Headers { .. }
        | Test::MobilityType(_) => extension::cases(draft, it),
        Test::PhysicalInterface(..) | Test::Physical(_) => physical(draft, it),
        Test::Mark(_)
        | Test::Mac(_)
        | Test::User(_)
        | Test::Group(_)
        | Test::SocketExists
        | Test::PacketType(_)
        | Test::Statistic(_)
        | Test::Socket(_)
        | Test::CgroupClass(_)
        | Test::CgroupPath(_)
        | Test::ReversePath(_)
        | Test::Ipsec { .. }
        | Test::Realm(_)
        | Test::DeviceGroup(..)
        | Test::Cpu(_)
        | Test::System(_)
        | Test::Quota(_) => meta::cases(draft, it),
        Test::Unknown { text, reason } => Err(Obstacle::unknown(text, reason)),
    }
}

/// Whether a test begins with a comparison that nft makes for one protocol only: what asks for the
/// protocol is implied then.
pub(super) fn implies_protocol(test: &Test) -> bool {
    let icmp = |icmp: &crate::migrate::iptables::Icmp| icmp.kind.is_some();
    matches!(test, Test::Port(..) | Test::Multiport(..))
        || matches!(test, Test::TcpFlags { mask, .. } if !mask.is_empty())
        || matches!(test, Test::Icmp(one) | Test::Icmpv6(one) if icmp(one))
}

/// Ports of bridges.
fn physical(draft: &mut Draft<'_>, asked: &Match) -> Outcome<Cases> {
    let ports = draft.ports;
    match ports.are_free() {
        true => draft.equivalent(ports.remark()),
        false => draft.approximate(ports.remark()),
    }
    if let Test::Physical(what) = &asked.test {
        return ports.physical(asked.sense, *what);
    }
    let Test::PhysicalInterface(direction, pattern) = &asked.test else {
        return Err(unsayable("such a port"));
    };
    ports.named(asked.sense, *direction, pattern)
}

/// nft has no words for something.
fn unsayable(what: &str) -> Obstacle {
    Obstacle::new(
        format!("nft has no words for {what}"),
        "take the rule out, or do without that part of it",
    )
}

/// A negation that would mean something else.
fn unnegatable(what: &str, sense: Sense) -> Outcome<()> {
    match sense {
        Sense::Is => Ok(()),
        Sense::IsNot => Err(Obstacle::new(
            format!("{what} cannot be negated in nft"),
            "write a rule that returns where it holds, before this one",
        )),
    }
}
