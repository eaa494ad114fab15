//! What was found to differ is written.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use super::TableName;
use super::bisect::culprit;
use super::blame::Refused;
use super::held::HeldSet;
use super::provider::{Provider, RunError};
use super::script::{Origin, Script, line_of};
use super::writes::Writes;
use crate::net::Family;

/// How often a set is tried to be destroyed, and how long between: the kernel lets go of rules of
/// `iptables-nft` some milliseconds after they are gone.
const ATTEMPTS: usize = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// Writes everything, in order. Gives the sets that stay though no rule of ours names them: somebody
/// else's does.
pub(super) fn all(
    provider: &Provider,
    writes: &Writes,
    left: &mut BTreeMap<String, HeldSet>,
    stuck: &BTreeSet<String>,
) -> Result<(), Refused> {
    sets(provider, &writes.fill)?;
    for (family, name, script) in &writes.tables {
        table(provider, (*family, *name), script)?;
    }
    sets(provider, &writes.drain)?;
    let stay = destroyed(provider, &writes.gone, stuck);
    left.retain(|name, _| stay.contains(&name.as_str()));
    Ok(())
}

fn sets(provider: &Provider, script: &Script) -> Result<(), Refused> {
    if script.is_empty() {
        return Ok(());
    }
    provider
        .restore_sets(script.text())
        .map_err(|error| match error {
            RunError::Complaint(complaint) => Refused::Complaint {
                program: "ipset".to_owned(),
                origin: script.blamed(&complaint).cloned(),
                complaint,
            },
            RunError::Locked(complaint) => Refused::Locked(complaint),
            RunError::Io(error) => Refused::Io(error),
        })
}

fn table(
    provider: &Provider,
    (family, name): (Family, TableName),
    script: &Script,
) -> Result<(), Refused> {
    let complaint = match provider.restore(family, script.text()) {
        Ok(()) => return Ok(()),
        Err(RunError::Complaint(complaint)) => complaint,
        Err(RunError::Locked(complaint)) => return Err(Refused::Locked(complaint)),
        Err(RunError::Io(error)) => return Err(Refused::Io(error)),
    };
    // A chain that a rule of somebody else leads to cannot go. It stays, without rules.
    if let Some(kept) = script.without_deletions()
        && provider.restore(family, kept.text()).is_ok()
    {
        return Ok(());
    }
    let origin = match script.blamed(&complaint) {
        // Somebody took a rule of ours away since we looked.
        Some(Origin::Head) => return Err(Refused::Contended),
        Some(Origin::Whole) | None => culprit(provider, (family, name), script)?,
        Some(origin) => Some(origin.clone()),
    };
    Err(Refused::Complaint {
        program: provider.variant().to_string(),
        origin,
        complaint,
    })
}

/// Destroys sets, and gives those that stay. One that stayed the last time is not waited for again.
fn destroyed<'n>(
    provider: &Provider,
    names: &'n [String],
    stuck: &BTreeSet<String>,
) -> Vec<&'n str> {
    let mut stay = destroyed_once(provider, names.iter().map(String::as_str).collect());
    for _ in 1..ATTEMPTS {
        if stay.iter().all(|name| stuck.contains(*name)) {
            break;
        }
        thread::sleep(PAUSE);
        stay = destroyed_once(provider, stay);
    }
    stay
}

/// The same, each tried once. A line that is refused ends a run of the program: the next begins behind it.
fn destroyed_once<'n>(provider: &Provider, names: Vec<&'n str>) -> Vec<&'n str> {
    let mut stay = Vec::new();
    let mut rest = names.as_slice();
    while !rest.is_empty() {
        let lines = rest.iter().map(|name| format!("destroy {name}\n"));
        let Err(error) = provider.restore_sets(&lines.collect::<String>()) else {
            break;
        };
        let refused = line_of(&error.to_string()).and_then(|line| line.checked_sub(1));
        let Some((_, [name, behind @ ..])) = refused.and_then(|at| rest.split_at_checked(at))
        else {
            stay.extend(rest);
            break;
        };
        stay.push(*name);
        rest = behind;
    }
    stay
}
