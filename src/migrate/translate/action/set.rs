//! `SET`: rules that change sets.

use std::time::Duration;

use super::super::case::Outcome;
use super::super::class::Obstacle;
use super::super::condition::{key, known};
use super::super::draft::Draft;
use super::super::host_set;
use super::Ends;
use crate::migrate::iptables::{SetAction, SetTarget};
use crate::migrate::nft::Statement;

/// `SET`.
pub(super) fn target(draft: &mut Draft<'_>, target: &SetTarget) -> Outcome<Ends> {
    let mut statements = Vec::new();
    for (action, name, sides) in &target.actions {
        let operation = match action {
            SetAction::Add if target.exist => "update",
            SetAction::Add => "add",
            SetAction::Delete => "delete",
            SetAction::Map => {
                return Err(Obstacle::new(
                    "SET --map-set takes a mark or a priority from a set",
                    "write a map and `meta mark set ... map` by hand",
                ));
            }
        };
        let set = known(draft, name)?;
        let (name, _) = host_set::declare(draft, set)?;
        if draft.sets.get(&name).is_some_and(|set| set.interval) {
            return Err(Obstacle::new(
                "rules cannot change a set of prefixes or ranges in nft",
                "use a set of addresses, hash:ip",
            ));
        }
        if let Some(set) = draft.sets.get_mut(&name) {
            set.dynamic = true;
            set.timeouts |= target.timeout.is_some();
        }
        draft.equivalent("SET is add, update or delete");
        statements.push(Statement::Dynamic {
            operation: operation.to_owned(),
            set: name,
            key: key(draft.family, set, sides)?,
            timeout: target
                .timeout
                .filter(|_| *action == SetAction::Add)
                .map(|seconds| Duration::from_secs(seconds.into())),
            statements: Vec::new(),
            data: None,
        });
    }
    Ok(vec![statements])
}
