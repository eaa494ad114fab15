//! Whether a host can run Margay: looked at, and tried in a network namespace that is thrown away.
//!
//! ```text
//! host          --look--> kernel version, rights, settings, foreign chains, legacy tables
//! throw-away    --try---> constructs of nf_tables, ownership, packets in flight
//! ```
//!
//! Nothing of the host is changed.

mod carrier;
mod construct;
mod flight;
mod foreign;
mod kernel;
mod settings;
mod throwaway;

use std::fmt;

/// One thing that was looked at or tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it is about: a name that stays.
    pub name: String,
    /// How it stands.
    pub outcome: Outcome,
    /// What was found.
    pub what: String,
    /// What to do about it; nothing where all is well.
    pub remedy: Option<String>,
}

/// How a check stands, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// As it should be.
    Fine,
    /// Margay runs, and something is worth a look.
    Warning,
    /// Margay does not run here, or policy could be evaded.
    Failure,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fine => "ok",
            Self::Warning => "warn",
            Self::Failure => "fail",
        })
    }
}

impl Check {
    fn fine(name: &str, what: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            outcome: Outcome::Fine,
            what: what.into(),
            remedy: None,
        }
    }

    fn warning(name: &str, what: impl Into<String>, remedy: &str) -> Self {
        Self {
            outcome: Outcome::Warning,
            remedy: Some(remedy.to_owned()),
            ..Self::fine(name, what)
        }
    }

    fn failure(name: &str, what: impl Into<String>, remedy: &str) -> Self {
        Self {
            outcome: Outcome::Failure,
            ..Self::warning(name, what, remedy)
        }
    }
}

/// Looks at the network namespace of the calling thread, and tries what its kernel can do.
pub fn examine() -> Vec<Check> {
    let mut checks = vec![kernel::version(), kernel::rights()];
    checks.extend(throwaway::checks());
    checks.push(kernel::barrier());
    checks.extend(settings::checks());
    checks.extend(foreign::checks());
    checks.extend(carrier::checks());
    checks
}

/// The worst of all outcomes.
pub fn worst(checks: &[Check]) -> Outcome {
    let outcomes = checks.iter().map(|check| check.outcome);
    outcomes.max().unwrap_or(Outcome::Fine)
}
