//! What `trace` and `render` tell of Calico's policies.

use serde_json::Value;

use super::{exits, folder, margay, path};

#[test]
fn trace_names_the_first_rule_of_a_policy_that_decided() {
    let case = "tests/golden/first-match/policy.yaml";
    let said = |source: &str, port: &str| {
        let asked = [
            "trace", case, "--host", "node1", "-o", "json", "--from", source,
        ];
        let about = ["--to", "10.65.0.1", "--proto", "tcp", "--dport", port];
        let (stdout, _) = exits(margay(&[&asked[..], &about[..]].concat()), 0);
        let trace: Value = serde_json::from_str(&stdout).unwrap();
        let rules = trace["policies"][0]["rules"].as_array().unwrap().iter();
        let lines: Vec<String> = rules.map(|rule| rule["line"].to_string()).collect();
        (trace["verdict"].as_str().unwrap().to_owned(), lines)
    };
    let expected = |verdict: &str, line: &str| (verdict.to_owned(), vec![line.to_owned()]);
    // Allowed by the rule of 10.0.0.0/8, and denied by the one before it.
    assert_eq!(said("10.2.0.9", "22"), expected("accepted", "19"));
    assert_eq!(said("10.1.3.9", "22"), expected("dropped", "18"));
    assert_eq!(said("10.1.2.9", "22"), expected("accepted", "17"));
}

#[test]
fn render_says_which_rules_stay_in_order() {
    let rules: Vec<String> = (0..6)
        .map(|n| {
            let action = if n % 2 == 0 { "Allow" } else { "Deny" };
            format!("{{action: {action}, protocol: TCP, source: {{selector: a == 'b{n}'}}, destination: {{ports: [1{n}]}}}}")
        })
        .collect();
    let policy = format!(
        "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: p}}\n\
         spec: {{selector: all(), types: [Ingress], ingress: [{}]}}\n---\n\
         apiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\n\
         metadata: {{name: n1-k8s-a-eth0, namespace: ns, labels: {{projectcalico.org/namespace: ns, projectcalico.org/orchestrator: k8s}}}}\n\
         spec: {{orchestrator: k8s, node: n1, pod: a, endpoint: eth0, interfaceName: calia, ipNetworks: [10.65.0.1/32]}}\n",
        rules.join(", ")
    );
    let documents = folder(&[("p.yaml", &policy)]);
    let (stdout, _) = exits(margay(&["render", path(&documents), "--host", "n1"]), 0);
    let line = "# gnp/p/in/tcp: 6 steps in order, because selectors or groups say whom rules mean";
    assert!(stdout.lines().any(|said| said == line), "{stdout}");
    let asked = ["render", path(&documents), "--host", "n1", "-o", "json"];
    let (stdout, _) = exits(margay(&asked), 0);
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(json["in_order"][0]["chain"], "gnp/p/in/tcp");
    assert_eq!(json["in_order"][0]["steps"], 6);
}
