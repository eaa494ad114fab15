//! What conntrack makes of a packet: the state that the oracles must know.

use std::collections::{BTreeMap, BTreeSet};

use margay::net::{Family, Protocol};
use margay::scenario::{Packet, Transport};

use super::reference::Connection;

/// Both ends of a connection.
type Ends = Packet;

/// The connections of a namespace, as packets that were let through made them.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    /// Whether the other side was heard.
    answered: BTreeMap<Ends, bool>,
    /// Everything that was sent. Conntrack notes what goes by before a policy drops it.
    sent: BTreeSet<Ends>,
}

impl Connections {
    /// The state of a packet that is about to come in.
    pub(crate) fn state(&self, packet: &Packet) -> Connection {
        match first_of(packet) {
            Connection::New if self.answered.contains_key(&packet.reply()) => {
                Connection::Established
            }
            Connection::New if self.answered.get(packet) == Some(&true) => Connection::Established,
            first @ (Connection::New
            | Connection::Established
            | Connection::Invalid
            | Connection::Untracked) => first,
        }
    }

    /// Takes note of a packet that is sent.
    pub(crate) fn sends(&mut self, packet: &Packet) {
        self.sent.insert(*packet);
    }

    /// Whether neither such a packet was sent before, nor one that it would answer.
    pub(crate) fn is_unused(&self, packet: &Packet) -> bool {
        ![*packet, packet.reply()]
            .iter()
            .any(|ends| self.sent.contains(ends))
    }

    /// Takes note of a packet that was let through.
    pub(crate) fn passed(&mut self, packet: &Packet) {
        if let Some(answered) = self.answered.get_mut(&packet.reply()) {
            *answered = true;
        } else if first_of(packet) == Connection::New {
            // Every opening ICMP message has an identifier of its own, so none continues another.
            if !matches!(packet.transport, Transport::Icmp { .. }) {
                self.answered.entry(*packet).or_insert(false);
            }
        }
    }
}

/// The state of a packet that belongs to nothing known (nf_conntrack_proto_icmp.c and
/// nf_conntrack_proto_icmpv6.c: `valid_new`, `noct_valid_new`). Without a header there is no tuple, and
/// so no connection (nf_conntrack_core.c: `resolve_normal_ct`).
fn first_of(packet: &Packet) -> Connection {
    let kind = match packet.transport {
        Transport::Icmp { kind, .. } => kind,
        Transport::Cut(_) => return Connection::Invalid,
        Transport::Ports { .. } | Transport::Other(_) => return Connection::New,
    };
    match (packet.family(), kind) {
        (Family::V4, 8 | 13 | 15 | 17) | (Family::V6, 128 | 139) => Connection::New,
        (Family::V6, 130..=136 | 143) => Connection::Untracked,
        (Family::V4 | Family::V6, _) => Connection::Invalid,
    }
}

/// Whether the receiver of such a packet could answer it as part of the same connection.
pub(crate) fn has_answer(packet: &Packet) -> bool {
    matches!(
        packet.transport,
        Transport::Ports {
            protocol: Protocol::TCP | Protocol::UDP,
            ..
        }
    )
}
