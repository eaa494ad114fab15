//! Kin: which subjects depend on a group or profile, whether that is there or not.

use std::collections::{BTreeMap, BTreeSet};

use super::roster::Subject;
use crate::model::{GroupName, ProfileName, State};

/// Subjects by what they name.
#[derive(Debug, Default)]
pub(super) struct Kin {
    named: BTreeMap<Subject, Named>,
    listing: BTreeMap<GroupName, BTreeSet<Subject>>,
    inheriting: BTreeMap<ProfileName, BTreeSet<Subject>>,
}

/// What one subject names. Of an endpoint it is all in its membership: where that stays, it does.
#[derive(Debug, Default, PartialEq, Eq)]
struct Named {
    groups: BTreeSet<GroupName>,
    profiles: BTreeSet<ProfileName>,
}

impl Kin {
    /// Takes in what a subject names now.
    pub(super) fn note(&mut self, state: &State, subject: &Subject) {
        let new = Named::of(state, subject);
        if *self.named.get(subject).unwrap_or(&Named::default()) == new {
            return;
        }
        let old = self.named.remove(subject).unwrap_or_default();
        for group in &old.groups {
            leave(&mut self.listing, group, subject);
        }
        for profile in &old.profiles {
            leave(&mut self.inheriting, profile, subject);
        }
        for group in &new.groups {
            let listing = self.listing.entry(group.clone()).or_default();
            listing.insert(subject.clone());
        }
        for profile in &new.profiles {
            let inheriting = self.inheriting.entry(profile.clone()).or_default();
            inheriting.insert(subject.clone());
        }
        if new != Named::default() {
            self.named.insert(subject.clone(), new);
        }
    }

    /// The subjects that name a group.
    pub(super) fn listing(&self, group: &GroupName) -> Vec<Subject> {
        self.listing
            .get(group)
            .into_iter()
            .flatten()
            .cloned()
            .collect()
    }

    /// The subjects that name a profile.
    pub(super) fn inheriting(&self, profile: &ProfileName) -> Vec<Subject> {
        let inheriting = self.inheriting.get(profile);
        inheriting.into_iter().flatten().cloned().collect()
    }
}

impl Named {
    fn of(state: &State, subject: &Subject) -> Self {
        match subject {
            Subject::Endpoint(name) => {
                let endpoint = state.endpoints.get(name);
                let labelled = endpoint.and_then(|endpoint| endpoint.labelled());
                Self {
                    groups: endpoint.map(|e| e.groups().clone()).unwrap_or_default(),
                    profiles: labelled
                        .into_iter()
                        .flat_map(|l| l.profiles.clone())
                        .collect(),
                }
            }
            Subject::NetworkSet(name) => {
                let set = state.network_sets.get(name);
                Self {
                    groups: BTreeSet::new(),
                    profiles: set.and_then(|set| set.parent()).into_iter().collect(),
                }
            }
        }
    }
}

fn leave<K: Ord>(index: &mut BTreeMap<K, BTreeSet<Subject>>, key: &K, subject: &Subject) {
    if let Some(subjects) = index.get_mut(key) {
        subjects.remove(subject);
        if subjects.is_empty() {
            index.remove(key);
        }
    }
}
