//! Faults of what policies in tiers, profiles and selectors become.

use margay::model::{
    DefaultAction, Enforcement, Membership, Order, PolicyTypes, Rule as Said, Selector, Stage,
};
use margay::ruleset::{ElementData, MetaKey, PayloadField};

use super::*;

/// How many worlds a fault may stay hidden in, and how many packets there are in each.
const WORLDS: u64 = 1_000;
const PACKETS: usize = 250;

const OF_TABLES: [Spoiling<Table>; 25] = [
    ("verdict maps allow what they deny", |t| {
        let denied = ElementData::Verdict(NftVerdict::Drop);
        let allowed = ElementData::Verdict(NftVerdict::Goto(name("allowed")));
        let elements = verdict_maps(t, "-verdict").flat_map(|map| map.elements.values_mut());
        for element in elements.filter(|element| element.data == denied) {
            element.data = allowed.clone();
        }
    }),
    ("verdict maps miss packets without a header", |t| {
        verdict_maps(t, "-cut-verdict").for_each(|map| map.elements.clear());
    }),
    ("the first verdict of every policy is reversed", |t| {
        policies(t).for_each(|rules| reverse_first(rules));
    }),
    ("what passes to the next tier is allowed", |t| {
        for rule in policies(t).flatten().filter(|rule| passes_on(rule)) {
            rule.statements.truncate(rule.statements.len() - 2);
            rule.statements.push(goto("allowed"));
        }
    }),
    ("what passes to the next tier is denied", |t| {
        for rule in policies(t).flatten().filter(|rule| passes_on(rule)) {
            rule.statements.truncate(rule.statements.len() - 2);
            rule.statements.push(Statement::Verdict(NftVerdict::Drop));
        }
    }),
    ("what passes meets the next policy of its tier", |t| {
        rules(t, "tier/", "")
            .for_each(|rules| rules.retain(|rule| !ends_in(rule, &NftVerdict::Return)));
    }),
    ("a tier finds the mark of the one before", |t| {
        let marks = |rule: &Rule| matches!(rule.statements[..], [Statement::SetMark(_)]);
        rules(t, "tier/", "").for_each(|rules| rules.retain(|rule| !marks(rule)));
    }),
    ("the first tier is left out", |t| {
        rules(t, "bundle/", "").for_each(|rules| drop_jump(rules, "tier/"));
    }),
    ("the tiers change places", |t| {
        rules(t, "bundle/", "").for_each(|rules| swap_jumps(rules, &["tier/"]));
    }),
    ("the first profile is left out", |t| {
        rules(t, "bundle/", "").for_each(|rules| drop_jump(rules, "profile/"));
    }),
    ("a tier has no end", |t| {
        rules(t, "tier/", "").for_each(|rules| rules.retain(|rule| !is_denial(rule)));
    }),
    ("every tier denies at its end", |t| {
        let denial = Rule::new(vec![Statement::Verdict(NftVerdict::Drop)]);
        rules(t, "tier/", "").for_each(|rules| rules.push(denial.clone()));
    }),
    ("two policies of a tier change places", |t| {
        rules(t, "tier/", "").for_each(|rules| swap_jumps(rules, &["np/", "gnp/"]));
    }),
    ("the first policy of a tier is left out", |t| {
        for word in ["np/", "gnp/"] {
            rules(t, "tier/", "").for_each(|rules| drop_jump(rules, word));
        }
    }),
    ("a member is missing", |t| {
        let members = sets(t, "set/").filter(|set| set.key.len() == 1);
        members.for_each(|set| drop(set.elements.pop_first()));
    }),
    ("network sets have no members", |t| {
        sets(t, "set/")
            .filter(|set| is_prefixes(set))
            .for_each(|set| set.elements.clear());
    }),
    ("ports have no names", |t| {
        sets(t, "set/")
            .filter(|set| set.key.len() > 1)
            .for_each(|set| set.elements.clear());
    }),
    ("ports that must not be are ports that must", |t| {
        for test in tests(t).filter(|test| test.operator == Operator::Ne && reads(test, &PORTS)) {
            test.operator = Operator::Eq;
        }
    }),
    ("ports that must be are ports that must not", |t| {
        for test in tests(t).filter(|test| test.operator == Operator::Eq && reads(test, &PORTS)) {
            test.operator = Operator::Ne;
        }
    }),
    ("messages that must not be are messages that must", |t| {
        for test in tests(t).filter(|test| test.operator == Operator::Ne && reads(test, &MESSAGES))
        {
            test.operator = Operator::Eq;
        }
    }),
    ("prefixes that must not be are forgotten", |t| {
        forget(t, |test| reads(test, &ADDRESSES) && !selects(test));
    }),
    ("selectors that must not match are forgotten", |t| {
        forget(t, |test| reads(test, &ADDRESSES) && selects(test));
    }),
    ("protocols that must not be are forgotten", |t| {
        forget(t, |test| test.left == [Expression::Meta(MetaKey::L4proto)]);
    }),
    ("IPv6 rules are left out", |t| {
        policies(t).for_each(|rules| rules.retain(|rule| !leads_to(rule, "/v6")));
    }),
    ("rules that log deny as well", |t| {
        let logs = |rule: &&mut Rule| matches!(rule.statements.last(), Some(Statement::Log { .. }));
        for rule in policies(t).flatten().filter(logs) {
            rule.statements.push(Statement::Verdict(NftVerdict::Drop));
        }
    }),
];

const OF_STATES: [Spoiling<State>; 11] = [
    ("a tier's default action is the other", |state| {
        for tier in state.tiers.values_mut() {
            tier.default_action = match tier.default_action {
                DefaultAction::Deny => DefaultAction::Pass,
                DefaultAction::Pass => DefaultAction::Deny,
            };
        }
    }),
    ("tiers have no order", |state| {
        state
            .tiers
            .values_mut()
            .for_each(|tier| tier.order = Order::default());
    }),
    ("policies have no order", |state| {
        state
            .policies
            .values_mut()
            .for_each(|policy| policy.order = Order::default());
    }),
    ("rules come in the opposite order", |state| {
        for policy in state.policies.values_mut() {
            policy.ingress.reverse();
            policy.egress.reverse();
        }
    }),
    ("staged policies are enforced", |state| {
        let policies = state.policies.values_mut();
        policies.for_each(|policy| policy.enforcement = Enforcement::Enforced);
    }),
    ("policies for hosts are for workloads", |state| {
        state
            .policies
            .values_mut()
            .for_each(|policy| policy.stage = Stage::Local);
    }),
    ("policies are for both directions", |state| {
        state
            .policies
            .values_mut()
            .for_each(|policy| policy.types = PolicyTypes::Both);
    }),
    ("policies are for everybody", |state| {
        state
            .policies
            .values_mut()
            .for_each(|policy| policy.selector = Selector::all());
    }),
    ("profiles that are missing are passed by", |state| {
        let known = state.profiles.clone();
        for endpoint in state.endpoints.values_mut() {
            if let Membership::Labels(labelled) = &mut endpoint.membership {
                labelled
                    .profiles
                    .retain(|name| name.as_str() != "absent" || known.contains_key(name));
            }
        }
    }),
    ("nobody inherits labels", |state| {
        state
            .profiles
            .values_mut()
            .for_each(|profile| profile.labels = Default::default());
    }),
    ("rules are of both families", |state| {
        said(state).for_each(|rule| rule.family = None);
    }),
];

#[test]
fn every_fault_of_policies_is_found() {
    let of_tables = OF_TABLES.map(|(name, plant)| (name, Plant::Table(plant)));
    let of_states = OF_STATES.map(|(name, plant)| (name, Plant::State(plant)));
    let faults: Vec<Fault> = of_tables.into_iter().chain(of_states).collect();
    let worlds = (0..WORLDS).map(|seed| (seed, World::labelled(seed)));
    assert_eq!(missed(&faults, worlds, PACKETS), [""; 0]);
}

#[test]
fn what_is_no_fault_is_not_found() {
    let controls: [Fault; 3] = [
        ("no table is spoiled", Plant::Table(|_| {})),
        ("no state is spoiled", Plant::State(|_| {})),
        (
            "a rule that no packet matches is added",
            Plant::Table(|t| {
                let never = equal(Expression::Meta(MetaKey::Nfproto), &[0]);
                let rule = Rule::new(vec![never, Statement::Verdict(NftVerdict::Drop)]);
                policies(t).for_each(|rules| rules.insert(0, rule.clone()));
            }),
        ),
    ];
    let worlds = (0..WORLDS / 10).map(|seed| (seed, World::labelled(seed)));
    assert_eq!(
        missed(&controls, worlds, PACKETS),
        controls.map(|control| control.0)
    );
}

const PORTS: [PayloadField; 6] = [
    PayloadField::TcpSport,
    PayloadField::TcpDport,
    PayloadField::UdpSport,
    PayloadField::UdpDport,
    PayloadField::ThSport,
    PayloadField::ThDport,
];

const MESSAGES: [PayloadField; 4] = [
    PayloadField::IcmpType,
    PayloadField::IcmpCode,
    PayloadField::Icmpv6Type,
    PayloadField::Icmpv6Code,
];

const ADDRESSES: [PayloadField; 4] = [
    PayloadField::IpSaddr,
    PayloadField::IpDaddr,
    PayloadField::Ip6Saddr,
    PayloadField::Ip6Daddr,
];

/// The rules of every chain of a policy or a profile.
fn policies(table: &mut Table) -> impl Iterator<Item = &mut Vec<Rule>> {
    let is_one = |name: &Name| {
        let mut words = ["np/", "gnp/", "profile/"].into_iter();
        words.any(|word| name.as_str().starts_with(word))
    };
    let chains = table
        .chains
        .iter_mut()
        .filter(move |(name, _)| is_one(name));
    chains.map(|(_, chain)| &mut chain.rules)
}

/// The verdict maps of policies with a word in their names.
fn verdict_maps<'t>(table: &'t mut Table, word: &'t str) -> impl Iterator<Item = &'t mut Set> {
    let maps = table.sets.iter_mut();
    let maps = maps.filter(move |(name, _)| name.as_str().contains(word));
    maps.map(|(_, map)| map)
}

/// What the rules of policies and profiles test.
fn tests(table: &mut Table) -> impl Iterator<Item = &mut Match> {
    let statements = policies(table)
        .flatten()
        .flat_map(|rule| &mut rule.statements);
    statements.filter_map(|statement| {
        if let Statement::Match(test) = statement {
            return Some(test);
        }
        None
    })
}

/// Leaves some tests out of which it matters that they fail.
fn forget(table: &mut Table, which: impl Fn(&Match) -> bool) {
    let is_one = |statement: &Statement| matches!(statement, Statement::Match(test) if test.operator == Operator::Ne && which(test));
    for rule in policies(table).flatten() {
        rule.statements.retain(|statement| !is_one(statement));
    }
}

/// Whether a test reads one of these fields last: what names of ports are compared with ends in a port.
fn reads(test: &Match, fields: &[PayloadField]) -> bool {
    matches!(test.left.last(), Some(Expression::Payload(field)) if fields.contains(field))
}

/// Whether a test asks for what a selector means.
fn selects(test: &Match) -> bool {
    matches!(&test.right, Operand::Set(set) if set.as_str().starts_with("set/"))
}

fn ends_in(rule: &Rule, verdict: &NftVerdict) -> bool {
    rule.statements.last() == Some(&Statement::Verdict(verdict.clone()))
}

/// Whether a rule of a policy passes to the next tier: it marks, and returns.
fn passes_on(rule: &Rule) -> bool {
    matches!(
        rule.statements[..],
        [
            ..,
            Statement::SetMark(_),
            Statement::Verdict(NftVerdict::Return)
        ]
    )
}

fn is_denial(rule: &Rule) -> bool {
    matches!(
        rule.statements[..],
        [Statement::Verdict(NftVerdict::Drop) | Statement::Reject(_)]
    )
}

/// Makes the first rule that decides decide otherwise.
fn reverse_first(rules: &mut [Rule]) {
    let allows = |statement: &Statement| {
        matches!(statement, Statement::Verdict(NftVerdict::Goto(chain))
            if !chain.as_str().contains('/'))
    };
    let denies = |statement: &Statement| {
        matches!(
            statement,
            Statement::Verdict(NftVerdict::Drop) | Statement::Reject(_)
        )
    };
    let mut last = rules
        .iter_mut()
        .filter_map(|rule| rule.statements.last_mut());
    if let Some(statement) = last.find(|one| allows(one) || denies(one)) {
        *statement = match allows(statement) {
            true => Statement::Verdict(NftVerdict::Drop),
            false => goto("allowed"),
        };
    }
}

/// Where a rule only jumps to, and to a name that begins like one of these.
fn jump<'r>(rule: &'r mut Rule, words: &[&str]) -> Option<&'r mut Name> {
    let [Statement::Verdict(NftVerdict::Jump(chain))] = &mut rule.statements[..] else {
        return None;
    };
    let is_one = words.iter().any(|word| chain.as_str().starts_with(word));
    is_one.then_some(chain)
}

fn drop_jump(rules: &mut Vec<Rule>, word: &str) {
    if let Some(first) = rules
        .iter_mut()
        .position(|rule| jump(rule, &[word]).is_some())
    {
        rules.remove(first);
    }
}

fn swap_jumps(rules: &mut [Rule], words: &[&str]) {
    let mut jumps = rules.iter_mut().filter_map(|rule| jump(rule, words));
    if let (Some(first), Some(second)) = (jumps.next(), jumps.next()) {
        std::mem::swap(first, second);
    }
}

/// The rules of all policies and profiles.
fn said(state: &mut State) -> impl Iterator<Item = &mut Said> {
    let policies = state.policies.values_mut();
    let policies = policies.flat_map(|policy| policy.ingress.iter_mut().chain(&mut policy.egress));
    let profiles = state.profiles.values_mut();
    let profiles = profiles.flat_map(|one| one.ingress.iter_mut().chain(&mut one.egress));
    policies.chain(profiles)
}
