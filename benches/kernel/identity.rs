//! The candidate that was not taken: a map from address to identity, then one lookup of what the
//! identity may do. Built by hand on top of a compiled table, for one policy and one direction.
//!
//! ```text
//! map identity { type ipv4_addr : mark; elements = { 10.240.0.0 : 0x1, ... } }
//! chain policy/web/in {
//!     meta mark set 0x0
//!     meta mark set ip saddr map @identity
//!     meta mark . meta l4proto . th dport @policy/web/in/identity goto allowed
//! }
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use margay::compile::decider::Decider;
use margay::compile::names;
use margay::compile::skeleton::table_key;
use margay::model::{Direction, GroupName, GroupRule, GroupRules, Peer, Service, State};
use margay::net::octets;
use margay::ruleset::key::KeyBuilder;
use margay::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
use margay::ruleset::{
    Bytes, Chain, Data, Datatype, Element, ElementData, Elements, Expression, Key, MarkSource,
    Match, MetaKey, Name, Operand, Operator, PayloadField, Rule, Set, Statement, Table, Verdict,
};
use margay::scenario::flat::POLICY;

use crate::worlds;

/// Which combinations of groups there are, numbered from 1, and who is what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Identities {
    numbers: BTreeMap<BTreeSet<GroupName>, u32>,
    members: BTreeMap<IpAddr, BTreeSet<GroupName>>,
}

impl Identities {
    /// The combinations of the IPv4 addresses of a state.
    pub(crate) fn of(state: &State) -> Self {
        let mut identities = Self::default();
        for endpoint in state.endpoints.values() {
            for address in endpoint
                .addresses
                .iter()
                .filter(|address| address.is_ipv4())
            {
                identities.place(*address, endpoint.groups().clone());
            }
        }
        identities
    }

    /// Puts an address into a combination; gives its number.
    pub(crate) fn place(&mut self, address: IpAddr, groups: BTreeSet<GroupName>) -> u32 {
        let next = u32::try_from(self.numbers.len()).unwrap() + 1;
        let number = *self.numbers.entry(groups.clone()).or_insert(next);
        self.members.insert(address, groups);
        number
    }

    fn map(&self) -> Set {
        let elements = self.members.iter().map(|(address, groups)| {
            let number = self.numbers[groups];
            (Key::value(&octets(*address)), marked(number))
        });
        Set {
            data: Some(Data::Value(vec![Datatype::Mark])),
            elements: elements.collect(),
            ..Set::of(&[Datatype::Ipv4Addr])
        }
    }

    fn allowed(&self, rules: &GroupRules) -> Set {
        let all = self.numbers.iter();
        let keys = all.flat_map(|(groups, number)| allowed(groups, *number, rules));
        let plain = |key| (key, Element::default());
        Set {
            elements: keys.map(plain).collect(),
            ..Set::of(&[Datatype::Mark, Datatype::InetProto, Datatype::InetService])
        }
    }
}

/// The table with the ingress policy in the shape of identities; it takes rules of groups and single
/// ports alone.
pub(crate) fn rebuilt(mut table: Table, state: &State, identities: &Identities) -> Table {
    let rules = worlds::policy(state);
    table.sets.insert(map_name(), identities.map());
    table.sets.insert(set_name(), identities.allowed(rules));
    let policy = names::decider(&Decider::Group(worlds::group(POLICY)), Direction::Ingress);
    let rules = [
        vec![Statement::SetMark(MarkSource::Bits { keep: 0, flip: 0 })],
        vec![Statement::SetMark(MarkSource::Map {
            key: vec![Expression::Payload(PayloadField::IpSaddr)],
            map: map_name(),
        })],
        vec![
            lookup(),
            Statement::Verdict(Verdict::Goto(names::fixed("allowed"))),
        ],
    ];
    let chain = Chain {
        rules: rules.map(Rule::new).into(),
        ..Chain::default()
    };
    table.chains.insert(policy, chain);
    table
}

/// An address changes from one combination to another, which may have to be made first.
pub(crate) fn moved(address: IpAddr, to: u32, added: Vec<Key>) -> Commit {
    let key = Key::value(&octets(address));
    let plain = |key| (key, Element::default());
    let mut steps = Vec::new();
    if !added.is_empty() {
        let elements = added.into_iter().map(plain).collect();
        let operation = Operation::AddElements(set_name(), elements);
        steps.push(step(Phase::Populate, vec![operation]));
    }
    let again = Elements::from([(key.clone(), marked(to))]);
    let operations = vec![
        Operation::DeleteElements(map_name(), vec![key]),
        Operation::AddElements(map_name(), again),
    ];
    steps.push(step(Phase::Move, operations));
    Commit {
        table: table_key(),
        steps,
    }
}

/// Takes what a combination was allowed away again.
pub(crate) fn forgotten(keys: Vec<Key>) -> Commit {
    let operations = vec![Operation::DeleteElements(set_name(), keys)];
    Commit {
        table: table_key(),
        steps: vec![step(Phase::Collect, operations)],
    }
}

/// What a combination may do.
pub(crate) fn allowed(groups: &BTreeSet<GroupName>, number: u32, rules: &GroupRules) -> Vec<Key> {
    let named =
        |rule: &&GroupRule| matches!(&rule.peer, Peer::Group(peer) if groups.contains(peer));
    let port = |rule: &GroupRule| match rule.service {
        Service::Ports(protocol, ports) => (protocol, ports.first()),
        Service::Any | Service::Protocol(_) | Service::Icmp(..) => {
            panic!("identities were built for single ports")
        }
    };
    let keys = rules
        .iter()
        .filter(named)
        .map(port)
        .map(|(protocol, port)| {
            let key = KeyBuilder::default().exact(&number.to_ne_bytes());
            key.exact(&[protocol.0]).exact(&port.to_be_bytes()).build()
        });
    keys.collect()
}

fn lookup() -> Statement {
    Statement::Match(Match {
        left: vec![
            Expression::Meta(MetaKey::Mark),
            Expression::Meta(MetaKey::L4proto),
            Expression::Payload(PayloadField::ThDport),
        ],
        mask: None,
        operator: Operator::Eq,
        right: Operand::Set(set_name()),
    })
}

fn marked(number: u32) -> Element {
    Element::of(ElementData::Value(Bytes::from_slice(&number.to_ne_bytes())))
}

fn step(phase: Phase, operations: Vec<Operation>) -> Step {
    Step {
        phase,
        wait: Wait::None,
        operations,
    }
}

fn map_name() -> Name {
    names::fixed("identity")
}

fn set_name() -> Name {
    let policy = names::decider(&Decider::Group(worlds::group(POLICY)), Direction::Ingress);
    Name::new(&format!("{policy}/identity")).unwrap()
}
