//! Errors told in terms of the table that the rules were made of.

use std::io;

use super::depth::{DEPTH_MAX, longest};
use super::lower::{Lowering, Refusal};
use super::script::Origin;
use super::{ChainName, IpsetName, Variant};
use crate::backend::{CommitError, Culprit};
use crate::ruleset::transaction::{Operation, Phase};
use crate::ruleset::{Name, Table};

/// What was not written.
#[derive(Debug)]
pub(super) enum Refused {
    /// A program says no.
    Complaint {
        program: String,
        /// Whom that is about, where one is to blame.
        origin: Option<Origin>,
        complaint: String,
    },
    /// Somebody else wrote at the same time.
    Contended,
    /// Somebody else held the lock, longer than the program waits; what that says.
    Locked(String),
    /// A program did not run.
    Io(io::Error),
}

/// The table, the phase in which an error came up, and what became of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blame<'t>(
    pub(super) &'t Table,
    pub(super) Phase,
    pub(super) &'t Lowering,
);

impl Blame<'_> {
    /// The error for what xtables has no words for.
    pub(super) fn unsayable(self, refusal: &Refusal) -> CommitError {
        CommitError::Declined {
            program: "xtables".to_owned(),
            phase: self.1,
            what: refusal.place.to_string(),
            reason: format!("it has no words for {}", refusal.what),
            culprit: self.chain(refusal.place.chain()),
        }
    }

    /// The error for a way through more chains than the kernel follows. A chain at a hook is nobody's.
    pub(super) fn too_deep(self, variant: Variant, way: &[(&ChainName, usize)]) -> CommitError {
        let is_at_a_hook = |name: &Name| {
            let chain = self.0.chains.get(name);
            chain.is_some_and(|chain| chain.hook.is_some())
        };
        let owners = way.iter().filter_map(|(chain, users)| {
            let owner = self.2.chain(chain).filter(|name| !is_at_a_hook(name))?;
            Some((owner, *users))
        });
        let longest = longest(&owners.collect::<Vec<_>>());
        let what = match longest {
            Some(name) => format!("chain \"{name}\""),
            None => "a table".to_owned(),
        };
        CommitError::Declined {
            program: variant.to_string(),
            phase: self.1,
            what,
            reason: format!(
                "it is on a way through more than {DEPTH_MAX} chains, the most that nf_tables follows"
            ),
            culprit: longest.and_then(|name| self.chain(name)),
        }
    }

    /// The error for what was not written.
    pub(super) fn of(self, refused: Refused) -> CommitError {
        let (program, origin, complaint) = match refused {
            Refused::Contended => return CommitError::Contended,
            Refused::Locked(complaint) => return CommitError::Locked(reason(&complaint)),
            Refused::Io(error) => return CommitError::Unreachable(error),
            Refused::Complaint {
                program,
                origin,
                complaint,
            } => (program, origin, complaint),
        };
        let (what, culprit) = match origin {
            None | Some(Origin::Whole | Origin::Head) => ("a table".to_owned(), None),
            Some(Origin::Chain(chain)) => (format!("chain {chain}"), self.chain_of(&chain)),
            Some(Origin::Rule(chain, at)) => (
                format!("rule {} of chain {chain}", at + 1),
                self.chain_of(&chain),
            ),
            Some(Origin::Set(set)) => (format!("ipset {set}"), self.set_of(&set)),
            Some(Origin::Member(set, member)) => {
                (format!("{member} in ipset {set}"), self.set_of(&set))
            }
        };
        CommitError::Declined {
            program,
            phase: self.1,
            what,
            reason: reason(&complaint),
            culprit,
        }
    }

    fn chain_of(self, chain: &ChainName) -> Option<Box<Culprit>> {
        self.chain(self.2.chain(chain)?)
    }

    fn set_of(self, set: &IpsetName) -> Option<Box<Culprit>> {
        let (name, content) = self.0.sets.get_key_value(self.2.set(set)?)?;
        Some(Box::new(Culprit {
            operation: Operation::AddElements(name.clone(), content.elements.clone()),
            element: None,
        }))
    }

    /// A chain as the operation that makes it.
    fn chain(self, name: &Name) -> Option<Box<Culprit>> {
        let (name, chain) = self.0.chains.get_key_value(name)?;
        Some(Box::new(Culprit {
            operation: Operation::AddChain(name.clone(), chain.clone()),
            element: None,
        }))
    }
}

/// The first line of a complaint that says something: `iptables-nft` gives its own name a line.
fn reason(complaint: &str) -> String {
    let mut lines = complaint.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    match lines.next() {
        Some(second) if first.ends_with(':') => format!("{first} {second}"),
        Some(_) | None => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_complaint_is_more_than_the_name_of_who_complains() {
        for (complaint, said) in [
            (
                "ipset v7.17: Error in line 1: no",
                "ipset v7.17: Error in line 1: no",
            ),
            (
                "iptables-restore: line 3 failed\nTry help",
                "iptables-restore: line 3 failed",
            ),
            (
                "iptables-nft-restore v1.8.9 (nf_tables): \nline 4: CHAIN_DEL failed",
                "iptables-nft-restore v1.8.9 (nf_tables): line 4: CHAIN_DEL failed",
            ),
        ] {
            assert_eq!(reason(complaint), said);
        }
    }
}
