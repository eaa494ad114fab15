//! A compiler that takes in one change after another makes the table of one that begins with all of them.

use margay::compile::skeleton::{Skeleton, table_key};
use margay::compile::{Compiler, compile};
use margay::model::{
    Event, GroupRule, GroupRules, InvalidCheck, Origin, Peer, PolicyCounters, SecurityGroup,
    Service, Settings, State,
};
use margay::net::{Cidr, Family, PortRange, Protocol};
use margay::scenario::Random;
use margay::scenario::flat::{Flat, POLICY, flat};
use margay::scenario::place::HOST;

/// Rules whose prefixes nest and whose ports overlap, of both families and every shape, often the same.
fn some_rule(random: &mut Random) -> GroupRule {
    let family = *random.pick(&Family::ALL);
    let peer = match random.percent(4) {
        true => Peer::Group(format!("peer{}", random.below(6)).parse().unwrap()),
        false => Peer::Cidr(some_prefix(random, family)),
    };
    GroupRule {
        family,
        service: some_service(random),
        peer,
        origin: Origin::default(),
    }
}

fn some_prefix(random: &mut Random, family: Family) -> Cidr {
    let (a, b, host) = (random.below(8), random.below(3), random.below(30));
    let [shortest, longest] = match family {
        Family::V4 => [8, 32],
        Family::V6 => [16, 128],
    };
    let any = shortest + random.below(longest - shortest + 1);
    let length = *random.pick(&[
        0,
        shortest + 8,
        shortest + 16,
        any,
        longest,
        longest,
        longest,
    ]);
    let prefix = match family {
        Family::V4 => format!("10.{a}.{b}.{host}/{length}"),
        Family::V6 => format!("fd00:{a}:{b}::{host}/{length}"),
    };
    let (address, length) = prefix.split_once('/').unwrap();
    Cidr::of(address.parse().unwrap(), length.parse().unwrap())
}

fn some_service(random: &mut Random) -> Service {
    let first = u16::from(random.byte() % 20);
    let ports = PortRange::new(first, first + u16::from(random.byte() % 6)).unwrap();
    let (kind, code) = (random.byte() % 3, random.byte() % 3);
    match random.below(16) {
        0 => Service::Any,
        1 => Service::Protocol(Protocol::TCP),
        2 => Service::Protocol(Protocol(*random.pick(&[17, 1, 58, 47, 132]))),
        3 => Service::Icmp(kind, None),
        4 => Service::Icmp(kind, Some(code)),
        5 => Service::Ports(Protocol::SCTP, ports),
        6 | 7 => Service::Ports(Protocol::UDP, ports),
        _ => Service::Ports(Protocol::TCP, ports),
    }
}

/// A few rules come, go, move, are said twice or become others.
fn changed(random: &mut Random, list: &GroupRules) -> GroupRules {
    let mut rules: Vec<GroupRule> = list.iter().cloned().collect();
    let most = *random.pick(&[4, 4, 4, 4, 4, 4, 4, 4, 40]);
    for _ in 0..=random.below(most) {
        let (at, to) = (random.below(rules.len()), random.below(rules.len()));
        match random.below(5) {
            _ if rules.is_empty() => rules.push(some_rule(random)),
            0 => drop(rules.remove(at)),
            1 => rules.insert(at, some_rule(random)),
            2 => rules.insert(to, rules[at].clone()),
            3 => {
                let moved = rules.remove(at);
                rules.insert(to, moved);
            }
            _ => rules[at] = some_rule(random),
        }
    }
    let anew = GroupRules::from(rules);
    let sharing = anew.sharing(list);
    assert!(sharing.iter().eq(anew.iter()));
    assert_eq!(sharing == *list, anew.iter().eq(list.iter()));
    match random.percent(30) {
        true => anew,
        false => sharing,
    }
}

/// A state, and what happens to it.
struct History {
    random: Random,
    state: State,
    settings: Settings,
}

impl History {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let size = Flat {
            rules: 1,
            groups_named: 6,
            endpoints: 2,
            ..Flat::default()
        };
        let state = flat(size, seed);
        let rules = *random.pick(&[5, 30, 100, 300]);
        let mut some = || (0..rules).map(|_| some_rule(&mut random)).collect();
        let group = SecurityGroup {
            name: POLICY.parse().unwrap(),
            ingress: some(),
            egress: some(),
        };
        let mut history = Self {
            random,
            state,
            settings: Settings::default(),
        };
        history.state.apply(Event::Group(group));
        let _first = history.set();
        history
    }

    /// One or two changes at once.
    fn step(&mut self) -> Vec<Event> {
        let several = 1 + self.random.below(2);
        let mut events: Vec<Event> = (0..several).map(|_| self.change_group()).collect();
        if self.random.percent(8) {
            events.push(self.change_endpoint());
        }
        if self.random.percent(5) {
            events.push(self.set());
        }
        events
    }

    fn change_group(&mut self) -> Event {
        let name = POLICY.parse().unwrap();
        let known = self.state.groups.get(&name).cloned();
        let mut group = known.unwrap_or(SecurityGroup {
            name,
            ingress: GroupRules::NONE,
            egress: (0..30).map(|_| some_rule(&mut self.random)).collect(),
        });
        if self.random.percent(70) {
            group.ingress = changed(&mut self.random, &group.ingress);
        }
        if self.random.percent(50) {
            group.egress = changed(&mut self.random, &group.egress);
        }
        let event = match self.random.percent(2) {
            true => Event::GroupGone(group.name),
            false => Event::Group(group),
        };
        self.known(event)
    }

    fn change_endpoint(&mut self) -> Event {
        let endpoints: Vec<_> = self.state.endpoints.values().cloned().collect();
        let endpoint = self.random.pick(&endpoints).clone();
        // A few stay, so that the policy is in use.
        let event = match endpoints.len() > 13 && self.random.percent(50) {
            true => Event::EndpointGone(endpoint.name),
            false => Event::Endpoint(Box::new(endpoint)),
        };
        self.known(event)
    }

    fn set(&mut self) -> Event {
        self.settings.invalid_check = match self.random.percent(40) {
            true => InvalidCheck::Disabled,
            false => InvalidCheck::Enforced,
        };
        self.settings.policy_counters = match self.random.percent(15) {
            true => PolicyCounters::On,
            false => PolicyCounters::Off,
        };
        self.known(Event::Settings(self.settings.clone()))
    }

    fn known(&mut self, event: Event) -> Event {
        self.state.apply(event.clone());
        event
    }
}

#[test]
fn whatever_happens_leaves_what_is_made_from_scratch() {
    let skeleton = Skeleton::builtin().unwrap();
    for seed in 0..40 {
        let mut history = History::new(seed);
        let mut compiler = Compiler::of(history.state.clone(), HOST, &skeleton);
        for step in 0..12 {
            compiler.apply_all(history.step());
            let scratch = compile(&history.state, HOST, &skeleton);
            let of = format!("step {step} of seed {seed}");
            let expected = &scratch.tables[&table_key()];
            assert_eq!(compiler.table().table(), expected, "{of}");
            assert!(compiler.table().is_up_to_date(), "{of}");
        }
    }
}
