//! Which endpoints the selectors of a policy or rule mean together: where a namespace confines them.

use super::name::Namespace;
use super::selector::Selector;

/// The selectors of a policy, each read as one of endpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyScope {
    /// `selector`
    pub selector: Option<Selector>,
    /// `namespaceSelector`, of a global policy.
    pub namespaces: Option<Selector>,
    /// `serviceAccountSelector`
    pub service_accounts: Option<Selector>,
}

impl PolicyScope {
    /// The endpoints that a policy applies to; one in a namespace applies to those of its own alone.
    pub fn applies_to(&self, namespace: Option<&Namespace>) -> Selector {
        let own = namespace.map(Selector::in_namespace);
        let parts = [
            self.selector.as_ref(),
            own.as_ref(),
            self.namespaces.as_ref(),
            self.service_accounts.as_ref(),
        ];
        both(parts.into_iter().flatten()).unwrap_or_else(Selector::all)
    }
}

/// The selectors of one end of a rule, each read as one of endpoints.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityScope {
    /// `selector`
    pub selector: Option<Selector>,
    /// `notSelector`
    pub not_selector: Option<Selector>,
    /// `namespaceSelector`
    pub namespaces: Option<Selector>,
    /// `serviceAccounts`: their names and their selector.
    pub service_accounts: Option<Selector>,
}

/// What an end of a rule must match, and what it must not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effective {
    /// The address is that of something that matches this one.
    pub selector: Option<Selector>,
    /// The address is that of nothing that matches this one. It may be that of nothing at all.
    pub not_selector: Option<Selector>,
}

impl EntityScope {
    /// What the selectors mean in a rule of a policy in a namespace, or of one in none.
    ///
    /// As soon as a namespaced policy has a selector of any kind, it means endpoints of its own
    /// namespace, unless it selects namespaces. A rule without selectors means every address.
    pub fn effective(&self, namespace: Option<&Namespace>) -> Effective {
        let written = [
            &self.selector,
            &self.not_selector,
            &self.namespaces,
            &self.service_accounts,
        ];
        let home = match &self.namespaces {
            Some(namespaces) => Some(namespaces.clone()),
            None => namespace
                .filter(|_| written.iter().any(|selector| selector.is_some()))
                .map(Selector::in_namespace),
        };
        let parts = [&home, &self.service_accounts, &self.selector];
        let selector = both(parts.into_iter().flatten());
        match (selector, &self.not_selector) {
            (Some(selector), Some(not)) => Effective {
                selector: Some(selector.and(&not.not())),
                not_selector: None,
            },
            (selector, not) => Effective {
                selector,
                not_selector: not.clone(),
            },
        }
    }
}

/// What all of them match; of none, nothing is said.
fn both<'s>(selectors: impl Iterator<Item = &'s Selector>) -> Option<Selector> {
    selectors.cloned().reduce(|one, other| one.and(&other))
}
