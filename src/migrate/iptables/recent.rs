//! `recent`: lists of addresses that rules write and read.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Rule, Side, Test};

/// Times that are counted one by one; more are near a rate.
pub const TIMES_MAX: u32 = 1000;

/// `recent`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recent {
    /// The list.
    pub name: String,
    /// What is done with the address.
    pub action: RecentAction,
    /// Seen within so many seconds.
    pub seconds: Option<u32>,
    /// Seen at least so often.
    pub hit_count: Option<u32>,
    /// Which address.
    pub side: Side,
    /// What of the address counts; absent or all bits is all of it.
    pub mask: Option<IpAddr>,
    /// `--reap`: old entries are thrown away.
    pub reap: bool,
    /// `--rttl`: the TTL must be the same.
    pub same_ttl: bool,
}

/// What `recent` does with an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecentAction {
    /// Puts it on the list, and matches.
    Set,
    /// Matches where it is on the list.
    Check,
    /// The same, and notes that it was seen.
    Update,
    /// The same, and takes it off the list.
    Remove,
}

/// What rules ask of a list. It is one for all tables.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct List {
    /// Whether an address was there within such times; nothing is ever.
    pub windows: BTreeSet<Option<u32>>,
    /// How often it was there within such times, at most, as far as that is asked.
    pub counted: BTreeMap<Option<u32>, u32>,
    /// Whether a rule puts packets into it.
    pub written: bool,
}

impl Recent {
    /// Seen within so many seconds; 0 is no bound.
    pub fn window(&self) -> Option<u32> {
        self.seconds.filter(|seconds| *seconds > 0)
    }

    /// Seen so often, where once is not enough.
    pub fn times(&self) -> Option<u32> {
        self.hit_count.filter(|times| *times > 1)
    }
}

/// The lists that rules name. One that is only written to is a list without a time.
pub fn lists<'r>(rules: impl Iterator<Item = &'r Rule>) -> BTreeMap<String, List> {
    let mut lists: BTreeMap<String, List> = BTreeMap::new();
    for one in rules.flat_map(|rule| &rule.matches) {
        let Test::Recent(recent) = &one.test else {
            continue;
        };
        let list = lists.entry(recent.name.clone()).or_default();
        list.written |= matches!(recent.action, RecentAction::Set | RecentAction::Update);
        match (recent.action, recent.times()) {
            (RecentAction::Set, _) => {}
            (RecentAction::Check | RecentAction::Update, Some(times)) if times <= TIMES_MAX => {
                let most = list.counted.entry(recent.window()).or_default();
                *most = times.max(*most);
            }
            (RecentAction::Check | RecentAction::Update | RecentAction::Remove, _) => {
                list.windows.insert(recent.window());
            }
        }
    }
    for list in lists.values_mut() {
        if list.windows.is_empty() && list.counted.is_empty() {
            list.windows.insert(None);
        }
    }
    lists
}
