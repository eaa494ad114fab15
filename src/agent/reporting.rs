//! The documents by which Neutron knows that a host and its ports live, as Felix writes them to etcd.
//!
//! ```text
//! BASE/status                                          {"time","uptime","first_update"}   under a lease
//! BASE/last_reported_status                            the same, kept
//! BASE/workload/<orch>/<ns>%2f<workload>/endpoint/<ep> {"status":"up|down|error"}         kept
//!
//! BASE   /calico/felix/v1/host/<host>, or /calico/felix/v2/<region>/host/<host>
//! ```

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::moment::Moment;
use super::status::Status;
use crate::config::Region;
use crate::model::workload::WorkloadName;

/// What is reported of a host, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reporting {
    /// Where the keys are.
    pub layout: Layout,
    /// The host, as Neutron knows it.
    pub host: String,
    /// `ReportingTTLSecs`: how long a host counts as alive after it was last heard of.
    pub ttl: Duration,
    /// `EndpointReportingEnabled`.
    pub endpoints: EndpointReporting,
}

/// Where the keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Layout {
    /// Of networking-calico up to 3.4.
    V1,
    /// Of networking-calico from 3.6 on, by the region if it has a name.
    V2(Option<Region>),
}

/// Whether endpoints are reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EndpointReporting {
    /// They are.
    Enabled,
    /// They are not; what was reported before goes.
    #[default]
    Disabled,
}

/// A change of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// A key gets a value.
    Put {
        /// The key.
        key: String,
        /// The value.
        value: String,
        /// How long it stays.
        lease: Lease,
    },
    /// A key goes.
    Delete {
        /// The key.
        key: String,
    },
}

/// How long a value stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lease {
    /// So long after the last write.
    Leased(Duration),
    /// Until it is deleted.
    Kept,
}

/// What was written of endpoints before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written(BTreeMap<String, String>);

/// Whether the host was reported since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heartbeat {
    /// It was not.
    First,
    /// It was.
    Later,
}

impl Reporting {
    /// Below this prefix are the endpoints that were reported; whoever starts reads what is there.
    pub fn endpoints_prefix(&self) -> String {
        format!("{}/workload/", self.base())
    }

    /// That the host lives: to be written every `ReportingIntervalSecs`, also if nothing changed.
    pub fn heartbeat(&self, status: &Status, now: Moment, which: Heartbeat) -> [Write; 2] {
        let value = json!({
            "time": now.rfc3339(),
            "uptime": status.started.age(now).as_secs_f64(),
            "first_update": which == Heartbeat::First,
        });
        let put = |name: &str, lease| Write::Put {
            key: format!("{}/{name}", self.base()),
            value: value.to_string(),
            lease,
        };
        [
            put("last_reported_status", Lease::Kept),
            put("status", Lease::Leased(self.ttl)),
        ]
    }

    /// What became of endpoints since what was written.
    /// Nothing at all where it is not to report them: whoever does may be here as well, and Neutron
    /// takes a status that was deleted for an error.
    pub fn endpoints(&self, status: &Status, written: &Written) -> Vec<Write> {
        match self.endpoints {
            EndpointReporting::Enabled => {}
            EndpointReporting::Disabled => return Vec::new(),
        }
        let wanted = self.documents(status);
        let put = wanted
            .iter()
            .filter(|(key, value)| written.0.get(*key) != Some(*value));
        let gone = written.0.keys().filter(|key| !wanted.contains_key(*key));
        let gone = gone.map(|key| Write::Delete { key: key.clone() });
        let put = put.map(|(key, value)| Write::Put {
            key: key.clone(),
            value: value.clone(),
            lease: Lease::Kept,
        });
        gone.chain(put).collect()
    }

    fn documents(&self, status: &Status) -> BTreeMap<String, String> {
        let endpoints = status.endpoints.iter();
        let documents = endpoints.filter_map(|(name, endpoint)| {
            // Only a workload endpoint of Calico has what the key is made of.
            let key = self.key(name.workload()?);
            let value = json!({ "status": endpoint.state.to_string() });
            Some((key, value.to_string()))
        });
        documents.collect()
    }

    fn key(&self, name: &WorkloadName) -> String {
        format!(
            "{}{}/{}/endpoint/{}",
            self.endpoints_prefix(),
            escaped(name.orchestrator()),
            escaped(name.workload()),
            escaped(name.endpoint())
        )
    }

    fn base(&self) -> String {
        match &self.layout {
            Layout::V1 => format!("/calico/felix/v1/host/{}", self.host),
            Layout::V2(None) => format!("/calico/felix/v2/no-region/host/{}", self.host),
            Layout::V2(Some(region)) => {
                format!("/calico/felix/v2/region-{region}/host/{}", self.host)
            }
        }
    }
}

impl Written {
    /// What was found below the prefix of endpoints, written by whoever was here before.
    pub fn of_listing(listing: impl IntoIterator<Item = (String, String)>) -> Self {
        Self(listing.into_iter().collect())
    }

    /// A write went through.
    pub fn done(&mut self, write: &Write) {
        match write {
            Write::Delete { key } => drop(self.0.remove(key)),
            Write::Put { key, value, .. } => drop(self.0.insert(key.clone(), value.clone())),
        }
    }
}

/// A part of a key, as Calico escapes it (`escapeName` of libcalico-go).
fn escaped(part: &str) -> String {
    part.replace('%', "%25").replace('/', "%2f")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::status::{EndpointState, EndpointStatus};
    use crate::config::Config;

    const NAME: &str = "openstack/felix--host--1-openstack-instance--1-DEADBEEF--1234--5678";
    const PORT_V2: &str = "/calico/felix/v2/no-region/host/felix-host-1/workload/openstack/\
                           openstack%2finstance-1/endpoint/DEADBEEF-1234-5678";

    fn reporting(layout: Layout) -> Reporting {
        Reporting {
            layout,
            host: "felix-host-1".to_owned(),
            ttl: Duration::from_secs(90),
            endpoints: EndpointReporting::Enabled,
        }
    }

    fn v2() -> Reporting {
        reporting(Layout::V2(None))
    }

    /// A workload endpoint in a state, and an endpoint that is none of Calico's.
    fn status(state: EndpointState) -> Status {
        let mut status = Status::new("felix-host-1", "etcd", Moment::now());
        for name in [NAME, "plain"] {
            let interface = "tapDEADBEEF-12".parse().expect("an interface");
            let endpoint = EndpointStatus { interface, state };
            status
                .endpoints
                .insert(name.parse().expect("a name"), endpoint);
        }
        status
    }

    fn put(key: &str, value: &str) -> Write {
        Write::Put {
            key: key.to_owned(),
            value: value.to_owned(),
            lease: Lease::Kept,
        }
    }

    #[test]
    fn the_first_heartbeat_says_so() {
        let status = status(EndpointState::Up);
        let now = Moment {
            monotonic: status.started.monotonic + Duration::from_millis(1500),
            wall: std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_849_200),
        };
        for (which, first) in [(Heartbeat::First, true), (Heartbeat::Later, false)] {
            let value =
                format!(r#"{{"time":"2026-11-28T07:00:00Z","uptime":1.5,"first_update":{first}}}"#);
            let base = "/calico/felix/v2/no-region/host/felix-host-1";
            let leased = Write::Put {
                key: format!("{base}/status"),
                value: value.clone(),
                lease: Lease::Leased(Duration::from_secs(90)),
            };
            let kept = put(&format!("{base}/last_reported_status"), &value);
            assert_eq!(v2().heartbeat(&status, now, which), [kept, leased]);
        }
    }

    #[test]
    fn endpoints_are_written_when_they_change_and_deleted_when_they_go() {
        let mut written = Written::default();
        for (state, value) in [
            (EndpointState::Down, r#"{"status":"down"}"#),
            (EndpointState::Up, r#"{"status":"up"}"#),
            (EndpointState::Error, r#"{"status":"error"}"#),
        ] {
            let writes = v2().endpoints(&status(state), &written);
            assert_eq!(writes, [put(PORT_V2, value)]);
            written.done(&writes[0]);
            assert_eq!(v2().endpoints(&status(state), &written), []);
        }
        let gone = Status::new("felix-host-1", "etcd", Moment::now());
        let delete = Write::Delete {
            key: PORT_V2.to_owned(),
        };
        let deleted = [delete];
        assert_eq!(v2().endpoints(&gone, &written), deleted);
        let silent = Reporting {
            endpoints: EndpointReporting::Disabled,
            ..v2()
        };
        assert_eq!(silent.endpoints(&gone, &written), []);
        written.done(&deleted[0]);
        assert_eq!(v2().endpoints(&gone, &written), []);
    }

    #[test]
    fn what_a_former_agent_reported_is_set_right() {
        let old = "/calico/felix/v2/no-region/host/felix-host-1/workload/o/w/endpoint/e";
        let listing = [(old, r#"{"status":"up"}"#), (PORT_V2, r#"{"status":"up"}"#)];
        let listing = listing.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let written = Written::of_listing(listing);
        let key = old.to_owned();
        let writes = v2().endpoints(&status(EndpointState::Up), &written);
        assert_eq!(writes, [Write::Delete { key }]);
        assert!(old.starts_with(&v2().endpoints_prefix()));
    }

    #[test]
    fn the_layouts_differ_by_their_base() {
        let key = |layout| {
            let writes =
                reporting(layout).endpoints(&status(EndpointState::Up), &Written::default());
            match writes.into_iter().next() {
                Some(Write::Put { key, .. }) => key,
                other => panic!("{other:?}"),
            }
        };
        let of_base = |base: &str| PORT_V2.replace("/calico/felix/v2/no-region", base);
        let given = [("FELIX_OPENSTACKREGION".to_owned(), "north".to_owned())];
        let resolved = Config::resolve(given, None, "host").expect("a configuration");
        let region = resolved.config.openstack_region.value;
        assert_eq!(key(Layout::V1), of_base("/calico/felix/v1"));
        let north = of_base("/calico/felix/v2/region-north");
        assert_eq!(key(Layout::V2(region)), north);
        assert_eq!(escaped("a%/b"), "a%25%2fb");
    }
}
