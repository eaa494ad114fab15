//! The text that `nft -f` loads.

use std::fmt::{self, Write as _};
use std::time::Duration;

use super::{Base, Chain, Data, Element, HookPoint, Object, Rule, Ruleset, Set, SetKind, Table};

mod expression;
mod statement;

pub(super) use expression::{concatenation, items};

/// The standard priorities by their names, which some hooks do not know.
const PRIORITIES: [(&str, i32, &[HookPoint]); 6] = [
    ("raw", -300, &HookPoint::ALL),
    ("mangle", -150, &HookPoint::ALL),
    ("dstnat", -100, &[HookPoint::Prerouting]),
    ("filter", 0, &HookPoint::ALL),
    ("security", 50, &HookPoint::ALL),
    ("srcnat", 100, &[HookPoint::Postrouting]),
];

/// The number that a name of a priority stands for.
pub(super) fn priority(name: &str) -> Option<i32> {
    let known = PRIORITIES.iter().find(|(known, _, _)| *known == name);
    known.map(|(_, number, _)| *number)
}

/// The text of a ruleset. The same ruleset gives the same bytes.
pub fn print(ruleset: &Ruleset) -> String {
    let mut out = String::new();
    for (at, table) in ruleset.tables.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        let _ = write!(out, "{table}");
    }
    out
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "table {} {} {{", self.family.text(), self.name)?;
        if let Some(comment) = &self.comment {
            writeln!(f, "\tcomment \"{comment}\"")?;
        }
        for object in &self.objects {
            write!(f, "{object}")?;
        }
        for set in &self.sets {
            write!(f, "{set}")?;
        }
        for chain in &self.chains {
            write!(f, "{chain}")?;
        }
        writeln!(f, "}}")
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\tchain {} {{", self.name)?;
        if let Some(comment) = &self.comment {
            writeln!(f, "\t\tcomment \"{comment}\"")?;
        }
        if let Some(base) = &self.base {
            writeln!(f, "\t\t{base}")?;
        }
        for rule in &self.rules {
            writeln!(f, "\t\t{rule}")?;
        }
        writeln!(f, "\t}}")
    }
}

impl fmt::Display for Base {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, hook, .. } = self;
        write!(f, "type {kind} hook {} priority ", hook.text())?;
        let named = PRIORITIES
            .iter()
            .find(|(_, number, hooks)| *number == self.priority && hooks.contains(hook));
        match named {
            Some((name, _, _)) => f.write_str(name)?,
            None => write!(f, "{}", self.priority)?,
        }
        write!(f, "; policy {};", self.policy.text())
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        spaced(f, self.statements.iter())?;
        match &self.comment {
            Some(comment) if self.statements.is_empty() => write!(f, "comment \"{comment}\""),
            Some(comment) => write!(f, " comment \"{comment}\""),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.join(" . ");
        match &self.kind {
            SetKind::Set => writeln!(f, "\tset {} {{\n\t\ttype {key}", self.name)?,
            SetKind::Map(data) => {
                let data = data.join(" . ");
                writeln!(f, "\tmap {} {{\n\t\ttype {key} : {data}", self.name)?;
            }
            SetKind::VerdictMap => {
                writeln!(f, "\tmap {} {{\n\t\ttype {key} : verdict", self.name)?;
            }
        }
        let flags = [
            (self.interval, "interval"),
            (self.dynamic, "dynamic"),
            (self.timeouts, "timeout"),
        ];
        let flags: Vec<_> = flags.iter().filter(|(on, _)| *on).map(|f| f.1).collect();
        if !flags.is_empty() {
            writeln!(f, "\t\tflags {}", flags.join(","))?;
        }
        if self.auto_merge {
            writeln!(f, "\t\tauto-merge")?;
        }
        if let Some(timeout) = self.timeout {
            writeln!(f, "\t\ttimeout {}", time(timeout))?;
        }
        if let Some(interval) = self.gc_interval {
            writeln!(f, "\t\tgc-interval {}", time(interval))?;
        }
        if let Some(size) = self.size {
            writeln!(f, "\t\tsize {size}")?;
        }
        for statement in &self.statements {
            writeln!(f, "\t\t{statement}")?;
        }
        if let Some(comment) = &self.comment {
            writeln!(f, "\t\tcomment \"{comment}\"")?;
        }
        let mut separator = "\t\telements = { ";
        for element in &self.elements {
            write!(f, "{separator}{element}")?;
            separator = ",\n\t\t\t";
        }
        if !self.elements.is_empty() {
            writeln!(f, " }}")?;
        }
        writeln!(f, "\t}}")
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        items(f, &self.key)?;
        if let Some((packets, bytes)) = self.counter {
            write!(f, " counter packets {packets} bytes {bytes}")?;
        }
        if let Some(timeout) = self.timeout {
            write!(f, " timeout {}", time(timeout))?;
        }
        if let Some(expires) = self.expires {
            write!(f, " expires {}", time(expires))?;
        }
        if let Some(comment) = &self.comment {
            write!(f, " comment \"{comment}\"")?;
        }
        match &self.data {
            Some(data) => write!(f, " : {data}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Verdict(verdict) => verdict.fmt(f),
            Self::Items(data) => items(f, data),
        }
    }
}

impl fmt::Display for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\t{} {} {{", self.keyword(), self.name())?;
        match self {
            Self::CtHelper {
                helper,
                protocol,
                l3proto,
                ..
            } => {
                writeln!(f, "\t\ttype \"{helper}\" protocol {protocol};")?;
                layer_three(f, l3proto.as_deref())?;
            }
            Self::CtTimeout {
                protocol,
                l3proto,
                policy,
                ..
            } => {
                writeln!(f, "\t\tprotocol {protocol};")?;
                layer_three(f, l3proto.as_deref())?;
                let states: Vec<_> = policy.iter().map(|(s, t)| format!("{s} : {t}")).collect();
                writeln!(f, "\t\tpolicy = {{ {} }}", states.join(", "))?;
            }
            Self::Synproxy {
                mss,
                wscale,
                timestamp,
                sack_perm,
                ..
            } => {
                writeln!(f, "\t\tmss {mss}\n\t\twscale {wscale}")?;
                let flags = [(*timestamp, "timestamp"), (*sack_perm, "sack-perm")];
                let flags: Vec<_> = flags.iter().filter(|(on, _)| *on).map(|f| f.1).collect();
                if !flags.is_empty() {
                    writeln!(f, "\t\t{}", flags.join(" "))?;
                }
            }
            Self::Counter { counts, .. } => {
                writeln!(f, "\t\tpackets {} bytes {}", counts.0, counts.1)?;
            }
            Self::Quota {
                over, bytes, used, ..
            } => {
                let over = if *over { "over " } else { "" };
                writeln!(f, "\t\t{over}{bytes} bytes used {used} bytes")?;
            }
            Self::Limit { limit, .. } => writeln!(f, "\t\t{limit}")?,
        }
        writeln!(f, "\t}}")
    }
}

fn layer_three(f: &mut fmt::Formatter<'_>, l3proto: Option<&str>) -> fmt::Result {
    match l3proto {
        Some(family) => writeln!(f, "\t\tl3proto {family}"),
        None => Ok(()),
    }
}

/// One after the other, with blanks between.
pub(super) fn spaced<T: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    parts: impl Iterator<Item = T>,
) -> fmt::Result {
    for (at, part) in parts.enumerate() {
        let blank = if at > 0 { " " } else { "" };
        write!(f, "{blank}{part}")?;
    }
    Ok(())
}

/// A time in nft's units.
pub(super) fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
        (u64::from(duration.subsec_millis()), "ms"),
    ];
    let text: String = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if text.is_empty() {
        return "0s".to_owned();
    }
    text
}
