//! The worlds that are measured: regular ones of `scenario`, with a flow that takes the longest way.

use std::collections::BTreeSet;

use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::model::{
    Direction, EndpointName, GroupName, GroupRule, GroupRules, Membership, Origin, Peer,
    SecurityGroup, Service, State,
};
use margay::net::{Cidr, Family, PortRange, Protocol};
use margay::ruleset::{Ruleset, Table};
use margay::scenario::place::HOST;
use margay::scenario::{Flat, flat::POLICY, flat::flat};

use crate::lane::Flow;

/// The seed of every world.
const SEED: u64 = 1;
/// The port of the flow that is sent.
const PORT: u16 = 4_242;
/// The group whose policy lets its members send everything.
const OPEN: &str = "open";
/// By its name the last of all groups, so the last that a policy looks up.
pub(crate) const LAST: &str = "zz-last";

/// A world of this size whose first endpoint may reach the second by the last rule alone.
pub(crate) fn with_flow(size: Flat) -> (State, Flow) {
    let mut state = flat(size, SEED);
    if let Some(policy) = state.groups.get_mut(&group(POLICY)) {
        policy.ingress.push(last_rule());
        policy.egress.push(last_rule());
    }
    for (name, egress) in [(OPEN, everything()), (LAST, GroupRules::NONE)] {
        let group = SecurityGroup {
            name: name.parse().unwrap(),
            ingress: GroupRules::NONE,
            egress,
        };
        state.groups.insert(group.name.clone(), group);
    }
    join(&mut state, "vm0", &[OPEN, LAST]);
    join(&mut state, "vm1", &[POLICY, LAST]);
    let flow = flow(&state);
    (state, flow)
}

/// What the kernel of the measured host holds.
pub(crate) fn compiled(state: &State) -> Ruleset {
    compile(state, HOST, &Skeleton::builtin().unwrap())
}

/// The only table of a compiled world.
pub(crate) fn table(state: &State) -> Table {
    compiled(state).tables.remove(&table_key()).unwrap()
}

/// The rules of the large policy.
pub(crate) fn policy(state: &State) -> &GroupRules {
    state.groups[&group(POLICY)].rules(Direction::Ingress)
}

/// Puts an endpoint into these groups and no others.
pub(crate) fn join(state: &mut State, endpoint: &str, groups: &[&str]) {
    let name: EndpointName = endpoint.parse().unwrap();
    let groups: BTreeSet<GroupName> = groups.iter().copied().map(group).collect();
    state.endpoints.get_mut(&name).unwrap().membership = Membership::Groups(groups);
}

/// A group's name.
pub(crate) fn group(name: &str) -> GroupName {
    name.parse().unwrap()
}

/// UDP to the port of the flow, from members of the last group.
fn last_rule() -> GroupRule {
    GroupRule {
        family: Family::V4,
        service: Service::Ports(Protocol::UDP, PortRange::new(PORT, PORT).unwrap()),
        peer: Peer::Group(group(LAST)),
        origin: Origin::default(),
    }
}

fn everything() -> GroupRules {
    let all = |family| GroupRule {
        family,
        service: Service::Any,
        peer: Peer::Cidr(Cidr::any(family)),
        origin: Origin::default(),
    };
    Family::ALL.map(all).into()
}

fn flow(state: &State) -> Flow {
    let [from, to] = ["vm0", "vm1"].map(|name| {
        let name: EndpointName = name.parse().unwrap();
        let endpoint = &state.endpoints[&name];
        let v4 = endpoint.addresses.iter().find(|address| address.is_ipv4());
        (endpoint.interface.to_string(), *v4.unwrap())
    });
    Flow {
        from: from.0,
        to: to.0,
        source: from.1,
        destination: to.1,
        port: PORT,
    }
}
