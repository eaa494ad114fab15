//! What events left undone: placing endpoints, making policies, until nothing is dirty.

use super::compiler::{Compiler, Dirt, Made, Placed};
use super::decider::{Decider, Rules};
use super::difference::Difference;
use super::edit::Edited;
use super::endpoints::{self, Targets};
use super::policy;
use super::settings;
use super::stack::Stack;
use super::uses::uses;
use crate::model::{Direction, Endpoint, EndpointName};
use crate::ruleset::Name;

impl Compiler {
    /// Makes again what is dirty.
    pub(super) fn settle(&mut self) {
        self.settle_settings();
        // A change of rules has none, and even lists of nothing fetch the code that makes them.
        if !self.dirty.endpoints.is_empty() {
            self.settle_endpoints();
        }
        loop {
            self.dirty_flipped();
            let dirty = std::mem::take(&mut self.dirty.policies);
            if dirty.is_empty() {
                break;
            }
            for (policy, dirt) in dirty {
                match dirt {
                    Dirt::All => self.make(&policy.0, policy.1),
                    Dirt::Rules(difference) => self.edit(&policy, &difference),
                }
            }
        }
        self.table.sign();
    }

    /// Policies whose rules depend on whether a selection holds prefixes.
    fn dirty_flipped(&mut self) {
        let flipped = self.roster.take_flipped();
        // Hardly ever is there one, and there may be very many policies.
        if flipped.is_empty() {
            return;
        }
        let using = self.policies.iter().filter(|(_, made)| {
            let mut uses = made.uses.iter();
            uses.any(|(selection, _)| flipped.contains(selection))
        });
        let using: Vec<_> = using.map(|(policy, _)| policy.clone()).collect();
        self.dirty.all(using);
    }

    fn settle_endpoints(&mut self) {
        let dirty = std::mem::take(&mut self.dirty.endpoints).into_iter();
        let dirty: Vec<_> = dirty.map(|name| (self.desired(&name), name)).collect();
        // All of what goes before anything comes: an interface may pass from one of them to another, and
        // with it the elements that are named after it.
        for (new, name) in &dirty {
            self.withdraw(name, new.as_ref());
        }
        for (new, name) in dirty {
            self.place(&name, new);
        }
    }

    fn settle_settings(&mut self) {
        if !std::mem::take(&mut self.dirty.settings) {
            return;
        }
        let settings = self.state.settings_of(&self.host);
        if settings == self.settings {
            return;
        }
        self.settings = settings;
        settings::fill(&mut self.table, &self.skeleton, &self.settings);
        self.dirty.all(self.policies.keys().cloned());
        self.dirty.endpoints.extend(self.placed.keys().cloned());
    }

    /// Takes away what an endpoint has in the table and will not have.
    fn withdraw(&mut self, name: &EndpointName, new: Option<&Placed>) {
        let old = self.placed.get(name).into_iter();
        for element in old.flat_map(|placed| placed.elements.keys()) {
            if !new.is_some_and(|new| new.elements.contains_key(element)) {
                self.table.remove_element(&element.0, &element.1);
            }
        }
    }

    /// Puts an endpoint where it belongs now, or nowhere.
    fn place(&mut self, name: &EndpointName, new: Option<Placed>) {
        let old = self.placed.remove(name);
        if let Some(new) = &new {
            for stack in &new.stacks {
                self.acquire(stack);
            }
        }
        let elements = new.iter().flat_map(|placed| &placed.elements);
        for ((set, key), element) in elements {
            self.table.insert_element(set, key.clone(), element.clone());
        }
        for stack in old.iter().flat_map(|placed| &placed.stacks) {
            self.release(stack);
        }
        if let Some(new) = new {
            self.placed.insert(name.clone(), new);
        }
    }

    fn desired(&self, name: &EndpointName) -> Option<Placed> {
        let endpoint = self.state.endpoints.get(name)?;
        let sharing = self.interfaces.get(&endpoint.interface)?;
        if endpoint.host != self.host || sharing.first() != Some(name) {
            return None;
        }
        let stacks = Direction::ALL.map(|direction| self.stack(endpoint, direction));
        let [ingress, egress] = stacks.each_ref().map(|stack| stack.chains().0);
        let elements = endpoints::elements(
            endpoint,
            &Targets { ingress, egress },
            self.settings.source_spoofing,
        );
        Some(Placed { stacks, elements })
    }

    fn stack(&self, endpoint: &Endpoint, direction: Direction) -> Stack {
        Stack::of(&self.state, endpoint, direction, self.settings.deny_action)
    }

    /// One more endpoint asks these policies.
    fn acquire(&mut self, stack: &Stack) {
        let (_, chains) = stack.chains();
        for (name, chain) in chains {
            *self.chains.entry(name.clone()).or_default() += 1;
            self.table.put_chain(name, chain);
        }
        for decider in stack.deciders() {
            let policy = (decider.clone(), stack.direction());
            let made = self.policies.entry(policy.clone());
            let made = made.or_insert_with(|| Made::nothing(decider, stack.direction()));
            made.users += 1;
            if made.users == 1 {
                self.dirty.all([policy]);
            }
        }
    }

    fn release(&mut self, stack: &Stack) {
        let (_, chains) = stack.chains();
        for name in chains.keys() {
            self.release_chain(name);
        }
        for decider in stack.deciders() {
            let policy = (decider.clone(), stack.direction());
            let Some(made) = self.policies.get_mut(&policy) else {
                continue;
            };
            made.users -= 1;
            if made.users == 0 {
                self.forget(&policy);
            }
        }
    }

    fn release_chain(&mut self, name: &Name) {
        if let Some(users) = self.chains.get_mut(name) {
            *users -= 1;
            if *users == 0 {
                self.chains.remove(name);
                self.table.remove_chain(name);
            }
        }
    }

    fn forget(&mut self, policy: &(Decider, Direction)) {
        self.dirty.policies.remove(policy);
        if let Some(made) = self.policies.remove(policy) {
            made.standing.remove_from(&mut self.table);
            for one in &made.uses {
                self.roster.release(&mut self.table, one);
            }
        }
    }

    /// Changes one policy in use where a few of its rules changed, or makes it again.
    fn edit(&mut self, policy: &(Decider, Direction), difference: &Difference) {
        let (decider, direction) = policy;
        let rules = decider.rules(&self.state, *direction);
        if let (Some(Rules::Group(rules)), Some(made)) = (rules, self.policies.get_mut(policy)) {
            let edited = Edited {
                standing: &made.standing,
                table: self.table.table(),
                owner: &made.owner,
                cut: policy::cut(Rules::Group(rules), &self.settings),
                rules: rules.len(),
            };
            if let Some(edit) = edited.edit(difference) {
                edit.apply(&mut made.standing, &mut self.table);
                return;
            }
        }
        self.make(decider, *direction);
    }

    /// Makes one policy in use.
    fn make(&mut self, decider: &Decider, direction: Direction) {
        let policy = (decider.clone(), direction);
        let Some(old) = self.policies.remove(&policy) else {
            return;
        };
        let rules = decider.rules(&self.state, direction);
        let uses = uses(rules.unwrap_or(Rules::Group(Default::default())));
        for one in uses.difference(&old.uses) {
            self.roster.acquire(&mut self.table, one);
        }
        let objects = policy::objects(
            decider,
            direction,
            &self.state,
            &self.settings,
            self.roster.prefixed(),
        );
        let standing = objects.replace(&old.standing, &mut self.table);
        for one in old.uses.difference(&uses) {
            self.roster.release(&mut self.table, one);
        }
        let made = Made {
            standing,
            uses,
            ..old
        };
        self.policies.insert(policy, made);
    }
}
