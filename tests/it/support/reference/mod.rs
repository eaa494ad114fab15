//! The reference interpreter: policy read literally, packet by packet, as an operator would. It
//! knows nothing of rulesets, and imports nothing but what operators say.

mod field;
mod group;
mod known;
mod layer;
mod rule;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use margay::model::{
    Direction, Endpoint, HostAction, InvalidCheck, Settings, SourceSpoofing, State,
};
use margay::net::{Family, MacAddress, Protocol};

pub(crate) use field::Field;

use field::{Belief, Fields, Read};
use group::Members;
use known::Known;
use layer::{AnyRule, Layer};

/// Everything about a packet that policy may depend on.
#[derive(Debug, Clone)]
pub(crate) struct Facts<'a> {
    /// The interface it comes in by.
    pub(crate) from: &'a str,
    /// The interface it would leave by; `None` is the host itself.
    pub(crate) to: Option<&'a str>,
    /// The sender's Ethernet address, where the interface has such.
    pub(crate) mac: Option<MacAddress>,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: Protocol,
    /// Source and destination port.
    pub(crate) ports: Option<(u16, u16)>,
    /// ICMP type and code.
    pub(crate) icmp: Option<(u8, u8)>,
    pub(crate) connection: Connection,
}

/// What conntrack says of the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Connection {
    New,
    Established,
    Invalid,
    Untracked,
}

/// What becomes of the packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Deliver,
    Drop,
}

/// Policy as seen from one host.
#[derive(Debug, Clone)]
pub(crate) struct Reference<'a> {
    settings: Settings,
    /// By interface; of two endpoints on one interface the first by name.
    endpoints: BTreeMap<&'a str, Local<'a>>,
    known: Known<'a>,
    members: Members<'a>,
}

/// An endpoint of the host, and what its traffic meets.
#[derive(Debug, Clone)]
struct Local<'a> {
    endpoint: &'a Endpoint,
    ingress: Vec<Layer<AnyRule<'a>>>,
    egress: Vec<Layer<AnyRule<'a>>>,
}

/// What decides about a packet.
#[derive(Debug, Clone)]
enum Question<'r, 'a> {
    /// Something that is no endpoint's policy.
    Settled(Verdict),
    /// The policies of these endpoints, all of which must allow it.
    Asked(Vec<&'r [Layer<AnyRule<'a>>]>),
}

impl<'a> Reference<'a> {
    pub(crate) fn new(state: &'a State, host: &'a str) -> Self {
        let mut endpoints = BTreeMap::new();
        for endpoint in state.endpoints.values().filter(|e| e.host == host) {
            let [ingress, egress] = [Direction::Ingress, Direction::Egress]
                .map(|direction| layer::layers(state, endpoint, direction));
            endpoints
                .entry(endpoint.interface.as_str())
                .or_insert(Local {
                    endpoint,
                    ingress,
                    egress,
                });
        }
        Self {
            settings: state.settings_of(host),
            endpoints,
            known: Known::new(state),
            members: Members::new(state),
        }
    }

    /// What becomes of the packet.
    pub(crate) fn verdict(&self, packet: &Facts<'_>) -> Verdict {
        match self.question(packet) {
            Question::Settled(verdict) => verdict,
            Question::Asked(policies) => delivered_if(policies.iter().all(|layers| {
                layer::allow(layers, |rule| self.read(rule, packet).action(Belief::All))
            })),
        }
    }

    /// The fields without which the verdict would be another: were they to match every packet, or
    /// none.
    pub(crate) fn decisive(&self, packet: &Facts<'_>) -> BTreeSet<Field> {
        let Question::Asked(policies) = self.question(packet) else {
            return BTreeSet::new();
        };
        let policies: Vec<Vec<Layer<Read>>> = policies
            .iter()
            .map(|layers| layers.iter().map(|l| l.map(|r| self.read(r, packet))))
            .map(Iterator::collect)
            .collect();
        let delivers = |belief| {
            let mut policies = policies.iter();
            policies.all(|layers| layer::allow(layers, |read| read.action(belief)))
        };
        let reads = policies.iter().flatten().flat_map(Layer::rules);
        let said = reads.fold(Fields::default(), |all, read| all.plus(read.said()));
        let mut fields: BTreeSet<Field> = Field::all().filter(|field| said.has(*field)).collect();
        let delivered = delivers(Belief::All);
        fields.retain(|&field| {
            let mut doubts = [Belief::Any(field), Belief::None(field)].into_iter();
            doubts.any(|belief| delivers(belief) != delivered)
        });
        fields
    }

    fn read(&self, rule: &AnyRule<'_>, packet: &Facts<'_>) -> Read {
        match rule {
            AnyRule::OfGroup(rule, direction) => {
                group::read(rule, *direction, packet, &self.members)
            }
            AnyRule::Ordered(rule) => rule::read(rule, packet, &self.known),
        }
    }

    fn question(&self, packet: &Facts<'_>) -> Question<'_, 'a> {
        if !self.source_is_right(packet) {
            return Question::Settled(Verdict::Drop);
        }
        match packet.to {
            None => self.to_host(packet),
            Some(to) => self.forwarded(packet, to),
        }
    }

    /// Traffic from a workload must come from an endpoint and carry one of its addresses.
    fn source_is_right(&self, packet: &Facts<'_>) -> bool {
        if !self.is_workload(packet.from) {
            return true;
        }
        let Some(Local { endpoint, .. }) = self.endpoints.get(packet.from) else {
            return false;
        };
        let spoofed = match self.settings.source_spoofing {
            SourceSpoofing::Disabled => None,
            SourceSpoofing::Any => endpoint.labelled().map(|labelled| &labelled.spoofed),
        };
        let mut spoofed = spoofed.into_iter().flatten();
        let own = endpoint.addresses.contains(&packet.source)
            || spoofed.any(|net| net.contains(packet.source));
        let mac_is_right = endpoint.mac.is_none() || endpoint.mac == packet.mac;
        mac_is_right && (own || needs_no_address(packet))
    }

    /// From a workload to the host: what all of them need, then its egress policy, then the action.
    fn to_host(&self, packet: &Facts<'_>) -> Question<'_, 'a> {
        if !self.is_workload(packet.from) {
            return Question::Settled(Verdict::Deliver);
        }
        if let Some(verdict) = self.by_connection(packet) {
            return Question::Settled(verdict);
        }
        if self.is_basic_service(packet) {
            return Question::Settled(Verdict::Deliver);
        }
        match self.settings.endpoint_to_host {
            HostAction::Drop => Question::Settled(Verdict::Drop),
            HostAction::Return | HostAction::Accept => {
                let sender = self.endpoints.get(packet.from);
                Question::Asked(sender.map(|local| &local.egress[..]).into_iter().collect())
            }
        }
    }

    fn forwarded(&self, packet: &Facts<'_>, to: &str) -> Question<'_, 'a> {
        let (from_workload, to_workload) = (self.is_workload(packet.from), self.is_workload(to));
        if !from_workload && !to_workload {
            return Question::Settled(Verdict::Deliver);
        }
        let receiver = self.endpoints.get(to);
        if to_workload && receiver.is_none() {
            return Question::Settled(Verdict::Drop);
        }
        if let Some(verdict) = self.by_connection(packet) {
            return Question::Settled(verdict);
        }
        let sender = self.endpoints.get(packet.from);
        let egress = sender.map(|local| &local.egress[..]);
        let ingress = receiver.map(|local| &local.ingress[..]);
        Question::Asked(egress.into_iter().chain(ingress).collect())
    }

    /// The verdict on what no policy is asked about, because it belongs to a connection or to none.
    fn by_connection(&self, packet: &Facts<'_>) -> Option<Verdict> {
        match (packet.connection, self.settings.invalid_check) {
            (Connection::Established, _) => Some(Verdict::Deliver),
            (Connection::Invalid, InvalidCheck::Enforced) => Some(Verdict::Drop),
            (Connection::Invalid, InvalidCheck::Disabled)
            | (Connection::New | Connection::Untracked, _) => None,
        }
    }

    /// What every workload may ask of its host.
    fn is_basic_service(&self, packet: &Facts<'_>) -> bool {
        let is_metadata = self.settings.metadata.is_some_and(|metadata| {
            packet.protocol == Protocol::TCP
                && packet.destination == metadata.address
                && packet.ports.is_some_and(|(_, to)| to == metadata.port)
        });
        let icmp6 = packet.icmp.filter(|_| packet.protocol == Protocol::ICMPV6);
        is_dhcp(packet)
            || is_metadata
            || matches!(
                (packet.protocol, packet.ports),
                (Protocol::TCP | Protocol::UDP, Some((_, 53)))
            )
            || matches!(icmp6, Some((130..=133 | 135 | 136 | 143, _)))
    }

    /// An interface with a workload prefix, or one that an endpoint here names.
    fn is_workload(&self, interface: &str) -> bool {
        let mut prefixes = self.settings.interface_prefixes.iter();
        self.endpoints.contains_key(interface)
            || prefixes.any(|prefix| interface.starts_with(prefix.as_str()))
    }
}

fn delivered_if(delivered: bool) -> Verdict {
    match delivered {
        true => Verdict::Deliver,
        false => Verdict::Drop,
    }
}

/// What may be sent without an address, or with a link-local one: to get one, to find neighbours.
fn needs_no_address(packet: &Facts<'_>) -> bool {
    match (packet.source, packet.destination) {
        (IpAddr::V4(source), _) => source.is_unspecified() && is_dhcp(packet),
        (IpAddr::V6(source), _) if source.is_unspecified() => {
            packet.protocol == Protocol::ICMPV6
                && matches!(packet.icmp, Some((131..=133 | 135 | 143, _)))
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            let [first, second, ..] = destination.octets();
            let near = destination.is_unicast_link_local() || (first, second) == (0xff, 0x02);
            let neighbours = packet.protocol == Protocol::ICMPV6
                && matches!(packet.icmp, Some((130..=133 | 135 | 136 | 143, _)));
            source.is_unicast_link_local() && near && (neighbours || is_dhcp(packet))
        }
        (IpAddr::V6(_), IpAddr::V4(_)) => false,
    }
}

/// A DHCP client's message, in either family.
fn is_dhcp(packet: &Facts<'_>) -> bool {
    let ports = match Family::of(packet.source) {
        Family::V4 => (68, 67),
        Family::V6 => (546, 547),
    };
    packet.protocol == Protocol::UDP && packet.ports == Some(ports)
}
