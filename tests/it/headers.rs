//! Packets that end before their ports or messages: whole protocols are denied and passed all the same,
//! by traces, by the reference interpreter and by the kernel.

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::codec::{self, Strictness};
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::model::State;
use margay::net::Protocol;
use margay::ruleset::Ruleset;
use margay::ruleset::diff::between;
use margay::scenario::{Packet, Probe, Transport};

use crate::faults::passes;
use crate::support::netns::in_netns;
use crate::support::packet::Part;
use crate::support::probe::{facts, traced};
use crate::support::prober::{Line, Wiring};
use crate::support::reference::{Connection, Reference, Verdict};
use crate::support::tun::Link;

/// Rules in the order in which packets meet them, each with what it is that would miss such packets.
const POLICIES: [(&str, &[&str]); 6] = [
    (
        "one set of ports and whole protocols",
        &[
            "Deny, protocol: UDP, source: {nets: [10.65.0.0/16]}",
            "Deny, protocol: UDP, source: {nets: [10.66.0.0/16]}, destination: {ports: [53]}",
            "Allow, source: {nets: [10.0.0.0/8]}",
        ],
    ),
    (
        "one set of messages and whole protocols",
        &[
            "Deny, protocol: ICMP, source: {nets: [10.65.0.0/16]}",
            "Deny, protocol: ICMP, source: {nets: [10.66.0.0/16]}, icmp: {type: 8}",
            "Allow, source: {nets: [10.0.0.0/8]}",
        ],
    ),
    (
        "services of one selector",
        &[
            "Deny, protocol: UDP, source: {selector: all()}",
            "Deny, protocol: TCP, source: {selector: all()}, destination: {ports: [1]}",
            "Deny, protocol: SCTP, source: {selector: all()}, destination: {ports: [1, 5]}",
            "Allow, source: {nets: [10.0.0.0/8]}",
        ],
    ),
    (
        "prefixes among the ports of a lane",
        &[
            "Deny, source: {nets: [10.65.0.8/30]}",
            "Deny, protocol: UDP, source: {nets: [10.65.0.1/32]}",
            "Deny, protocol: TCP, source: {nets: [10.65.0.2/32]}",
            "Deny, protocol: UDP, source: {nets: [10.66.0.0/16]}, destination: {ports: [53]}",
            "Deny, protocol: TCP, source: {nets: [10.66.0.0/16]}, destination: {ports: [53]}",
            "Deny, protocol: ICMP, source: {nets: [10.66.0.0/16]}, icmp: {type: 8}",
            "Deny, protocol: 47, source: {nets: [10.66.0.0/16]}",
            "Deny, protocol: UDP, source: {selector: has(nothing)}",
            "Allow, source: {nets: [10.0.0.0/8]}",
        ],
    ),
    (
        "a verdict map that denies",
        &[
            "Allow, protocol: UDP, source: {nets: [10.65.0.0/24]}, destination: {ports: [53]}",
            "Deny, protocol: UDP, source: {nets: [10.65.0.1/32]}",
            "Allow, protocol: UDP, source: {nets: [10.65.0.0/16]}",
            "Deny, protocol: TCP, source: {nets: [10.65.0.1/32]}, destination: {ports: [53]}",
            "Allow, protocol: ICMP, source: {nets: [10.65.0.2/32]}, icmp: {type: 8}",
            "Deny, protocol: ICMP, source: {nets: [10.65.0.2/32]}",
            "Allow, source: {selector: all()}",
        ],
    ),
    (
        "a verdict map that passes",
        &[
            "Allow, protocol: UDP, source: {nets: [10.65.0.0/24]}, destination: {ports: [53]}",
            "Pass, source: {nets: [10.65.0.1/32]}",
            "Allow, protocol: UDP, source: {nets: [10.65.0.0/16]}",
            "Deny, protocol: TCP, source: {nets: [10.65.0.3/32]}, destination: {ports: [53]}",
            "Deny, protocol: SCTP, source: {nets: [10.65.0.3/32]}, destination: {ports: [53]}",
            "Allow, source: {selector: all()}",
        ],
    ),
];

/// The interfaces of three endpoints with their addresses: what goes to the last is asked about.
const ENDPOINTS: [(&str, &str); 3] = [
    ("calia", "10.65.0.1"),
    ("calib", "10.65.0.2"),
    ("calic", "10.65.0.3"),
];

fn documents(rules: &[&str]) -> String {
    let mut text =
        "apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {name: default}\n\
         spec: {disableConntrackInvalidCheck: true}\n---\n"
            .to_owned();
    let rules: String = rules
        .iter()
        .map(|rule| format!("  - {{action: {rule}}}\n"))
        .collect();
    for (name, tier, order, rules) in [
        ("first.p", "first", 1, rules.as_str()),
        ("second.p", "second", 2, "  - {action: Deny}\n"),
    ] {
        text += &format!(
            "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {{name: {tier}}}\nspec: {{order: {order}}}\n---\n\
             apiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: {name}}}\n\
             spec:\n  tier: {tier}\n  selector: all()\n  types: [Ingress]\n  ingress:\n{rules}---\n"
        );
    }
    for (interface, address) in ENDPOINTS {
        let pod = &interface[4..];
        text += &format!(
            "apiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\n\
             metadata: {{name: node1-k8s-{pod}-eth0, namespace: ns, labels: {{projectcalico.org/namespace: ns, projectcalico.org/orchestrator: k8s}}}}\n\
             spec: {{orchestrator: k8s, node: node1, pod: {pod}, endpoint: eth0, interfaceName: {interface}, ipNetworks: [{address}/32], profiles: [projectcalico-default-allow]}}\n---\n"
        );
    }
    text
}

fn state(rules: &[&str]) -> State {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("policy.yaml");
    std::fs::write(&file, documents(rules)).unwrap();
    let loaded = codec::read(&[file], Strictness::Strict);
    assert!(!loaded.has_errors(), "{:?}", loaded.problems);
    loaded.state
}

/// Packets to the last endpoint, from each of the others: cut, whole, and of other protocols.
fn probes() -> Vec<Probe> {
    let ports = |protocol, destination| Transport::Ports {
        protocol,
        source: 9,
        destination,
    };
    let cut = [
        Protocol::TCP,
        Protocol::UDP,
        Protocol::SCTP,
        Protocol::UDPLITE,
        Protocol::ICMP,
    ];
    let mut transports = cut.map(Transport::Cut).to_vec();
    transports.extend([53, 54].map(|port| ports(Protocol::UDP, port)));
    transports.extend([53, 54].map(|port| ports(Protocol::TCP, port)));
    transports.push(Transport::Icmp { kind: 8, code: 0 });
    transports.push(Transport::Other(Protocol(253)));
    let (to, destination) = ENDPOINTS[2];
    let from = |(from, source): (&str, &str)| {
        let probe = |transport: &Transport| Probe {
            from: from.parse().unwrap(),
            to: to.parse().ok(),
            mac: None,
            packet: Packet {
                source: source.parse().unwrap(),
                destination: destination.parse().unwrap(),
                transport: *transport,
            },
        };
        transports.iter().map(probe).collect::<Vec<_>>()
    };
    ENDPOINTS[..2].iter().copied().flat_map(from).collect()
}

/// Every probe of a policy with what the reference interpreter says, once the trace says the same.
fn agreed(state: &State, ruleset: &Ruleset) -> Vec<(Probe, Verdict)> {
    let reference = Reference::new(state, "node1");
    let agreed = probes().into_iter().map(|probe| {
        let connection = match probe.packet.transport {
            Transport::Cut(_) => Connection::Invalid,
            Transport::Ports { .. } | Transport::Icmp { .. } | Transport::Other(_) => {
                Connection::New
            }
        };
        let verdict = reference.verdict(&facts(&probe, connection));
        let seen = passes(ruleset, &traced(&probe, connection));
        assert_eq!(seen, verdict, "{probe:?}\n{ruleset}");
        (probe, verdict)
    });
    agreed.collect()
}

#[test]
fn whole_protocols_mean_packets_without_a_header_too() {
    for (missed_by, rules) in POLICIES {
        let state = state(rules);
        let ruleset = compile(&state, "node1", &Skeleton::builtin().unwrap());
        let agreed = agreed(&state, &ruleset);
        let cut =
            |(probe, _): &&(Probe, Verdict)| matches!(probe.packet.transport, Transport::Cut(_));
        let dropped = |(_, verdict): &&(Probe, Verdict)| *verdict == Verdict::Drop;
        let dropped = agreed.iter().filter(cut).filter(dropped).count();
        assert!(dropped > 0, "{missed_by}: no packet is denied");
    }
}

#[test]
fn the_kernel_denies_packets_without_a_header() {
    in_netns(
        "headers::the_kernel_denies_packets_without_a_header",
        || {
            let line = |(name, address): (&str, &str)| Line {
                name: name.to_owned(),
                link: Link::Ip,
                prefixes: vec![format!("{address}/32")],
            };
            let mut wiring = Wiring::new(&ENDPOINTS.map(line), &[]).unwrap();
            let mut backend = NftBackend::new(Ownership::None).unwrap();
            let mut held = None;
            for (missed_by, rules) in POLICIES {
                let state = state(rules);
                let ruleset = compile(&state, "node1", &Skeleton::builtin().unwrap());
                let commit = between(held.as_ref(), &ruleset.tables[&table_key()], &table_key());
                backend.commit(&commit).unwrap();
                held = backend.observe(&table_key()).unwrap();
                for (probe, verdict) in agreed(&state, &ruleset) {
                    let arrived = wiring.probe(&probe, Part::Opening);
                    assert_eq!(
                        arrived,
                        verdict == Verdict::Deliver,
                        "{missed_by}: {probe:?}"
                    );
                }
            }
        },
    );
}
