//! A whole table at once, against replaying the same bytes: what encoding costs on top of the kernel.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::compile::skeleton::table_key;
use margay::model::{Endpoint, GroupRule, Membership, Origin, Peer, SecurityGroup, Service, State};
use margay::net::Family;
use margay::ruleset::Table;
use margay::ruleset::diff::between;
use margay::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
use margay::scenario::Flat;
use margay::scenario::flat::{POLICY, flat};

use crate::arguments::Pace;
use crate::batch::Batches;
use crate::clock::processor_seconds;
use crate::freed::KernelMemory;
use crate::lane::in_namespace;
use crate::record::{Limit, Record};
use crate::sample::Sample;
use crate::worlds;

/// Addresses of one endpoint of the large group.
const ADDRESSES: u32 = 1_000;
/// How often each way is gone in a round. The least of these counts: whatever else the machine does
/// makes it longer, never shorter.
const REPETITIONS: usize = 3;

/// One of the two ways to bring a table into the kernel.
#[derive(Debug, Clone, Copy)]
enum Way {
    Commit,
    Replay,
}

impl Way {
    const ALL: [Self; 2] = [Self::Commit, Self::Replay];
}

/// Measures and judges.
pub(crate) fn measure(record: &mut Record, pace: Pace) {
    let members = pace.size(1_000_000, 50_000);
    record.title("load: user and system milliseconds from Commit to acknowledgement, and of replaying the same bytes");
    let ratio = pairs(record, pace, &format!("{members} members"), &crowd(members));
    record.require(
        &format!("times a replay that committing {members} set members costs"),
        ratio.median(),
        Limit::AtMost(1.1),
    );
    let size = pace.size(10_000, 1_000);
    let world = flat(
        Flat {
            rules: size,
            endpoints: size,
            bundles: 50,
            ..Flat::default()
        },
        1,
    );
    let name = format!("{size} endpoints, {size} rules");
    pairs(record, pace, &name, &worlds::table(&world));
}

/// Commits and replays in turn; gives the ratio.
fn pairs(record: &mut Record, pace: Pace, name: &str, table: &Table) -> Sample {
    let commit = between(None, table, &table_key());
    let batches = Batches::of(&commit, None);
    record.count(name, "bytes", batches.length());
    record.count(name, "messages", batches.messages());
    let rounds = pace.rounds();
    let times = in_namespace(|| {
        let mut backend = NftBackend::new(Ownership::None).unwrap();
        let mut run = |way| timed(&mut backend, way, &commit, &batches);
        // The first of all meets memory that the kernel never used.
        run(Way::Replay);
        (0..rounds).map(|n| round(n, &mut run)).collect::<Vec<_>>()
    });
    let [committing, replaying] =
        Way::ALL.map(|way| -> Sample { times.iter().map(|time| time[way as usize]).collect() });
    let ratio = committing.over(&replaying);
    let encoding: Sample = (0..rounds)
        .map(|_| processor_seconds(|| drop(Batches::of(&commit, None))) * 1e3)
        .collect();
    record.sample(name, "encode alone", "ms", &encoding);
    record.sample(name, "commit", "ms", &committing);
    record.sample(name, "replay", "ms", &replaying);
    record.sample(name, "commit / replay", "x", &ratio);
    ratio
}

/// Both ways by turns, the order turned around with every repetition and every round: the least time
/// of each.
fn round(number: usize, run: &mut impl FnMut(Way) -> f64) -> [f64; 2] {
    let mut least = [f64::INFINITY; 2];
    for repetition in 0..REPETITIONS {
        let mut ways = Way::ALL;
        ways.rotate_left((number + repetition) % 2);
        for way in ways {
            least[way as usize] = least[way as usize].min(run(way));
        }
    }
    least
}

/// Milliseconds of the processor until the kernel has acknowledged the table; then it is deleted, and
/// everything is as it was before.
fn timed(backend: &mut NftBackend, way: Way, commit: &Commit, batches: &Batches) -> f64 {
    let before = KernelMemory::now();
    let time = processor_seconds(|| match way {
        Way::Commit => backend.commit(commit).unwrap(),
        Way::Replay => batches
            .bytes()
            .for_each(|batch| backend.send_raw(batch).unwrap()),
    });
    backend.commit(&removal()).unwrap();
    before.wait();
    time * 1e3
}

/// A table whose policy names one group of so many members.
fn crowd(members: usize) -> Table {
    let mut state = flat(
        Flat {
            rules: 10,
            groups_named: 1,
            endpoints: 2,
            ..Flat::default()
        },
        1,
    );
    let everyone = u32::try_from(members).unwrap();
    for n in 0..everyone.div_ceil(ADDRESSES) {
        let first = 0x0b00_0000 + n * ADDRESSES;
        let addresses = (first..first + ADDRESSES).map(|address| Ipv4Addr::from(address).into());
        let endpoint = Endpoint {
            name: format!("crowd{n}").parse().unwrap(),
            host: "node2".to_owned(),
            interface: "tap0".parse().unwrap(),
            mac: None,
            addresses: addresses.collect(),
            ipv6_gateway: None,
            membership: Membership::Groups(BTreeSet::from([worlds::group("crowd")])),
            origin: Origin::default(),
        };
        state.endpoints.insert(endpoint.name.clone(), endpoint);
    }
    name_the_crowd(&mut state);
    worlds::table(&state)
}

fn name_the_crowd(state: &mut State) {
    let name = worlds::group("crowd");
    let policy = state.groups.get_mut(&worlds::group(POLICY)).unwrap();
    policy.ingress.push(GroupRule {
        family: Family::V4,
        service: Service::Any,
        peer: Peer::Group(name.clone()),
        origin: Origin::default(),
    });
    let crowd = SecurityGroup {
        name: name.clone(),
        ingress: Vec::new(),
        egress: Vec::new(),
    };
    state.groups.insert(name, crowd);
}

fn removal() -> Commit {
    Commit {
        table: table_key(),
        steps: vec![Step {
            phase: Phase::Collect,
            wait: Wait::None,
            operations: vec![Operation::DeleteTable],
        }],
    }
}
