//! Whether policy allows a connection that is there.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use super::suspects::{Suspects, Ways};
use crate::host::{Flow, FlowStatus, HostPlan, TupleKey};
use crate::net::InterfaceName;
use crate::ruleset::packet::{Packet, Transport};
use crate::ruleset::trace::{Fate, Shortcuts, fate_in};
use crate::ruleset::{CtState, Table, TableKey};

/// What stands for any interface that is no workload's.
const OUTSIDE: &str = "outside";

/// Who judges the connections of one host.
#[derive(Debug)]
pub struct Judge<'s> {
    plan: &'s HostPlan,
    /// The addresses of the host itself.
    own: &'s BTreeSet<IpAddr>,
    key: TableKey,
    table: &'s Table,
    shortcuts: &'s Shortcuts,
    outside: Option<InterfaceName>,
}

/// What is to become of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It goes on.
    Keep,
    /// The kernel is to forget it: its next packet is held against policy as that of a new one.
    Cut,
}

impl<'s> Judge<'s> {
    /// Who judges by a table, on a host with such a plan that has these addresses itself.
    pub fn new(
        (plan, own): (&'s HostPlan, &'s BTreeSet<IpAddr>),
        (key, table): (TableKey, &'s Table),
        shortcuts: &'s Shortcuts,
    ) -> Self {
        Self {
            plan,
            own,
            key,
            table,
            shortcuts,
            outside: OUTSIDE.parse().ok(),
        }
    }

    /// What is to become of a connection. One between others than workloads goes on, and one that
    /// another announced: it was allowed for the sake of that one. Where it may have come by several
    /// interfaces it goes on if it may come by one of them.
    pub fn judge(&self, flow: &Flow, (suspects, ways): (&Suspects, &Ways)) -> Judgement {
        if flow.status.contains(FlowStatus::EXPECTED) {
            return Judgement::Keep;
        }
        let openings = self.openings(flow);
        let suspected = |packet: &Packet| suspects.concern(packet, ways, self.table);
        if !openings.iter().any(suspected) {
            return Judgement::Keep;
        }
        let allows = |packet: &Packet| match fate_in(&self.key, self.table, packet, self.shortcuts)
        {
            Fate::Accepted => true,
            Fate::Dropped | Fate::Rejected(_) => false,
        };
        match openings.iter().any(allows) {
            true => Judgement::Keep,
            false => Judgement::Cut,
        }
    }

    /// The packets of which one would open the connection now, as it is after its destination was
    /// translated and before its source is: none where it is between others than workloads.
    fn openings(&self, flow: &Flow) -> Vec<Packet> {
        let (source, destination) = (flow.original.source, flow.reply.source);
        let to = self.plan.behind(destination);
        let packet = |iif: Option<InterfaceName>| Packet {
            ether_saddr: iif
                .as_ref()
                .and_then(|name| self.plan.interfaces().get(name)?.mac),
            iif,
            oif: self.interface(destination),
            source,
            destination,
            protocol: flow.protocol,
            transport: transport(flow),
            ct_state: CtState::NEW,
            mark: 0,
        };
        let here = self.plan.behind(source).is_some() || self.own.contains(&source);
        let spoofing = self.plan.spoofing(source).filter(|_| !here);
        let mut all: Vec<_> = spoofing.map(|name| packet(Some(name.clone()))).collect();
        // A source that some endpoint may use, and nobody here has, may be that of somebody outside
        // too; but what goes from outside to outside is not ours to judge.
        let may_be_direct = all.is_empty() || to.is_some();
        if may_be_direct && (self.plan.behind(source).is_some() || to.is_some()) {
            all.push(packet(self.interface(source)));
        }
        all
    }

    /// The interface behind which an address lies; none is the host itself, which is also who gets what
    /// is sent to several.
    fn interface(&self, address: IpAddr) -> Option<InterfaceName> {
        let several = address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST);
        match self.plan.behind(address) {
            Some(interface) => Some(interface.clone()),
            None if several || self.own.contains(&address) => None,
            None => self.outside.clone(),
        }
    }
}

fn transport(flow: &Flow) -> Transport {
    match (flow.original.key, flow.reply.key) {
        (
            TupleKey::Ports { source, .. },
            TupleKey::Ports {
                source: destination,
                ..
            },
        ) if flow.protocol.has_ports() => Transport::Ports {
            source,
            destination,
        },
        (TupleKey::Icmp { kind, code, .. }, _) => Transport::Icmp { kind, code },
        (TupleKey::Ports { .. } | TupleKey::Nothing, _) => Transport::Other,
    }
}
