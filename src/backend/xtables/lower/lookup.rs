//! One lookup of a set of several fields as ipsets, and the tests that ask them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cell::{Cell, Service, merged, with_ports};
use super::conjunction::{Conjunction, product};
use super::prefixes::{halved, members, prefix_text, prefixes};
use super::refusal::Refused;
use super::service::{self, RULES_MAX};
use super::spread::spread;
use super::wide::Wide;
use crate::backend::xtables::{
    AddressSide, InterfacePattern, Ipset, IpsetName, IpsetType, Match, Member, Members,
};
use crate::net::{Family, InterfaceName, Protocol};
use crate::ruleset::{Name, Operator};

/// How many interfaces one of our `hash:net,iface` holds for a prefix. The kernel's most are 64
/// (`AHASH_MAX_TUNED`, ip_set_hash_gen.h); as members come before others go, it has those of before, too.
const INTERFACES_MAX: usize = 32;

/// How many prefixes without a name a rule is written for each of.
const INLINE_MAX: usize = 4;

/// What keys a set has, and so which type of ipset holds them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    /// Single values.
    Exact,
    /// Ranges, too.
    Ranges,
    /// They stand in a rule.
    Inline,
}

/// The ipsets of lookups, by their names.
pub(super) type Ipsets = BTreeMap<IpsetName, Made>;

/// An ipset, and the set of the table that it holds or holds a part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Made {
    pub(super) ipset: Arc<Ipset>,
    pub(super) set: Option<Name>,
}

/// A set that is looked up.
#[derive(Debug)]
pub(super) struct Lookup<'l> {
    /// What its ipsets are named after.
    pub(super) name: String,
    /// Itself, if it has a name.
    pub(super) set: Option<Name>,
    /// Its keys.
    pub(super) keys: Keys,
    /// What an ipset with ports is called beside it.
    pub(super) ports: String,
    /// The family of packets.
    pub(super) family: Family,
    /// Where ipsets go.
    pub(super) ipsets: &'l mut Ipsets,
    /// The one among them in which each element is members of its own, whatever else there is.
    pub(super) together: Option<IpsetName>,
    /// Its elements with wide ranges of ports.
    pub(super) wide: Wide,
}

impl Lookup<'_> {
    /// The tests any of which holds where a cell matches.
    pub(super) fn tests(&mut self, cells: Vec<Cell>) -> Result<Vec<Conjunction>, Refused> {
        let mut tests = Vec::new();
        let (located, rest): (Vec<_>, Vec<_>) =
            cells.into_iter().partition(|cell| cell.interface.is_some());
        if !located.is_empty() {
            tests.extend(self.interfaces(&located)?);
        }
        let (mut together, mut apart) = (BTreeMap::new(), BTreeMap::new());
        let rest = merged(rest);
        rest.iter().for_each(|cell| self.wide.add(cell));
        let ports_max = self.wide.ports_max();
        for cell in rest {
            self.sort(cell, ports_max, &mut together, &mut apart);
        }
        for (sides, members) in together {
            tests.push(self.with_ports(sides, members)?);
        }
        for ((service, side), cells) in apart {
            tests.extend(self.by_service(&service, side, &cells)?);
        }
        match tests.len() > RULES_MAX {
            true => Err("a lookup for which it would take more than 512 rules".into()),
            false => Ok(tests),
        }
    }

    /// The test of a set of addresses alone, which is the same whatever it holds.
    pub(super) fn addresses(
        &mut self,
        side: AddressSide,
        cells: &[Cell],
    ) -> Result<Conjunction, Refused> {
        self.together = Some(self.ipset_name(""));
        self.address_set("", side, cells)
    }

    /// Puts a cell with those of one ipset, or with those of the same service.
    fn sort(
        &self,
        cell: Cell,
        ports_max: u16,
        together: &mut BTreeMap<[AddressSide; 2], Vec<Member>>,
        apart: &mut BTreeMap<(Service, Option<AddressSide>), Vec<Cell>>,
    ) {
        for service in with_ports(&cell.service) {
            let side = cell.addresses.as_ref().map(|(side, ..)| *side);
            let cell = Cell {
                service: service.clone(),
                ..cell.clone()
            };
            match ported(&cell, ports_max) {
                Some((sides, members)) if self.keys != Keys::Inline => {
                    together.entry(sides).or_default().extend(members);
                }
                Some(_) | None => apart.entry((service, side)).or_default().push(cell),
            }
        }
    }

    fn with_ports(
        &mut self,
        sides: [AddressSide; 2],
        members: Vec<Member>,
    ) -> Result<Conjunction, Refused> {
        let kind = match self.keys {
            Keys::Exact => IpsetType::HashIpPort,
            Keys::Ranges | Keys::Inline => IpsetType::HashNetPort,
        };
        let label = match sides {
            [_, AddressSide::Destination] => format!(":{}", self.ports),
            [_, AddressSide::Source] => format!(":from-{}", self.ports),
        };
        self.together = Some(self.ipset_name(&label));
        self.member(&label, kind, members, sides.to_vec())
    }

    fn by_service(
        &mut self,
        service: &Service,
        side: Option<AddressSide>,
        cells: &[Cell],
    ) -> Result<Vec<Conjunction>, Refused> {
        let services = service::tests(service, self.family)?;
        let side = side.filter(|_| !cells.iter().any(Cell::is_anywhere));
        let Some(side) = side else {
            return Ok(services);
        };
        let inline: Vec<_> = cells.iter().flat_map(cidrs).collect();
        let addresses = match self.keys {
            Keys::Inline if inline.len() <= INLINE_MAX => inline
                .into_iter()
                .map(|cidr| Conjunction::of(Match::Address(side, Operator::Eq, cidr)))
                .collect(),
            Keys::Inline | Keys::Exact | Keys::Ranges => {
                let label = match *service == Service::default() {
                    true => String::new(),
                    false => format!(":{}", service::label(service)),
                };
                vec![self.address_set(&label, side, cells)?]
            }
        };
        product(&services, &addresses).ok_or_else(|| "two tests of one field in a set".into())
    }

    fn address_set(
        &mut self,
        label: &str,
        side: AddressSide,
        cells: &[Cell],
    ) -> Result<Conjunction, Refused> {
        let kind = match self.keys {
            Keys::Exact => IpsetType::HashIp,
            Keys::Ranges | Keys::Inline => IpsetType::HashNet,
        };
        let all = cells.iter().filter_map(|cell| cell.addresses.as_ref());
        if kind == IpsetType::HashIp && all.clone().any(|(_, first, _)| is_nought(first)) {
            return Err("the address of nought bits in a set of addresses".into());
        }
        let all = all.flat_map(|(_, first, last)| members(first, last));
        self.member(label, kind, all.collect(), vec![side])
    }

    /// Prefixes at interfaces: as many ipsets as the commonest prefix needs.
    fn interfaces(&mut self, cells: &[Cell]) -> Result<Vec<Conjunction>, Refused> {
        let mut at: BTreeMap<String, BTreeSet<&InterfaceName>> = BTreeMap::new();
        let mut sides = [AddressSide::Source; 2];
        for cell in cells {
            let Some((direction, pattern)) = &cell.interface else {
                return Err("addresses and no interfaces in a set of several fields".into());
            };
            let anywhere = || {
                let bytes = self.family.address_bytes();
                (direction.side(), vec![0; bytes], vec![0xff; bytes])
            };
            let (side, first, last) = &cell.addresses.clone().unwrap_or_else(anywhere);
            let InterfacePattern::Exact(interface) = pattern else {
                return Err("a prefix of names of interfaces in a set of several fields".into());
            };
            if cell.service != Service::default() || cell.mac.is_some() {
                return Err("an interface and a service in one set".into());
            }
            sides = [*side, direction.side()];
            for cidr in prefixes(first, last).into_iter().flat_map(halved) {
                at.entry(prefix_text(&cidr)).or_default().insert(interface);
            }
        }
        let mut chunks: BTreeMap<usize, Vec<Member>> = BTreeMap::new();
        for (prefix, interfaces) in at {
            for (interface, chunk) in spread(&interfaces, INTERFACES_MAX) {
                let member = Member::new(&format!("{prefix},{interface}"));
                chunks.entry(chunk).or_default().push(member);
            }
        }
        let each = chunks.into_iter().map(|(at, members)| {
            let label = if at == 0 {
                String::new()
            } else {
                format!(":{at}")
            };
            self.member(&label, IpsetType::HashNetIface, members, sides.to_vec())
        });
        each.collect()
    }

    fn member(
        &mut self,
        label: &str,
        kind: IpsetType,
        members: Vec<Member>,
        sides: Vec<AddressSide>,
    ) -> Result<Conjunction, Refused> {
        let name = self.ipset_name(label);
        let family = self.family;
        let ipset = Arc::new(Ipset {
            kind,
            family,
            members: Members::from_iter(members),
        });
        let set = self.set.clone();
        put(self.ipsets, &name, &Made { ipset, set })?;
        Ok(Conjunction::of(Match::Member(Operator::Eq, name, sides)))
    }

    fn ipset_name(&self, label: &str) -> IpsetName {
        IpsetName::of(self.family, &format!("{}{label}", self.name))
    }
}

/// Adds an ipset. One of the same name holds the same, or one of them cannot be.
pub(super) fn put(ipsets: &mut Ipsets, name: &IpsetName, made: &Made) -> Result<(), Refused> {
    match ipsets.get(name) {
        Some(other) if other != made => Err(Refused::namesakes("ipsets", name.as_str())),
        Some(_) => Ok(()),
        None => {
            ipsets.insert(name.clone(), made.clone());
            Ok(())
        }
    }
}

/// A cell as members of an ipset with ports, and the sides of what is looked up there.
pub(super) fn ported(cell: &Cell, ports_max: u16) -> Option<([AddressSide; 2], Vec<Member>)> {
    let (side, first, last) = cell.addresses.as_ref()?;
    let (port_side, low, high) = cell.service.ports?;
    let protocol = Protocol(cell.service.protocols.as_ref()?.iter().next()?);
    if high - low >= ports_max || !protocol.has_ports() {
        return None;
    }
    let addresses = prefixes(first, last).into_iter().flat_map(halved);
    let members = addresses.map(|cidr| {
        let address = prefix_text(&cidr);
        Member::ported(&format!("{address},{protocol}"), low, high)
    });
    Some(([*side, port_side], members.collect()))
}

/// The address of nought bits, which no `hash:ip` holds.
pub(super) fn is_nought(address: &[u8]) -> bool {
    address.iter().all(|byte| *byte == 0)
}

pub(super) fn cidrs(cell: &Cell) -> Vec<crate::net::Cidr> {
    cell.addresses
        .as_ref()
        .map(|(_, first, last)| prefixes(first, last))
        .unwrap_or_default()
}
