//! A policy that is too deep for `iptables-nft`, end to end: it is shut, and everything else goes on.

use std::time::Instant;

use margay::agent::dataplane::Dataplane;
use margay::backend::xtables::{Variant, XtablesBackend};
use margay::codec;
use margay::compile::skeleton::Skeleton;
use margay::model::{Event, Object, State};

use super::drift::said;
use crate::support::netns::in_netns;
use crate::support::programs::Programs;

const HOST: &str = "node1";

/// More rules than chains may lead into one another.
const RULES: usize = 20;

/// A policy for the pods of one label. What has no port cannot have one of this name, so iptables takes two
/// rules for each of these, and what comes after is a chain of its own.
fn policy(name: &str, rules: usize) -> String {
    let rule = |at| {
        format!("    - {{action: Allow, source: {{nets: [10.{at}.0.0/16], notPorts: [web]}}}}\n")
    };
    let rules: String = (0..rules).map(rule).collect();
    format!(
        "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: {name}}}\n\
         spec:\n  selector: app == '{name}'\n  types: [Ingress]\n  ingress:\n{rules}"
    )
}

fn pod(name: &str, app: &str, address: &str) -> String {
    format!(
        "---\napiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\n\
         metadata: {{name: {HOST}-k8s-{name}-eth0, namespace: ns, labels: {{app: {app}, \
         projectcalico.org/namespace: ns, projectcalico.org/orchestrator: k8s}}}}\n\
         spec: {{orchestrator: k8s, node: {HOST}, pod: {name}, endpoint: eth0, \
         interfaceName: cali{name}, ipNetworks: [{address}/32], \
         ports: [{{name: web, port: 80, protocol: TCP}}]}}\n"
    )
}

fn events(texts: &[String]) -> Vec<Event> {
    let loaded = codec::parse("depth.yaml", &texts.concat());
    assert!(!loaded.has_errors(), "{:?}", loaded.problems);
    let State {
        endpoints,
        policies,
        ..
    } = loaded.state;
    let policies = policies.into_values();
    let endpoints = endpoints.into_values();
    policies
        .map(|policy| Event::Policy(Box::new(policy)))
        .chain(endpoints.map(|endpoint| Event::Endpoint(Box::new(endpoint))))
        .collect()
}

/// Brings events in force; what was put aside for that, and why.
fn programmed(
    dataplane: &mut Dataplane<XtablesBackend>,
    texts: &[String],
) -> Vec<(String, String)> {
    dataplane.take(events(texts));
    let done = dataplane.program(Instant::now()).unwrap();
    let name = |object: Object| {
        let Object::Policy(name) = object else {
            panic!("{object:?}")
        };
        name.to_string()
    };
    let aside = done.aside.into_iter();
    aside.map(|(object, why)| (name(object), why)).collect()
}

fn rules(chain: &str) -> Vec<String> {
    let listed = said("iptables-nft", &["-S", chain]);
    let rules = listed.lines().filter(|line| line.starts_with("-A"));
    rules.map(str::to_owned).collect()
}

#[test]
fn a_policy_that_is_too_deep_is_shut_and_all_else_goes_on() {
    in_netns(
        "a_policy_that_is_too_deep_is_shut_and_all_else_goes_on",
        || {
            let programs = Programs::new(Variant::Nft);
            let skeleton = Skeleton::builtin().unwrap();
            let mut dataplane =
                Dataplane::start(programs.backend, HOST, skeleton, State::default()).unwrap();
            let aside = programmed(
                &mut dataplane,
                &[
                    policy("deep", RULES),
                    policy("flat", 1),
                    pod("a", "deep", "10.65.0.1"),
                    pod("b", "flat", "10.65.0.2"),
                ],
            );
            let [(name, why)] = aside.try_into().unwrap();
            assert_eq!(name, "GlobalNetworkPolicy deep");
            assert_eq!(
                why,
                "iptables-nft does not take chain \"gnp/deep/in/tcp\" in the loosen step: it is on a way through \
             more than 16 chains, the most that nf_tables follows"
            );
            assert!(
                rules("mgy-gnp/deep/in")[0].ends_with("-j DROP"),
                "{:?}",
                rules("mgy-gnp/deep/in")
            );
            assert!(rules("mgy-gnp/flat/in").len() > 1);
            // Whoever comes later is programmed, and nobody is put aside for that.
            let aside = programmed(&mut dataplane, &[pod("c", "flat", "10.65.0.3")]);
            assert_eq!(aside, []);
            assert!(said("ipset", &["save"]).contains("calic"));
        },
    );
}
