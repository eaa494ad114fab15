//! The compiler: keeps what it made of each policy, selection and endpoint, and makes again what an
//! event touches.
//!
//! ```text
//! Event --> State --> roster    who is meant by a selection      sets   group/, set/
//!                 --> policies  rules of deciders in use         chains policy/, np/, gnp/, profile/
//!                 --> stacks    whom an endpoint's traffic meets chains tier/, bundle/
//!                 --> elements  of the endpoints of this host    slots
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::decider::{Decider, passes};
use super::difference::Difference;
use super::endpoints::Elements;
use super::kin::Kin;
use super::names;
use super::objects::Standing;
use super::remark::Remark;
use super::roster::{Roster, Subject};
use super::settings;
use super::skeleton::{Skeleton, table_key};
use super::stack::Stack;
use super::uses::Use;
use crate::model::{
    Direction, Endpoint, EndpointName, Event, GroupName, Order, Policy, ProfileName, SecurityGroup,
    Selector, Settings, State, TierName,
};
use crate::net::InterfaceName;
use crate::ruleset::tracked::Tracked;
use crate::ruleset::{Name, Ruleset, Table};

/// Everything that the kernel of one host should hold, kept up to date event by event.
#[derive(Debug)]
pub struct Compiler {
    pub(super) host: String,
    pub(super) skeleton: Table,
    pub(super) state: State,
    pub(super) settings: Settings,
    pub(super) table: Tracked,
    pub(super) roster: Roster,
    pub(super) placed: BTreeMap<EndpointName, Placed>,
    /// The endpoints of this host by interface; the first has it.
    pub(super) interfaces: BTreeMap<InterfaceName, BTreeSet<EndpointName>>,
    /// The policies in use, and what was made of them.
    pub(super) policies: BTreeMap<(Decider, Direction), Made>,
    /// How many stacks need a chain that is no policy's.
    pub(super) chains: BTreeMap<Name, usize>,
    pub(super) kin: Kin,
    pub(super) dirty: Dirty,
}

/// An endpoint of this host that has its interface.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) stacks: [Stack; 2],
    pub(super) elements: Elements,
}

/// What was made of one policy.
#[derive(Debug)]
pub(super) struct Made {
    /// The name of its chain, after which its sets are named.
    pub(super) owner: Name,
    /// How many stacks ask it.
    pub(super) users: usize,
    pub(super) standing: Standing,
    pub(super) uses: BTreeSet<Use>,
}

impl Made {
    /// Nothing yet, for nobody.
    pub(super) fn nothing(decider: &Decider, direction: Direction) -> Self {
        Self {
            owner: names::decider(decider, direction),
            users: 0,
            standing: Standing::default(),
            uses: BTreeSet::new(),
        }
    }
}

/// What must be made again.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    pub(super) endpoints: BTreeSet<EndpointName>,
    pub(super) policies: BTreeMap<(Decider, Direction), Dirt>,
    pub(super) settings: bool,
}

/// What of a policy must be made again.
#[derive(Debug)]
pub(super) enum Dirt {
    /// All of it.
    All,
    /// What depends on these of its rules.
    Rules(Difference),
}

impl Compiler {
    /// A host of which nothing is known.
    pub fn new(host: &str, skeleton: &Skeleton) -> Self {
        Self::of(State::default(), host, skeleton)
    }

    /// A host and everything that is known.
    pub fn of(state: State, host: &str, skeleton: &Skeleton) -> Self {
        let settings = state.settings_of(host);
        let mut table = Tracked::from(skeleton.table().clone());
        settings::fill(&mut table, skeleton.table(), &settings);
        let mut compiler = Self {
            host: host.to_owned(),
            skeleton: skeleton.table().clone(),
            state,
            settings,
            table,
            roster: Roster::default(),
            placed: BTreeMap::new(),
            interfaces: BTreeMap::new(),
            policies: BTreeMap::new(),
            chains: BTreeMap::new(),
            kin: Kin::default(),
            dirty: Dirty::default(),
        };
        compiler.take_all();
        compiler.settle();
        compiler
    }

    /// What is known.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What the kernel should hold. Settle it once that is in force.
    pub fn table(&mut self) -> &mut Tracked {
        &mut self.table
    }

    /// How many policies and security groups apply to endpoints of this host.
    pub fn policies_in_use(&self) -> usize {
        let deciders = self.policies.keys().map(|(decider, _)| decider);
        let policies = deciders.filter(|decider| match decider {
            Decider::Group(_) | Decider::Policy(_) => true,
            Decider::Profile(_) => false,
        });
        policies.collect::<BTreeSet<_>>().len()
    }

    /// What to know about policies in use, by the names of their chains.
    pub fn remarks(&self) -> BTreeSet<&Remark> {
        let made = self.policies.values();
        made.flat_map(|made| &made.standing.remarks).collect()
    }

    /// What the kernel should hold, alone.
    pub fn into_ruleset(self) -> Ruleset {
        Ruleset {
            tables: BTreeMap::from([(table_key(), self.table.into_table())]),
        }
    }

    /// Takes in one change of what is known.
    pub fn apply(&mut self, event: Event) {
        self.note(event);
        self.settle();
    }

    /// Takes in several changes that belong together.
    pub fn apply_all(&mut self, events: impl IntoIterator<Item = Event>) {
        events.into_iter().for_each(|event| self.note(event));
        self.settle();
    }

    fn take_all(&mut self) {
        let sets = self
            .state
            .network_sets
            .keys()
            .cloned()
            .map(Subject::NetworkSet);
        let names: Vec<EndpointName> = self.state.endpoints.keys().cloned().collect();
        for subject in sets.collect::<Vec<_>>() {
            self.kin.note(&self.state, &subject);
            self.roster.update(&mut self.table, &self.state, &subject);
        }
        for name in names {
            self.endpoint(&name, None);
        }
    }

    fn note(&mut self, event: Event) {
        match event {
            Event::Group(group) => {
                let name = group.name.clone();
                let old = self.state.groups.insert(name.clone(), group);
                self.group(&name, old.as_ref());
            }
            Event::GroupGone(name) => {
                let old = self.state.groups.remove(&name);
                self.group(&name, old.as_ref());
            }
            Event::Endpoint(endpoint) => {
                let name = endpoint.name.clone();
                let old = self.state.endpoints.insert(name.clone(), *endpoint);
                self.endpoint(&name, old.as_ref());
            }
            Event::EndpointGone(name) => {
                let old = self.state.endpoints.remove(&name);
                self.endpoint(&name, old.as_ref());
            }
            Event::Policy(policy) => {
                let name = policy.name.clone();
                let old = self.state.policies.get(&name).cloned();
                self.state.apply(Event::Policy(policy));
                self.policy(
                    old.as_ref(),
                    self.state.policies.get(&name).cloned().as_ref(),
                );
            }
            Event::PolicyGone(name) => {
                let old = self.state.policies.get(&name).cloned();
                self.state.apply(Event::PolicyGone(name));
                self.policy(old.as_ref(), None);
            }
            Event::Profile(profile) => {
                let name = profile.name.clone();
                self.state.apply(Event::Profile(profile));
                self.profile(&name);
            }
            Event::ProfileGone(name) => {
                self.state.apply(Event::ProfileGone(name.clone()));
                self.profile(&name);
            }
            Event::NetworkSet(set) => {
                let name = set.name.clone();
                self.state.apply(Event::NetworkSet(set));
                self.subject(&Subject::NetworkSet(name));
            }
            Event::NetworkSetGone(name) => {
                self.state.apply(Event::NetworkSetGone(name.clone()));
                self.subject(&Subject::NetworkSet(name));
            }
            event @ (Event::Tier(_) | Event::TierGone(_)) => {
                self.state.apply(event);
                self.dirty.endpoints.extend(self.labelled_here());
            }
            event @ (Event::Settings(_)
            | Event::Configuration(_)
            | Event::ConfigurationGone(_)
            | Event::Node(_)
            | Event::NodeGone(_)) => {
                self.state.apply(event);
                self.dirty.settings = true;
            }
            event @ Event::Readiness(_) => self.state.apply(event),
        }
    }

    /// A group comes, changes or goes. Where it comes or goes it changes what its members are.
    fn group(&mut self, name: &GroupName, old: Option<&SecurityGroup>) {
        let new = self.state.groups.get(name);
        let came_or_went = new.is_some() != old.is_some();
        let decider = Decider::Group(name.clone());
        for direction in Direction::ALL {
            let [old, new] = [old, new].map(|group| group.map(|g| g.rules(direction)));
            let (old, new) = (old.unwrap_or_default(), new.unwrap_or_default());
            let policy = (decider.clone(), direction);
            if self.policies.contains_key(&policy)
                && let Some(difference) = Difference::between(old, new)
            {
                self.dirty.rules(policy, difference);
            }
        }
        if came_or_went {
            self.dirty_policy(&decider);
            for subject in self.kin.listing(name) {
                self.subject(&subject);
                self.dirty_subject(subject);
            }
        }
    }

    fn profile(&mut self, name: &ProfileName) {
        self.dirty_policy(&Decider::Profile(name.clone()));
        for subject in self.kin.inheriting(name) {
            self.subject(&subject);
            self.dirty_subject(subject);
        }
    }

    fn endpoint(&mut self, name: &EndpointName, old: Option<&Endpoint>) {
        if let Some(old) = old.filter(|old| old.host == self.host) {
            self.dirty.endpoints.insert(name.clone());
            if let Some(sharing) = self.interfaces.get_mut(&old.interface) {
                sharing.remove(name);
                self.dirty.endpoints.extend(sharing.iter().cloned());
                if sharing.is_empty() {
                    self.interfaces.remove(&old.interface);
                }
            }
        }
        let new = self.state.endpoints.get(name);
        if let Some(endpoint) = new.filter(|endpoint| endpoint.host == self.host) {
            let interface = endpoint.interface.clone();
            let sharing = self.interfaces.entry(interface).or_default();
            sharing.insert(name.clone());
            self.dirty.endpoints.extend(sharing.iter().cloned());
        }
        let subject = Subject::Endpoint(name.clone());
        // Whom it names is all in its membership.
        if new.map(|new| &new.membership) != old.map(|old| &old.membership) {
            self.kin.note(&self.state, &subject);
        }
        self.roster.update(&mut self.table, &self.state, &subject);
    }

    fn subject(&mut self, subject: &Subject) {
        self.kin.note(&self.state, subject);
        self.roster.update(&mut self.table, &self.state, subject);
    }

    fn dirty_subject(&mut self, subject: Subject) {
        match subject {
            Subject::Endpoint(name) => drop(self.dirty.endpoints.insert(name)),
            Subject::NetworkSet(_) => {}
        }
    }

    /// A policy comes, changes or goes: its rules, or whom it applies to.
    fn policy(&mut self, old: Option<&Policy>, new: Option<&Policy>) {
        let Some(name) = new.or(old).map(|policy| policy.name.clone()) else {
            return;
        };
        self.dirty_policy(&Decider::Policy(name));
        if old.map(Place::of) == new.map(Place::of) {
            return;
        }
        let concerned = self.labelled_here().into_iter().filter(|name| {
            let endpoint = self.state.endpoints.get(name);
            let labels = endpoint.and_then(|endpoint| self.state.labels_of(endpoint));
            let applies =
                |policy: &Policy| labels.as_ref().is_some_and(|l| policy.selector.matches(l));
            old.is_some_and(applies) || new.is_some_and(applies)
        });
        let concerned: Vec<EndpointName> = concerned.collect();
        self.dirty.endpoints.extend(concerned);
    }

    /// The endpoints of this host that selectors choose.
    fn labelled_here(&self) -> Vec<EndpointName> {
        let here = self.interfaces.values().flatten();
        here.filter(|name| {
            let endpoint = self.state.endpoints.get(name);
            endpoint.is_some_and(|endpoint| endpoint.labelled().is_some())
        })
        .cloned()
        .collect()
    }

    fn dirty_policy(&mut self, decider: &Decider) {
        let those = Direction::ALL.map(|direction| (decider.clone(), direction));
        let in_use = those
            .into_iter()
            .filter(|policy| self.policies.contains_key(policy));
        self.dirty.all(in_use.collect::<Vec<_>>());
    }
}

impl Dirty {
    /// These policies must be made again.
    pub(super) fn all(&mut self, policies: impl IntoIterator<Item = (Decider, Direction)>) {
        let whole = policies.into_iter().map(|policy| (policy, Dirt::All));
        self.policies.extend(whole);
    }

    /// Rules of a policy came and went.
    fn rules(&mut self, policy: (Decider, Direction), difference: Difference) {
        // Who changes twice at once is rare enough not to be added up.
        let dirt = match self.policies.contains_key(&policy) {
            true => Dirt::All,
            false => Dirt::Rules(difference),
        };
        self.policies.insert(policy, dirt);
    }
}

/// What makes a policy apply where it does; where none of it changes, only its rules do.
#[derive(Debug, PartialEq, Eq)]
struct Place<'p> {
    tier: &'p TierName,
    order: Order,
    selector: &'p Selector,
    decides: [bool; 2],
    passes: [bool; 2],
}

impl<'p> Place<'p> {
    fn of(policy: &'p Policy) -> Self {
        Self {
            tier: &policy.tier,
            order: policy.order,
            selector: &policy.selector,
            decides: Direction::ALL.map(|direction| policy.decides(direction)),
            passes: Direction::ALL.map(|direction| passes(policy.rules(direction))),
        }
    }
}
