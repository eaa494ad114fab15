//! The fields of rules, sets of them, and what it would be to doubt one.

use margay::model::Action;

/// A field of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Field {
    Family,
    Protocol,
    Ports,
    IcmpType,
    IcmpCode,
    Cidr,
    Group,
    NotProtocol,
    NotIcmpType,
    NotIcmpCode,
    Action(Action),
    Source(EndField),
    Destination(EndField),
}

/// A field of one end of a rule. A list of ports that holds a number is not `NamedPorts`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum EndField {
    Nets,
    NotNets,
    Ports,
    NamedPorts,
    NotPorts,
    NotNamedPorts,
    Selector,
    NotSelector,
}

impl EndField {
    const ALL: [Self; 8] = [
        Self::Nets,
        Self::NotNets,
        Self::Ports,
        Self::NamedPorts,
        Self::NotPorts,
        Self::NotNamedPorts,
        Self::Selector,
        Self::NotSelector,
    ];
}

impl Field {
    /// Those of rules of security groups.
    pub(crate) const OF_GROUPS: [Self; 7] = [
        Self::Family,
        Self::Protocol,
        Self::Ports,
        Self::IcmpType,
        Self::IcmpCode,
        Self::Cidr,
        Self::Group,
    ];

    /// Those of rules of policies and profiles.
    pub(crate) fn of_policies() -> Vec<Self> {
        let mut all = vec![
            Self::Family,
            Self::Protocol,
            Self::NotProtocol,
            Self::IcmpType,
            Self::IcmpCode,
            Self::NotIcmpType,
            Self::NotIcmpCode,
        ];
        let actions = [Action::Allow, Action::Deny, Action::Log, Action::Pass];
        all.extend(actions.map(Self::Action));
        all.extend(EndField::ALL.map(Self::Source));
        all.extend(EndField::ALL.map(Self::Destination));
        all
    }

    /// All of both.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        let of_groups = Self::OF_GROUPS.into_iter();
        of_groups.chain(Self::of_policies())
    }

    fn bit(self) -> u64 {
        let place = match self {
            Self::Family => 0,
            Self::Protocol => 1,
            Self::Ports => 2,
            Self::IcmpType => 3,
            Self::IcmpCode => 4,
            Self::Cidr => 5,
            Self::Group => 6,
            Self::NotProtocol => 7,
            Self::NotIcmpType => 8,
            Self::NotIcmpCode => 9,
            Self::Action(action) => 10 + action as u64,
            Self::Source(end) => 20 + end as u64,
            Self::Destination(end) => 30 + end as u64,
        };
        1 << place
    }
}

/// A set of fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Fields(u64);

impl Fields {
    pub(super) fn insert(&mut self, field: Field) {
        self.0 |= field.bit();
    }

    pub(super) fn has(self, field: Field) -> bool {
        self.0 & field.bit() != 0
    }

    /// Those of both.
    pub(super) fn plus(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether there is no other in it.
    fn is_at_most(self, field: Field) -> bool {
        self.0 & !field.bit() == 0
    }
}

/// What is believed of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Belief {
    /// All that they say.
    All,
    /// As if every packet matched in this field.
    Any(Field),
    /// As if none did, so that no rule with the field matches.
    None(Field),
}

/// A rule held against a packet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    action: Action,
    /// The fields that it has.
    said: Fields,
    /// Those in which the packet does not match.
    failed: Fields,
}

impl Read {
    pub(super) fn new(action: Action) -> Self {
        let mut said = Fields::default();
        said.insert(Field::Action(action));
        Self {
            action,
            said,
            failed: Fields::default(),
        }
    }

    /// The fields that the rule has.
    pub(super) fn said(&self) -> Fields {
        self.said
    }

    /// One test of a field that the rule has.
    pub(super) fn test(&mut self, field: Field, holds: bool) {
        self.said.insert(field);
        if !holds {
            self.failed.insert(field);
        }
    }

    /// What the rule does to the packet, if it matches. Whoever doubts that rules log, and no more,
    /// lets them end there.
    pub(super) fn action(&self, belief: Belief) -> Option<Action> {
        let (matches, action) = match belief {
            Belief::Any(Field::Action(Action::Log)) if self.action == Action::Log => {
                (self.failed.is_empty(), Action::Allow)
            }
            Belief::None(Field::Action(Action::Log)) if self.action == Action::Log => {
                (self.failed.is_empty(), Action::Deny)
            }
            Belief::All => (self.failed.is_empty(), self.action),
            Belief::Any(field) => (self.failed.is_at_most(field), self.action),
            Belief::None(field) => (self.failed.is_empty() && !self.said.has(field), self.action),
        };
        matches.then_some(action)
    }
}
