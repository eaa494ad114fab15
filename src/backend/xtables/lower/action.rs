//! Statements that do something, as targets.

use super::refusal::Refused;
use crate::backend::xtables::Target;
use crate::ruleset::{MarkSource, RejectKind, Statement, Verdict};

/// Longest prefix of a line that `LOG` takes, in bytes (linux/netfilter/xt_LOG.h).
const LOG_PREFIX_BYTES_MAX: usize = 29;

/// The same of `NFLOG` (linux/netfilter/xt_NFLOG.h).
const NFLOG_PREFIX_BYTES_MAX: usize = 63;

/// Whether nothing in the chain comes after the target.
pub(super) fn is_end(target: &Target) -> bool {
    match target {
        Target::Accept | Target::Drop | Target::Return | Target::Goto(_) | Target::Reject(_) => {
            true
        }
        Target::Count
        | Target::Jump(_)
        | Target::Mark { .. }
        | Target::Log { .. }
        | Target::Nflog { .. }
        | Target::Notrack => false,
    }
}

/// Whether it is the same to do it twice.
pub(super) fn is_repeatable(target: &Target) -> bool {
    matches!(target, Target::Notrack)
        || matches!(target, Target::Mark { value, mask } if value & !mask == 0)
}

/// A verdict in the name of an ipset.
pub(super) fn label(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accept => "accept".to_owned(),
        Verdict::Drop => "drop".to_owned(),
        Verdict::Continue => "continue".to_owned(),
        Verdict::Return => "return".to_owned(),
        Verdict::Jump(chain) => format!("jump:{chain}"),
        Verdict::Goto(chain) => format!("goto:{chain}"),
    }
}

/// What a statement that is no test does.
pub(super) fn action_of(statement: &Statement) -> Result<Option<Target>, Refused> {
    Ok(Some(match statement {
        Statement::Counter | Statement::NamedCounter(_) => Target::Count,
        Statement::Log { prefix, group } => log(prefix.clone(), *group)?,
        Statement::Reject(RejectKind::TcpReset) => {
            return Err(Refused::new("`reject with tcp reset`"));
        }
        Statement::Reject(kind) => Target::Reject(*kind),
        Statement::Notrack => Target::Notrack,
        Statement::SetMark(MarkSource::Bits { keep, flip }) => Target::Mark {
            value: *flip,
            mask: !keep,
        },
        Statement::SetMark(MarkSource::Map { .. }) => {
            return Err(Refused::new("a mark out of a map"));
        }
        Statement::CounterMap { .. } => return Err(Refused::new("a counter out of a map")),
        Statement::NamedLimit(_) => return Err(Refused::new("a named limit")),
        Statement::Dynamic { .. } => return Err(Refused::new("a set that packets add to")),
        Statement::Match(_)
        | Statement::Limit(_)
        | Statement::Verdict(_)
        | Statement::Vmap { .. } => return Ok(None),
    }))
}

fn log(prefix: Option<String>, group: Option<u16>) -> Result<Target, Refused> {
    let bytes = prefix.as_ref().map_or(0, String::len);
    match group {
        None if bytes > LOG_PREFIX_BYTES_MAX => {
            Err(Refused::new("a log prefix of more than 29 bytes"))
        }
        Some(_) if bytes > NFLOG_PREFIX_BYTES_MAX => {
            Err(Refused::new("an nflog prefix of more than 63 bytes"))
        }
        None => Ok(Target::Log { prefix }),
        Some(group) => Ok(Target::Nflog { group, prefix }),
    }
}
