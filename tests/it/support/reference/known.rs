//! What carries labels, and at which addresses: endpoints of all hosts, and network sets.

use std::collections::BTreeSet;
use std::net::IpAddr;

use margay::model::{
    Endpoint, LabelKey, LabelValue, LabelView, Labelled, Labels as Own, NamedPort, NetworkSet,
    PortName, Selector, State,
};
use margay::net::{Cidr, Protocol};

/// The labels of something: its own, then those of the profiles that it inherits from.
#[derive(Debug, Clone)]
pub(super) struct Labels<'a>(Vec<&'a Own>);

impl LabelView for Labels<'_> {
    fn value(&self, key: &LabelKey) -> Option<&LabelValue> {
        let mut all = self.0.iter().flat_map(|labels| labels.iter());
        all.find(|(own, _)| *own == key).map(|(_, value)| value)
    }
}

impl<'a> Labels<'a> {
    pub(super) fn of_endpoint(state: &'a State, labelled: &'a Labelled) -> Self {
        let profiles = labelled.profiles.iter();
        let profiles = profiles.filter_map(|name| state.profiles.get(name));
        let inherited = profiles.map(|profile| &profile.labels);
        Self([&labelled.labels].into_iter().chain(inherited).collect())
    }

    fn of_set(state: &'a State, set: &'a NetworkSet) -> Self {
        let parent = set.parent().and_then(|name| state.profiles.get(&name));
        let inherited = parent.map(|profile| &profile.labels);
        Self([&set.labels].into_iter().chain(inherited).collect())
    }
}

/// Something with labels.
#[derive(Debug, Clone)]
struct Thing<'a> {
    labels: Labels<'a>,
    place: Place<'a>,
}

/// Where something is.
#[derive(Debug, Clone, Copy)]
enum Place<'a> {
    Endpoint(&'a BTreeSet<IpAddr>, &'a [NamedPort]),
    Set(&'a BTreeSet<Cidr>),
}

/// Everything with labels. What groups give its policy has none.
#[derive(Debug, Clone)]
pub(super) struct Known<'a>(Vec<Thing<'a>>);

impl<'a> Known<'a> {
    pub(super) fn new(state: &'a State) -> Self {
        let endpoint = |endpoint: &'a Endpoint| {
            let labelled = endpoint.labelled()?;
            Some(Thing {
                labels: Labels::of_endpoint(state, labelled),
                place: Place::Endpoint(&endpoint.addresses, &labelled.ports),
            })
        };
        let set = |set: &'a NetworkSet| Thing {
            labels: Labels::of_set(state, set),
            place: Place::Set(&set.nets),
        };
        let endpoints = state.endpoints.values().filter_map(endpoint);
        Self(
            endpoints
                .chain(state.network_sets.values().map(set))
                .collect(),
        )
    }

    /// Whether something that a selector means has the address.
    pub(super) fn is_meant(&self, selector: &Selector, address: IpAddr) -> bool {
        self.0.iter().any(|thing| {
            let there = match thing.place {
                Place::Endpoint(addresses, _) => addresses.contains(&address),
                Place::Set(nets) => nets.iter().any(|net| net.contains(address)),
            };
            there && selector.matches(&thing.labels)
        })
    }

    /// Whether something at the address calls a port so; something that a selector means, if there
    /// is one.
    pub(super) fn is_called(
        &self,
        name: &PortName,
        selector: Option<&Selector>,
        address: IpAddr,
        (protocol, port): (Protocol, u16),
    ) -> bool {
        self.0.iter().any(|thing| match thing.place {
            Place::Endpoint(addresses, ports) => {
                let named = ports
                    .iter()
                    .any(|p| p.name == *name && p.protocol == protocol && p.port == port);
                named
                    && addresses.contains(&address)
                    && selector.is_none_or(|selector| selector.matches(&thing.labels))
            }
            Place::Set(_) => false,
        })
    }
}
