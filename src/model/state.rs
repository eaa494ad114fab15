//! Everything that is known.

use std::collections::BTreeMap;

use super::label::Inherited;
use super::name::{ProfileName, ResourceName, ScopedName, TierName};
use super::policy::{Policy, PolicyName};
use super::{
    Configuration, DefaultAction, Endpoint, EndpointName, Event, GroupName, NetworkSet, Node,
    Object, Overrides, Profile, Readiness, Scope, SecurityGroup, Settings, Tier, TierRank,
};

/// Everything that operators have said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// The security groups by name.
    pub groups: BTreeMap<GroupName, SecurityGroup>,
    /// The endpoints of all hosts by name.
    pub endpoints: BTreeMap<EndpointName, Endpoint>,
    /// The settings of every host that no configuration says more about.
    pub settings: Settings,
    /// What the environment and the file of this host's agent say, which no document can change.
    pub forced: Overrides,
    /// The tiers by name.
    pub tiers: BTreeMap<TierName, Tier>,
    /// The policies by name, staged ones too.
    pub policies: BTreeMap<PolicyName, Policy>,
    /// The profiles by name, without the one that always exists.
    pub profiles: BTreeMap<ProfileName, Profile>,
    /// The network sets by name, global ones first.
    pub network_sets: BTreeMap<ScopedName, NetworkSet>,
    /// The configurations by name of the resource.
    pub configurations: BTreeMap<ResourceName, Configuration>,
    /// The hosts by name.
    pub nodes: BTreeMap<String, Node>,
    /// Whether the store is fit to be read.
    pub readiness: Readiness,
}

impl State {
    /// Takes one change in.
    pub fn apply(&mut self, event: Event) {
        match event {
            Event::Group(group) => drop(self.groups.insert(group.name.clone(), group)),
            Event::GroupGone(name) => drop(self.groups.remove(&name)),
            Event::Endpoint(endpoint) => {
                drop(self.endpoints.insert(endpoint.name.clone(), *endpoint));
            }
            Event::EndpointGone(name) => drop(self.endpoints.remove(&name)),
            Event::Settings(settings) => self.settings = settings,
            Event::Tier(tier) => drop(self.tiers.insert(tier.name.clone(), tier)),
            Event::TierGone(name) => drop(self.tiers.remove(&name)),
            Event::Policy(policy) => drop(self.policies.insert(policy.name.clone(), *policy)),
            Event::PolicyGone(name) => drop(self.policies.remove(&name)),
            Event::Profile(profile) => {
                drop(self.profiles.insert(profile.name.clone(), *profile));
            }
            Event::ProfileGone(name) => drop(self.profiles.remove(&name)),
            Event::NetworkSet(set) => drop(self.network_sets.insert(set.name.clone(), set)),
            Event::NetworkSetGone(name) => drop(self.network_sets.remove(&name)),
            Event::Configuration(configuration) => {
                let name = configuration.name.clone();
                drop(self.configurations.insert(name, *configuration));
            }
            Event::ConfigurationGone(name) => drop(self.configurations.remove(&name)),
            Event::Node(node) => drop(self.nodes.insert(node.name.clone(), node)),
            Event::NodeGone(name) => drop(self.nodes.remove(&name)),
            Event::Readiness(readiness) => self.readiness = readiness,
        }
    }

    /// The event that brought what is known of an object; none where nothing is.
    pub fn said(&self, object: &Object) -> Option<Event> {
        match object {
            Object::Group(name) => self.groups.get(name).cloned().map(Event::Group),
            Object::Endpoint(name) => {
                let endpoint = self.endpoints.get(name).cloned();
                endpoint.map(|endpoint| Event::Endpoint(Box::new(endpoint)))
            }
            Object::Settings => Some(Event::Settings(self.settings.clone())),
            Object::Tier(name) => self.tiers.get(name).cloned().map(Event::Tier),
            Object::Policy(name) => {
                let policy = self.policies.get(name).cloned();
                policy.map(|policy| Event::Policy(Box::new(policy)))
            }
            Object::Profile(name) => {
                let profile = self.profiles.get(name).cloned();
                profile.map(|profile| Event::Profile(Box::new(profile)))
            }
            Object::NetworkSet(name) => {
                let set = self.network_sets.get(name).cloned();
                set.map(Event::NetworkSet)
            }
            Object::Configuration(name) => {
                let configuration = self.configurations.get(name).cloned();
                configuration.map(|said| Event::Configuration(Box::new(said)))
            }
            Object::Node(name) => self.nodes.get(name).cloned().map(Event::Node),
            Object::Readiness => Some(Event::Readiness(self.readiness)),
        }
    }

    /// A profile, also the one that exists without being stored.
    pub fn profile(&self, name: &ProfileName) -> Option<&Profile> {
        let stored = self.profiles.get(name);
        let default = Some(Profile::default_allow()).filter(|profile| profile.name == *name);
        stored.or(default)
    }

    /// What selectors see of an endpoint, or nothing if groups give it its policy.
    pub fn labels_of<'s>(&'s self, endpoint: &'s Endpoint) -> Option<Inherited<'s>> {
        let labelled = endpoint.labelled()?;
        let profiles = labelled.profiles.iter();
        let parents = profiles.filter_map(|name| self.profiles.get(name));
        Some(Inherited::new(&labelled.labels, parents.map(|p| &p.labels)))
    }

    /// What selectors see of a network set.
    pub fn labels_of_set<'s>(&'s self, set: &'s NetworkSet) -> Inherited<'s> {
        let parent = set.parent().and_then(|name| self.profiles.get(&name));
        Inherited::new(&set.labels, parent.map(|profile| &profile.labels))
    }

    /// The place of a tier among all, whether it exists or is only named.
    pub fn tier_rank(&self, name: &TierName) -> TierRank {
        match self.tiers.get(name) {
            Some(tier) => TierRank::of(tier),
            None => TierRank::of_missing(name),
        }
    }

    /// What becomes of a packet at the end of a tier; one that does not exist denies.
    pub fn default_action(&self, name: &TierName) -> DefaultAction {
        self.tiers
            .get(name)
            .map_or(DefaultAction::Deny, |tier| tier.default_action)
    }

    /// The settings of a host: what is forced, what is said of it alone, of those with its labels, of all.
    pub fn settings_of(&self, host: &str) -> Settings {
        let said = self.configurations_of(host).into_iter();
        let given = said.fold(self.forced.clone(), |given, said| {
            given.over(said.overrides.clone())
        });
        given.applied_to(&self.settings)
    }

    /// What is said of a host: of it alone, of those with its labels, of all. The first counts.
    pub fn configurations_of(&self, host: &str) -> Vec<&Configuration> {
        let scoped = |scope: &dyn Fn(&Scope) -> bool| {
            let mut all = self.configurations.values();
            all.find(|configuration| scope(&configuration.scope))
        };
        let own = scoped(&|scope| matches!(scope, Scope::Host(name) if name == host));
        let all = scoped(&|scope| *scope == Scope::All);
        [own, self.selected(host), all]
            .into_iter()
            .flatten()
            .collect()
    }

    /// The oldest configuration whose selector matches a host.
    fn selected(&self, host: &str) -> Option<&Configuration> {
        let node = self.nodes.get(host)?;
        let configurations = self.configurations.values();
        let matching = configurations.filter_map(|configuration| match &configuration.scope {
            Scope::Selected { nodes, created } => {
                let matches = nodes.as_ref().is_some_and(|s| s.matches(&node.labels));
                matches.then_some((created, configuration))
            }
            Scope::All | Scope::Host(_) => None,
        });
        let oldest = matching.min_by(|(one, a), (other, b)| (one, &a.name).cmp(&(other, &b.name)));
        oldest.map(|(_, configuration)| configuration)
    }
}
