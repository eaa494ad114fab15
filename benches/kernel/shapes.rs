//! The two candidate shapes of a policy that names groups, measured against each other: group sets
//! (what `compile` makes) and identities (built by hand).

use std::net::IpAddr;

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::compile::skeleton::table_key;
use margay::model::{EndpointName, GroupRule, GroupRules, Service, State};
use margay::net::{Family, PortRange, Protocol};
use margay::ruleset::cost::longest_path;
use margay::ruleset::diff::{applied_after, between};
use margay::ruleset::transaction::Commit;
use margay::ruleset::{Ruleset, Table};
use margay::scenario::Flat;
use margay::scenario::flat::POLICY;

use crate::arguments::Pace;
use crate::batch::Batches;
use crate::clock::seconds;
use crate::identity::{self, Identities};
use crate::lane::{Flow, Lane, in_namespace};
use crate::netns::nft;
use crate::record::Record;
use crate::sample::{Sample, interleaved};
use crate::worlds::{self, LAST};

/// Groups that the policy names.
const GROUPS: [usize; 3] = [1, 20, 500];
/// Changes that make one measurement.
const CHANGES: usize = 20;
/// A member of the first group, which joins the last one as well.
const MOVER: &str = "peer0-0";
/// Base chains without a policy, which track connections as every other lane does.
const EMPTY: &str = "table inet empty {
	chain prerouting { type filter hook prerouting priority raw; policy accept; }
	chain input { type filter hook input priority filter - 5; policy accept; }
	chain forward { type filter hook forward priority filter - 5; policy accept; ct state invalid drop; }
}
";

/// Both shapes of one world.
#[derive(Debug)]
struct Candidates {
    groups: usize,
    state: State,
    flow: Flow,
    sets: Table,
    identity: Table,
}

/// Reports rules, lookups, packets and changes for both.
pub(crate) fn measure(record: &mut Record, pace: Pace) {
    record.title("shapes: group sets against identities, for the groups that one policy names");
    record
        .note("each group is allowed one port of its own; the packet is allowed by the last group");
    record.note("'group sets': one rule and lookup a group. 'identities': map address -> mark, then mark . protocol . port");
    record.note("identities overwrite the whole packet mark (a map's result cannot be ored into it before Linux 6.12");
    record.note(
        "and nft 1.0.6 cannot say it), which breaks hosts whose own rules or routing use marks",
    );
    record.note("bytes and times of group sets are those of diff, digest included; those of identities have none (about 150 bytes)");
    let worlds: Vec<Candidates> = GROUPS.into_iter().map(Candidates::of).collect();
    for world in &worlds {
        for (name, table) in world.both() {
            let path = longest_path(&ruleset(table)).unwrap();
            record.count(&name, "rules on the longest path", path.cost.rules);
            record.count(&name, "lookups on the longest path", path.cost.lookups);
        }
    }
    packets(record, pace, &worlds);
    for world in &worlds {
        changes(record, pace, world);
    }
}

impl Candidates {
    fn of(groups: usize) -> Self {
        let size = Flat {
            rules: 0,
            groups_named: groups,
            ..Flat::default()
        };
        let (mut state, flow) = worlds::with_flow(size);
        let policy = state.groups.get_mut(&worlds::group(POLICY)).unwrap();
        policy.egress = GroupRules::NONE;
        let of_family = policy
            .ingress
            .iter()
            .filter(|rule| rule.family == Family::V4);
        let mut rules: Vec<GroupRule> = of_family.cloned().collect();
        // The rule that lets the flow pass stays what it is: it is the last.
        let peers = rules.iter_mut().take(groups);
        peers.enumerate().for_each(|(n, rule)| on_a_port(rule, n));
        policy.ingress = rules.into();
        let sets = worlds::table(&state);
        let identity = identity::rebuilt(sets.clone(), &state, &Identities::of(&state));
        Self {
            groups,
            state,
            flow,
            sets,
            identity,
        }
    }

    fn both(&self) -> [(String, &Table); 2] {
        let groups = self.groups;
        [
            (format!("group sets, {groups} groups"), &self.sets),
            (format!("identities, {groups} groups"), &self.identity),
        ]
    }
}

/// Port 1000 and on, over UDP as the flow is, so that its packets meet every rule before theirs.
fn on_a_port(rule: &mut GroupRule, n: usize) {
    let port = 1_000 + u16::try_from(n).unwrap();
    rule.service = Service::Ports(Protocol::UDP, PortRange::new(port, port).unwrap());
}

fn packets(record: &mut Record, pace: Pace, worlds: &[Candidates]) {
    let flow = &worlds[0].flow;
    let mut lanes = vec![loaded("empty table".to_owned(), flow, EMPTY.to_owned())];
    for world in worlds {
        for (name, table) in world.both() {
            lanes.push(loaded(name, &world.flow, ruleset(table).to_string()));
        }
    }
    let bursts = pace.size(200, 20);
    let samples = interleaved(pace.rounds(), &mut lanes, |lane| lane.cost(bursts));
    for (lane, sample) in lanes.iter().zip(&samples).skip(1) {
        let above = sample.minus(&samples[0]);
        record.sample(&lane.name, "packet, above empty", "ns", &above);
    }
}

fn loaded(name: String, flow: &Flow, script: String) -> Lane {
    let lane = Lane::new(&name, flow);
    lane.run(move |_| nft(&["-f", "-"], &script));
    lane
}

fn changes(record: &mut Record, pace: Pace, world: &Candidates) {
    let [(sets, _), (identities, _)] = world.both();
    let (forth, back) = joining_a_group(world);
    report(
        record,
        pace,
        &sets,
        "member joins a group",
        &world.sets,
        &forth,
        &back,
    );
    let (forth, back) = to_a_known_combination(world);
    report(
        record,
        pace,
        &identities,
        "to a known combination",
        &world.identity,
        &forth,
        &back,
    );
    let (forth, back) = to_a_new_combination(world);
    report(
        record,
        pace,
        &identities,
        "to a new combination",
        &world.identity,
        &forth,
        &back,
    );
}

fn report(
    record: &mut Record,
    pace: Pace,
    subject: &str,
    change: &str,
    table: &Table,
    forth: &[Commit],
    back: &[Commit],
) {
    let load = between(None, table, &table_key());
    let held = applied_after(None, &load);
    let batches: Vec<Batches> = forth.iter().map(|c| Batches::of(c, Some(&held))).collect();
    let bytes: usize = batches.iter().map(Batches::length).sum();
    record.count(subject, &format!("{change}: bytes"), bytes);
    let rounds = pace.rounds();
    let time: Sample = in_namespace(|| {
        let mut backend = NftBackend::new(Ownership::None).unwrap();
        backend.commit(&load).unwrap();
        let mut run = |commits: &[Commit]| {
            commits
                .iter()
                .for_each(|commit| backend.commit(commit).unwrap());
        };
        let one_round = |_| {
            let time: f64 = (0..CHANGES)
                .map(|_| {
                    let time = seconds(|| run(forth));
                    run(back);
                    time
                })
                .sum();
            time / CHANGES as f64 * 1e6
        };
        (0..rounds).map(one_round).collect()
    });
    record.sample(subject, &format!("{change}: time"), "us", &time);
}

/// By `diff`, as the agent would do it: the digest included.
fn joining_a_group(world: &Candidates) -> (Vec<Commit>, Vec<Commit>) {
    let mut joined = world.state.clone();
    worlds::join(&mut joined, MOVER, &["peer0", LAST]);
    let key = table_key();
    let before = applied_after(None, &between(None, &world.sets, &key));
    let goal = worlds::table(&joined);
    let forth = between(Some(&before), &goal, &key);
    let after = applied_after(Some(&before), &forth);
    (vec![forth], vec![between(Some(&after), &world.sets, &key)])
}

/// Into the combination that the flow's receiver has already.
fn to_a_known_combination(world: &Candidates) -> (Vec<Commit>, Vec<Commit>) {
    let mut identities = Identities::of(&world.state);
    let address = mover(world);
    let own = identities.place(address, [worlds::group("peer0")].into());
    let other = identities.place(address, [POLICY, LAST].map(worlds::group).into());
    let (forth, back) = [other, own]
        .map(|number| vec![identity::moved(address, number, Vec::new())])
        .into();
    (forth, back)
}

/// Into one that nobody had: what it may do is said first, for every policy that names its groups.
fn to_a_new_combination(world: &Candidates) -> (Vec<Commit>, Vec<Commit>) {
    let mut identities = Identities::of(&world.state);
    let address = mover(world);
    let own = identities.place(address, [worlds::group("peer0")].into());
    let both = ["peer0", LAST].map(worlds::group);
    let number = identities.place(address, both.clone().into());
    let rules = worlds::policy(&world.state);
    let keys = identity::allowed(&both.into(), number, rules);
    (
        vec![identity::moved(address, number, keys.clone())],
        vec![
            identity::moved(address, own, Vec::new()),
            identity::forgotten(keys),
        ],
    )
}

fn mover(world: &Candidates) -> IpAddr {
    let name: EndpointName = MOVER.parse().unwrap();
    let addresses = &world.state.endpoints[&name].addresses;
    *addresses.iter().find(|address| address.is_ipv4()).unwrap()
}

fn ruleset(table: &Table) -> Ruleset {
    Ruleset {
        tables: [(table_key(), table.clone())].into(),
    }
}
