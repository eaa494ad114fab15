//! Which connections a commit may have denied: only those are looked at again.
//!
//! A verdict can only change where a packet looks something up that changed, or passes a rule that did.
//! So elements that went name addresses or interfaces, and rules that were rewritten name a chain.
//! Elements that come to a set may admit more or, in a set that denies, less: the set does not say which.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::net::InterfaceName;
use crate::ruleset::digest::STATE_CHAIN;
use crate::ruleset::key::interface_bytes;
use crate::ruleset::packet::Packet;
use crate::ruleset::transaction::{Commit, Operation, Phase};
use crate::ruleset::{Bytes, Datatype, Key, Name, Set, Statement, Table, Verdict, VmapSource};

/// How much is told apart; more than that is everything.
const FEW_MAX: usize = 10_000;

/// The slots of the skeleton that say which interfaces are workloads', and which are endpoints'.
const WORKLOADS: &str = "workloads";
const ENDPOINTS: &str = "endpoints";
/// The slots that lead from an interface to policy.
const FROM: &str = "from";
const TO: &str = "to";

/// The connections that may have been denied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Suspects {
    /// Any.
    All,
    /// Those of which one of these holds.
    Few(Box<Few>),
}

/// What tells connections that may have been denied from others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Few {
    /// An end has an address from one to another; they are disjoint.
    addresses: BTreeMap<IpAddr, IpAddr>,
    /// Packets come or go by such an interface, in the bytes of a key.
    interfaces: BTreeSet<Bytes>,
    /// Policy leads through such a chain.
    chains: BTreeSet<Name>,
}

impl Default for Suspects {
    /// None.
    fn default() -> Self {
        Self::Few(Box::default())
    }
}

impl Suspects {
    /// Those that a commit may deny, to a table as it is before.
    pub fn of(commit: &Commit, before: Option<&Table>) -> Self {
        let Some(before) = before else {
            return Self::All;
        };
        let mut suspects = Self::default();
        let declared: BTreeMap<&Name, &Set> = commit.declared().collect();
        for step in &commit.steps {
            for operation in &step.operations {
                suspects.operation(step.phase, operation, (before, &declared));
            }
        }
        suspects
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::All => false,
            Self::Few(few) => **few == Few::default(),
        }
    }

    /// Those of both.
    pub fn extend(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::All, _) => {}
            (Self::Few(_), Self::All) => *self = Self::All,
            (Self::Few(few), Self::Few(other)) => {
                for (first, last) in other.addresses {
                    few.addresses(first, last);
                }
                few.interfaces.extend(other.interfaces);
                few.chains.extend(other.chains);
                self.bound();
            }
        }
    }

    /// Whether a connection that such a packet would open is among them.
    pub fn concern(&self, packet: &Packet, ways: &Ways, table: &Table) -> bool {
        let few = match self {
            Self::All => return true,
            Self::Few(few) => few,
        };
        let interfaces = || [(FROM, &packet.iif), (TO, &packet.oif)];
        few.has(packet.source)
            || few.has(packet.destination)
            || interfaces().into_iter().any(|(slot, interface)| {
                let Some(interface) = interface else {
                    return false;
                };
                few.interfaces
                    .contains(interface_bytes(interface.as_str()).as_slice())
                    || ways.lead(slot, interface, &few.chains, table)
            })
    }

    fn operation(
        &mut self,
        phase: Phase,
        operation: &Operation,
        (before, declared): (&Table, &BTreeMap<&Name, &Set>),
    ) {
        let types = |name: &Name| {
            let set = before
                .sets
                .get(name)
                .or_else(|| declared.get(name).copied());
            set.map(|set| set.key.as_slice())
        };
        let seen = match phase {
            Phase::Populate | Phase::Collect => false,
            Phase::Tighten | Phase::Switch | Phase::Move | Phase::Loosen => true,
        };
        match operation {
            Operation::DeleteTable => *self = Self::All,
            Operation::AddElements(name, elements) if phase == Phase::Loosen => {
                self.loosened(before, (name, types(name)), elements.keys());
            }
            Operation::AddElements(name, elements) if seen => {
                self.keys(types(name), elements.keys());
            }
            Operation::DeleteElements(name, keys) if seen => self.keys(types(name), keys),
            Operation::FlushChain(name) | Operation::AddRule(name, _) if seen => self.chain(name),
            Operation::AddTable
            | Operation::AddCounter(..)
            | Operation::DeleteCounter(_)
            | Operation::AddLimit(..)
            | Operation::DeleteLimit(_)
            | Operation::AddSet(..)
            | Operation::DeleteSet(_)
            | Operation::AddElements(..)
            | Operation::DeleteElements(..)
            | Operation::AddChain(..)
            | Operation::FlushChain(_)
            | Operation::DeleteChain(_)
            | Operation::AddRule(..) => {}
        }
        self.bound();
    }

    /// Elements came to a set that may deny. A new endpoint denies what went past all policy before, if
    /// its interface was no workload's; and an interface that is a workload's from now on needs an endpoint.
    fn loosened<'k>(
        &mut self,
        before: &Table,
        (name, types): (&Name, Option<&[Datatype]>),
        keys: impl IntoIterator<Item = &'k Key>,
    ) {
        match name.logical() {
            WORKLOADS => *self = Self::All,
            ENDPOINTS => {
                let prefixes: Vec<&Key> = slot(before, WORKLOADS)
                    .flat_map(|set| set.elements.keys())
                    .collect();
                let denied = |key: &&Key| {
                    let mut prefixes = prefixes.iter();
                    !prefixes.any(|p| p.start <= key.start && key.start <= *p.last())
                };
                let new: Vec<&Key> = keys.into_iter().filter(denied).collect();
                self.keys(Some(&[Datatype::IfName]), new);
            }
            _ => self.keys(types, keys),
        }
    }

    /// What packets looked up may be another: those that show such keys.
    fn keys<'k>(&mut self, types: Option<&[Datatype]>, keys: impl IntoIterator<Item = &'k Key>) {
        let Some(types) = types else {
            *self = Self::All;
            return;
        };
        for key in keys {
            let Self::Few(few) = self else { return };
            let fields = || key.fields(types);
            let range = fields().find_map(|(datatype, first, last)| {
                let read = |bytes| address(datatype, bytes);
                Some((read(first)?, read(last)?))
            });
            let interface = fields()
                .find(|(datatype, first, last)| *datatype == Datatype::IfName && first == last);
            match (range, interface) {
                (Some((first, last)), _) => few.addresses(first, last),
                (None, Some((_, name, _))) => drop(few.interfaces.insert(Bytes::from_slice(name))),
                (None, None) => *self = Self::All,
            }
        }
    }

    /// Rules were rewritten. Those of the skeleton concern everybody.
    fn chain(&mut self, name: &Name) {
        match (self, name.logical()) {
            (Self::All, _) | (Self::Few(_), STATE_CHAIN) => {}
            (Self::Few(few), logical) if logical.contains('/') => {
                few.chains.insert(name.clone());
            }
            (whole @ Self::Few(_), _) => *whole = Self::All,
        }
    }

    fn bound(&mut self) {
        if let Self::Few(few) = self
            && few.addresses.len() + few.interfaces.len() + few.chains.len() > FEW_MAX
        {
            *self = Self::All;
        }
    }
}

impl Few {
    fn has(&self, address: IpAddr) -> bool {
        let before = self.addresses.range(..=address).next_back();
        before.is_some_and(|(_, last)| address <= *last)
    }

    /// Takes a range in, as one with those that it meets.
    fn addresses(&mut self, first: IpAddr, last: IpAddr) {
        let (mut first, mut last) = (first, last);
        while let Some((&start, &end)) = self.addresses.range(..=last).next_back() {
            if end < first {
                break;
            }
            self.addresses.remove(&start);
            (first, last) = (first.min(start), last.max(end));
        }
        self.addresses.insert(first, last);
    }
}

/// Where the policies of endpoints lead, worked out when asked for. It holds as long as the table and
/// the chains that are asked about do not change.
#[derive(Debug, Default)]
pub struct Ways(RefCell<BTreeMap<Name, bool>>);

impl Ways {
    /// Whether the policy of an interface leads through one of some chains.
    fn lead(
        &self,
        of: &str,
        interface: &InterfaceName,
        chains: &BTreeSet<Name>,
        table: &Table,
    ) -> bool {
        if chains.is_empty() {
            return false;
        }
        let key = Key::value(&interface_bytes(interface.as_str()));
        let maps = slot(table, of);
        let mut verdicts = maps.filter_map(|map| map.elements.get(&key)?.data.verdict());
        verdicts.any(|verdict| self.follow(verdict, chains, table))
    }

    fn follow(&self, verdict: &Verdict, chains: &BTreeSet<Name>, table: &Table) -> bool {
        let name = match verdict {
            Verdict::Jump(name) | Verdict::Goto(name) => name,
            Verdict::Accept | Verdict::Drop | Verdict::Return | Verdict::Continue => return false,
        };
        // The skeleton leads on to other endpoints, which are asked about themselves.
        if !name.as_str().contains('/') {
            return false;
        }
        if chains.contains(name) {
            return true;
        }
        if let Some(&known) = self.0.borrow().get(name) {
            return known;
        }
        let rules = table
            .chains
            .get(name)
            .into_iter()
            .flat_map(|chain| &chain.rules);
        let mut statements = rules.flat_map(|rule| &rule.statements);
        let found = statements.any(|statement| match statement {
            Statement::Verdict(verdict) => self.follow(verdict, chains, table),
            Statement::Vmap { map, .. } => match map {
                VmapSource::Anonymous(elements) => {
                    let mut verdicts = elements.values();
                    verdicts.any(|verdict| self.follow(verdict, chains, table))
                }
                VmapSource::Named(map) => {
                    let elements = table
                        .sets
                        .get(map)
                        .into_iter()
                        .flat_map(|map| map.elements.values());
                    let mut verdicts = elements.filter_map(|element| element.data.verdict());
                    verdicts.any(|verdict| self.follow(verdict, chains, table))
                }
            },
            Statement::Match(_)
            | Statement::Counter
            | Statement::NamedCounter(_)
            | Statement::CounterMap { .. }
            | Statement::Limit(_)
            | Statement::NamedLimit(_)
            | Statement::Log { .. }
            | Statement::Reject(_)
            | Statement::Notrack
            | Statement::SetMark(_)
            | Statement::Dynamic { .. } => false,
        });
        self.0.borrow_mut().insert(name.clone(), found);
        found
    }
}

/// The set of a slot of the skeleton, in all its generations.
fn slot<'t>(table: &'t Table, name: &str) -> impl Iterator<Item = &'t Set> {
    let from = table.sets.range(Name::from_parts(name)..);
    let same = from.take_while(move |(other, _)| other.as_str().starts_with(name));
    let own = same.filter(move |(other, _)| other.logical() == name);
    own.map(|(_, set)| set)
}

fn address(datatype: Datatype, bytes: &[u8]) -> Option<IpAddr> {
    match datatype {
        Datatype::Ipv4Addr => <[u8; 4]>::try_from(bytes).ok().map(IpAddr::from),
        Datatype::Ipv6Addr => <[u8; 16]>::try_from(bytes).ok().map(IpAddr::from),
        Datatype::EtherAddr
        | Datatype::InetProto
        | Datatype::InetService
        | Datatype::IcmpType
        | Datatype::IcmpCode
        | Datatype::Icmpv6Type
        | Datatype::Icmpv6Code
        | Datatype::NfProto
        | Datatype::IfName
        | Datatype::IfIndex
        | Datatype::Mark
        | Datatype::CtState
        | Datatype::PktType
        | Datatype::FibAddrType
        | Datatype::TcpFlag => None,
    }
}
