//! One policy, that is one direction of a security group: its chains and the sets that they look up.
//!
//! All rules of a group allow, so their order does not matter: they are a union of boxes over
//! (prefix, service). Boxes are gathered by shape, one rule a shape; a shape of one box stays a plain
//! rule without a set.

use std::collections::{BTreeMap, BTreeSet};

use super::boxes::{self, Block};
use super::names;
use super::ranges::RangeSet;
use super::rules::{self, Side};
use super::service::{Numbered, Shape, numbered};
use crate::model::{Direction, GroupName, GroupRule, Peer, SecurityGroup};
use crate::net::{Cidr, Family};
use crate::ruleset::key::KeyBuilder;
use crate::ruleset::{Chain, Datatype, Element, Key, Name, Rule, Set, SetFlags, Statement, Table};

/// Puts the chains and sets of one policy into the table.
///
/// ```text
/// chain policy/web/in {
///     meta nfproto ipv6 goto policy/web/in/v6
///     ip saddr @policy/web/in/net4 goto allowed
///     ip saddr . meta l4proto . th dport @policy/web/in/port4 goto allowed
///     tcp dport 22 ip saddr @group/bastion/v4 goto allowed
/// }
/// ```
pub(super) fn add(table: &mut Table, group: &SecurityGroup, direction: Direction) {
    let owner = names::policy(&group.name, direction);
    let v6 = names::policy_v6(&group.name, direction);
    let mut writer = Writer {
        table,
        owner: owner.clone(),
        side: Side::remote(direction),
        rules: Vec::new(),
    };
    let v6_rules = writer.family(Family::V6, group.rules(direction));
    let v4_rules = writer.family(Family::V4, group.rules(direction));
    let mut rules = Vec::with_capacity(v4_rules.len() + 1);
    if !v6_rules.is_empty() {
        rules.push(rules::family_goto(Family::V6, v6.clone()));
        table.chains.insert(
            v6,
            Chain {
                rules: v6_rules,
                ..Chain::default()
            },
        );
    }
    rules.extend(v4_rules);
    table.chains.insert(
        owner,
        Chain {
            rules,
            ..Chain::default()
        },
    );
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

/// Builds the rules of one policy and puts their sets into the table.
struct Writer<'t> {
    table: &'t mut Table,
    owner: Name,
    side: Side,
    rules: Vec<Rule>,
}

impl Writer<'_> {
    fn family(&mut self, family: Family, rules: &[GroupRule]) -> Vec<Rule> {
        let of_family = || rules.iter().filter(|rule| rule.family == family);
        self.prefixes(family, of_family());
        self.groups(family, of_family());
        std::mem::take(&mut self.rules)
    }

    /// Rules whose peer is a prefix.
    fn prefixes<'r>(&mut self, family: Family, rules: impl Iterator<Item = &'r GroupRule>) {
        let (mut wholly, mut shapes) = (Vec::new(), BTreeMap::<Shape, Vec<Block>>::new());
        for rule in rules {
            let Peer::Cidr(prefix) = rule.peer else {
                continue;
            };
            match numbered(family, rule.service) {
                None => wholly.push(prefix),
                Some((shape, first, last)) => {
                    shapes.entry(shape).or_default().push(Block {
                        prefix,
                        first,
                        last,
                    });
                }
            }
        }
        self.whole_prefixes(family, &wholly);
        for shape in Shape::ALL {
            let blocks = shapes.remove(&shape).unwrap_or_default();
            self.shape(family, shape, &boxes::disjoint(&blocks, &wholly));
        }
    }

    /// Prefixes from which everything is allowed: addresses in a hash set, the rest in an interval set.
    fn whole_prefixes(&mut self, family: Family, prefixes: &[Cidr]) {
        let merged = boxes::merged(prefixes);
        let address = self.side.address(family);
        let (hosts, nets): (Vec<_>, Vec<_>) = merged.into_iter().partition(|(a, b)| a == b);
        for (word, ranges, flags) in [
            ("host", hosts, SetFlags::empty()),
            ("net", nets, SetFlags::INTERVAL),
        ] {
            let keys: Vec<Key> = ranges.iter().map(|(a, b)| Key::range(a, b)).collect();
            match keys.as_slice() {
                [] => {}
                [one] if is_everything(one) => self.push(vec![rules::family(family)]),
                [one] => self.push(vec![rules::equal(address, one.clone())]),
                _ => {
                    let name = names::shape(&self.owner, word, family);
                    self.set(&name, &[address.datatype()], flags, keys);
                    self.push(vec![rules::lookup(vec![address], name)]);
                }
            }
        }
    }

    /// Disjoint boxes of one shape: exact ones in a hash set, the rest in a concatenated interval set.
    fn shape(&mut self, family: Family, shape: Shape, blocks: &[Block]) {
        let keys = blocks.iter().flat_map(|block| box_keys(shape, block));
        let (exact, ranges): (Vec<Key>, Vec<Key>) = keys.partition(|key| key.end.is_none());
        let address = self.side.address(family);
        let left = in_order(shape, vec![address], shape.expressions(family));
        let types: Vec<_> = left
            .iter()
            .map(|expression| expression.datatype())
            .collect();
        for (suffix, keys, flags) in [
            ("-exact", exact, SetFlags::empty()),
            ("", ranges, SetFlags::INTERVAL),
        ] {
            if let Some(statements) = single(family, address, shape, blocks, &keys) {
                self.push(statements);
            } else if !keys.is_empty() {
                let name = names::shape(&self.owner, &format!("{}{suffix}", shape.word()), family);
                self.set(&name, &types, flags, keys);
                self.push(vec![rules::lookup(left.clone(), name)]);
            }
        }
    }

    /// Rules whose peer is a group: one lookup of the group, then of the services allowed from it.
    fn groups<'r>(&mut self, family: Family, rules: impl Iterator<Item = &'r GroupRule>) {
        let mut peers: BTreeMap<&GroupName, BTreeSet<Option<Numbered>>> = BTreeMap::new();
        for rule in rules {
            if let Peer::Group(peer) = &rule.peer {
                peers
                    .entry(peer)
                    .or_default()
                    .insert(numbered(family, rule.service));
            }
        }
        for (peer, services) in peers {
            let member = rules::lookup(
                vec![self.side.address(family)],
                names::members(peer, family),
            );
            if services.contains(&None) {
                self.push(vec![member]);
                continue;
            }
            for shape in Shape::ALL {
                let ranges = services
                    .iter()
                    .flatten()
                    .filter(|service| service.0 == shape);
                self.peer_services(family, peer, &member, shape, union(ranges));
            }
        }
    }

    fn peer_services(
        &mut self,
        family: Family,
        peer: &GroupName,
        member: &Statement,
        shape: Shape,
        services: RangeSet,
    ) {
        let ranges: Vec<(u32, u32)> = services.iter().collect();
        if let [(first, last)] = ranges[..]
            && let Some(test) = rules::service(family, shape, first, last)
        {
            // A comparison that fails is cheaper than a lookup that does.
            return self.push([test, vec![member.clone()]].concat());
        }
        let keys: Vec<Key> = ranges
            .iter()
            .flat_map(|&(a, b)| service_keys(shape, a, b))
            .collect();
        if keys.is_empty() {
            return;
        }
        let ranging = keys.iter().any(|key| key.end.is_some());
        let flags = if ranging {
            SetFlags::INTERVAL
        } else {
            SetFlags::empty()
        };
        let name = names::shape(&names::peer(&self.owner, peer), shape.word(), family);
        self.set(&name, &shape.types(family), flags, keys);
        self.push(vec![
            member.clone(),
            rules::lookup(shape.expressions(family), name),
        ]);
    }

    fn set(&mut self, name: &Name, key: &[Datatype], flags: SetFlags, keys: Vec<Key>) {
        let elements = keys
            .into_iter()
            .map(|key| (key, Element::default()))
            .collect();
        self.table.sets.insert(
            name.clone(),
            Set {
                flags,
                elements,
                ..Set::of(key)
            },
        );
    }

    fn push(&mut self, mut statements: Vec<Statement>) {
        statements.push(rules::goto(self.side.next()));
        self.rules.push(Rule::new(statements));
    }
}

/// The union of numbered services of one shape.
fn union<'s>(services: impl Iterator<Item = &'s Numbered>) -> RangeSet {
    services.fold(RangeSet::default(), |mut union, &(_, first, last)| {
        union.insert(first, last);
        union
    })
}

/// A box that needs no set: the only one of its kind, and one that plain matches can say.
fn single(
    family: Family,
    address: crate::ruleset::Expression,
    shape: Shape,
    blocks: &[Block],
    keys: &[Key],
) -> Option<Vec<Statement>> {
    let [key] = keys else { return None };
    let block = blocks
        .iter()
        .find(|block| box_keys(shape, block).contains(key))?;
    if shape == Shape::Icmp && block.prefix.prefix_len() == 0 {
        // nft 1.0.6 lists `meta nfproto ipv4 meta l4proto icmp` without the family.
        return None;
    }
    let service = rules::service(family, shape, block.first, block.last)?;
    let (first, last) = block.prefix.bounds();
    let prefix = match block.prefix.prefix_len() {
        0 => rules::family(family),
        _ => rules::equal(address, Key::range(&first, &last)),
    };
    Some([vec![prefix], service].concat())
}

/// The keys of a box, its fields in the order of `in_order`.
pub(super) fn box_keys(shape: Shape, block: &Block) -> Vec<Key> {
    let boxes = shape.fields(block.first, block.last).into_iter();
    boxes
        .map(|service| {
            let fields = in_order(shape, vec![block.prefix.bounds()], service);
            let start = KeyBuilder::default();
            fields
                .iter()
                .fold(start, |key, (a, b)| key.range(a, b))
                .build()
        })
        .collect()
}

/// The address comes before ports and messages, and after protocols: a packet leaves a set of boxes
/// at the first field that fits none of them, and that is where the fewest fit.
fn in_order<T>(shape: Shape, mut address: Vec<T>, mut service: Vec<T>) -> Vec<T> {
    match shape {
        Shape::Protocol => {
            service.append(&mut address);
            service
        }
        Shape::Port | Shape::Icmp => {
            address.append(&mut service);
            address
        }
    }
}

/// The keys of a service alone; a single field is not padded.
pub(super) fn service_keys(shape: Shape, first: u32, last: u32) -> Vec<Key> {
    let boxes = shape.fields(first, last).into_iter();
    boxes
        .map(|fields| match fields.as_slice() {
            [(first, last)] => Key::range(first, last),
            several => several
                .iter()
                .fold(KeyBuilder::default(), |key, (a, b)| key.range(a, b))
                .build(),
        })
        .collect()
}

/// Whether the range covers every address.
fn is_everything(key: &Key) -> bool {
    key.start.iter().all(|&byte| byte == 0) && key.last().iter().all(|&byte| byte == 0xff)
}
