//! Rules and lookups on the longest path, counted: no kernel, no clock.

use margay::ruleset::cost::longest_path;
use margay::scenario::Flat;
use margay::scenario::flat::flat;

use crate::record::Record;
use crate::worlds;

/// Tiers that the policies of an endpoint are in.
const TIERS: usize = 3;
/// Rules of each of them.
const RULES: usize = 100;

/// Counts for growing rules, endpoints and groups.
pub(crate) fn count(record: &mut Record) {
    record.title("flat: rules and lookups on the longest path of any packet");
    for rules in [10, 1_000, 10_000, 100_000] {
        let size = Flat {
            rules,
            ..Flat::default()
        };
        line(record, &format!("{rules} rules"), size);
    }
    for endpoints in [10, 1_000, 10_000] {
        let size = Flat {
            endpoints,
            ..Flat::default()
        };
        line(record, &format!("{endpoints} endpoints"), size);
    }
    for groups_named in [1, 20, 500] {
        let size = Flat {
            groups_named,
            ..Flat::default()
        };
        line(record, &format!("{groups_named} groups named"), size);
    }
    for count in [1, 10, 100] {
        policies(record, count);
    }
}

fn line(record: &mut Record, subject: &str, size: Flat) {
    let path = longest_path(&worlds::compiled(&flat(size, 1))).unwrap();
    record.count(subject, "rules", path.cost.rules);
    record.count(subject, "lookups", path.cost.lookups);
}

/// Calico's policies of one endpoint, in three tiers: all rules that allow and deny by turns, from
/// prefixes.
fn policies(record: &mut Record, count: usize) {
    let mut text = String::new();
    for tier in 0..TIERS {
        text += &format!(
            "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {{name: t{tier}}}\n\
             spec: {{order: {tier}, defaultAction: Pass}}\n---\n"
        );
    }
    for n in 0..count {
        let tier = n * TIERS / count.max(TIERS);
        let rules: Vec<String> = (0..RULES).map(|rule| rule_of(n, rule)).collect();
        text += &format!(
            "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: t{tier}.p{n}}}\n\
             spec: {{tier: t{tier}, order: {n}, selector: all(), types: [Ingress], ingress: [{}]}}\n---\n",
            rules.join(", ")
        );
    }
    text += "apiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\n\
             metadata: {name: node1-k8s-a-eth0, namespace: ns, labels: {projectcalico.org/namespace: ns, projectcalico.org/orchestrator: k8s}}\n\
             spec: {orchestrator: k8s, node: node1, pod: a, endpoint: eth0, interfaceName: calia, ipNetworks: [10.65.0.1/32]}\n";
    let loaded = margay::codec::parse("policies.yaml", &text);
    assert!(!loaded.has_errors(), "{:?}", loaded.problems);
    let path = longest_path(&worlds::compiled(&loaded.state)).unwrap();
    let subject = format!("{count} policies of {RULES} rules in {TIERS} tiers");
    record.count(&subject, "rules", path.cost.rules);
    record.count(&subject, "lookups", path.cost.lookups);
}

/// Every third rule denies.
fn rule_of(policy: usize, rule: usize) -> String {
    let action = if rule.is_multiple_of(3) {
        "Deny"
    } else {
        "Allow"
    };
    let (second, port) = (policy % 200, 1_000 + rule);
    format!(
        "{{action: {action}, protocol: TCP, source: {{nets: [10.{second}.{rule}.0/24]}}, destination: {{ports: [{port}]}}}}"
    )
}
