//! Statements as steps.

use std::time::Duration;

use super::super::labels::{Change, Is, Kept};
use super::super::{Condition, Step, Variable, fields, labels, words};
use super::Ground;
use super::expression::{named, option_number};
use super::lookup::unmasked;
use crate::migrate::nft::{
    Amount, Data, Expression, Limit, Log, Object, RejectWith, Statement, Verdict,
};
use crate::net::Family;
use crate::ruleset::Name;

impl Ground<'_> {
    /// The steps of a statement; nothing if it has no meaning here.
    pub(super) fn statement(&self, statement: &Statement) -> Option<Vec<Step>> {
        let note = |what: String| Some(vec![Step::Note(what)]);
        let end = |what: String| Some(vec![Step::End(what)]);
        match statement {
            Statement::Match(test) => self.test(test),
            Statement::Verdict(verdict) => Some(self.verdict(verdict)),
            Statement::VerdictMap { key, map } => self.branches(key, map, |data| match data {
                Data::Verdict(Verdict::Continue) => None,
                Data::Verdict(verdict) => Some(self.verdict(verdict)),
                Data::Items(_) => None,
            }),
            Statement::Counter(_) => Some(Vec::new()),
            Statement::Named { kind, name } => self.named_object(kind, name.as_str()),
            Statement::Limit(limit) => Some(ask(rate(limit), limit.over)),
            Statement::Quota { over, bytes } => Some(ask(labels::bytes(*bytes), *over)),
            Statement::ConnLimit { over, count } => {
                Some(ask(labels::connections(*count, "nothing"), !over))
            }
            Statement::Log(log) => Some(vec![log_step(log)?]),
            Statement::Reject(with) => self.reject(with),
            Statement::Nat(nat) => self.translation(nat),
            Statement::Notrack => Some(vec![Step::Write {
                variable: fields::ct_state(),
                keep: 0,
                source: super::super::Source::Constant(4),
            }]),
            Statement::Set { field, value } => self.set_field(field, value),
            Statement::ResetOption(kind) => {
                let removed = format!("tcp option {} removed", option_number(kind));
                let readable = Step::Test(fields::transport(6));
                Some(vec![readable, Step::Note(removed)])
            }
            Statement::Dynamic { .. } => self.dynamic(statement),
            Statement::Dup { to, device } => note(super::super::iptables::copy(
                &to.to_string(),
                device.as_deref(),
            )),
            Statement::Tproxy { address, port, .. } => {
                let label = super::super::iptables::tproxy_label(*address, *port);
                let found = Condition::atom(format!("{label} finds a socket"));
                Some(vec![Step::Test(found), Step::Note(label)])
            }
            Statement::Queue {
                first,
                last,
                bypass,
                fanout,
            } => end(labels::queue(*first, *last, *bypass, *fanout)),
            Statement::Synproxy {
                mss,
                wscale,
                timestamp,
                sack_perm,
            } => Some(synproxy(labels::synproxy(
                *mss, *wscale, *timestamp, *sack_perm,
            ))),
        }
    }

    fn named_object(&self, kind: &str, name: &str) -> Option<Vec<Step>> {
        let object = self
            .table
            .objects
            .iter()
            .find(|object| object.keyword() == kind && object.name().as_str() == name);
        match object? {
            Object::Limit { limit, .. } => Some(ask(rate(limit), limit.over)),
            Object::Counter { .. } => Some(Vec::new()),
            Object::Quota { over, bytes, .. } => Some(ask(labels::bytes(*bytes), *over)),
            Object::Synproxy {
                mss,
                wscale,
                timestamp,
                sack_perm,
                ..
            } => {
                let label = labels::synproxy(Some(*mss), Some(*wscale), *timestamp, *sack_perm);
                Some(synproxy(label))
            }
            Object::CtHelper { .. } | Object::CtTimeout { .. } => None,
        }
    }

    fn reject(&self, with: &RejectWith) -> Option<Vec<Step>> {
        let (family, code) = match with {
            RejectWith::TcpReset => {
                return Some(vec![
                    Step::Test(fields::l4proto().is(6)),
                    Step::End(labels::REJECT_RESET.to_owned()),
                ]);
            }
            RejectWith::Icmp(family, code) => (family.as_str(), code),
        };
        let v4 = self.family == Family::V4;
        let (words, seen) = match family {
            "icmp" => (words::ICMP_CODES, v4),
            "icmpv6" => (words::ICMPV6_CODES, !v4),
            "icmpx" => (words::ICMPX_CODES[usize::from(!v4)], true),
            _ => return None,
        };
        let code = code.parse().ok().or_else(|| words::number(words, code));
        let seen = if seen {
            Condition::Always
        } else {
            Condition::Never
        };
        if !v4 && family == "icmp" || v4 && family == "icmpv6" {
            return Some(vec![Step::Test(seen)]);
        }
        Some(vec![Step::Test(seen), Step::End(labels::reject(code?))])
    }

    /// What a rule does with a set; nothing where a map learns a value, which is not modelled.
    fn dynamic(&self, statement: &Statement) -> Option<Vec<Step>> {
        let Statement::Dynamic {
            operation,
            set,
            key,
            timeout,
            statements,
            data: None,
        } = statement
        else {
            return None;
        };
        let (guard, parts) = self.parts(key)?;
        let guard = Step::Test(guard);
        let (name, list) = (self.called(set), labels::key(&parts));
        let change = match operation.as_str() {
            "add" => Change::Add,
            "update" => Change::Update,
            // What the element would count is not asked.
            "delete" => {
                let note = Step::Note(labels::deleted(&list, &name));
                return Some(vec![guard, note, labels::learn(&name, &list, Is::Gone)]);
            }
            _ => return None,
        };
        let kept = self.kept(change, set, *timeout);
        if statements.is_empty() {
            let note = Step::Note(labels::added(&list, &name, kept));
            return Some(vec![guard, note, labels::learn(&name, &list, Is::There)]);
        }
        let key = super::super::iptables::sorted_key(parts);
        let asked = statements
            .iter()
            .map(|statement| of_element(statement, &key, &name, kept));
        let asked = asked.collect::<Option<Vec<_>>>()?;
        Some(
            [guard]
                .into_iter()
                .chain(asked.into_iter().flatten())
                .collect(),
        )
    }

    fn kept(&self, change: Change, set: &Name, timeout: Option<Duration>) -> Kept {
        let found = self.find_set(set.as_str());
        let time = timeout.or(found.and_then(|set| set.timeout));
        Kept {
            change,
            time: time.filter(|time| !time.is_zero()),
            size: found.and_then(|set| set.size),
            cleared: found.and_then(|set| set.gc_interval),
        }
    }

    /// What must be there for a key to be read, and the key.
    pub(super) fn keyed(&self, key: &[Expression]) -> Option<(Condition, String)> {
        let (guard, parts) = self.parts(key)?;
        Some((guard, labels::key(&parts)))
    }

    fn parts(&self, key: &[Expression]) -> Option<(Condition, Vec<(Variable, u128)>)> {
        let (key, masks) = unmasked(key);
        let readings = self.readings(&key)?;
        let variables: Option<Vec<_>> = readings.iter().map(named).collect();
        let parts = variables?.into_iter().zip(masks).map(|(variable, mask)| {
            let all = variable.largest();
            (variable, mask.unwrap_or(all))
        });
        Some((super::expression::guards(&readings), parts.collect()))
    }

    /// The object that a statement names in quotes.
    pub(super) fn object(&self, keyword: &str, name: &str) -> Option<&Object> {
        let mut objects = self.table.objects.iter();
        objects.find(|object| object.keyword() == keyword && object.name().as_str() == name)
    }
}

/// What an element of a set is asked.
fn of_element(statement: &Statement, key: &str, set: &str, kept: Kept) -> Option<Vec<Step>> {
    match statement {
        Statement::Limit(limit) => {
            let each = labels::rate_for_each(&rate(limit), key, set, kept);
            Some(ask(each, limit.over))
        }
        Statement::ConnLimit { over, count } => {
            Some(ask(labels::kept_connections(*count, key, kept), !over))
        }
        Statement::Quota { over, bytes } => {
            let each = labels::rate_for_each(&labels::bytes(*bytes), key, set, kept);
            Some(ask(each, *over))
        }
        _ => None,
    }
}

fn ask(device: String, negated: bool) -> Vec<Step> {
    vec![Step::Ask { device, negated }]
}

fn synproxy(label: String) -> Vec<Step> {
    let takes = super::super::iptables::handshake();
    let taken = vec![Step::End(label)];
    vec![Step::Branch(vec![
        (takes.clone(), taken),
        (takes.negated(), Vec::new()),
    ])]
}

fn rate(limit: &Limit) -> String {
    let unit = match limit.amount {
        Amount::Packets => limit.unit.clone(),
        Amount::Bytes => format!("{} in bytes", limit.unit),
    };
    labels::rate(limit.rate, &unit, limit.burst.unwrap_or(5))
}

fn log_step(log: &Log) -> Option<Step> {
    let prefix = log.prefix.as_deref().unwrap_or("");
    if let Some(group) = log.group {
        let (size, threshold) = (log.snaplen.unwrap_or(0), log.queue_threshold.unwrap_or(0));
        return Some(Step::Note(labels::group_log(
            group, prefix, size, threshold,
        )));
    }
    let level = log.level.as_deref().unwrap_or("warn");
    if level == "audit" {
        return Some(Step::Note("audit".to_owned()));
    }
    let level = words::number(words::LOG_LEVELS, level)?;
    let flags = log
        .flags
        .iter()
        .map(|flag| words::number(words::LOG_FLAGS, flag));
    let flags: Option<Vec<_>> = flags.collect();
    let flags = flags?.into_iter().fold(0, |all, flag| all | flag);
    Some(Step::Note(labels::log(level, prefix, flags)))
}
