//! What tables of iptables share: lists of `recent`, tables of `hashlimit` and sets are the host's, where sets of nft
//! belong to one table each. So tables that share what their rules change become one.

use std::collections::{BTreeMap, BTreeSet};

use super::class::Obstacle;
use crate::migrate::host::Host;
use crate::migrate::ipset::{self, Type};
use crate::migrate::iptables::{self, Dump, Table, TableName, Target, Test};
use crate::net::Family;

/// A table of iptables.
type Place = (Family, TableName);

/// What rules of several tables may ask: its kind and its name.
type Thing = (&'static str, String);

/// Which tables use what.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// Lists and rates, which each family has for itself, and sets.
    places: BTreeMap<Thing, BTreeSet<Place>>,
    /// Sets that rules change.
    written: BTreeSet<Thing>,
    /// Families of which rules see fragments that are not the first.
    fragmented: BTreeSet<Family>,
}

const LIST: &str = "list";
const RATE: &str = "rate";
const SET: &str = "set";

impl Shared {
    /// What the tables of a host share; rules of IPv6 in some lines are left out.
    pub(super) fn of(host: &Host, left_out: &BTreeSet<usize>) -> Self {
        let mut shared = Self::default();
        let fragmented = host
            .dumps
            .iter()
            .filter(|dump| iptables::sees_later_fragments(dump, left_out));
        shared.fragmented = fragmented.map(|dump| dump.family).collect();
        for dump in &host.dumps {
            for (table, _, rule) in dump.rules() {
                let place = (dump.family, table.name);
                for one in &rule.matches {
                    shared.test(place, &one.test);
                }
                if let Target::Set(target) = &rule.target {
                    for (_, name, _) in &target.actions {
                        shared.written.insert((SET, name.clone()));
                        shared.used(SET, name, place);
                    }
                }
            }
        }
        shared.lists_too(host);
        shared.of_their_family(host);
        shared
    }

    fn test(&mut self, place: Place, test: &Test) {
        if let Test::Recent(recent) = test {
            self.changed(LIST, &recent.name, place);
        }
        if let Test::HashLimit(limit) = test {
            self.changed(RATE, &limit.name, place);
        }
        if let Test::Set(set) = test {
            self.used(SET, &set.name, place);
        }
    }

    fn changed(&mut self, kind: &'static str, name: &str, place: Place) {
        let name = format!("{} {name}", place.0);
        self.written.insert((kind, name.clone()));
        self.used(kind, &name, place);
    }

    fn used(&mut self, kind: &'static str, name: &str, place: Place) {
        let thing = (kind, name.to_owned());
        self.places.entry(thing).or_default().insert(place);
    }

    /// Whoever looks a list up looks up the sets in it.
    fn lists_too(&mut self, host: &Host) {
        for list in host.sets.iter().filter(|set| set.kind == Type::ListSet) {
            let places = self.places.get(&(SET, list.name.clone())).cloned();
            for field in list.elements.iter().flat_map(|element| &element.fields) {
                if let ipset::Field::Set(name) = field {
                    let of_member = self.places.entry((SET, name.clone())).or_default();
                    of_member.extend(places.iter().flatten());
                }
            }
        }
    }

    /// Rules of the other family find nothing in a set, and put nothing there.
    fn of_their_family(&mut self, host: &Host) {
        for set in &host.sets {
            let Some(own) = set.options.family else {
                continue;
            };
            if let Some(places) = self.places.get_mut(&(SET, set.name.clone())) {
                places.retain(|(family, _)| *family == own);
            }
        }
    }

    /// The tables of a dump; those that share what rules change stand together.
    pub(super) fn groups<'d>(&self, dump: &'d Dump) -> Vec<Vec<&'d Table>> {
        let mut groups: Vec<Vec<&Table>> = Vec::new();
        for table in &dump.tables {
            let place = (dump.family, table.name);
            let shares = |other: &&Table| self.share(place, (dump.family, other.name));
            let (with, apart): (Vec<_>, Vec<_>) =
                groups.into_iter().partition(|one| one.iter().any(shares));
            let joined = with.into_iter().flatten().chain([table]).collect();
            groups = apart;
            groups.push(joined);
        }
        groups
    }

    fn share(&self, one: Place, other: Place) -> bool {
        self.written.iter().any(|thing| {
            let places = self.places.get(thing);
            places.is_some_and(|places| places.contains(&one) && places.contains(&other))
        })
    }

    /// Whether rules of a family see fragments of which nft reads ports that are none.
    pub(super) fn sees_later_fragments(&self, family: Family) -> bool {
        self.fragmented.contains(&family)
    }

    /// A set that rules change is of one family.
    pub(super) fn set(&self, name: &str) -> Result<(), Obstacle> {
        let thing = (SET, name.to_owned());
        let places = self.places.get(&thing).into_iter().flatten();
        let families: BTreeSet<_> = places.map(|(family, _)| family).collect();
        match self.written.contains(&thing) && families.len() > 1 {
            true => Err(Obstacle::new(
                format!(
                    "set {name}, which rules change, is used for IPv4 and IPv6, and a set of nft is seen in its own \
                     table alone"
                ),
                "use a set of each family, or write one table inet for both by hand",
            )),
            false => Ok(()),
        }
    }
}
