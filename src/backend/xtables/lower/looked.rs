//! What looking the named sets of a table up comes to, kept as long as a set is as it was: of a set that did not
//! change no member is said again, whatever becomes of the chains that look it up.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cell::{Cell, pattern};
use super::conjunction::Conjunction;
use super::edit::Edit;
use super::field::{Direction, Field};
use super::lookup::{Ipsets, Keys, Lookup};
use super::refusal::Refused;
use super::touched::Extent;
use super::wanted::{Listed, Wanted};
use super::wide::Wide;
use crate::backend::xtables::{IpsetName, Match};
use crate::net::Family;
use crate::ruleset::{Datatype, Name, Operator, Verdict};

/// How a set is looked up. What it becomes depends on nothing else but its declaration and its elements.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Asked {
    /// What is read of a packet.
    pub(super) fields: Vec<Field>,
    /// The family of packets.
    pub(super) family: Family,
    /// What is wanted of an element that matches.
    pub(super) about: About,
}

/// What is wanted of an element that matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    /// That there is one.
    Keys,
    /// Its verdict.
    Verdicts,
}

/// What looking a set up comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Looked {
    /// For each verdict the tests any of which holds where an element with it matches; `None` where only that is asked.
    pub(super) cases: Vec<(Option<Verdict>, Vec<Conjunction>)>,
    /// The ipsets that are asked.
    pub(super) ipsets: Ipsets,
    /// The one among them in which each element is members of its own, whatever else there is.
    pub(super) together: Option<IpsetName>,
    /// The elements with wide ranges of ports.
    pub(super) wide: Wide,
}

/// All that is known of lookups, by the set.
#[derive(Debug, Clone, Default)]
pub(super) struct Lookups {
    known: BTreeMap<Name, Answers>,
    /// What was known of sets that changed, and what came and went there.
    before: BTreeMap<Name, (Answers, Edit)>,
}

type Answers = BTreeMap<Asked, Arc<Looked>>;

impl Lookups {
    /// Sets changed, came or went.
    pub(super) fn touch(&mut self, sets: &BTreeMap<Name, Extent>) {
        for (set, extent) in sets {
            if let (Some(known), Extent::Elements(edit)) = (self.known.remove(set), extent) {
                self.before.insert(set.clone(), (known, edit.clone()));
            }
        }
    }

    /// All changes were looked at.
    pub(super) fn settle(&mut self) {
        self.before.clear();
    }

    /// What a lookup comes to, which is said where it is not known.
    pub(super) fn look(
        &mut self,
        wanted: &Wanted<'_>,
        types: &[Datatype],
        asked: Asked,
    ) -> Result<Arc<Looked>, Refused> {
        let Some(set) = &wanted.set else {
            return Looked::of(wanted, types, &asked).map(Arc::new);
        };
        let known = self.known.get(set);
        if let Some(looked) = known.and_then(|known| known.get(&asked)) {
            return Ok(Arc::clone(looked));
        }
        let before = self.before.get(set);
        let edited = before.and_then(|(before, edit)| {
            let before = before.get(&asked)?;
            edit.of(before, (wanted, &asked), types)
        });
        let looked = match edited {
            Some(looked) => Arc::new(looked),
            None => Arc::new(Looked::of(wanted, types, &asked)?),
        };
        let known = self.known.entry(set.clone()).or_default();
        known.insert(asked, Arc::clone(&looked));
        Ok(looked)
    }
}

impl Looked {
    /// What looking keys up comes to, said from nothing.
    fn of(wanted: &Wanted<'_>, types: &[Datatype], asked: &Asked) -> Result<Self, Refused> {
        let mut looked = Self::default();
        match asked.about {
            About::Keys => {
                let tests = looked.tests(wanted, types, asked)?;
                looked.cases.push((None, tests));
            }
            About::Verdicts => {
                for (verdict, wanted) in wanted.by_verdict() {
                    let tests = looked.tests(&wanted, types, asked)?;
                    looked.cases.push((Some(verdict.clone()), tests));
                }
            }
        }
        Ok(looked)
    }

    /// Tests any of which holds where a key matches.
    fn tests(
        &mut self,
        wanted: &Wanted<'_>,
        types: &[Datatype],
        asked: &Asked,
    ) -> Result<Vec<Conjunction>, Refused> {
        let fields = asked.fields.as_slice();
        if let [Field::Interface(direction)] = fields
            && wanted.keys != Keys::Exact
        {
            return interfaces(*direction, &wanted.elements);
        }
        let cells = wanted
            .elements
            .iter()
            .map(|key| Cell::of(key, types, fields))
            .collect::<Result<Vec<_>, _>>()?;
        let mut lookup = Lookup {
            name: wanted.name.clone(),
            set: wanted.set.clone(),
            keys: wanted.keys,
            ports: port_word(fields),
            family: asked.family,
            ipsets: &mut self.ipsets,
            together: None,
            wide: Wide::default(),
        };
        let tests = match fields {
            [Field::Address(side)] if wanted.keys != Keys::Inline => {
                vec![lookup.addresses(*side, &cells)?]
            }
            _ => lookup.tests(cells)?,
        };
        (self.together, self.wide) = (lookup.together, lookup.wide);
        Ok(tests)
    }
}

/// The word for an ipset with ports: of a protocol that keys do not name, each protocol has its own.
fn port_word(fields: &[Field]) -> String {
    let implied = fields.iter().find_map(|field| match field {
        Field::Port(_, protocol) => *protocol,
        Field::Address(_)
        | Field::Protocol
        | Field::IcmpType
        | Field::IcmpCode
        | Field::Interface(_)
        | Field::Mac => None,
    });
    match implied {
        Some(protocol) => protocol.to_string(),
        None if fields.contains(&Field::Protocol) => "ports".to_owned(),
        None => "all-ports".to_owned(),
    }
}

/// Interfaces that a rule names one by one.
fn interfaces(direction: Direction, keys: &Listed<'_>) -> Result<Vec<Conjunction>, Refused> {
    let mut tests = Vec::new();
    for key in keys.iter() {
        let pattern = pattern(&key.start, key.last())?;
        tests.push(Conjunction::of(match direction {
            Direction::In => Match::In(Operator::Eq, pattern),
            Direction::Out => Match::Out(Operator::Eq, pattern),
        }));
    }
    Ok(tests)
}
