//! A trace as people and programs read it.

use std::fmt::Write;
use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::cli::screen::{Screen, Tint};
use crate::compile::decider::Decider;
use crate::compile::explain::{Answer, Asked, Deciding};
use crate::net::InterfaceName;
use crate::ruleset::packet::{Packet, Transport};
use crate::ruleset::trace::{Fate, Outcome, Trace, TraceStep};
use crate::ruleset::{ChainPolicy, CtState, Ruleset};

/// What there is to tell.
pub(super) struct Told<'a> {
    pub(super) ruleset: &'a Ruleset,
    pub(super) packet: &'a Packet,
    pub(super) trace: &'a Trace,
    pub(super) asked: &'a [Asked],
}

impl Told<'_> {
    pub(super) fn text(&self, screen: &Screen) -> String {
        let tint = match self.trace.fate {
            Fate::Accepted => Tint::Good,
            Fate::Dropped | Fate::Rejected(_) => Tint::Error,
        };
        let verdict = screen.result.tinted(tint, &self.trace.fate.to_string());
        let mut text = format!("packet   {}\nverdict  {verdict}\n", described(self.packet));
        for asked in self.asked {
            let said = match (asked.answer, asked.rules.first()) {
                (Answer::Silent, _) => "no rule decides".to_owned(),
                (Answer::Allowed | Answer::Denied | Answer::Passed, rule) => {
                    rule.map(spelled).unwrap_or_default()
                }
            };
            // Writing to a String cannot fail, here and below.
            let _ok = writeln!(
                text,
                "policy   {} {}: {said}",
                asked.decider, asked.direction
            );
        }
        for step in &self.trace.steps {
            let rule = self.rule(step).unwrap_or_else(|| "policy".to_owned());
            let _ok = writeln!(text, "path     {}: {rule}{}", step.chain, outcome(step));
        }
        let _ok = writeln!(text, "cost     {}", self.trace.cost);
        text
    }

    /// The text of the rule that a step evaluated.
    fn rule(&self, step: &TraceStep) -> Option<String> {
        let chain = self
            .ruleset
            .tables
            .get(&step.table)?
            .chains
            .get(&step.chain)?;
        Some(chain.rules.get(step.rule?)?.to_string())
    }

    pub(super) fn json(&self) -> Value {
        let packet = self.packet;
        let name = |interface: &Option<InterfaceName>| interface.as_ref().map(ToString::to_string);
        let policies: Vec<_> = self.asked.iter().map(policy).collect();
        let path = self.trace.steps.iter().map(|step| {
            json!({
                "table": step.table.to_string(),
                "chain": step.chain.as_str(),
                "rule": step.rule,
                "text": self.rule(step),
                "outcome": outcome_word(step),
                "lookups": step.lookups.len(),
            })
        });
        json!({
            "schema": "margay.trace/1",
            "verdict": self.trace.fate.to_string(),
            "packet": {
                "iif": name(&packet.iif),
                "oif": name(&packet.oif),
                "mac": packet.ether_saddr.map(|mac| mac.to_string()),
                "source": packet.source,
                "destination": packet.destination,
                "protocol": packet.protocol.to_string(),
                "transport": transport(packet.transport),
                "state": state(packet.ct_state),
            },
            "policies": policies,
            "path": path.collect::<Vec<_>>(),
            "cost": { "rules": self.trace.cost.rules, "lookups": self.trace.cost.lookups },
        })
    }
}

/// `rule 1: allow IPv4 tcp 80 from 10.0.0.0/8  (web.yaml:7)`
fn spelled(rule: &Deciding) -> String {
    format!("rule {}: {}  ({})", rule.index + 1, rule.text, rule.origin)
}

fn policy(asked: &Asked) -> Value {
    let rule = |rule: &Deciding| {
        json!({
            "index": rule.index,
            "text": rule.text,
            "file": rule.origin.source.as_deref(),
            "line": rule.origin.line,
        })
    };
    let group = match &asked.decider {
        Decider::Group(group) => Some(group.as_str()),
        Decider::Policy(_) | Decider::Profile(_) => None,
    };
    json!({
        "group": group,
        "policy": asked.decider.to_string(),
        "direction": asked.direction.to_string(),
        "allowed": asked.answer == Answer::Allowed,
        "answer": match asked.answer {
            Answer::Allowed => "allow",
            Answer::Denied => "deny",
            Answer::Passed => "pass",
            Answer::Silent => "none",
        },
        "rules": asked.rules.iter().map(rule).collect::<Vec<_>>(),
    })
}

fn described(packet: &Packet) -> String {
    let place = |interface: &Option<InterfaceName>| match interface {
        Some(name) => name.to_string(),
        None => "host".to_owned(),
    };
    let (source, destination) = (packet.source, packet.destination);
    let ends = match packet.transport {
        Transport::Ports {
            source: sport,
            destination: dport,
        } => {
            let from = SocketAddr::new(source, sport);
            let to = SocketAddr::new(destination, dport);
            format!("{from} -> {to}")
        }
        Transport::Icmp { kind, code } => format!("{source} -> {destination} {kind}/{code}"),
        Transport::Other => format!("{source} -> {destination}"),
    };
    let way = format!("{} -> {}", place(&packet.iif), place(&packet.oif));
    let mac = packet
        .ether_saddr
        .map(|mac| format!(" from {mac}"))
        .unwrap_or_default();
    format!(
        "{} {ends}, {}, {way}{mac}",
        packet.protocol,
        state(packet.ct_state)
    )
}

fn transport(transport: Transport) -> Value {
    match transport {
        Transport::Ports {
            source,
            destination,
        } => json!({ "sport": source, "dport": destination }),
        Transport::Icmp { kind, code } => json!({ "type": kind, "code": code }),
        Transport::Other => Value::Null,
    }
}

fn state(state: CtState) -> &'static str {
    let words = [
        (CtState::NEW, "new"),
        (CtState::ESTABLISHED, "established"),
        (CtState::UNTRACKED, "untracked"),
    ];
    words
        .iter()
        .find(|(known, _)| *known == state)
        .map_or("other", |(_, word)| word)
}

fn outcome(step: &TraceStep) -> String {
    match outcome_word(step) {
        word if word.is_empty() => String::new(),
        word => format!("  => {word}"),
    }
}

fn outcome_word(step: &TraceStep) -> String {
    match &step.outcome {
        Outcome::NoMatch => String::new(),
        Outcome::Matched => "matched".to_owned(),
        Outcome::Verdict(verdict) => verdict.to_string(),
        Outcome::Reject(_) => "reject".to_owned(),
        Outcome::Policy(ChainPolicy::Accept) => "accept".to_owned(),
        Outcome::Policy(ChainPolicy::Drop) => "drop".to_owned(),
        Outcome::TooDeep(_) => "drop".to_owned(),
    }
}
