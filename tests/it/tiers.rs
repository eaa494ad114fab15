//! Many tiers, with real packets: each passes what it must, whatever their number.

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::codec::{self, Strictness};
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::net::Protocol;
use margay::ruleset::diff::between;
use margay::scenario::{Packet, Probe, Transport};

use crate::support::netns::in_netns;
use crate::support::packet::Part;
use crate::support::prober::{Line, Wiring};
use crate::support::tun::Link;

/// Tiers of each direction.
const TIERS: u16 = 20;

/// Tier n passes what goes to a port above n and denies the rest that no tier before denied, so that
/// a packet to port n meets n tiers; the last allows.
fn documents() -> String {
    let mut text = String::new();
    for n in 1..=TIERS {
        let rules = match n {
            TIERS => "[{action: Allow}]".to_owned(),
            _ => format!(
                "[{{action: Pass, protocol: UDP, destination: {{ports: [\"{}:65535\"]}}}}]",
                1_000 + n
            ),
        };
        text += &format!(
            "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {{name: t{n}}}\nspec: {{order: {n}}}\n---\n\
             apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: t{n}.p}}\n\
             spec: {{tier: t{n}, selector: all(), types: [Ingress, Egress], ingress: {rules}, egress: {rules}}}\n---\n"
        );
    }
    for (pod, address) in [("a", "10.65.0.1"), ("b", "10.65.0.2")] {
        text += &format!(
            "apiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\n\
             metadata: {{name: node1-k8s-{pod}-eth0, namespace: ns, labels: {{projectcalico.org/namespace: ns, projectcalico.org/orchestrator: k8s}}}}\n\
             spec: {{orchestrator: k8s, node: node1, pod: {pod}, endpoint: eth0, interfaceName: cali{pod}, ipNetworks: [{address}/32]}}\n---\n"
        );
    }
    text
}

#[test]
fn twenty_tiers_pass_and_deny_in_both_directions() {
    in_netns("twenty_tiers_pass_and_deny_in_both_directions", || {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("tiers.yaml");
        std::fs::write(&file, documents()).unwrap();
        let loaded = codec::read(&[file], Strictness::Strict);
        assert!(!loaded.has_errors(), "{:?}", loaded.problems);
        let ruleset = compile(&loaded.state, "node1", &Skeleton::builtin().unwrap());
        let commit = between(None, &ruleset.tables[&table_key()], &table_key());
        let mut backend = NftBackend::new(Ownership::None).unwrap();
        backend.commit(&commit).unwrap();
        let line = |name: &str, address: &str| Line {
            name: name.to_owned(),
            link: Link::Ip,
            prefixes: vec![format!("{address}/32")],
        };
        let lines = [line("calia", "10.65.0.1"), line("calib", "10.65.0.2")];
        let mut wiring = Wiring::new(&lines, &[]).unwrap();
        for port in 1_000..1_000 + TIERS + 5 {
            // The last tier but one passes what goes above its port.
            let passes = port >= 1_000 + TIERS - 1;
            let probe = probe(port);
            assert_eq!(wiring.probe(&probe, Part::Opening), passes, "port {port}");
        }
    });
}

fn probe(port: u16) -> Probe {
    Probe {
        from: "calia".parse().unwrap(),
        to: "calib".parse().ok(),
        mac: None,
        packet: Packet {
            source: "10.65.0.1".parse().unwrap(),
            destination: "10.65.0.2".parse().unwrap(),
            transport: Transport::Ports {
                protocol: Protocol::UDP,
                source: 9,
                destination: port,
            },
        },
    }
}
