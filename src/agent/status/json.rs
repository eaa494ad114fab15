//! The status for programs. What stands here is added to, not renamed.

use serde_json::{Map, Value, json};

use super::{
    EndpointStatus, LastRound, RoundFailure, Status, StoreLink, Sync, TableHold, TableStatus,
    Verdict,
};
use crate::agent::moment::Moment;

impl Status {
    /// The status as one JSON object; times in RFC 3339, durations in the unit that their name says.
    pub fn json(&self, now: Moment) -> Value {
        json!({
            "schema": "margay.status/1",
            "health": word(self.verdict(now)),
            "host": self.host,
            "version": self.version,
            "started": self.started.rfc3339(),
            "uptime_seconds": self.started.age(now).as_secs(),
            "store": store(&self.store.what, &self.store.link),
            "sync": sync(self.sync),
            "in_force_since": self.in_force.map(|at| at.rfc3339()),
            "table": table(self.table),
            "drift": {
                "repairs": self.drift.count,
                "last": self.drift.last.map(|at| at.rfc3339()),
            },
            "commits": {
                "count": self.commits.count,
                "last": self.commits.last.as_ref().map(last),
            },
            "failure": self.failure.as_ref().map(failure),
            "overlay": self.overlay.as_ref().map(|overlay| overlay.json(now)),
            "aside": self.aside,
            "problems": self.problems,
            "warnings": self.warnings,
            "configuration": self.configuration,
            "endpoints": self.endpoints(),
        })
    }

    fn endpoints(&self) -> Value {
        let entries = self.endpoints.iter();
        let entries = entries.map(|(name, endpoint)| (name.to_string(), entry(endpoint)));
        Value::Object(entries.collect::<Map<_, _>>())
    }
}

fn entry(endpoint: &EndpointStatus) -> Value {
    json!({
        "interface": endpoint.interface.as_str(),
        "state": endpoint.state.to_string(),
    })
}

fn store(what: &str, link: &StoreLink) -> Value {
    match link {
        StoreLink::Unknown => json!({ "what": what, "link": "unknown" }),
        StoreLink::Connected => json!({ "what": what, "link": "connected" }),
        StoreLink::Lost { why, since } => json!({
            "what": what,
            "link": "lost",
            "why": why,
            "since": since.rfc3339(),
        }),
    }
}

fn table(table: TableStatus) -> Value {
    json!({
        "backend": table.backend,
        "hold": match table.hold {
            TableHold::Owned => "owned",
            TableHold::Shared => "shared",
        },
        "chains": table.chains,
        "rules": table.rules,
        "sets": table.sets,
        "maps": table.maps,
    })
}

fn last(last: &LastRound) -> Value {
    json!({
        "at": last.at.rfc3339(),
        "transactions": last.transactions,
        "operations": last.operations,
        "elements": last.elements,
        "milliseconds": last.took.as_secs_f64() * 1000.0,
    })
}

fn failure(failure: &RoundFailure) -> Value {
    json!({ "why": failure.why, "since": failure.since.rfc3339() })
}

fn sync(sync: Sync) -> &'static str {
    match sync {
        Sync::Waiting => "waiting",
        Sync::Listing => "listing",
        Sync::InSync => "in-sync",
        Sync::NotReady => "not-ready",
    }
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Failed => "failed",
        Verdict::NotReady => "not-ready",
        Verdict::Drifted => "drifted",
        Verdict::Healthy => "healthy",
    }
}
