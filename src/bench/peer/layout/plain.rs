//! A plain layout: what an egress policy allows goes on to the receiver's policy, what that allows is
//! accepted, and no marks. Either rule by rule, or with maps where values are exact.

use std::collections::BTreeSet;

use super::{Dispatch, Exact, How, Item, Layer, Layout, shortened};
use crate::bench::peer::line::{Act, End, Interfaces, Line, Port, Test, Tracking, tests};
use crate::bench::peer::scene::Scene;
use crate::model::{Direction, GroupName, GroupRule, Peer, SecurityGroup, Service};
use crate::net::Family;

/// What stands where many values lead to one end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bench::peer) enum Style {
    /// A rule for each.
    Rules,
    /// A map for those that are exact.
    Maps,
}

/// Bytes in the part of a chain's name that is a group's.
const GROUP_BYTES: usize = 18;

/// The table of these families.
pub(in crate::bench::peer) fn layout<'a>(
    scene: &Scene<'a>,
    families: &[Family],
    style: Style,
) -> Layout<'a> {
    let mut layout = Layout::default();
    let peers = scene.peers().into_iter();
    for (group, family) in peers.filter(|(_, family)| families.contains(family)) {
        let members = (family, scene.members(group, family));
        layout.sets.insert(set(group, family), members);
    }
    skeleton(&mut layout, scene);
    for direction in Direction::ALL {
        endpoints(&mut layout, scene, direction, style);
        for (name, group) in &scene.groups {
            let items = match style {
                Style::Rules => rules(group, direction, families),
                Style::Maps => with_maps(group, direction, families),
            };
            layout.put_items(Layer::Filter, policy(name, direction), items);
        }
    }
    layout
}

/// Replies pass; what is neither from nor to a workload is no matter of policy.
fn skeleton<'a>(layout: &mut Layout<'a>, scene: &Scene<'a>) {
    let gate = |port, chain: &'static str| {
        let prefixes = scene.prefixes.iter();
        prefixes.map(move |prefix| {
            let test = Test::By(port, Interfaces::Beginning(prefix));
            Line::new(vec![test], Act::Goto(chain.to_owned()))
        })
    };
    let mut forward = vec![Line::new(vec![Test::Tracked(Tracking::Known)], Act::Accept)];
    forward.extend(gate(Port::In, "from-workload"));
    forward.push(Line::always(Act::Goto("destination".to_owned())));
    layout.put(Layer::Filter, "FORWARD", forward);
    let mut destination: Vec<_> = gate(Port::Out, "to-workload").collect();
    destination.push(Line::always(Act::Accept));
    layout.put(Layer::Filter, "destination", destination);
}

/// The chains of all endpoints, and what leads there. What no policy allows comes back, and ends.
fn endpoints<'a>(layout: &mut Layout<'a>, scene: &Scene<'a>, direction: Direction, style: Style) {
    let (port, beginning, root) = match direction {
        Direction::Ingress => (Port::Out, "to", "to-workload"),
        Direction::Egress => (Port::In, "from", "from-workload"),
    };
    let chains = scene.endpoints.keys();
    let chains = chains.map(|interface| (*interface, format!("{beginning}-{interface}")));
    let invalid = Line::new(vec![Test::Tracked(Tracking::Invalid)], Act::Drop);
    let mut items = vec![Item::Line(invalid)];
    match style {
        Style::Rules => items.extend(chains.map(|(interface, chain)| {
            let test = Test::By(port, Interfaces::One(interface));
            Item::Line(Line::new(vec![test], Act::Jump(chain)))
        })),
        Style::Maps => items.push(Item::Dispatch(Dispatch {
            port,
            how: How::Jump,
            chains: chains.collect(),
        })),
    }
    items.push(Item::Line(Line::always(Act::Drop)));
    layout.put_items(Layer::Filter, root, items);
    for (interface, endpoint) in &scene.endpoints {
        let groups = scene.groups_of(endpoint);
        let jumps = groups.map(|group| Line::always(Act::Jump(policy(group, direction))));
        let name = format!("{beginning}-{interface}");
        layout.put(Layer::Filter, name, jumps.collect());
    }
}

fn policy(group: &GroupName, direction: Direction) -> String {
    format!("p-{}-{direction}", shortened(group.as_str(), GROUP_BYTES))
}

fn set(group: &GroupName, family: Family) -> String {
    let name = match family {
        Family::V4 => "m4",
        Family::V6 => "m6",
    };
    format!("{name}-{}", shortened(group.as_str(), 28))
}

/// What becomes of what a policy allows.
fn allowed(direction: Direction) -> Act {
    match direction {
        Direction::Ingress => Act::Accept,
        Direction::Egress => Act::Goto("destination".to_owned()),
    }
}

fn rules<'a>(group: &SecurityGroup, direction: Direction, families: &[Family]) -> Vec<Item<'a>> {
    let rules = group.rules(direction).iter();
    rules
        .filter(|rule| families.contains(&rule.family))
        .map(|rule| Item::Line(line(rule, direction)))
        .collect()
}

fn line<'a>(rule: &GroupRule, direction: Direction) -> Line<'a> {
    Line::new(tests(rule, direction, set), allowed(direction))
}

/// One map of the exact rules of each family, before the others.
fn with_maps<'a>(
    group: &SecurityGroup,
    direction: Direction,
    families: &[Family],
) -> Vec<Item<'a>> {
    let rules = group.rules(direction).iter();
    let rules = rules.filter(|rule| families.contains(&rule.family));
    let (exact, others): (Vec<_>, Vec<_>) = rules.partition(|rule| key(rule).is_some());
    let mut items = Vec::new();
    for family in families {
        let of_family = exact.iter().filter(|rule| rule.family == *family);
        let keys: BTreeSet<_> = of_family.filter_map(|rule| key(rule)).collect();
        if !keys.is_empty() {
            items.push(Item::Exact(Exact {
                family: *family,
                end: End::far(direction),
                keys,
                act: allowed(direction),
            }));
        }
    }
    items.extend(
        others
            .into_iter()
            .map(|rule| Item::Line(line(rule, direction))),
    );
    items
}

/// One address and one port.
fn key(rule: &GroupRule) -> Option<(std::net::IpAddr, crate::net::Protocol, u16)> {
    match (&rule.peer, rule.service) {
        (Peer::Cidr(cidr), Service::Ports(protocol, ports))
            if ports.first() == ports.last()
                && usize::from(cidr.prefix_len()) == 8 * rule.family.address_bytes() =>
        {
            Some((cidr.network(), protocol, ports.first()))
        }
        (
            Peer::Cidr(_) | Peer::Group(_),
            Service::Any | Service::Protocol(_) | Service::Ports(..) | Service::Icmp(..),
        ) => None,
    }
}
