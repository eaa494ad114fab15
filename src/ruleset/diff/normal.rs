//! The form in which a table with a history equals one made from scratch.

use std::collections::BTreeMap;

use super::references;
use crate::ruleset::{Chain, Kind, Name, Set, Table};

/// The table without generations and declared sizes.
///
/// Where two generations of one object are left, only one of them loses its suffix, so that
/// garbage still shows.
pub fn normalised(table: &Table) -> Table {
    Table {
        counters: plain(&table.counters, Clone::clone),
        limits: plain(&table.limits, |limit| *limit),
        sets: plain(&table.sets, plain_set),
        chains: plain(&table.chains, plain_chain),
    }
}

fn plain<T>(objects: &BTreeMap<Name, T>, normalise: impl Fn(&T) -> T) -> BTreeMap<Name, T> {
    let mut normal = BTreeMap::new();
    for (name, object) in objects {
        let free = Some(logical(Kind::Set, name)).filter(|name| !normal.contains_key(name));
        normal.insert(free.unwrap_or_else(|| name.clone()), normalise(object));
    }
    normal
}

fn plain_set(set: &Set) -> Set {
    let element = |element| references::renamed_element(element, set.data.as_ref(), &logical);
    Set {
        key: set.key.clone(),
        data: set.data.clone(),
        size: None,
        comment: set.comment.clone(),
        elements: set
            .elements
            .iter()
            .map(|(key, held)| (key.clone(), element(held)))
            .collect(),
        ..*set
    }
}

fn plain_chain(chain: &Chain) -> Chain {
    let rules = chain
        .rules
        .iter()
        .map(|rule| references::renamed_rule(rule, &logical));
    Chain {
        rules: rules.collect(),
        hook: chain.hook,
        comment: chain.comment.clone(),
    }
}

fn logical(_: Kind, name: &Name) -> Name {
    name.with_generation(0)
}
