//! State and skeleton to ruleset: pure, total, deterministic.
//!
//! ```text
//! settings ------> workloads, metadata4/6, host-action        (slots)
//! endpoints -----> endpoints, source*, from, to               (slots)
//! groups --------> policy/<group>/in|out with its sets        (chains of the groups in use here)
//!   of several --> bundle/<hash>/in|out
//!   as peers ----> group/<group>/v4|v6                        (members)
//! ```

pub mod endpoints;
pub mod explain;
pub mod inquiry;
pub mod names;
pub mod skeleton;
pub mod words;

mod boxes;
mod lane;
mod layout;
mod objects;
mod policy;
mod ranges;
mod rules;
mod run;
mod service;
mod settings;

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Direction, GroupName, State};
use crate::net::{Family, octets};
use crate::ruleset::digest::{Digest, STATE_CHAIN};
use crate::ruleset::{Datatype, Key, Rule, Ruleset, Set, Statement, Table};

use skeleton::Skeleton;

/// Everything that the kernel of one host should hold.
///
/// A group that does not exist has no rules and no members, whoever names it: it fails closed.
pub fn compile(state: &State, host: &str, skeleton: &Skeleton) -> Ruleset {
    let mut table = skeleton.table().clone();
    settings::add(&mut table, &state.settings_of(host));
    let mut in_use: BTreeSet<&GroupName> = BTreeSet::new();
    for endpoint in endpoints::local(state, host).into_values() {
        let groups = endpoints::groups(state, endpoint);
        endpoints::add(&mut table, endpoint, &groups);
        in_use.extend(groups);
    }
    for group in in_use.iter().filter_map(|name| state.groups.get(*name)) {
        for direction in Direction::ALL {
            policy::objects(group, direction).put_into(&mut table);
        }
    }
    add_members(&mut table, state, &in_use);
    add_digest(&mut table);
    Ruleset {
        tables: BTreeMap::from([(skeleton::table_key(), table)]),
    }
}

/// The members of every group that a policy in use names, one hash set a family.
fn add_members(table: &mut Table, state: &State, in_use: &BTreeSet<&GroupName>) {
    let groups = in_use.iter().filter_map(|name| state.groups.get(*name));
    let named: BTreeSet<(&GroupName, Family)> = groups.flat_map(policy::peers).collect();
    for &(group, family) in &named {
        let datatype = match family {
            Family::V4 => Datatype::Ipv4Addr,
            Family::V6 => Datatype::Ipv6Addr,
        };
        table
            .sets
            .insert(names::members(group, family), Set::of(&[datatype]));
    }
    for endpoint in state.endpoints.values() {
        for group in endpoints::groups(state, endpoint) {
            for &address in &endpoint.addresses {
                let members = names::members(group, Family::of(address));
                if let Some(set) = table.sets.get_mut(&members) {
                    set.insert(Key::value(&octets(address)));
                }
            }
        }
    }
}

/// `counter comment "<digest>"`: no verdict, so that writing it does not revalidate the table.
fn add_digest(table: &mut Table) {
    let comment = Some(Digest::of(table).to_string());
    let rule = Rule {
        statements: vec![Statement::Counter],
        comment,
    };
    endpoints::fill(table, STATE_CHAIN, rule);
}
