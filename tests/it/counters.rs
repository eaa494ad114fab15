//! Counters of single rules, with real packets: each counts its own, and outlives changes of the others.

use std::collections::BTreeMap;

use margay::codec;
use margay::model::State;
use margay::net::Protocol;
use margay::scenario::{Packet, Probe, Transport, place};
use serde_json::Value;

use crate::support::engine::Engine;
use crate::support::netns::{in_netns, nft};
use crate::support::packet::Part;
use crate::support::prober::{Wiring, places};

/// A receiver in slot 1 whose policy has these rules, and a sender in slot 0 that may send everything.
fn state(rules: &[&str]) -> State {
    let mut text = format!(
        "apiVersion: margay/v1\nkind: Settings\npolicyCounters: true\n---\n\
         apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: in}}\n\
         spec: {{selector: role == 'b', types: [Ingress], ingress: [{}]}}\n---\n\
         apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: out}}\n\
         spec: {{selector: role == 'a', types: [Egress], egress: [{{action: Allow}}]}}\n",
        rules.join(", ")
    );
    for (pod, slot) in [("a", 0), ("b", 1)] {
        let address = place::in_slot(slot, margay::net::Family::V4, 2);
        text += &format!(
            "---\napiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\n\
             metadata: {{name: {host}-k8s-{pod}-eth0, namespace: ns, labels: {{role: {pod}, \
             projectcalico.org/namespace: ns, projectcalico.org/orchestrator: k8s}}}}\n\
             spec: {{orchestrator: k8s, node: {host}, pod: {pod}, endpoint: eth0, \
             interfaceName: {interface}, ipNetworks: [{address}/32]}}\n",
            host = place::HOST,
            interface = place::SLOTS[slot],
        );
    }
    let loaded = codec::parse("counters.yaml", &text);
    assert!(!loaded.has_errors(), "{:?}", loaded.problems);
    loaded.state
}

fn probe(source: u16, port: u16) -> Probe {
    let [from, to] = [0, 1].map(|slot| place::in_slot(slot, margay::net::Family::V4, 2));
    Probe {
        from: place::SLOTS[0].parse().unwrap(),
        to: place::route(to),
        mac: place::is_ethernet(0).then(|| place::mac(0)),
        packet: Packet {
            source: from,
            destination: to,
            transport: Transport::Ports {
                protocol: Protocol::UDP,
                source,
                destination: port,
            },
        },
    }
}

/// Packets of every counter that counted any, by its name.
fn counted() -> BTreeMap<String, u64> {
    let listing: Value = serde_json::from_str(&nft(&["-j", "list", "counters"], "")).unwrap();
    let objects = listing["nftables"].as_array().unwrap().iter();
    let counters = objects.filter_map(|object| object.get("counter"));
    let counters = counters.map(|counter| {
        let name = counter["name"].as_str().unwrap().to_owned();
        (name, counter["packets"].as_u64().unwrap())
    });
    counters
        .filter(|(name, packets)| name.starts_with("gnp/in/") && *packets > 0)
        .collect()
}

#[test]
fn a_rule_counts_its_packets_and_outlives_its_neighbours() {
    in_netns(
        "a_rule_counts_its_packets_and_outlives_its_neighbours",
        || {
            let mut wiring = Wiring::new(&places(), &place::host_addresses()).unwrap();
            let mut engine = Engine::new();
            let allowing = "{action: Allow, protocol: UDP, destination: {ports: [100]}}";
            let denying = "{action: Deny, protocol: UDP, destination: {ports: [200]}}";
            let newcomer = "{action: Deny, protocol: UDP, destination: {ports: [300]}}";
            let before = engine.compiled(&state(&[allowing, denying]));
            engine.update(&before);
            for n in 0..5 {
                assert!(wiring.probe(&probe(1_000 + n, 100), Part::Opening));
            }
            for n in 0..3 {
                assert!(!wiring.probe(&probe(1_000 + n, 200), Part::Opening));
            }
            let first = counted();
            assert_eq!(
                first.values().copied().collect::<Vec<_>>().len(),
                2,
                "{first:?}"
            );
            let [five, three] = [5, 3].map(|count| {
                let found = first.iter().find(|(_, packets)| **packets == count);
                found
                    .unwrap_or_else(|| panic!("nothing counted {count}: {first:?}"))
                    .0
                    .clone()
            });
            // A rule comes before the others, and they change places.
            let after = engine.compiled(&state(&[newcomer, denying, allowing]));
            engine.update(&after);
            assert!(engine.holds(&after));
            assert!(wiring.probe(&probe(2_000, 100), Part::Opening));
            assert!(!wiring.probe(&probe(2_000, 300), Part::Opening));
            let second = counted();
            assert_eq!((second[&five], second[&three]), (6, 3), "{second:?}");
            assert_eq!(second.len(), 3, "{second:?}");
            // A rule that goes takes its counter along.
            let last = engine.compiled(&state(&[allowing]));
            engine.update(&last);
            assert_eq!(counted(), BTreeMap::from([(five, 6)]));
        },
    );
}
