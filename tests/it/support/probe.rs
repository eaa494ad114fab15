//! A probe as each oracle reads it.

use margay::ruleset::{CtState, packet};
use margay::scenario::{Probe, Transport};

use super::reference::{Connection, Facts};

/// For the reference interpreter.
pub(crate) fn facts(probe: &Probe, connection: Connection) -> Facts<'_> {
    let (ports, icmp) = match probe.packet.transport {
        Transport::Ports {
            source,
            destination,
            ..
        } => (Some((source, destination)), None),
        Transport::Icmp { kind, code } => (None, Some((kind, code))),
        Transport::Other(_) | Transport::Cut(_) => (None, None),
    };
    Facts {
        from: probe.from.as_str(),
        to: probe.to.as_ref().map(|name| name.as_str()),
        mac: probe.mac,
        source: probe.packet.source,
        destination: probe.packet.destination,
        protocol: probe.packet.protocol(),
        ports,
        icmp,
        connection,
    }
}

/// For a trace through a ruleset.
pub(crate) fn traced(probe: &Probe, connection: Connection) -> packet::Packet {
    let transport = match probe.packet.transport {
        Transport::Ports {
            source,
            destination,
            ..
        } => packet::Transport::Ports {
            source,
            destination,
        },
        Transport::Icmp { kind, code } => packet::Transport::Icmp { kind, code },
        Transport::Other(_) | Transport::Cut(_) => packet::Transport::Other,
    };
    let ct_state = match connection {
        Connection::New => CtState::NEW,
        Connection::Established => CtState::ESTABLISHED,
        Connection::Invalid => CtState::INVALID,
        Connection::Untracked => CtState::UNTRACKED,
    };
    packet::Packet {
        iif: Some(probe.from.clone()),
        oif: probe.to.clone(),
        ether_saddr: probe.mac,
        source: probe.packet.source,
        destination: probe.packet.destination,
        protocol: probe.packet.protocol(),
        transport,
        ct_state,
        mark: 0,
    }
}
