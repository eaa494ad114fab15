//! Which hooks lead to a chain.

use std::collections::{BTreeMap, BTreeSet};

use crate::migrate::iptables::{Hook, Table, Target};

/// The hooks from which packets come to each chain.
pub(super) fn hooks(table: &Table) -> BTreeMap<&str, BTreeSet<Hook>> {
    let chains = table.by_name();
    let mut reached: BTreeMap<&str, BTreeSet<Hook>> = BTreeMap::new();
    for base in table.chains.iter().filter(|chain| chain.hook.is_some()) {
        let Some(hook) = base.hook else { continue };
        let mut open = vec![base.name.as_str()];
        while let Some(name) = open.pop() {
            if !reached.entry(name).or_default().insert(hook) {
                continue;
            }
            let rules = chains.get(name).into_iter().flat_map(|chain| &chain.rules);
            for rule in rules {
                if let Target::Jump(next) | Target::Goto(next) = &rule.target {
                    open.push(next.as_str());
                }
            }
        }
    }
    reached
}
