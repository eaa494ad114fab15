//! One lookup of a set of several fields as ipsets, and the tests that ask them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::cell::{Cell, Service, merged, with_ports};
use super::conjunction::{Conjunction, product};
use super::prefixes::{halved, members, prefix_text, prefixes};
use super::refusal::Refused;
use super::service::{self, RULES_MAX};
use super::spread::spread;
use crate::backend::xtables::{
    AddressSide, InterfacePattern, Ipset, IpsetName, IpsetType, Match, Member,
};
use crate::net::{Family, InterfaceName, Protocol};
use crate::ruleset::{Name, Operator};

/// Ranges of at most so many ports are members of an ipset one by one.
const PORTS_MAX: u16 = 16;

/// Wider ones have a rule each, where there are no more than so many: else all are members one by one.
const RANGES_MAX: usize = 16;

/// As long as they are no more than so many members.
const MEMBERS_MAX: usize = 1 << 20;

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
        let ports_max = ports_max(&rest);
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
        self.address_set("", side, cells)
    }

    /// Puts a cell with those of one ipset, or with those of the same service.
    fn sort(
        &self,
        cell: Cell,
        ports_max: u16,
        together: &mut BTreeMap<[AddressSide; 2], BTreeSet<Member>>,
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
        members: BTreeSet<Member>,
    ) -> Result<Conjunction, Refused> {
        let kind = match self.keys {
            Keys::Exact => IpsetType::HashIpPort,
            Keys::Ranges | Keys::Inline => IpsetType::HashNetPort,
        };
        let label = match sides {
            [_, AddressSide::Destination] => format!(":{}", self.ports),
            [_, AddressSide::Source] => format!(":from-{}", self.ports),
        };
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
        let nought = |first: &[u8]| first.iter().all(|byte| *byte == 0);
        if kind == IpsetType::HashIp && all.clone().any(|(_, first, _)| nought(first)) {
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
        let mut chunks: BTreeMap<usize, BTreeSet<Member>> = BTreeMap::new();
        for (prefix, interfaces) in at {
            for (interface, chunk) in spread(&interfaces, INTERFACES_MAX) {
                let member = Member::new(&format!("{prefix},{interface}"));
                chunks.entry(chunk).or_default().insert(member);
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
        members: BTreeSet<Member>,
        sides: Vec<AddressSide>,
    ) -> Result<Conjunction, Refused> {
        let name = IpsetName::of(self.family, &format!("{}{label}", self.name));
        let family = self.family;
        let ipset = Arc::new(Ipset {
            kind,
            family,
            members,
        });
        let set = self.set.clone();
        let made = Made { ipset, set };
        match self.ipsets.get(&name) {
            Some(other) if *other != made => {
                return Err(Refused::namesakes("ipsets", name.as_str()));
            }
            Some(_) => {}
            None => _ = self.ipsets.insert(name.clone(), made),
        }
        Ok(Conjunction::of(Match::Member(Operator::Eq, name, sides)))
    }
}

/// The widest range of ports whose ports are members one by one.
fn ports_max(cells: &[Cell]) -> u16 {
    let wide = |cell: &&Cell| {
        let ports = cell.service.ports.filter(|_| cell.addresses.is_some());
        ports.is_some_and(|(_, low, high)| high - low >= PORTS_MAX)
    };
    let wide: Vec<&Cell> = cells.iter().filter(wide).collect();
    let services: BTreeSet<&Service> = wide.iter().map(|cell| &cell.service).collect();
    let width = |cell: &&Cell| cell.service.ports.map_or(0, |(_, low, high)| high - low);
    let members = wide
        .iter()
        .map(|cell| cidrs(cell).len() * (usize::from(width(cell)) + 1));
    match services.len() > RANGES_MAX && members.sum::<usize>() <= MEMBERS_MAX {
        true => u16::MAX,
        false => PORTS_MAX,
    }
}

/// A cell as members of an ipset with ports, and the sides of what is looked up there.
fn ported(cell: &Cell, ports_max: u16) -> Option<([AddressSide; 2], Vec<Member>)> {
    let (side, first, last) = cell.addresses.as_ref()?;
    let (port_side, low, high) = cell.service.ports?;
    let protocol = Protocol(cell.service.protocols.as_ref()?.iter().next()?);
    if high - low >= ports_max || !protocol.has_ports() {
        return None;
    }
    let addresses: Vec<String> = prefixes(first, last)
        .into_iter()
        .flat_map(halved)
        .map(|cidr| prefix_text(&cidr))
        .collect();
    let ports = low..=high;
    let members = ports.flat_map(|port| {
        let each = addresses.iter();
        each.map(move |address| Member::new(&format!("{address},{protocol}:{port}")))
    });
    Some(([*side, port_side], members.collect()))
}

fn cidrs(cell: &Cell) -> Vec<crate::net::Cidr> {
    cell.addresses
        .as_ref()
        .map(|(_, first, last)| prefixes(first, last))
        .unwrap_or_default()
}
