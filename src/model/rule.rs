//! A rule of a policy or a profile: what it matches, and what becomes of it.

use std::fmt;

use super::Origin;
use super::name::PortName;
use super::selector::Selector;
use crate::net::{Cidr, Family, PortRange, Protocol};

/// What becomes of a packet that a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// It is allowed in this direction.
    Allow,
    /// It is dropped, or rejected.
    Deny,
    /// It is logged, and meets the next rule.
    Log,
    /// It goes to the next tier, from the last one to the profiles.
    Pass,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
            Self::Log => "Log",
            Self::Pass => "Pass",
        })
    }
}

/// One rule. A packet matches it that matches every part which is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// What becomes of what matches.
    pub action: Action,
    /// `ipVersion`
    pub family: Option<Family>,
    /// `protocol`
    pub protocol: Option<Protocol>,
    /// `notProtocol`
    pub not_protocol: Option<Protocol>,
    /// `icmp`, of the protocol.
    pub icmp: Option<IcmpMatch>,
    /// `notICMP`, of the protocol: any message but these.
    pub not_icmp: Option<IcmpMatch>,
    /// Where the packet comes from.
    pub source: EntityMatch,
    /// Where it goes.
    pub destination: EntityMatch,
    /// `metadata.annotations`, in their order.
    pub annotations: Vec<(String, String)>,
    /// Where the rule was written.
    pub origin: Origin,
}

/// ICMP messages: those of a type, or of a type and a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IcmpMatch {
    /// The type.
    pub kind: u8,
    /// The code, where one is meant.
    pub code: Option<u8>,
}

impl IcmpMatch {
    /// Whether a message is one of them.
    pub fn matches(self, kind: u8, code: u8) -> bool {
        self.kind == kind && self.code.is_none_or(|only| only == code)
    }
}

/// One end of a packet, as a rule sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityMatch {
    /// Its address is in one of these; none means any.
    pub nets: Vec<Cidr>,
    /// Its address is in none of these.
    pub not_nets: Vec<Cidr>,
    /// Its port is one of these; none means any.
    pub ports: Vec<PortMatch>,
    /// Its port is none of these.
    pub not_ports: Vec<PortMatch>,
    /// Its address is that of an endpoint, or in a network set, that matches.
    ///
    /// Resolved: the namespace of the policy, namespace selectors, service accounts and a selector
    /// of what must not match are all part of it. Named ports are those of what matches it.
    pub selector: Option<Selector>,
    /// Its address is that of no endpoint, and in no network set, that matches. There is one only
    /// where `selector` is none, so addresses of nothing known match too.
    pub not_selector: Option<Selector>,
}

impl EntityMatch {
    /// Whether every address and every port matches.
    pub fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an address of a family can match. A list of prefixes that has none of the family
    /// has nothing to say of it, so the rule is left out there, even where the prefixes are those
    /// that must not match; and where all addresses must not, none can.
    fn speaks_of(&self, family: Family) -> bool {
        let has = |nets: &[Cidr]| nets.is_empty() || nets.iter().any(|net| net.family() == family);
        has(&self.nets) && has(&self.not_nets) && !self.not_nets.contains(&Cidr::any(family))
    }
}

/// A port, by number or by the name that endpoints give it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PortMatch {
    /// One port, or a range.
    Range(PortRange),
    /// The ports that endpoints call so, of the rule's protocol, or of any where it has none.
    Named(PortName),
}

impl fmt::Display for PortMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Range(range) if range.first() == range.last() => range.fmt(f),
            Self::Range(range) => write!(f, "{}:{}", range.first(), range.last()),
            Self::Named(name) => name.fmt(f),
        }
    }
}

impl fmt::Display for Rule {
    /// What it does and to what, in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.action.fmt(f)?;
        if let Some(family) = self.family {
            write!(f, " {family}")?;
        }
        if let Some(protocol) = self.protocol {
            write!(f, " {protocol}")?;
        }
        if let Some(protocol) = self.not_protocol {
            write!(f, " not {protocol}")?;
        }
        for (word, icmp) in [("icmp", self.icmp), ("not icmp", self.not_icmp)] {
            match icmp {
                Some(IcmpMatch { kind, code: None }) => write!(f, " {word} {kind}")?,
                Some(IcmpMatch {
                    kind,
                    code: Some(code),
                }) => write!(f, " {word} {kind}/{code}")?,
                None => {}
            }
        }
        for (word, end) in [("from", &self.source), ("to", &self.destination)] {
            if !end.is_any() {
                write!(f, " {word}{end}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for EntityMatch {
    /// Each part that is there, with a space before it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, "", &self.nets)?;
        list(f, "not ", &self.not_nets)?;
        if let Some(selector) = &self.selector {
            write!(f, " {selector}")?;
        }
        if let Some(selector) = &self.not_selector {
            write!(f, " not {selector}")?;
        }
        list(f, "ports ", &self.ports)?;
        list(f, "not ports ", &self.not_ports)
    }
}

fn list<T: fmt::Display>(f: &mut fmt::Formatter<'_>, word: &str, all: &[T]) -> fmt::Result {
    for (place, one) in all.iter().enumerate() {
        match place {
            0 => write!(f, " {word}{one}")?,
            _ => write!(f, ",{one}")?,
        }
    }
    Ok(())
}

impl Rule {
    /// A rule that matches every packet.
    pub fn of_all(action: Action) -> Self {
        Self {
            action,
            family: None,
            protocol: None,
            not_protocol: None,
            icmp: None,
            not_icmp: None,
            source: EntityMatch::default(),
            destination: EntityMatch::default(),
            annotations: Vec::new(),
            origin: Origin::default(),
        }
    }

    /// Whether packets of a family can match: it is not left out by `ipVersion`, by the family
    /// of an ICMP, or by prefixes that are all of the other family.
    pub fn speaks_of(&self, family: Family) -> bool {
        let of_protocol = match self.protocol {
            Some(Protocol::ICMP) => family == Family::V4,
            Some(Protocol::ICMPV6) => family == Family::V6,
            Some(_) | None => true,
        };
        of_protocol
            && self.family.is_none_or(|only| only == family)
            && self.source.speaks_of(family)
            && self.destination.speaks_of(family)
    }

    /// Whether no packet can match, as with a service that cannot be resolved.
    pub fn is_void(&self) -> bool {
        let nothing = |entity: &EntityMatch| {
            let selector = entity.selector.as_ref();
            selector.is_some_and(Selector::is_nothing)
        };
        nothing(&self.source)
            || nothing(&self.destination)
            || Family::ALL.iter().all(|family| !self.speaks_of(*family))
    }
}
