//! The name of a Calico workload endpoint, which says where it runs.

use super::group::object_name;
use super::name::Namespace;
use crate::net::InvalidValue;

/// What a name must look like.
const ALLOWED: &str = "node-orchestrator-workload-endpoint, each - in a part doubled";

/// `<node>-<orchestrator>-<workload>-<endpoint>` in a namespace, each dash in a part doubled.
///
/// The order is that of Felix: by orchestrator, workload with its namespace, endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadName {
    orchestrator: Box<str>,
    /// `namespace/workload`.
    workload: Box<str>,
    endpoint: Box<str>,
    host: Box<str>,
    /// `namespace/name`, as it is written.
    text: Box<str>,
}

impl WorkloadName {
    /// The parts of a name.
    pub(super) fn new(namespace: &Namespace, name: &str) -> Result<Self, InvalidValue> {
        const WHAT: &str = "workload endpoint name";
        object_name(WHAT, name)?;
        let parts = parts(name).ok_or_else(|| InvalidValue::new(WHAT, name, ALLOWED))?;
        let [host, orchestrator, workload, endpoint] = parts;
        Ok(Self {
            orchestrator: orchestrator.into(),
            workload: format!("{namespace}/{workload}").into(),
            endpoint: endpoint.into(),
            host: host.into(),
            text: format!("{namespace}/{name}").into(),
        })
    }

    /// `namespace/name`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The host that it runs on, whatever else its document says.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Who runs it: `k8s`, `cni`, `openstack` and so on.
    pub fn orchestrator(&self) -> &str {
        &self.orchestrator
    }

    /// `namespace/workload`: the pod, container or machine.
    pub fn workload(&self) -> &str {
        &self.workload
    }

    /// Which of the workload's interfaces.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

/// The four parts between single dashes; none of them is empty, nor begins or ends with a dash.
fn parts(name: &str) -> Option<[String; 4]> {
    let mut parts = vec![String::new()];
    let mut rest = name.chars().peekable();
    while let Some(c) = rest.next() {
        let separates = c == '-' && rest.next_if_eq(&'-').is_none();
        match parts.last_mut() {
            Some(part) if !separates => part.push(c),
            _ => parts.push(String::new()),
        }
    }
    let whole = |part: &String| !part.is_empty() && !part.starts_with('-') && !part.ends_with('-');
    parts.iter().all(whole).then_some(())?;
    parts.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_four_parts_with_doubled_dashes() {
        let namespace: Namespace = "openstack".parse().expect("a namespace");
        let text = "felix--host--1-openstack-instance--1-DEADBEEF--1234--5678";
        let name = WorkloadName::new(&namespace, text).expect("a name");
        assert_eq!(
            [
                name.host(),
                name.orchestrator(),
                name.workload(),
                name.endpoint()
            ],
            [
                "felix-host-1",
                "openstack",
                "openstack/instance-1",
                "DEADBEEF-1234-5678"
            ]
        );
        assert_eq!(name.as_str(), format!("openstack/{text}"));
        for bad in [
            "",
            "a-b-c",
            "a-b-c-d-e",
            "a--b-c-d",
            "-a-b-c-d",
            "a-b-c-d-",
            "a-b--",
            "a-b---c-d",
            "a-b-c-d/e",
        ] {
            assert!(
                WorkloadName::new(&namespace, bad).is_err(),
                "{bad:?} was accepted"
            );
        }
    }

    #[test]
    fn the_lower_workload_comes_first_whatever_its_host() {
        let namespace: Namespace = "ns".parse().expect("a namespace");
        let name = |text| WorkloadName::new(&namespace, text).expect("a name");
        assert!(name("z-k8s-a-eth0") < name("a-k8s-b-eth0"));
        assert!(name("z-cni-z-eth0") < name("a-k8s-a-eth0"));
    }
}
