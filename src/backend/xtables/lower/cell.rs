//! Keys of sets, taken apart.

use std::collections::BTreeMap;

use super::field::{Direction, Field};
use super::numbers::Numbers;
use crate::backend::xtables::{AddressSide, InterfacePattern};
use crate::net::{InterfaceName, MacAddress, Protocol};
use crate::ruleset::{Datatype, Key};

/// One key of a lookup, by what its fields are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Cell {
    /// First and last address.
    pub(super) addresses: Option<(AddressSide, Vec<u8>, Vec<u8>)>,
    /// The interface.
    pub(super) interface: Option<(Direction, InterfacePattern)>,
    /// The Ethernet source.
    pub(super) mac: Option<MacAddress>,
    /// All else.
    pub(super) service: Service,
}

/// What a packet carries; what is `None` is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Service {
    /// Protocols.
    pub(super) protocols: Option<Numbers>,
    /// Ports, on a side.
    pub(super) ports: Option<(AddressSide, u16, u16)>,
    /// Types of ICMP messages.
    pub(super) types: Option<Numbers>,
    /// Codes of ICMP messages.
    pub(super) codes: Option<Numbers>,
}

impl Cell {
    /// A key of these fields.
    pub(super) fn of(
        key: &Key,
        types: &[Datatype],
        fields: &[Field],
    ) -> Result<Self, &'static str> {
        let mut cell = Self::default();
        for (field, (_, first, last)) in fields.iter().zip(key.fields(types)) {
            cell.read(*field, first, last)?;
        }
        Ok(cell)
    }

    fn read(&mut self, field: Field, first: &[u8], last: &[u8]) -> Result<(), &'static str> {
        let numbers = || Some(Numbers::range(low(first), low(last)));
        match field {
            Field::Address(side) => {
                let held = self
                    .addresses
                    .replace((side, first.to_vec(), last.to_vec()));
                held.map_or(Ok(()), |_| Err("two addresses in one set"))
            }
            Field::Protocol => {
                self.service.protocols = numbers();
                Ok(())
            }
            Field::Port(side, protocol) => {
                if let Some(Protocol(number)) = protocol {
                    self.service.protocols = Some(Numbers::one(number));
                }
                let held = self.service.ports.replace((side, word(first), word(last)));
                held.map_or(Ok(()), |_| Err("two ports in one set"))
            }
            Field::IcmpType => {
                self.service.types = numbers();
                Ok(())
            }
            Field::IcmpCode => {
                self.service.codes = numbers();
                Ok(())
            }
            Field::Interface(direction) => {
                let held = self.interface.replace((direction, pattern(first, last)?));
                held.map_or(Ok(()), |_| Err("two interfaces in one set"))
            }
            Field::Mac => {
                let mac = first.try_into().map(MacAddress);
                self.mac = mac.ok().filter(|_| first == last);
                self.mac.map(|_| ()).ok_or("a range of Ethernet addresses")
            }
        }
    }

    /// Whether the addresses are all that there are.
    pub(super) fn is_anywhere(&self) -> bool {
        self.addresses.as_ref().is_none_or(|(_, first, last)| {
            first.iter().all(|byte| *byte == 0) && last.iter().all(|byte| *byte == 0xff)
        })
    }
}

/// The cells with those made one that differ in nothing but protocols, types or codes.
pub(super) fn merged(cells: Vec<Cell>) -> Vec<Cell> {
    let codes = merged_in(cells, |service| &mut service.codes);
    let mut whole = codes;
    for cell in &mut whole {
        cell.service.codes = cell.service.codes.take().filter(|codes| !codes.is_all());
    }
    let types = merged_in(whole, |service| &mut service.types);
    merged_in(types, |service| &mut service.protocols)
}

fn merged_in(cells: Vec<Cell>, field: fn(&mut Service) -> &mut Option<Numbers>) -> Vec<Cell> {
    let mut all: Vec<Cell> = Vec::with_capacity(cells.len());
    let mut places: BTreeMap<_, usize> = BTreeMap::new();
    for mut cell in cells {
        let Some(numbers) = field(&mut cell.service).take() else {
            all.push(cell);
            continue;
        };
        let rest = (cell.addresses.clone(), cell.service.clone());
        let place = *places.entry(rest).or_insert(all.len());
        if place == all.len() {
            all.push(cell);
        }
        let held = field(&mut all[place].service);
        *held = Some(held.as_ref().map_or(numbers, |held| held.or(&numbers)));
    }
    all
}

/// The interfaces whose names lie between two.
pub(super) fn pattern(first: &[u8], last: &[u8]) -> Result<InterfacePattern, &'static str> {
    let name = |bytes: &[u8]| {
        let end = bytes.iter().position(|byte| *byte == 0);
        let text = std::str::from_utf8(&bytes[..end.unwrap_or(bytes.len())]).ok()?;
        text.parse::<InterfaceName>().ok()
    };
    if first == last {
        let name = name(first).ok_or("an interface without a name")?;
        return match name.as_str().ends_with('+') {
            true => Err("an interface whose name ends with +"),
            false => Ok(InterfacePattern::Exact(name)),
        };
    }
    let same = first.iter().zip(last).take_while(|(a, b)| a == b).count();
    let rest = first[same..].iter().all(|byte| *byte == 0)
        && last[same..].iter().all(|byte| *byte == 0xff);
    let prefix = name(&first[..same]).filter(|_| rest);
    prefix
        .map(InterfacePattern::Prefix)
        .ok_or("a range of names of interfaces")
}

/// A service with ports, for each protocol that has them; all protocols where it names none.
pub(super) fn with_ports(service: &Service) -> Vec<Service> {
    if service.ports.is_none() {
        return vec![service.clone()];
    }
    let named = |protocol: &Protocol| {
        let protocols = service.protocols.as_ref();
        protocols.is_none_or(|protocols| protocols.holds(protocol.0))
    };
    let each = Protocol::WITH_PORTS.into_iter().filter(named);
    let of = |protocol: Protocol| Service {
        protocols: Some(Numbers::one(protocol.0)),
        ..service.clone()
    };
    each.map(of).collect()
}

fn low(bytes: &[u8]) -> u8 {
    bytes.first().copied().unwrap_or_default()
}

fn word(bytes: &[u8]) -> u16 {
    bytes.try_into().map(u16::from_be_bytes).unwrap_or_default()
}
