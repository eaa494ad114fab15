//! What nft tests before it reads a header: that the packet has one.

use super::field::{Header, NFT_META_IIFTYPE, location, meta_number};
use super::instruction::{Base, Comparison, Instruction, NFT_REG_1};
use super::piece::Piece;
use crate::net::{Family, Protocol};
use crate::ruleset::{Bytes, Expression, MetaKey, PayloadField, TableFamily};

/// `ARPHRD_ETHER` (linux/if_arp.h).
const ARPHRD_ETHER: u16 = 1;

/// What is known of a packet that came this far in a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Context {
    ether: bool,
    network: Option<Family>,
    transport: Option<u8>,
}

impl Context {
    /// What a table's family says.
    pub(crate) fn of(family: TableFamily) -> Self {
        let network = match family {
            TableFamily::Ip => Some(Family::V4),
            TableFamily::Ip6 => Some(Family::V6),
            TableFamily::Inet | TableFamily::Arp => None,
        };
        Self {
            ether: false,
            network,
            transport: None,
        }
    }

    /// Takes note of a match with one value.
    pub(crate) fn learn(&mut self, left: Expression, value: &[u8]) {
        match left {
            Expression::Meta(MetaKey::Nfproto) => self.network = family_of(value),
            Expression::Meta(MetaKey::L4proto)
            | Expression::Payload(PayloadField::IpProtocol | PayloadField::Ip6Nexthdr) => {
                self.transport = value.first().copied();
            }
            Expression::Meta(_)
            | Expression::Payload(_)
            | Expression::Ct(_)
            | Expression::Fib(..) => {}
        }
    }

    /// Tests what an expression implies, unless it is known.
    pub(crate) fn require(&mut self, expression: Expression, pieces: &mut Vec<Piece>) {
        let Expression::Payload(field) = expression else {
            return;
        };
        match location(field).header {
            Header::Ether => self.require_ether(pieces),
            Header::Ip => self.require_network(Family::V4, pieces),
            Header::Ip6 => self.require_network(Family::V6, pieces),
            Header::Tcp => self.require_transport(Protocol::TCP, pieces),
            Header::Udp => self.require_transport(Protocol::UDP, pieces),
            Header::Th => {}
            Header::Icmp => self.require_icmp(Protocol::ICMP, Family::V4, pieces),
            Header::Icmpv6 => self.require_icmp(Protocol::ICMPV6, Family::V6, pieces),
        }
    }

    /// `meta l4proto tcp`.
    pub(crate) fn require_transport(&mut self, protocol: Protocol, pieces: &mut Vec<Piece>) {
        if self.transport != Some(protocol.0) {
            test_meta(meta_number(MetaKey::L4proto), &[protocol.0], pieces);
            self.transport = Some(protocol.0);
        }
    }

    fn require_icmp(&mut self, protocol: Protocol, family: Family, pieces: &mut Vec<Piece>) {
        if self.transport != Some(protocol.0) {
            self.require_network(family, pieces);
            self.require_transport(protocol, pieces);
        }
    }

    /// `meta iiftype ether`.
    fn require_ether(&mut self, pieces: &mut Vec<Piece>) {
        if !self.ether {
            test_meta(NFT_META_IIFTYPE, &ARPHRD_ETHER.to_ne_bytes(), pieces);
            self.ether = true;
        }
    }

    /// `meta nfproto ipv4`, or `ether type ip` in a rule that reads the Ethernet header.
    fn require_network(&mut self, family: Family, pieces: &mut Vec<Piece>) {
        if self.network == Some(family) {
            return;
        }
        if self.ether {
            pieces.push(Piece::ether_type(family));
        } else {
            test_meta(meta_number(MetaKey::Nfproto), &[nfproto(family)], pieces);
        }
        self.network = Some(family);
    }
}

/// `NFPROTO_*` (linux/netfilter.h).
fn nfproto(family: Family) -> u8 {
    match family {
        Family::V4 => 2,
        Family::V6 => 10,
    }
}

fn family_of(value: &[u8]) -> Option<Family> {
    Family::ALL
        .into_iter()
        .find(|family| value == [nfproto(*family)])
}

fn test_meta(key: u32, value: &[u8], pieces: &mut Vec<Piece>) {
    pieces.push(Piece::Plain(Instruction::Meta {
        register: NFT_REG_1,
        key,
    }));
    pieces.push(Piece::Plain(Instruction::Compare {
        register: NFT_REG_1,
        comparison: Comparison::Eq,
        value: Bytes::from_slice(value),
    }));
}

/// `ether type` of a family: offset 12 of the link header, two bytes.
pub(crate) fn ether_type(family: Family) -> (Base, u32, [u8; 2]) {
    // ETH_P_IP and ETH_P_IPV6 (linux/if_ether.h).
    let number: u16 = match family {
        Family::V4 => 0x0800,
        Family::V6 => 0x86dd,
    };
    (Base::Link, 12, number.to_be_bytes())
}
