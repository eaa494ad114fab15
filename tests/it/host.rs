//! What a host does for its workloads beside policy, read back with `ip` and with packets.

mod checks;
mod connections;
mod many;
mod packets;
mod plan;
mod privilege;
mod routes;
mod watching;

use std::collections::BTreeSet;

use margay::codec;
use margay::host::{Host, HostPlan, Look, Report, RouteProtocol};
use margay::model::State;

use crate::support::netns::{ip, ip_json};

/// Endpoints of host `node1`: a name, an interface, a MAC or `-`, and addresses.
fn state(endpoints: &[(&str, &str, &str, &str)]) -> State {
    let mut text = "apiVersion: margay/v1\nkind: Settings\n".to_owned();
    for (name, interface, mac, addresses) in endpoints {
        text += &format!(
            "---\napiVersion: margay/v1\nkind: Endpoint\nname: {name}\nhost: node1\n\
             interface: {interface}\naddresses: [{addresses}]\ngroups: []\n"
        );
        if *mac != "-" {
            text += &format!("mac: {mac}\n");
        }
    }
    let loaded = codec::parse("host.yaml", &text);
    assert!(!loaded.has_errors(), "{:?}", loaded.problems);
    loaded.state
}

fn plan(endpoints: &[(&str, &str, &str, &str)]) -> HostPlan {
    HostPlan::of(&state(endpoints), "node1")
}

/// A plan for workloads that take an address for their router's: an interface, an address, a router.
fn routed(endpoints: &[(&str, &str, &str)]) -> HostPlan {
    let document = |(interface, address, gateway): &(&str, &str, &str)| {
        format!(
            "apiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\n\
             metadata: {{name: node1-openstack-{interface}-eth0, namespace: openstack}}\n\
             spec: {{interfaceName: {interface}, ipNetworks: [{address}], ipv6Gateway: '{gateway}'}}\n"
        )
    };
    let text = endpoints
        .iter()
        .map(document)
        .collect::<Vec<_>>()
        .join("---\n");
    let loaded = codec::parse("routed.yaml", &text);
    assert!(!loaded.has_errors(), "{:?}", loaded.problems);
    HostPlan::of(&loaded.state, "node1")
}

fn open() -> Host {
    Host::open(RouteProtocol::BOOT).unwrap()
}

/// A plan carried out with nothing failing; the same again changes nothing.
fn settle(host: &mut Host, plan: &HostPlan) -> Report {
    let report = host.reconcile(plan, &Look::Everything).unwrap();
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    let again = host.reconcile(plan, &Look::Everything).unwrap();
    assert_eq!(again.writes, 0, "a second time something was written");
    assert!(again.failures.is_empty(), "{:?}", again.failures);
    report
}

/// An interface for a workload, up, with its other end in the same namespace.
fn veth(name: &str) {
    let peer = name.replace("tap", "w");
    ip(&format!(
        "link add {name} type veth peer name {peer}\nlink set {name} up\nlink set {peer} up\n"
    ));
}

/// The routes of full length that lead to an interface, as `ip` prints them.
fn routes(interface: &str) -> BTreeSet<String> {
    let all = ["-4", "-6"].map(|family| ip_json(&format!("{family} route show dev {interface}")));
    let routes = all.iter().flat_map(|all| all.as_array().unwrap());
    let full = routes.filter_map(|route| route["dst"].as_str().filter(|dst| !dst.contains('/')));
    full.map(str::to_owned).collect()
}

fn set<const N: usize>(all: [&str; N]) -> BTreeSet<String> {
    all.map(str::to_owned).into()
}
