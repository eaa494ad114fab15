//! `SET`: rules that change sets.

use std::time::Duration;

use super::super::case::Outcome;
use super::super::class::Obstacle;
use super::super::condition::{key, known};
use super::super::draft::Draft;
use super::super::host_set;
use super::Ends;
use crate::migrate::ipset::{Set, Type};
use crate::migrate::iptables::{SetAction, SetTarget, Side};
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
        takes(draft, set, sides)?;
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

/// The kernel puts nothing into a set of another family or of more dimensions, and nothing beyond the range of a bitmap.
fn takes(draft: &Draft<'_>, set: &Set, sides: &[Side]) -> Outcome<()> {
    let other = set
        .options
        .family
        .is_some_and(|family| family != draft.family);
    let bitmap = matches!(
        set.kind,
        Type::BitmapIp | Type::BitmapIpMac | Type::BitmapPort
    );
    if other || bitmap || sides.len() < set.kind.dimensions() {
        return Err(Obstacle::new(
            format!(
                "SET into {}: a bitmap, or a set of another family or of more dimensions than are named",
                set.name
            ),
            "take the rule out, or use a set of a hash of the same family and dimensions",
        ));
    }
    Ok(())
}
