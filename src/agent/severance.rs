//! Connections that policy no longer allows.
//!
//! Packets of a connection pass without being held against policy again. So when policy changes, each
//! connection of a workload is asked about as if its first packet came now, by a walk through the table
//! that is in force.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::host::{Flow, FlowStatus, Judgement, TupleKey};
use crate::model::{Endpoint, State};
use crate::net::InterfaceName;
use crate::ruleset::packet::{Packet, Transport};
use crate::ruleset::trace::{Fate, trace_through};
use crate::ruleset::{CtState, Table, TableKey};

/// What stands for any interface that is no workload's.
const OUTSIDE: &str = "outside";

/// Who judges the connections of one host.
#[derive(Debug)]
pub struct Judge<'s> {
    here: BTreeMap<IpAddr, &'s Endpoint>,
    /// The addresses of the host itself.
    own: BTreeSet<IpAddr>,
    key: TableKey,
    table: &'s Table,
    outside: Option<InterfaceName>,
}

impl<'s> Judge<'s> {
    /// Who judges by a table, on a host that has these addresses itself.
    pub fn new(
        state: &'s State,
        (host, own): (&str, BTreeSet<IpAddr>),
        (key, table): (TableKey, &'s Table),
    ) -> Self {
        let local = state.endpoints.values().filter(|e| e.host == host);
        let here = local.flat_map(|e| e.addresses.iter().map(move |&address| (address, e)));
        Self {
            here: here.collect(),
            own,
            key,
            table,
            outside: OUTSIDE.parse().ok(),
        }
    }

    /// What is to become of a connection. One between others than workloads goes on, and one that
    /// another announced: it was allowed for the sake of that one.
    pub fn judge(&self, flow: &Flow) -> Judgement {
        let announced = flow.status.contains(FlowStatus::EXPECTED);
        let Some(packet) = self.opening(flow).filter(|_| !announced) else {
            return Judgement::Keep;
        };
        match trace_through(&self.key, self.table, &packet).fate {
            Fate::Accepted => Judgement::Keep,
            Fate::Dropped | Fate::Rejected(_) => Judgement::Cut,
        }
    }

    /// The packet that would open the connection now, as it is after its destination was translated.
    fn opening(&self, flow: &Flow) -> Option<Packet> {
        let (source, destination) = (flow.original.source, flow.reply.source);
        let (from, to) = (self.here.get(&source), self.here.get(&destination));
        from.or(to)?;
        Some(Packet {
            iif: self.interface(source),
            oif: self.interface(destination),
            ether_saddr: from.and_then(|endpoint| endpoint.mac),
            source,
            destination,
            protocol: flow.protocol,
            transport: transport(flow),
            ct_state: CtState::NEW,
            mark: 0,
        })
    }

    /// The interface behind which an address lies; none is the host itself.
    fn interface(&self, address: IpAddr) -> Option<InterfaceName> {
        match self.here.get(&address) {
            Some(endpoint) => Some(endpoint.interface.clone()),
            None if self.own.contains(&address) => None,
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
