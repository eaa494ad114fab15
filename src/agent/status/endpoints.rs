//! The endpoints of this host by name, of which a snapshot costs next to nothing.

use std::sync::Arc;

use super::EndpointStatus;
use crate::model::EndpointName;

/// How many endpoints one part holds at most. A change copies a part, a snapshot counts the parts.
const PART_MAX: usize = 128;

/// The endpoints of this host by name. A copy shares what was not changed since.
#[derive(Debug, Clone, Default)]
pub struct Endpoints {
    /// In the order of the names, none of them empty.
    parts: Vec<Arc<Vec<(EndpointName, EndpointStatus)>>>,
    count: usize,
}

impl Endpoints {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether nothing was changed in one since it was copied from the other. It does not look at
    /// endpoints, so that what is equal may differ by it.
    pub fn is_untouched(&self, other: &Self) -> bool {
        let mut pairs = self.parts.iter().zip(&other.parts);
        self.parts.len() == other.parts.len() && pairs.all(|(one, two)| Arc::ptr_eq(one, two))
    }

    /// All, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&EndpointName, &EndpointStatus)> {
        let all = self.parts.iter().flat_map(|part| part.iter());
        all.map(|(name, status)| (name, status))
    }

    /// How each is, in the order of their names.
    pub fn values(&self) -> impl Iterator<Item = &EndpointStatus> {
        self.iter().map(|(_, status)| status)
    }

    /// How one is.
    pub fn get(&self, name: &EndpointName) -> Option<&EndpointStatus> {
        let part = self.parts.get(self.part(name))?;
        let place = part.binary_search_by(|(other, _)| other.cmp(name)).ok()?;
        part.get(place).map(|(_, status)| status)
    }

    /// Says how one is.
    pub fn insert(&mut self, name: EndpointName, status: EndpointStatus) {
        let at = self.part(&name);
        let Some(shared) = self.parts.get_mut(at) else {
            self.parts.push(Arc::new(vec![(name, status)]));
            self.count = 1;
            return;
        };
        let part = Arc::make_mut(shared);
        match part.binary_search_by(|(other, _)| other.cmp(&name)) {
            Ok(place) => part[place].1 = status,
            Err(place) => {
                part.insert(place, (name, status));
                self.count += 1;
            }
        }
        if part.len() > PART_MAX {
            let rest = part.split_off(PART_MAX / 2);
            self.parts.insert(at + 1, Arc::new(rest));
        }
    }

    /// Forgets one.
    pub fn remove(&mut self, name: &EndpointName) {
        let at = self.part(name);
        let Some(shared) = self.parts.get_mut(at) else {
            return;
        };
        if let Ok(place) = shared.binary_search_by(|(other, _)| other.cmp(name)) {
            let part = Arc::make_mut(shared);
            part.remove(place);
            self.count -= 1;
            if part.is_empty() {
                self.parts.remove(at);
            }
        }
    }

    /// The part that a name is in, if it is in any.
    fn part(&self, name: &EndpointName) -> usize {
        let begins =
            |part: &Arc<Vec<(EndpointName, _)>>| part.first().is_some_and(|(n, _)| n <= name);
        self.parts.partition_point(begins).saturating_sub(1)
    }
}

impl PartialEq for Endpoints {
    fn eq(&self, other: &Self) -> bool {
        self.count == other.count && self.iter().eq(other.iter())
    }
}

impl Eq for Endpoints {}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::EndpointState;
    use super::*;

    fn name(n: usize) -> EndpointName {
        format!("e{n:04}").parse().expect("a name")
    }

    #[test]
    fn it_is_a_map_that_shares() {
        let mut witness = BTreeMap::new();
        let mut endpoints = Endpoints::default();
        let states = [EndpointState::Up, EndpointState::Down, EndpointState::Error];
        for step in 0..20_000_usize {
            let n = step * 7_919 % 1_500;
            match step % 5 {
                0 => {
                    witness.remove(&name(n));
                    endpoints.remove(&name(n));
                }
                _ => {
                    let interface = format!("tap{n}").parse().expect("an interface");
                    let state = states[step % 3];
                    let status = EndpointStatus { interface, state };
                    witness.insert(name(n), status.clone());
                    endpoints.insert(name(n), status);
                }
            }
            assert_eq!(endpoints.len(), witness.len());
            assert_eq!(endpoints.get(&name(n)), witness.get(&name(n)));
        }
        assert!(endpoints.iter().eq(witness.iter()));
        let copy = endpoints.clone();
        assert!(copy == endpoints && copy.is_untouched(&endpoints));
        endpoints.remove(&name(3));
        let status = witness[&name(7)].clone();
        endpoints.insert(
            name(7),
            EndpointStatus {
                interface: "other".parse().expect("one"),
                ..status
            },
        );
        let shared = copy
            .parts
            .iter()
            .filter(|part| Arc::strong_count(part) == 2);
        assert!(shared.count() + 2 >= copy.parts.len());
        assert!(!copy.is_untouched(&endpoints));
        assert!(
            copy.iter().eq(witness.iter()),
            "a snapshot stays what it was"
        );
        for n in 0..1_500 {
            endpoints.remove(&name(n));
        }
        assert!(endpoints.is_empty() && endpoints.iter().next().is_none());
    }
}
