//! Keys of sets, taken apart.

use std::collections::{BTreeMap, BTreeSet};

use super::field::{Direction, Field};
use super::messages::Types;
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

/// Inclusive ranges of what a packet carries; what is `None` is not asked.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Service {
    /// Protocols.
    pub(super) protocols: Option<(u8, u8)>,
    /// Ports, on a side.
    pub(super) ports: Option<(AddressSide, u16, u16)>,
    /// Types of ICMP messages.
    pub(super) types: Option<Types>,
    /// Codes of ICMP messages.
    pub(super) codes: Option<(u8, u8)>,
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
        let bytes = || (low(first), low(last));
        match field {
            Field::Address(side) => {
                let held = self.addresses.replace((side, first.to_vec(), last.to_vec()));
                held.map_or(Ok(()), |_| Err("two addresses in one set"))
            }
            Field::Protocol => {
                self.service.protocols = Some(bytes());
                Ok(())
            }
            Field::Port(side, protocol) => {
                if let Some(Protocol(number)) = protocol {
                    self.service.protocols = Some((number, number));
                }
                let held = self.service.ports.replace((side, word(first), word(last)));
                held.map_or(Ok(()), |_| Err("two ports in one set"))
            }
            Field::IcmpType => {
                let (first, last) = bytes();
                self.service.types = Some(Types::range(first, last));
                Ok(())
            }
            Field::IcmpCode => {
                self.service.codes = Some(bytes());
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

/// The cells with those made one that differ in the types of messages alone.
pub(super) fn of_all_types(cells: Vec<Cell>) -> Vec<Cell> {
    let mut all: Vec<Cell> = Vec::with_capacity(cells.len());
    let mut places: BTreeMap<_, usize> = BTreeMap::new();
    for cell in cells {
        let whole = cell.service.codes.is_none_or(|codes| codes == (0, u8::MAX));
        let Some(types) = cell.service.types.clone().filter(|_| whole) else {
            all.push(cell);
            continue;
        };
        let place = *places.entry(cell.addresses.clone()).or_insert(all.len());
        match all.get_mut(place) {
            Some(held) => held.service.types = held.service.types.as_ref().map(|h| h.or(&types)),
            None => all.push(cell),
        }
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

/// The protocols of ports that are looked up without one.
pub(super) fn with_ports(service: &Service) -> Vec<Service> {
    match (service.ports, service.protocols) {
        (Some(_), None) => Protocol::WITH_PORTS
            .iter()
            .map(|protocol| Service {
                protocols: Some((protocol.0, protocol.0)),
                ..service.clone()
            })
            .collect(),
        (Some(_), Some((first, last))) => (first..=last)
            .filter(|number| Protocol(*number).has_ports())
            .map(|number| Service {
                protocols: Some((number, number)),
                ..service.clone()
            })
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect(),
        (None, _) => vec![service.clone()],
    }
}

fn low(bytes: &[u8]) -> u8 {
    bytes.first().copied().unwrap_or_default()
}

fn word(bytes: &[u8]) -> u16 {
    bytes.try_into().map(u16::from_be_bytes).unwrap_or_default()
}
