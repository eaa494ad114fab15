//! What `render` prints for legacy iptables, and what `cleanup` says of it.

use margay::backend::xtables::Variant;
use serde_json::Value;

use super::{exits, folder, margay, path};
use crate::support::netns::{in_netns, run};

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

#[test]
fn cleanup_names_every_variant_that_holds_something() {
    in_netns("cleanup_names_every_variant_that_holds_something", || {
        let run_dir = tempfile::tempdir().unwrap();
        let documents = "tests/golden/one-group/policy.yaml";
        let apply = |variant: &str, run_dir: &str| {
            let by = ["--backend", "xtables", "--iptables-backend", variant];
            let asked = ["apply", documents, "--host", "node1", "--run-dir", run_dir];
            exits(margay(&[&asked[..], &by].concat()), 0);
        };
        apply("legacy", path(&run_dir));
        // As if somebody had been killed before the other one was taken away.
        let saved = |program: &str| run(program, &[], "").unwrap();
        let rules = saved("iptables-legacy-save");
        apply("nft", path(&run_dir));
        run("iptables-legacy-restore", &["--noflush"], &rules).unwrap();
        let asked = ["cleanup", "-o", "json", "--run-dir", path(&run_dir)];
        let (told, _) = exits(margay(&asked), 0);
        let told: Value = serde_json::from_str(&told).unwrap();
        let of = |variant: Variant| format!("rules of {variant}: ");
        let named = told["xtables"].as_array().unwrap().iter();
        let named: Vec<_> = named.map(|one| one.as_str().unwrap().to_owned()).collect();
        for variant in Variant::ALL {
            let is_named = named.iter().any(|one| one.starts_with(&of(variant)));
            assert!(is_named, "{variant}: {told:#}");
        }
        assert_eq!(saved("iptables-legacy-save").matches("mgy").count(), 0);
    });
}
