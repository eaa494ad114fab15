//! Outcomes: what becomes of a packet that a compiled rule matches.

use super::names;
use super::rules;
use super::skeleton;
use crate::model::{Action, DenyAction, Direction, LogSettings, RateUnit};
use crate::ruleset::{Limit, LimitUnit, MarkSource, RejectKind, Statement, Verdict};

/// The bit of the packet mark that says on the way back to a tier: this policy passes on.
pub(super) const PASS_MARK: u32 = 0x1000;

/// What becomes of a packet that a compiled rule matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Ingress allows it: for good.
    Allowed,
    /// Egress allows it: on to the policy of the destination.
    ToDestination,
    /// It is dropped, or rejected.
    Denied(DenyAction),
    /// On to the next tier.
    Passed,
    /// It is logged, and meets the next rule.
    Logged(Vec<Statement>),
}

impl Outcome {
    /// That of an allowing rule.
    pub(super) fn allow(direction: Direction) -> Self {
        match direction {
            Direction::Ingress => Self::Allowed,
            Direction::Egress => Self::ToDestination,
        }
    }

    /// That of an action.
    pub(super) fn of(
        action: Action,
        direction: Direction,
        deny: DenyAction,
        log: &LogLine<'_>,
    ) -> Self {
        match action {
            Action::Allow => Self::allow(direction),
            Action::Deny => Self::Denied(deny),
            Action::Pass => Self::Passed,
            Action::Log => Self::Logged(log.statements()),
        }
    }

    /// Whether rules of this outcome that follow each other are one run.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Allowed | Self::ToDestination | Self::Denied(_) | Self::Passed => true,
            Self::Logged(_) => false,
        }
    }

    /// The statements at the end of the rule.
    pub(super) fn statements(&self) -> Vec<Statement> {
        match self {
            Self::Allowed => vec![rules::goto(names::fixed(skeleton::ALLOWED))],
            Self::ToDestination => vec![rules::goto(names::fixed(skeleton::DESTINATION))],
            Self::Denied(action) => vec![denial(*action)],
            Self::Passed => vec![
                Statement::SetMark(MarkSource::with(PASS_MARK)),
                Statement::Verdict(Verdict::Return),
            ],
            Self::Logged(statements) => statements.clone(),
        }
    }
}

/// `drop`, or `reject`.
pub(super) fn denial(action: DenyAction) -> Statement {
    match action {
        DenyAction::Drop => Statement::Verdict(Verdict::Drop),
        DenyAction::Reject => Statement::Reject(RejectKind::PortUnreachable),
    }
}

/// What the log lines of a policy's rules say.
#[derive(Debug)]
pub(super) struct LogLine<'s> {
    /// The settings.
    pub(super) settings: &'s LogSettings,
    /// What stands for `%t`, `%k`, `%n` and `%p` of the prefix.
    pub(super) words: [(&'static str, String); 4],
}

impl LogLine<'_> {
    /// `limit rate 10/minute burst 5 packets log prefix "..."`.
    fn statements(&self) -> Vec<Statement> {
        let rate = self.settings.rate.map(|rate| {
            Statement::Limit(Limit {
                rate: rate.count.into(),
                unit: match rate.unit {
                    RateUnit::Second => LimitUnit::Second,
                    RateUnit::Minute => LimitUnit::Minute,
                    RateUnit::Hour => LimitUnit::Hour,
                    RateUnit::Day => LimitUnit::Day,
                },
                burst: self.settings.burst.get().into(),
                over: false,
            })
        });
        let log = Statement::Log {
            prefix: Some(self.prefix()),
            group: None,
        };
        rate.into_iter().chain([log]).collect()
    }

    /// The prefix, cut to what the kernel takes, and `: ` after it as Felix has it.
    fn prefix(&self) -> String {
        let text = self.settings.prefix.as_str().to_owned();
        let text = self
            .words
            .iter()
            .fold(text, |text, (mark, word)| text.replace(mark, word));
        let mut text = text;
        text.truncate(LOG_PREFIX_BYTES_MAX - 2);
        format!("{text}: ")
    }
}

/// Longest prefix of a log line, in bytes: `NF_LOG_PREFIXLEN - 1` (linux/netfilter/nf_log.h).
const LOG_PREFIX_BYTES_MAX: usize = 127;
