//! One policy, that is one direction of a security group: its chains and the sets that they look up.
//!
//! All rules of a group allow, so their order does not matter: each family is one run.

use super::lane::Lane;
use super::layout::Layout;
use super::names;
use super::objects::Objects;
use super::rules::{self, Side};
use super::run::Run;
use crate::model::{Direction, GroupName, Peer, SecurityGroup};
use crate::net::Family;
use crate::ruleset::{Name, Rule};

/// The chains and sets of one policy.
///
/// ```text
/// chain policy/web/in {
///     meta nfproto ipv6 goto policy/web/in/v6
///     meta l4proto tcp goto policy/web/in/tcp
///     ip saddr . icmp type . icmp code @policy/web/in/icmp4 goto allowed
/// }
///
/// chain policy/web/in/tcp {
///     ip saddr . th dport @policy/web/in/tcp4 goto allowed
///     th dport 22 ip saddr @group/bastion/v4 goto allowed
/// }
/// ```
pub(super) fn objects(group: &SecurityGroup, direction: Direction) -> Objects {
    let owner = names::policy(&group.name, direction);
    let v6 = names::policy_v6(&group.name, direction);
    let mut writer = Writer {
        objects: Objects::default(),
        owner: owner.clone(),
        side: Side::remote(direction),
    };
    let v6_rules = writer.family(&v6, &Run::of(Family::V6, group.rules(direction)));
    let v4_rules = writer.family(&owner, &Run::of(Family::V4, group.rules(direction)));
    let mut rules = Vec::with_capacity(v4_rules.len() + 1);
    if !v6_rules.is_empty() {
        rules.push(rules::family_goto(Family::V6, v6.clone()));
        writer.objects.chain(v6, v6_rules);
    }
    rules.extend(v4_rules);
    writer.objects.chain(owner, rules);
    writer.objects
}

/// The groups whose members a policy must know, by family.
pub(super) fn peers(group: &SecurityGroup) -> impl Iterator<Item = (&GroupName, Family)> {
    group
        .ingress
        .iter()
        .chain(&group.egress)
        .filter_map(|rule| match &rule.peer {
            Peer::Group(peer) => Some((peer, rule.family)),
            Peer::Cidr(_) => None,
        })
}

/// Gathers the chains and sets of one policy.
struct Writer {
    objects: Objects,
    owner: Name,
    side: Side,
}

impl Writer {
    /// The rules of a family's own chain; lanes get chains below it.
    fn family(&mut self, chain: &Name, run: &Run<'_>) -> Vec<Rule> {
        let mut rules = Vec::new();
        for &lane in run.lanes() {
            let of_lane = Layout::rules(&mut self.objects, &self.owner, self.side, run, lane);
            match lane.protocol(run.family) {
                Some(_) if of_lane.is_empty() => {}
                Some(protocol) => {
                    let name = names::lane(chain, lane);
                    rules.push(rules::protocol_goto(protocol, name.clone()));
                    self.objects.chain(name, of_lane);
                }
                None => rules.extend(of_lane),
            }
        }
        rules
    }
}

/// Every chain that a policy may have, its own first.
pub(super) fn chains(group: &GroupName, direction: Direction) -> Vec<Name> {
    let of_family = |chain: Name| {
        let lanes = Lane::OWN.map(|lane| names::lane(&chain, lane));
        [chain].into_iter().chain(lanes).collect::<Vec<_>>()
    };
    [
        names::policy(group, direction),
        names::policy_v6(group, direction),
    ]
    .into_iter()
    .flat_map(of_family)
    .collect()
}
