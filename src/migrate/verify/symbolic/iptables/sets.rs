//! `-m set`: the elements of a dump of sets as conditions.

use super::super::{Condition, Pattern, Variable, fields, labels, prefix};
use super::Ground;
use super::test::number;
use crate::migrate::ipset::{Element, Field, Kind, PortProtocol, Set, Type};
use crate::migrate::iptables::{MatchSet, Side};
use crate::net::{Family, Protocol};

/// An element that is looked at later where this is lower: the longest prefix counts.
type Rank = Vec<u8>;

impl Ground<'_> {
    /// What must be there to be looked up, and whether it is found.
    pub(super) fn set(&self, asked: &MatchSet) -> (Condition, Condition) {
        let mut found = vec![self.members(&asked.name, &asked.sides, asked.return_nomatch)];
        for (what, bound, value, sense) in &asked.counters {
            let name = format!("{what} of {} {bound:?} {value} {sense:?}", asked.name);
            found.push(Condition::atom(name));
        }
        (Condition::Always, Condition::All(found))
    }

    fn members(&self, name: &str, sides: &[Side], return_nomatch: bool) -> Condition {
        let Some(set) = self.sets.iter().find(|set| set.name == name) else {
            return Condition::atom(format!("set {name}"));
        };
        if set.kind == Type::ListSet {
            let inner = set.elements.iter().flat_map(|element| &element.fields);
            let inner = inner.filter_map(|field| match field {
                // The kernel takes no list into a list.
                Field::Set(inner) if self.is_list(inner) => Some(Condition::Never),
                Field::Set(inner) => Some(self.members(inner, sides, return_nomatch)),
                _ => None,
            });
            return Condition::Any(inner.collect());
        }
        if set
            .options
            .family
            .is_some_and(|family| family != self.family)
        {
            return Condition::Never;
        }
        // `ip_set_test` finds nothing where fewer dimensions are given than the set has.
        if sides.len() < set.kind.dimensions() {
            return Condition::Never;
        }
        let mut parts = self.elements(set, sides, return_nomatch);
        if self.changed.contains(name) {
            let learned = labels::learned(name, &self.key_text(name, sides));
            parts.push(learned.is(1));
        }
        Condition::Any(parts)
    }

    fn is_list(&self, name: &str) -> bool {
        let mut named = self.sets.iter().filter(|set| set.name == name);
        named.any(|set| set.kind == Type::ListSet)
    }

    /// One condition for each element, without what a longer prefix says otherwise.
    fn elements(&self, set: &Set, sides: &[Side], return_nomatch: bool) -> Vec<Condition> {
        let exceptions = set.elements.iter().filter(|element| element.nomatch);
        let exceptions: Vec<_> = exceptions
            .map(|e| (rank(e), e.nomatch, self.element(set, e, sides)))
            .collect();
        let mut parts = Vec::new();
        for element in &set.elements {
            if element.nomatch != return_nomatch {
                continue;
            }
            let own = rank(element);
            let here = self.element(set, element, sides);
            let longer = exceptions
                .iter()
                .filter(|(rank, nomatch, _)| *nomatch != element.nomatch && *rank > own);
            let mut all = vec![here];
            all.extend(longer.map(|(_, _, condition)| condition.clone().negated()));
            parts.push(Condition::All(all));
        }
        parts
    }

    fn element(&self, set: &Set, element: &Element, sides: &[Side]) -> Condition {
        let mut parts = Vec::new();
        for (at, field) in element.fields.iter().enumerate() {
            let side = sides.get(at).copied().unwrap_or(Side::Source);
            parts.push(self.field(set, field, side));
        }
        let left = element
            .timeout
            .or(set.options.timeout)
            .filter(|left| *left > 0);
        parts.extend(left.map(|left| Condition::atom(labels::alive(left.into()))));
        Condition::All(parts)
    }

    fn field(&self, set: &Set, field: &Field, side: Side) -> Condition {
        match field {
            Field::Prefix(cidr) => {
                let length = set
                    .options
                    .netmask
                    .unwrap_or(u8::MAX)
                    .min(cidr.prefix_len());
                prefix(&self.address(side), cidr.network(), length)
            }
            Field::Range(span) => self
                .address(side)
                .within(number(span.first), number(span.last)),
            Field::Port(port) => self.port(*port, side),
            Field::PlainPort(ports) => {
                let has_ports = Condition::Any(vec![fields::transport(6), fields::transport(17)]);
                let within = port_variable(side).within(ports.first().into(), ports.last().into());
                has_ports.and(within)
            }
            Field::Mac(mac) => {
                let value = mac
                    .0
                    .iter()
                    .fold(0, |value, byte| value << 8 | u128::from(*byte));
                Condition::atom("on Ethernet").and(fields::mac().is(value))
            }
            Field::Mark(mark) => {
                let mask = set.options.markmask.unwrap_or(u32::MAX);
                fields::mark().masked(mask.into(), (mark & mask).into())
            }
            Field::Interface { name, physical } => {
                let variable = match (side, physical) {
                    (Side::Source, false) => fields::iifname(),
                    (Side::Destination, false) => fields::oifname(),
                    (Side::Source, true) => fields::physical_in(),
                    (Side::Destination, true) => fields::physical_out(),
                };
                let pattern = match name.strip_suffix('+') {
                    Some(begin) => Pattern::Prefix(begin.to_owned()),
                    None => Pattern::Exactly(name.clone()),
                };
                Condition::Name(variable, pattern)
            }
            Field::Set(inner) => Condition::atom(format!("set {inner}")),
        }
    }

    fn port(&self, port: PortProtocol, side: Side) -> Condition {
        let Protocol(protocol) = port.protocol;
        let guard = fields::transport(protocol);
        let (first, last) = (port.ports.first(), port.ports.last());
        let core = if port.protocol.is_icmp() {
            let [kind, code] = first.to_be_bytes();
            let kind = fields::icmp_type().is(kind.into());
            kind.and(fields::icmp_code().is(code.into()))
        } else if port.protocol.has_ports() {
            port_variable(side).within(first.into(), last.into())
        } else {
            Condition::Always
        };
        guard.and(core)
    }

    /// What of a packet the set looks at, dimension by dimension.
    pub(super) fn variables(&self, name: &str, sides: &[Side]) -> Vec<Variable> {
        let set = self.sets.iter().find(|set| set.name == name);
        let kinds = match set.map(|set| &set.kind) {
            Some(Type::Hash(kinds)) => kinds.clone(),
            Some(Type::BitmapPort) => vec![Kind::Port],
            Some(Type::BitmapIpMac) => vec![Kind::Ip, Kind::Mac],
            Some(Type::BitmapIp | Type::ListSet | Type::Unknown(_)) | None => vec![Kind::Ip],
        };
        let sided = kinds.iter().enumerate().map(|(at, kind)| {
            let side = sides.get(at).copied().unwrap_or(Side::Source);
            match kind {
                Kind::Ip | Kind::Net => vec![self.address(side)],
                Kind::Port => vec![fields::l4proto(), port_variable(side)],
                Kind::Mac => vec![fields::mac()],
                Kind::Mark => vec![fields::mark()],
                Kind::Interface if side == Side::Source => vec![fields::iifname()],
                Kind::Interface => vec![fields::oifname()],
            }
        });
        sided.flatten().collect()
    }
}

fn port_variable(side: Side) -> Variable {
    match side {
        Side::Source => fields::sport(),
        Side::Destination => fields::dport(),
    }
}

/// Lengths of prefixes, dimension by dimension: the kernel looks at longer ones first.
fn rank(element: &Element) -> Rank {
    let length = |field: &Field| match field {
        Field::Prefix(cidr) => Some(cidr.prefix_len()),
        Field::Range(span) => Some(match Family::of(span.first) {
            Family::V4 => 32,
            Family::V6 => 128,
        }),
        _ => None,
    };
    element.fields.iter().filter_map(length).collect()
}
