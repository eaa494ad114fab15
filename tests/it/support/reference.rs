//! The reference interpreter: policy read literally, packet by packet, as an operator would. It
//! knows nothing of rulesets, and imports nothing but what operators say.

use std::collections::BTreeSet;
use std::net::IpAddr;

use margay::model::{Direction, Endpoint, GroupRule, HostAction, Peer, Service, State};
use margay::net::{Family, MacAddress, Protocol};

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

/// The fields of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Family,
    Protocol,
    Ports,
    IcmpType,
    IcmpCode,
    Cidr,
    Group,
}

impl Field {
    pub(crate) const ALL: [Self; 7] = [
        Self::Family,
        Self::Protocol,
        Self::Ports,
        Self::IcmpType,
        Self::IcmpCode,
        Self::Cidr,
        Self::Group,
    ];
}

/// Policy as seen from one host, with one field of all rules ignored if so asked.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reference<'a> {
    state: &'a State,
    host: &'a str,
    ignored: Option<Field>,
}

impl<'a> Reference<'a> {
    pub(crate) fn new(state: &'a State, host: &'a str) -> Self {
        let ignored = None;
        Self {
            state,
            host,
            ignored,
        }
    }

    /// What becomes of the packet.
    pub(crate) fn verdict(&self, packet: &Facts<'_>) -> Verdict {
        let passes = self.source_is_right(packet)
            && match packet.to {
                None => self.host_takes(packet),
                Some(to) => self.is_forwarded(packet, to),
            };
        if passes {
            Verdict::Deliver
        } else {
            Verdict::Drop
        }
    }

    /// The fields without which the verdict would be another: of a packet that is dropped, those
    /// that some rule must lose to allow it; of one that a single rule allows, all that it has.
    pub(crate) fn decisive(&self, packet: &Facts<'_>) -> BTreeSet<Field> {
        match self.verdict(packet) {
            Verdict::Drop => Field::ALL
                .into_iter()
                .filter(|&field| {
                    let ignored = Some(field);
                    Self { ignored, ..*self }.verdict(packet) == Verdict::Deliver
                })
                .collect(),
            Verdict::Deliver => Direction::ALL
                .into_iter()
                .filter_map(|direction| self.only_rule(packet, direction))
                .flat_map(fields)
                .collect(),
        }
    }

    /// The rule that allows the packet, if policy is asked in this direction and only one does.
    fn only_rule(&self, packet: &Facts<'_>, direction: Direction) -> Option<&'a GroupRule> {
        let asked = match packet.connection {
            Connection::New | Connection::Untracked => match direction {
                Direction::Ingress => packet.to,
                Direction::Egress => Some(packet.from),
            },
            Connection::Established | Connection::Invalid => None,
        };
        if packet.to.is_none() && self.is_basic_service(packet) {
            return None;
        }
        let mut rules = self.allowing(self.endpoint_of(asked?)?, direction, packet);
        let first = rules.next();
        first.filter(|_| rules.next().is_none())
    }

    /// Traffic from a workload must come from an endpoint and carry one of its addresses.
    fn source_is_right(&self, packet: &Facts<'_>) -> bool {
        if !self.is_workload(packet.from) {
            return true;
        }
        let Some(endpoint) = self.endpoint_of(packet.from) else {
            return false;
        };
        let mac_is_right = endpoint.mac.is_none() || endpoint.mac == packet.mac;
        let own = endpoint.addresses.contains(&packet.source);
        mac_is_right && (own || needs_no_address(packet))
    }

    /// From a workload to the host: what all of them need, then its egress policy, then the action.
    fn host_takes(&self, packet: &Facts<'_>) -> bool {
        if !self.is_workload(packet.from) {
            return true;
        }
        match packet.connection {
            Connection::Established => return true,
            Connection::Invalid => return false,
            Connection::New | Connection::Untracked => {}
        }
        let accepts = match self.state.settings.endpoint_to_host {
            HostAction::Drop => false,
            HostAction::Return | HostAction::Accept => true,
        };
        self.is_basic_service(packet)
            || (self.policy_allows(packet.from, Direction::Egress, packet) && accepts)
    }

    fn is_forwarded(&self, packet: &Facts<'_>, to: &str) -> bool {
        let (from_workload, to_workload) = (self.is_workload(packet.from), self.is_workload(to));
        if !from_workload && !to_workload {
            return true;
        }
        if to_workload && self.endpoint_of(to).is_none() {
            return false;
        }
        match packet.connection {
            Connection::Established => return true,
            Connection::Invalid => return false,
            Connection::New | Connection::Untracked => {}
        }
        (!from_workload || self.policy_allows(packet.from, Direction::Egress, packet))
            && (!to_workload || self.policy_allows(to, Direction::Ingress, packet))
    }

    /// Whether the endpoint of an interface may send or receive the packet.
    fn policy_allows(&self, interface: &str, direction: Direction, packet: &Facts<'_>) -> bool {
        self.endpoint_of(interface)
            .is_some_and(|endpoint| self.allowing(endpoint, direction, packet).next().is_some())
    }

    /// The rules of an endpoint's groups that allow the packet.
    fn allowing(
        &self,
        endpoint: &'a Endpoint,
        direction: Direction,
        packet: &Facts<'_>,
    ) -> impl Iterator<Item = &'a GroupRule> {
        let groups = endpoint
            .groups()
            .iter()
            .filter_map(|name| self.state.groups.get(name));
        groups
            .flat_map(move |group| group.rules(direction))
            .filter(move |rule| self.matches(rule, direction, packet))
    }

    fn matches(&self, rule: &GroupRule, direction: Direction, packet: &Facts<'_>) -> bool {
        let far = match direction {
            Direction::Ingress => packet.source,
            Direction::Egress => packet.destination,
        };
        let peer = match &rule.peer {
            Peer::Cidr(cidr) => (Field::Cidr, cidr.contains(far)),
            Peer::Group(group) => {
                let known = self.state.groups.contains_key(group);
                let member =
                    |e: &Endpoint| e.groups().contains(group) && e.addresses.contains(&far);
                let is_member = known && self.state.endpoints.values().any(member);
                (Field::Group, is_member)
            }
        };
        let family = (Field::Family, rule.family == Family::of(packet.source));
        [family, peer]
            .into_iter()
            .chain(service_tests(rule, packet))
            .all(|(field, holds)| holds || self.ignored == Some(field))
    }

    /// What every workload may ask of its host.
    fn is_basic_service(&self, packet: &Facts<'_>) -> bool {
        let is_metadata = self.state.settings.metadata.is_some_and(|metadata| {
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
        let prefixes = &self.state.settings.interface_prefixes;
        self.endpoint_of(interface).is_some()
            || prefixes
                .iter()
                .any(|prefix| interface.starts_with(prefix.as_str()))
    }

    /// The endpoint of an interface here; of two on one interface the first by name.
    fn endpoint_of(&self, interface: &str) -> Option<&'a Endpoint> {
        let mut endpoints = self.state.endpoints.values();
        endpoints.find(|e| e.host == self.host && e.interface.as_str() == interface)
    }
}

/// The tests of a rule's service, each with the field that it belongs to.
fn service_tests(rule: &GroupRule, packet: &Facts<'_>) -> Vec<(Field, bool)> {
    let is = |protocol| (Field::Protocol, packet.protocol == protocol);
    match rule.service {
        Service::Any => vec![],
        Service::Protocol(protocol) => vec![is(protocol)],
        Service::Ports(protocol, ports) => {
            let inside = packet.ports.is_some_and(|(_, to)| ports.contains(to));
            vec![is(protocol), (Field::Ports, inside)]
        }
        Service::Icmp(kind, code) => {
            let protocol = match rule.family {
                Family::V4 => Protocol::ICMP,
                Family::V6 => Protocol::ICMPV6,
            };
            let is_kind = packet.icmp.is_some_and(|(seen, _)| seen == kind);
            let mut tests = vec![is(protocol), (Field::IcmpType, is_kind)];
            if let Some(code) = code {
                let is_code = packet.icmp.is_some_and(|(_, seen)| seen == code);
                tests.push((Field::IcmpCode, is_code));
            }
            tests
        }
    }
}

/// The fields that a rule uses.
fn fields(rule: &GroupRule) -> Vec<Field> {
    let peer = match rule.peer {
        Peer::Cidr(_) => Field::Cidr,
        Peer::Group(_) => Field::Group,
    };
    let service: &[Field] = match rule.service {
        Service::Any => &[],
        Service::Protocol(_) => &[Field::Protocol],
        Service::Ports(..) => &[Field::Protocol, Field::Ports],
        Service::Icmp(_, None) => &[Field::Protocol, Field::IcmpType],
        Service::Icmp(_, Some(_)) => &[Field::Protocol, Field::IcmpType, Field::IcmpCode],
    };
    [&[Field::Family, peer], service].concat()
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
