//! What rules and elements name: the edges between the objects of a table.

use super::kind::Kind;
use super::{
    Data, Element, ElementData, MarkSource, Name, ObjectKind, Operand, Rule, Statement, Table,
    Verdict, VmapSource,
};

/// An object that a rule or an element names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference<'a> {
    /// A chain that a verdict leads to.
    Chain(&'a Name),
    /// A set or map.
    Set(&'a Name),
    /// A named counter.
    Counter(&'a Name),
    /// A named limit.
    Limit(&'a Name),
}

impl<'a> Reference<'a> {
    /// An object by its kind and its name.
    pub(super) fn of(kind: Kind, name: &'a Name) -> Self {
        match kind {
            Kind::Set => Self::Set(name),
            Kind::Chain => Self::Chain(name),
            Kind::Counter => Self::Counter(name),
            Kind::Limit => Self::Limit(name),
        }
    }

    /// What the object is.
    pub(super) fn kind(self) -> Kind {
        match self {
            Self::Chain(_) => Kind::Chain,
            Self::Set(_) => Kind::Set,
            Self::Counter(_) => Kind::Counter,
            Self::Limit(_) => Kind::Limit,
        }
    }

    /// What it is called.
    pub(super) fn name(self) -> &'a Name {
        match self {
            Self::Chain(name) | Self::Set(name) | Self::Counter(name) | Self::Limit(name) => name,
        }
    }

    /// What the maps declare whose elements can name such an object.
    fn data(self) -> Option<Data> {
        match self {
            Self::Chain(_) => Some(Data::Verdict),
            Self::Set(_) => None,
            Self::Counter(_) => Some(Data::Object(ObjectKind::Counter)),
            Self::Limit(_) => Some(Data::Object(ObjectKind::Limit)),
        }
    }
}

impl Rule {
    /// What the rule names, in the order of its statements.
    pub fn references(&self) -> Vec<Reference<'_>> {
        self.statements
            .iter()
            .flat_map(Statement::references)
            .collect()
    }
}

impl Statement {
    /// What the statement names.
    pub(super) fn references(&self) -> Vec<Reference<'_>> {
        match self {
            Self::Match(test) => match &test.right {
                Operand::Set(name) => vec![Reference::Set(name)],
                Operand::Key(_) | Operand::AnyBit(_) | Operand::Anonymous(_) => vec![],
            },
            Self::Verdict(verdict) => chain(verdict).into_iter().collect(),
            Self::Vmap { map, .. } => match map {
                VmapSource::Named(name) => vec![Reference::Set(name)],
                VmapSource::Anonymous(elements) => elements.values().filter_map(chain).collect(),
            },
            Self::NamedCounter(name) => vec![Reference::Counter(name)],
            Self::NamedLimit(name) => vec![Reference::Limit(name)],
            Self::CounterMap { map, .. } => vec![Reference::Set(map)],
            Self::SetMark(MarkSource::Map { map, .. }) => vec![Reference::Set(map)],
            Self::Dynamic { set, .. } => vec![Reference::Set(set)],
            Self::Counter
            | Self::Limit(_)
            | Self::Log { .. }
            | Self::Reject(_)
            | Self::Notrack
            | Self::SetMark(MarkSource::Bits { .. }) => vec![],
        }
    }
}

impl Element {
    /// The chain that the element leads to.
    pub fn target(&self) -> Option<&Name> {
        match &self.data {
            ElementData::Verdict(verdict) => verdict.target(),
            ElementData::None | ElementData::Value(_) | ElementData::Object(_) => None,
        }
    }

    /// What the element names, in a map of this data.
    pub(super) fn reference(&self, data: Option<&Data>) -> Option<Reference<'_>> {
        match (&self.data, data) {
            (ElementData::Verdict(verdict), _) => chain(verdict),
            (ElementData::Object(name), Some(Data::Object(kind))) => {
                Some(Reference::of((*kind).into(), name))
            }
            (ElementData::None | ElementData::Value(_) | ElementData::Object(_), _) => None,
        }
    }

    fn names(&self, object: Reference<'_>) -> bool {
        match (&self.data, object) {
            (ElementData::Verdict(verdict), Reference::Chain(name)) => {
                verdict.target() == Some(name)
            }
            (ElementData::Object(held), Reference::Counter(name) | Reference::Limit(name)) => {
                held == name
            }
            (
                ElementData::None
                | ElementData::Verdict(_)
                | ElementData::Value(_)
                | ElementData::Object(_),
                Reference::Chain(_)
                | Reference::Set(_)
                | Reference::Counter(_)
                | Reference::Limit(_),
            ) => false,
        }
    }
}

impl Table {
    /// Whether a rule or an element of the table names the object.
    pub fn uses(&self, object: Reference<'_>) -> bool {
        let rules = self.chains.values().flat_map(|chain| &chain.rules);
        let maps = self
            .sets
            .values()
            .filter(|set| set.data.is_some() && set.data == object.data());
        let mut elements = maps.flat_map(|set| set.elements.values());
        rules
            .flat_map(|rule| rule.references())
            .any(|reference| reference == object)
            || elements.any(|element| element.names(object))
    }
}

fn chain(verdict: &Verdict) -> Option<Reference<'_>> {
    verdict.target().map(Reference::Chain)
}
