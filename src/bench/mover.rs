//! An endpoint that changes groups: the change in which rulesets most easily show packets half of it.
//!
//! Both of its groups allow [`COMMON`], and the policy allows both to send; a packet that meets neither the
//! old membership nor the new one is lost, and one that meets some of each may pass.

use super::world::{add, everything, group};
use crate::model::{Endpoint, GroupRule, GroupRules, Membership, Origin, Peer, Service, State};
use crate::net::{Cidr, Family, PortRange, Protocol};
use crate::scenario::flat::POLICY;
use crate::scenario::place::HOST;
use std::net::IpAddr;

/// Its interface.
pub(crate) const INTERFACE: &str = "tap-mover";
/// The UDP port that its first group alone allows, the one that its second does, and the one that both do.
pub(crate) const FIRST: u16 = 5_100;
pub(crate) const SECOND: u16 = 5_200;
pub(crate) const COMMON: u16 = 5_300;
/// The UDP port that the policy allows either group to send to.
pub(crate) const SENDS: u16 = 5_400;

const NAME: &str = "mover";
const GROUPS: [(&str, u16); 2] = [("mover-first", FIRST), ("mover-second", SECOND)];

/// Brings the endpoint, its groups, and the policy's rules about them.
pub(super) fn bring(state: &mut State, address: IpAddr) -> Option<()> {
    let family = Family::of(address);
    for (name, own) in GROUPS {
        add(state, name, everything())?;
        let allowed = [own, COMMON].map(|port| rule(family, port, Peer::Cidr(Cidr::any(family))));
        let ingress = allowed.into_iter().collect::<Option<GroupRules>>()?;
        state.groups.get_mut(&group(name)?)?.ingress = ingress;
        let sends = rule(family, SENDS, Peer::Group(group(name)?))?;
        state.groups.get_mut(&group(POLICY)?)?.ingress.push(sends);
    }
    let endpoint = Endpoint {
        name: NAME.parse().ok()?,
        host: HOST.to_owned(),
        interface: INTERFACE.parse().ok()?,
        mac: None,
        addresses: [address].into(),
        ipv6_gateway: None,
        membership: Membership::Groups([group(GROUPS[0].0)?].into()),
        origin: Origin::default(),
    };
    state.endpoints.insert(endpoint.name.clone(), endpoint);
    Some(())
}

/// The endpoint leaves its first group for its second.
pub(super) fn moves(state: &mut State) -> Option<()> {
    let mover = state.endpoints.get_mut(&NAME.parse().ok()?)?;
    mover.membership = Membership::Groups([group(GROUPS[1].0)?].into());
    Some(())
}

fn rule(family: Family, port: u16, peer: Peer) -> Option<GroupRule> {
    Some(GroupRule {
        family,
        service: Service::Ports(Protocol::UDP, PortRange::new(port, port)?),
        peer,
        origin: Origin::default(),
    })
}
