//! What `render` prints for legacy iptables.

use super::{exits, folder, margay, path};

#[test]
fn render_prints_what_iptables_and_ipset_load() {
    let case = "tests/golden/one-group";
    let documents = format!("{case}/policy.yaml");
    let asked = [
        "render", &documents, "--host", "node1", "--format", "xtables",
    ];
    let (stdout, _) = exits(margay(&asked), 0);
    let golden = std::fs::read_to_string(format!("{case}/ruleset.xtables")).unwrap();
    assert_eq!(stdout, golden);
}

#[test]
fn what_iptables_cannot_say_is_refused_with_the_policy_that_says_it() {
    let policy = "\
apiVersion: margay/v1
kind: SecurityGroup
name: web
rules:
  ingress:
    - allow IPv4 icmp 255 from 10.0.0.0/8
---
apiVersion: margay/v1
kind: Endpoint
name: vm1-eth0
host: n1
interface: tap1
addresses: [10.65.0.2]
groups: [web]
";
    let documents = folder(&[("web.yaml", policy)]);
    let asked = [
        "render",
        path(&documents),
        "--host",
        "n1",
        "--format",
        "xtables",
    ];
    let (_, stderr) = exits(margay(&asked), 4);
    let told = [
        "chain \"policy/web/in\": xtables cannot say ICMP type 255",
        "about policy web ingress",
    ];
    for words in told {
        assert!(stderr.contains(words), "{words}: {stderr}");
    }
}
