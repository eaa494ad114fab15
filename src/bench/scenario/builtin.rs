//! The scenarios that come with the program.

use super::{Axis, Phase, Scenario};

/// All of them, in the order in which they run.
pub fn builtin() -> Vec<Scenario> {
    vec![
        packets(),
        exact(),
        frames(),
        family(),
        endpoints(),
        bundles(),
        rules(),
        linear(),
        xtables(),
        members(),
        resync(),
        churn(),
        verdicts(),
        update(),
        takeover(),
    ]
}

/// What margay promises of itself is judged by these, in one run.
pub const MUST_HOLD: [&str; 11] = [
    "packets",
    "exact",
    "endpoints",
    "bundles",
    "rules",
    "linear",
    "members",
    "resync",
    "verdicts",
    "update",
    "takeover",
];

/// All that judge what margay promises of itself.
pub fn must_hold() -> Vec<Scenario> {
    let judged = |scenario: &Scenario| MUST_HOLD.contains(&scenario.name.as_str());
    builtin().into_iter().filter(judged).collect()
}

const PACKETS: [Phase; 5] = [
    Phase::PacketNew,
    Phase::PacketEstablished,
    Phase::PacketDrop,
    Phase::ConnectionRate,
    Phase::FirstPacket,
];
const DELTAS: [Phase; 3] = [Phase::DeltaMember, Phase::DeltaEndpoint, Phase::DeltaPolicy];
/// Who is there when one change is compared with doing it by text.
const BY_TEXT: [&str; 8] = [
    "margay",
    "margay-commit",
    "replay",
    "nft",
    "felix-nft",
    "kube-proxy",
    "margay-xtables",
    "linear-iptables-legacy",
];

fn scenario(name: &str, about: &str, axes: &[(Axis, &[u64])], phases: &[Phase]) -> Scenario {
    Scenario {
        name: name.to_owned(),
        about: about.to_owned(),
        seed: 1,
        axes: axes.iter().map(|(a, v)| (*a, v.to_vec())).collect(),
        phases: phases.to_vec(),
        peers: Vec::new(),
    }
}

fn among(peers: &[&str], scenario: Scenario) -> Scenario {
    Scenario {
        peers: peers.iter().map(|peer| (*peer).to_owned()).collect(),
        ..scenario
    }
}

fn packets() -> Scenario {
    let about = "what a packet costs as rules become more";
    let axes: &[(Axis, &[u64])] = &[(Axis::Rules, &[10, 1_000, 10_000])];
    scenario("packets", about, axes, &PACKETS)
}

fn exact() -> Scenario {
    let about = "the same where no rule needs an interval";
    let axes: &[(Axis, &[u64])] = &[(Axis::Rules, &[10, 10_000]), (Axis::Prefixes, &[0])];
    scenario("exact", about, axes, &PACKETS[..3])
}

fn frames() -> Scenario {
    let about = "what a packet costs as it becomes longer";
    let axes: &[(Axis, &[u64])] = &[(Axis::Frame, &[64, 576, 1_500])];
    let phases = &[Phase::PacketNew, Phase::PacketEstablished];
    scenario("frames", about, axes, phases)
}

fn family() -> Scenario {
    let about = "packets and changes of either family";
    let axes: &[(Axis, &[u64])] = &[(Axis::Family, &[4, 6])];
    let phases = [&PACKETS[..3], &DELTAS, &[Phase::ColdLoad]].concat();
    scenario("family", about, axes, &phases)
}

fn endpoints() -> Scenario {
    let about = "one change as endpoints become more";
    let axes: &[(Axis, &[u64])] = &[(Axis::Endpoints, &[100, 10_000]), (Axis::Bundles, &[50])];
    let phases = [&DELTAS[..], &[Phase::ColdLoad, Phase::Teardown]].concat();
    among(&BY_TEXT, scenario("endpoints", about, axes, &phases))
}

fn bundles() -> Scenario {
    let about = "one change as lists of policies become more";
    let axes: &[(Axis, &[u64])] = &[(Axis::Endpoints, &[10_000]), (Axis::Bundles, &[5_000])];
    among(&BY_TEXT, scenario("bundles", about, axes, &DELTAS))
}

fn rules() -> Scenario {
    let about = "one change as rules become more";
    let axes: &[(Axis, &[u64])] = &[(Axis::Rules, &[1_000, 100_000])];
    among(&BY_TEXT, scenario("rules", about, axes, &DELTAS))
}

fn linear() -> Scenario {
    let about = "a large policy, as lookups and as one rule each";
    let axes: &[(Axis, &[u64])] = &[(Axis::Rules, &[100_000])];
    let phases = &[Phase::ColdLoad, Phase::Teardown];
    scenario("linear", about, axes, phases)
}

fn xtables() -> Scenario {
    let about = "Margay by iptables and ipsets, beside one rule of iptables for each of a policy";
    let axes: &[(Axis, &[u64])] = &[(Axis::Rules, &[10_000]), (Axis::Endpoints, &[1_000])];
    let phases = [&PACKETS[..], &DELTAS, &[Phase::ColdLoad, Phase::Teardown]].concat();
    let peers = ["margay", "margay-xtables", "linear-iptables-legacy"];
    among(&peers, scenario("xtables", about, axes, &phases))
}

fn members() -> Scenario {
    let about = "a group of very many members";
    let axes: &[(Axis, &[u64])] = &[
        (Axis::Members, &[1_000_000]),
        (Axis::Rules, &[10]),
        (Axis::Groups, &[1]),
    ];
    let phases = &[Phase::ColdLoad, Phase::DeltaMember, Phase::Teardown];
    scenario("members", about, axes, phases)
}

fn resync() -> Scenario {
    let about = "looking at a large state that is right";
    let axes: &[(Axis, &[u64])] = &[(Axis::Members, &[100_000]), (Axis::Rules, &[10])];
    scenario("resync", about, axes, &[Phase::Resync])
}

fn churn() -> Scenario {
    let about = "changes as fast as can be, and at a rate";
    let axes: &[(Axis, &[u64])] = &[(Axis::Endpoints, &[1_000]), (Axis::Rate, &[0, 100, 1_000])];
    scenario("churn", about, axes, &[Phase::BurstChurn])
}

fn verdicts() -> Scenario {
    let about = "what packets see of updates, up to one of 1,000 elements";
    let axes: &[(Axis, &[u64])] = &[(Axis::Members, &[500]), (Axis::Family, &[4, 6])];
    scenario("verdicts", about, axes, &[Phase::WrongVerdicts])
}

fn update() -> Scenario {
    let about = "what packets see of updates, up to one of 100,000 elements";
    let axes: &[(Axis, &[u64])] = &[(Axis::Members, &[50_000]), (Axis::Rules, &[1_000])];
    let phases = &[Phase::UpdateLatency, Phase::WrongVerdicts];
    scenario("update", about, axes, phases)
}

fn takeover() -> Scenario {
    let about = "a restart, and what packets see of it";
    let axes: &[(Axis, &[u64])] = &[(Axis::Endpoints, &[100, 1_000])];
    scenario("takeover", about, axes, &[Phase::RestartTakeover])
}
