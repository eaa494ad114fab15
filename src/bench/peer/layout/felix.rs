//! Felix's layout: two chains an endpoint, one a policy and direction, and a mark that says what was decided.
//!
//! ```text
//! FORWARD -> cali-FORWARD -> cali-from-wl-dispatch -> cali-fw-IF -> cali-po-GROUP
//!                         -> cali-to-wl-dispatch   -> cali-tw-IF -> cali-pi-GROUP
//! ```

use super::{Dispatch, How, Item, Layer, Layout, shortened};
use crate::bench::peer::line::{Act, Interfaces, Line, Port, Test, Tracking, tests};
use crate::bench::peer::scene::Scene;
use crate::model::{Direction, Endpoint, GroupName, SecurityGroup, Service};
use crate::net::{Family, PortRange, Protocol};

/// The bit of what policy accepted.
const ACCEPT: u32 = 0x1_0000;
/// The bit of what a policy leaves to the next tier. Security groups never do.
const PASS: u32 = 0x2_0000;

/// Where sets get their names, and how long those may be.
#[derive(Debug, Clone, Copy)]
pub(in crate::bench::peer) struct Names {
    /// What names of IPv4 sets begin with, and of IPv6 sets.
    pub(in crate::bench::peer) sets: [&'static str; 2],
    /// Bytes in the name of a chain.
    pub(in crate::bench::peer) chain_bytes: usize,
}

/// Bytes in the name of an ipset, which Felix keeps to in nftables as well.
const SET_BYTES: usize = 31;

/// The tables of one family.
pub(in crate::bench::peer) fn layout<'a>(
    scene: &Scene<'a>,
    family: Family,
    names: Names,
) -> Layout<'a> {
    let mut layout = Layout::default();
    for (group, _) in scene.peers().into_iter().filter(|(_, of)| *of == family) {
        let members = (family, scene.members(group, family));
        layout.sets.insert(names.set(group, family), members);
    }
    source_check(&mut layout, scene);
    forward(&mut layout, scene);
    input(&mut layout, scene, family);
    for direction in Direction::ALL {
        dispatch(&mut layout, scene, direction);
        for (interface, endpoint) in &scene.endpoints {
            let lines = endpoint_chain(scene, endpoint, direction, names);
            layout.put(Layer::Filter, chain_of(interface, direction), lines);
        }
        for (name, group) in &scene.groups {
            let lines = policy_chain(group, direction, family, names);
            layout.put(Layer::Filter, names.policy(name, direction), lines);
        }
    }
    layout
}

impl Names {
    fn set(self, group: &GroupName, family: Family) -> String {
        let [v4, v6] = self.sets;
        let beginning = match family {
            Family::V4 => v4,
            Family::V6 => v6,
        };
        let room = SET_BYTES - beginning.len();
        format!("{beginning}{}", shortened(group.as_str(), room))
    }

    fn policy(self, group: &GroupName, direction: Direction) -> String {
        let beginning = match direction {
            Direction::Ingress => "cali-pi-",
            Direction::Egress => "cali-po-",
        };
        let room = self.chain_bytes - beginning.len();
        format!("{beginning}{}", shortened(group.as_str(), room))
    }
}

/// A workload's packet comes by the interface that leads back to its source.
fn source_check<'a>(layout: &mut Layout<'a>, scene: &Scene<'a>) {
    let jump = Line::always(Act::Jump("cali-PREROUTING".to_owned()));
    layout.put(Layer::Raw, "PREROUTING", vec![jump]);
    let mut lines = vec![Line::always(Act::Unmark(ACCEPT | PASS))];
    lines.extend(by_prefix(scene, Port::In, || Act::Drop).map(|mut line| {
        line.tests.push(Test::Astray);
        line
    }));
    layout.put(Layer::Raw, "cali-PREROUTING", lines);
}

fn forward<'a>(layout: &mut Layout<'a>, scene: &Scene<'a>) {
    let jump = Line::always(Act::Jump("cali-FORWARD".to_owned()));
    layout.put(Layer::Filter, "FORWARD", vec![jump]);
    let mut lines = vec![Line::always(Act::Unmark(ACCEPT | PASS))];
    for (port, direction) in [
        (Port::In, Direction::Egress),
        (Port::Out, Direction::Ingress),
    ] {
        let to = || Act::Jump(dispatch_chain(direction).to_owned());
        lines.extend(by_prefix(scene, port, to));
    }
    lines.push(Line::new(vec![Test::Marked(ACCEPT)], Act::Accept));
    layout.put(Layer::Filter, "cali-FORWARD", lines);
}

/// Workload to host: what every workload needs, its policy, and the end.
fn input<'a>(layout: &mut Layout<'a>, scene: &Scene<'a>, family: Family) {
    let jump = Line::always(Act::Jump("cali-INPUT".to_owned()));
    layout.put(Layer::Filter, "INPUT", vec![jump]);
    let to = || Act::Goto("cali-wl-to-host".to_owned());
    let lines = by_prefix(scene, Port::In, to).collect();
    layout.put(Layer::Filter, "cali-INPUT", lines);
    let needed = needed(family).into_iter();
    let mut lines: Vec<Line<'a>> = needed
        .map(|service| Line::new(vec![Test::Service(family, service)], Act::Accept))
        .collect();
    let dispatch = dispatch_chain(Direction::Egress).to_owned();
    lines.push(Line::always(Act::Jump(dispatch)));
    lines.push(Line::always(Act::Drop));
    layout.put(Layer::Filter, "cali-wl-to-host", lines);
}

/// Multicast listeners, neighbours, DHCP and DNS.
fn needed(family: Family) -> Vec<Service> {
    let port = |protocol, port| PortRange::new(port, port).map(|at| Service::Ports(protocol, at));
    let (icmp, dhcp): (&[u8], u16) = match family {
        Family::V4 => (&[], 67),
        Family::V6 => (&[130, 131, 132, 133, 135, 136], 547),
    };
    let icmp = icmp.iter().map(|kind| Service::Icmp(*kind, None));
    let ports = [
        port(Protocol::UDP, dhcp),
        port(Protocol::UDP, 53),
        port(Protocol::TCP, 53),
    ];
    icmp.chain(ports.into_iter().flatten()).collect()
}

fn by_prefix<'a>(
    scene: &Scene<'a>,
    port: Port,
    act: impl Fn() -> Act,
) -> impl Iterator<Item = Line<'a>> {
    let prefixes = scene.prefixes.iter();
    prefixes.map(move |prefix| {
        let test = Test::By(port, Interfaces::Beginning(prefix));
        Line::new(vec![test], act())
    })
}

/// An interface with the beginning of a workload's that is nobody's carries nothing.
fn dispatch<'a>(layout: &mut Layout<'a>, scene: &Scene<'a>, direction: Direction) {
    let interfaces = scene.endpoints.keys();
    let chains = interfaces.map(|interface| (*interface, chain_of(interface, direction)));
    let dispatch = Dispatch {
        port: match direction {
            Direction::Ingress => Port::Out,
            Direction::Egress => Port::In,
        },
        how: How::Goto,
        chains: chains.collect(),
    };
    let items = vec![
        Item::Dispatch(dispatch),
        Item::Line(Line::always(Act::Drop)),
    ];
    layout.put_items(Layer::Filter, dispatch_chain(direction), items);
}

fn dispatch_chain(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "cali-to-wl-dispatch",
        Direction::Egress => "cali-from-wl-dispatch",
    }
}

fn chain_of(interface: &str, direction: Direction) -> String {
    match direction {
        Direction::Ingress => format!("cali-tw-{interface}"),
        Direction::Egress => format!("cali-fw-{interface}"),
    }
}

fn endpoint_chain<'a>(
    scene: &Scene<'a>,
    endpoint: &'a Endpoint,
    direction: Direction,
    names: Names,
) -> Vec<Line<'a>> {
    let mut lines = vec![
        Line::new(vec![Test::Tracked(Tracking::Known)], Act::Accept),
        Line::new(vec![Test::Tracked(Tracking::Invalid)], Act::Drop),
        Line::always(Act::Unmark(ACCEPT | PASS)),
    ];
    for group in scene.groups_of(endpoint) {
        let policy = Act::Jump(names.policy(group, direction));
        lines.push(Line::new(vec![Test::Unmarked(PASS)], policy));
        lines.push(Line::new(vec![Test::Marked(ACCEPT)], Act::Return));
    }
    lines.push(Line::always(Act::Drop));
    lines
}

/// Two rules for each of the policy's: one matches and marks, one returns.
fn policy_chain<'a>(
    group: &SecurityGroup,
    direction: Direction,
    family: Family,
    names: Names,
) -> Vec<Line<'a>> {
    let rules = group.rules(direction).iter();
    rules
        .filter(|rule| rule.family == family)
        .flat_map(|rule| {
            let tests = tests(rule, direction, |group, family| names.set(group, family));
            [
                Line::new(tests, Act::Mark(ACCEPT)),
                Line::new(vec![Test::Marked(ACCEPT)], Act::Return),
            ]
        })
        .collect()
}
