//! Random worlds of Calico v3 policy: tiers, policies, profiles, network sets, labelled endpoints.

mod aim;
mod label;
mod rule;

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::Random;
use super::place::{GHOST, HOST};
use super::world::{self, World};
use crate::model::scope::PolicyScope;
use crate::model::{
    DefaultAction, DenyAction, Direction, Endpoint, Enforcement, InvalidCheck, Labelled, Labels,
    Membership, NamedPort, Namespace, NetworkSet, Order, Origin, Policy, PolicyCounters,
    PolicyKind, PolicyName, PolicyTypes, Profile, ProfileName, Rule, ScopedName, Settings,
    SourceSpoofing, Stage, StagedAction, State, Subject, Tier, TierName,
};
use crate::net::{Family, Protocol};

pub(super) use aim::beside_a_rule;

/// The tiers of all worlds. The last is named by policies and seldom exists.
const TIERS: [&str; 4] = ["default", "front", "a-tier", "ghost"];

/// Names of ports; rules also name one that nothing has.
const PORT_NAMES: [&str; 4] = ["http", "dns", "alt", "none"];

/// Ports below 1024, which senders do not choose by chance.
const PORTS: [u16; 6] = [22, 53, 80, 81, 443, 1000];

/// A profile that endpoints name and that does not exist.
const ABSENT: &str = "absent";

impl World {
    /// The world of a seed in the words of Calico.
    pub fn labelled(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x6c61_6265_6c73);
        let random = &mut random;
        let mut state = State {
            settings: settings(random),
            ..State::default()
        };
        for endpoint in endpoints(random) {
            state.endpoints.insert(endpoint.name.clone(), endpoint);
        }
        let known = world::known_addresses(&state);
        for set in (0..random.below(4)).filter_map(|n| network_set(random, n, &known)) {
            state.network_sets.insert(set.name.clone(), set);
        }
        for profile in profiles(random, &known) {
            state.profiles.insert(profile.name.clone(), profile);
        }
        for tier in TIERS.iter().filter_map(|name| tier(random, name)) {
            state.tiers.insert(tier.name.clone(), tier);
        }
        let count = 3 + random.below(5);
        for policy in (0..count).filter_map(|n| policy(random, n, &known)) {
            state.policies.insert(policy.name.clone(), policy);
        }
        Self { state, host: HOST }
    }
}

fn settings(random: &mut Random) -> Settings {
    let mut settings = world::settings(random);
    if random.percent(10) {
        settings.deny_action = DenyAction::Reject;
    }
    if random.percent(20) {
        settings.invalid_check = InvalidCheck::Disabled;
    }
    if random.percent(30) {
        settings.source_spoofing = SourceSpoofing::Any;
    }
    if random.percent(20) {
        settings.policy_counters = PolicyCounters::On;
    }
    settings
}

fn endpoints(random: &mut Random) -> Vec<Endpoint> {
    let (first, count) = (random.below(GHOST), 2 + random.below(5));
    let mut all = Vec::new();
    for n in 0..count {
        let slot = (first + n) % GHOST;
        all.extend(endpoint(random, &format!("ep{n}"), HOST, slot));
        // Two endpoints on one interface: the other may come before or after by name.
        if random.percent(6) {
            let name = *random.pick(&["a-second", "z-second"]);
            all.extend(endpoint(random, name, HOST, slot));
        }
    }
    // Several of these have an address in common.
    for n in 0..2 + random.below(4) {
        let slot = 20 + random.below(3);
        all.extend(endpoint(random, &format!("remote{n}"), "node2", slot));
    }
    all
}

fn endpoint(random: &mut Random, name: &str, host: &str, slot: usize) -> Option<Endpoint> {
    let mut endpoint = world::endpoint(random, name, host, slot, &[])?;
    // A few have no labels, and no group gives them any policy.
    if !random.percent(3) {
        endpoint.membership = Membership::Labels(Box::new(labelled(random, slot)?));
    }
    Some(endpoint)
}

fn labelled(random: &mut Random, slot: usize) -> Option<Labelled> {
    let namespace = label::namespace(random)?;
    let mut profiles = vec![ProfileName::of_namespace(&namespace)];
    let others = ["ksa.sa", "own", ABSENT, "projectcalico-default-allow"];
    for (name, chance) in others.iter().zip([30, 30, 8, 15]) {
        if random.percent(chance) {
            let at = random.below(profiles.len() + 1);
            profiles.insert(at, name.parse().ok()?);
        }
    }
    let spoofs = random.percent(30);
    let spoofed = Family::ALL.map(|family| super::place::prefix(slot, family).parse().ok());
    Some(Labelled {
        labels: label::of_thing(random, Some(&namespace)),
        profiles,
        ports: (0..random.below(4))
            .filter_map(|_| named_port(random))
            .collect(),
        spoofed: spoofed.into_iter().flatten().filter(|_| spoofs).collect(),
    })
}

fn named_port(random: &mut Random) -> Option<NamedPort> {
    Some(NamedPort {
        name: random.pick(&PORT_NAMES[..3]).parse().ok()?,
        protocol: *random.pick(&[Protocol::TCP, Protocol::UDP, Protocol::TCP, Protocol::SCTP]),
        port: *random.pick(&PORTS),
    })
}

fn network_set(random: &mut Random, n: usize, known: &[IpAddr]) -> Option<NetworkSet> {
    let namespace = label::namespace(random).filter(|_| random.percent(50));
    let nets: BTreeSet<_> = (0..1 + random.below(4))
        .map(|_| {
            let family = *random.pick(&Family::ALL);
            world::cidr(random, family, known)
        })
        .collect();
    Some(NetworkSet {
        labels: label::of_thing(random, namespace.as_ref()),
        name: ScopedName {
            namespace,
            name: format!("set{n}").parse().ok()?,
        },
        nets,
        origin: Origin::default(),
    })
}

/// Those of the two namespaces, of a service account, and one of no particular meaning.
fn profiles(random: &mut Random, known: &[IpAddr]) -> Vec<Profile> {
    let mut all = Vec::new();
    for (name, key, value) in [
        ("kns.ns1", "pcns.team", "red"),
        ("kns.ns2", "pcns.team", "blue"),
        ("ksa.sa", "pcsa.trust", "high"),
        ("own", "role", "z"),
    ] {
        let label = key.parse().ok().zip(value.parse().ok());
        let labels: Labels = label.into_iter().collect();
        let Ok(name) = name.parse() else { continue };
        let [ingress, egress] =
            Direction::ALL.map(|direction| rule::rules(random, direction, None, known));
        all.push(Profile {
            name,
            labels,
            ingress,
            egress,
            origin: Origin::default(),
        });
    }
    all
}

/// Orders of which some are alike.
fn order(random: &mut Random) -> Order {
    let given = [None, Order::new(1.0), Order::new(1.0), Order::new(-2.5)];
    random.pick(&given).unwrap_or_default()
}

fn tier(random: &mut Random, name: &str) -> Option<Tier> {
    let exists = name != TIERS[3] || random.percent(20);
    exists.then_some(Tier {
        name: name.parse().ok()?,
        order: order(random),
        default_action: match random.percent(45) {
            true => DefaultAction::Pass,
            false => DefaultAction::Deny,
        },
        origin: Origin::default(),
    })
}

fn policy(random: &mut Random, n: usize, known: &[IpAddr]) -> Option<Policy> {
    let kind = match random.below(20) {
        0..9 => PolicyKind::NetworkPolicy,
        9..18 => PolicyKind::GlobalNetworkPolicy,
        18 => PolicyKind::StagedNetworkPolicy,
        _ => PolicyKind::StagedGlobalNetworkPolicy,
    };
    let (is_global, enforcement) = match kind {
        PolicyKind::NetworkPolicy => (false, Enforcement::Enforced),
        PolicyKind::GlobalNetworkPolicy => (true, Enforcement::Enforced),
        PolicyKind::StagedGlobalNetworkPolicy => (true, Enforcement::Staged(StagedAction::Set)),
        PolicyKind::StagedNetworkPolicy | PolicyKind::StagedKubernetesNetworkPolicy => {
            (false, Enforcement::Staged(StagedAction::Set))
        }
    };
    let namespace = label::namespace(random).filter(|_| !is_global);
    let types = [
        PolicyTypes::Both,
        PolicyTypes::Both,
        PolicyTypes::Ingress,
        PolicyTypes::Egress,
    ];
    let [ingress, egress]: [Vec<Rule>; 2] = Direction::ALL
        .map(|direction| rule::rules(random, direction, Some(namespace.as_ref()), known));
    Some(Policy {
        tier: tier_name(random)?,
        order: order(random),
        selector: applies_to(random, namespace.as_ref()),
        types: *random.pick(&types),
        stage: stage(random, is_global),
        enforcement,
        ingress,
        egress,
        name: PolicyName {
            kind,
            namespace,
            name: format!("{}{n}", random.pick(&["p", "q"])).parse().ok()?,
        },
        origin: Origin::default(),
    })
}

fn tier_name(random: &mut Random) -> Option<TierName> {
    let place = random.below(10);
    TIERS[place.min(9) / 3].parse().ok()
}

fn stage(random: &mut Random, is_global: bool) -> Stage {
    match random.below(20) {
        0 if is_global => Stage::BeforeDnat,
        1 if is_global => Stage::Untracked,
        2..5 if is_global => Stage::LocalAndForwarded,
        _ => Stage::Local,
    }
}

/// Whom a policy is for: many, so that most endpoints have some.
fn applies_to(random: &mut Random, namespace: Option<&Namespace>) -> crate::model::Selector {
    let accounts = match namespace {
        Some(_) => Subject::ServiceAccounts,
        None => Subject::ServiceAccountsAnywhere,
    };
    let mut some = |chance, subject| {
        let chosen = random.percent(chance);
        label::selector(random, subject).filter(|_| chosen)
    };
    let scope = PolicyScope {
        selector: some(40, Subject::Endpoints),
        namespaces: some(25, Subject::Namespaces).filter(|_| namespace.is_none()),
        service_accounts: some(8, accounts),
    };
    scope.applies_to(namespace)
}
