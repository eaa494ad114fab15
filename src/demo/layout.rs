//! Who stands where: namespaces, links and addresses for the parties of a matrix.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use super::matrix::{Disguise, Flow, Matrix, Place};
use crate::model::{Endpoint, State};
use crate::net::{Family, InterfaceName, MacAddress};

/// What the names of our namespaces begin with; nothing else is ever touched.
pub(super) const PREFIX: &str = "margay-demo-";

/// The host whose endpoints are built.
pub(super) const HOST: &str = "demo";

/// The interface of the host that leads to everybody else.
const UPLINK: &str = "uplink";

/// Everything that has to be built.
#[derive(Debug)]
pub(super) struct Layout {
    /// The namespace of the host.
    pub(super) host: String,
    /// The addresses of the host, the metadata service's among them.
    pub(super) host_addresses: Vec<IpAddr>,
    /// The addresses behind the uplink.
    pub(super) outside: Vec<IpAddr>,
    /// The links between the host and the others.
    pub(super) links: Vec<Link>,
    /// The namespaces of those who pretend.
    pub(super) masks: BTreeMap<(String, Disguise), Mask>,
    parties: BTreeMap<String, Party>,
}

/// A pair of interfaces.
#[derive(Debug)]
pub(super) struct Link {
    /// The host's side.
    pub(super) interface: String,
    /// The namespace of the other side.
    pub(super) namespace: String,
    /// The other side.
    pub(super) device: String,
    /// Its Ethernet address, where it is given.
    pub(super) mac: Option<MacAddress>,
    /// Its addresses.
    pub(super) addresses: Vec<IpAddr>,
}

/// A namespace whose packets leave by somebody else's interface.
#[derive(Debug)]
pub(super) struct Mask {
    /// The namespace.
    pub(super) namespace: String,
    /// Which link its packets take.
    pub(super) link: usize,
    /// The Ethernet address, where it is given.
    pub(super) mac: Option<MacAddress>,
    /// The addresses: those of the endpoint, or none.
    pub(super) addresses: Vec<IpAddr>,
}

/// A party in its place.
#[derive(Debug, Clone)]
struct Party {
    namespace: String,
    addresses: Vec<IpAddr>,
    link: Option<usize>,
}

/// Where a packet starts or ends.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stop {
    /// The namespace.
    pub(super) namespace: String,
    /// The address.
    pub(super) address: IpAddr,
}

impl Layout {
    /// A place for every party of a matrix; or which party has none.
    pub(super) fn new(matrix: &Matrix, state: &State) -> Result<Self, String> {
        let mut layout = Self {
            host: namespace("host"),
            host_addresses: Vec::new(),
            outside: Vec::new(),
            links: Vec::new(),
            masks: BTreeMap::new(),
            parties: BTreeMap::new(),
        };
        for place in &matrix.places {
            layout.add_place(place)?;
        }
        let metadata = state
            .settings_of(HOST)
            .metadata
            .map(|metadata| metadata.address);
        layout.host_addresses.extend(metadata);
        layout.add_party(
            "metadata",
            Party {
                namespace: layout.host.clone(),
                addresses: metadata.into_iter().collect(),
                link: None,
            },
        )?;
        for endpoint in state.endpoints.values() {
            layout.add_endpoint(endpoint, matrix)?;
        }
        for flow in &matrix.flows {
            layout
                .add_mask(flow)
                .map_err(|reason| format!("line {}: {reason}", flow.line))?;
        }
        Ok(layout)
    }

    /// The namespaces to make.
    pub(super) fn namespaces(&self) -> Vec<&str> {
        let linked = self.links.iter().map(|link| link.namespace.as_str());
        let masked = self.masks.values().map(|mask| mask.namespace.as_str());
        let mut all: Vec<&str> = linked.chain(masked).chain([self.host.as_str()]).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// From where to where a flow goes.
    pub(super) fn stops(&self, flow: &Flow) -> Result<(Stop, Stop), String> {
        let from = self.stop(&flow.from, flow.family)?;
        let to = self.stop(&flow.to, flow.family)?;
        let masked = |from: Stop| match self.masks.get(&(flow.from.clone(), flow.disguise)) {
            Some(mask) => Stop {
                namespace: mask.namespace.clone(),
                ..from
            },
            None => from,
        };
        let from = masked(from);
        Ok(match flow.disguise {
            Disguise::None | Disguise::Mac(_) => (from, to),
            Disguise::Address(address) => (Stop { address, ..from }, to),
            Disguise::Unnumbered => (
                Stop {
                    address: Ipv4Addr::UNSPECIFIED.into(),
                    ..from
                },
                Stop {
                    address: Ipv4Addr::BROADCAST.into(),
                    ..to
                },
            ),
        })
    }

    fn stop(&self, name: &str, family: Family) -> Result<Stop, String> {
        let party = self.parties.get(name).ok_or_else(|| {
            format!(
                "{name:?} is no endpoint, place or `metadata`: {}",
                self.known()
            )
        })?;
        let mut addresses = party.addresses.iter();
        match addresses.find(|address| Family::of(**address) == family) {
            Some(&address) => Ok(Stop {
                namespace: party.namespace.clone(),
                address,
            }),
            None => Err(format!("{name} has no {family} address")),
        }
    }

    fn known(&self) -> String {
        let names: Vec<&str> = self.parties.keys().map(String::as_str).collect();
        format!("there are {}", names.join(", "))
    }

    fn add_place(&mut self, place: &Place) -> Result<(), String> {
        let addresses = place.addresses.clone();
        let interface = match (place.name.as_str(), &place.interface) {
            ("host", None) => {
                self.host_addresses.extend(&addresses);
                let namespace = self.host.clone();
                return self.add_party(
                    "host",
                    Party {
                        namespace,
                        addresses,
                        link: None,
                    },
                );
            }
            ("outside", None) => {
                self.outside.extend(&addresses);
                UPLINK.to_owned()
            }
            (_, Some(interface)) => interface.to_string(),
            (name, None) => return Err(format!("place {name}: expected `on INTERFACE`")),
        };
        let link = Link {
            interface,
            namespace: namespace(&place.name),
            device: "eth0".to_owned(),
            mac: None,
            addresses,
        };
        self.add_linked(&place.name, link)
    }

    /// An endpoint of this host has a link of its own; one of another host is beyond the uplink.
    fn add_endpoint(&mut self, endpoint: &Endpoint, matrix: &Matrix) -> Result<(), String> {
        let name = endpoint.name.as_str();
        let addresses: Vec<IpAddr> = endpoint.addresses.iter().copied().collect();
        if endpoint.host != HOST {
            let mut links = self.links.iter();
            let uplink = links
                .position(|link| link.interface == UPLINK)
                .ok_or_else(|| {
                    format!("{name} is on another host, but there is no place outside")
                })?;
            self.links[uplink].addresses.extend(&addresses);
            let namespace = self.links[uplink].namespace.clone();
            return self.add_party(
                name,
                Party {
                    namespace,
                    addresses,
                    link: Some(uplink),
                },
            );
        }
        let mut workloads = matrix.workloads.iter();
        let workload = workloads.find(|workload| workload.endpoints.iter().any(|e| e == name));
        let namespace = namespace(workload.map_or(name, |workload| workload.name.as_str()));
        let before = self
            .links
            .iter()
            .filter(|link| link.namespace == namespace)
            .count();
        let link = Link {
            interface: interface(&endpoint.interface),
            namespace,
            device: format!("eth{before}"),
            mac: endpoint.mac,
            addresses,
        };
        self.add_linked(name, link)
    }

    fn add_linked(&mut self, name: &str, link: Link) -> Result<(), String> {
        let party = Party {
            namespace: link.namespace.clone(),
            addresses: link.addresses.clone(),
            link: Some(self.links.len()),
        };
        self.links.push(link);
        self.add_party(name, party)
    }

    fn add_party(&mut self, name: &str, party: Party) -> Result<(), String> {
        match self.parties.insert(name.to_owned(), party) {
            None => Ok(()),
            Some(_) => Err(format!("the name {name} is given twice")),
        }
    }

    /// A MAC that is not the interface's, or no address at all, needs a namespace of its own on the
    /// same wire. A packet with another address is forged where it is sent.
    fn add_mask(&mut self, flow: &Flow) -> Result<(), String> {
        let (from, _) = self.stops(flow)?;
        let mac = match flow.disguise {
            Disguise::None | Disguise::Address(_) => return Ok(()),
            Disguise::Unnumbered => None,
            Disguise::Mac(mac) => Some(mac),
        };
        let party = self.parties.get(&flow.from);
        let (party, link) = party
            .and_then(|party| Some((party, party.link?)))
            .ok_or_else(|| format!("{} has no interface of its own", flow.from))?;
        if mac.is_none() && self.links[link].mac.is_some() {
            return Err(format!("as 0.0.0.0: the MAC of {} is fixed", flow.from));
        }
        let mask = Mask {
            namespace: format!("{}-mask{}", from.namespace, self.masks.len()),
            link,
            mac,
            addresses: mac.map_or_else(Vec::new, |_| party.addresses.clone()),
        };
        self.masks
            .entry((flow.from.clone(), flow.disguise))
            .or_insert(mask);
        Ok(())
    }
}

fn namespace(name: &str) -> String {
    format!("{PREFIX}{name}")
}

fn interface(name: &InterfaceName) -> String {
    name.as_str().to_owned()
}
