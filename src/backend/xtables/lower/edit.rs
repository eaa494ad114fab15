//! A few elements more or less of a set: what its lookup comes to then, without saying all the others again.
//!
//! That works where each element is members of one ipset, whatever else the set holds: addresses alone, and addresses
//! with ports. Else, and where so many wide ranges come or go that they are said otherwise, nothing is known.

use std::sync::Arc;

use super::cell::{Cell, with_ports};
use super::field::Field;
use super::looked::{About, Asked, Looked};
use super::lookup::{Keys, is_nought, ported};
use super::prefixes::members;
use super::wanted::Wanted;
use crate::backend::xtables::{Ipset, IpsetType, Member};
use crate::ruleset::{Datatype, Key};

/// The elements of a set that went and came, in this order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edit {
    /// Those that went.
    pub gone: Vec<Key>,
    /// Those that came.
    pub come: Vec<Key>,
}

impl Edit {
    /// What a lookup comes to that came to this before; `None` where it has to be said from nothing.
    pub(super) fn of(
        &self,
        before: &Looked,
        (wanted, asked): (&Wanted<'_>, &Asked),
        types: &[Datatype],
    ) -> Option<Looked> {
        if asked.about != About::Keys || wanted.keys == Keys::Inline {
            return None;
        }
        let cell = |key| Cell::of(key, types, &asked.fields).ok();
        let gone: Vec<Cell> = self.gone.iter().map(cell).collect::<Option<_>>()?;
        let come: Vec<Cell> = self.come.iter().map(cell).collect::<Option<_>>()?;
        let mut after = before.clone();
        gone.iter().try_for_each(|cell| after.wide.take(cell))?;
        come.iter().for_each(|cell| after.wide.add(cell));
        let ports_max = after.wide.ports_max();
        if ports_max != before.wide.ports_max() {
            return None;
        }
        let made = after.ipsets.get_mut(before.together.as_ref()?)?;
        let said = |cell| said(cell, &asked.fields, made.ipset.kind, ports_max);
        let gone: Vec<Member> = gone.iter().map(said).collect::<Option<Vec<_>>>()?.concat();
        let come: Vec<Member> = come.iter().map(said).collect::<Option<Vec<_>>>()?.concat();
        let mut ipset = Ipset::clone(&made.ipset);
        let is_told = gone.iter().all(|member| ipset.members.remove(member))
            && come.into_iter().all(|member| ipset.members.insert(member));
        // An ipset that holds nothing is not looked up, unless it is one of addresses alone.
        let is_asked = !ipset.members.is_empty() || asked.fields.len() == 1;
        made.ipset = Arc::new(ipset);
        (is_told && is_asked).then_some(after)
    }
}

/// A cell as members of the ipset in which all are together, if that is how it is said.
fn said(cell: &Cell, fields: &[Field], kind: IpsetType, ports_max: u16) -> Option<Vec<Member>> {
    match fields {
        [Field::Address(_)] => alone(cell, kind),
        [Field::Address(_), Field::Port(..)] | [Field::Port(..), Field::Address(_)] => {
            with_services(cell, ports_max)
        }
        _ => None,
    }
}

/// A cell of an address alone as members.
fn alone(cell: &Cell, kind: IpsetType) -> Option<Vec<Member>> {
    let (_, first, last) = cell.addresses.as_ref()?;
    let is_refused = kind == IpsetType::HashIp && is_nought(first);
    (!is_refused).then(|| members(first, last).collect())
}

/// A cell of an address and ports as members.
fn with_services(cell: &Cell, ports_max: u16) -> Option<Vec<Member>> {
    let each = with_ports(&cell.service).into_iter().map(|service| {
        let cell = Cell {
            service,
            ..cell.clone()
        };
        Some(ported(&cell, ports_max)?.1)
    });
    let each: Option<Vec<_>> = each.collect();
    Some(each?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use crate::backend::xtables::lower::{Lowering, Touched, lower};
    use crate::backend::xtables::{Document, Ipset};
    use crate::ruleset::key::KeyBuilder;
    use crate::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
    use crate::ruleset::{Element, Key, Tracked, fixture, parse};

    const TEXT: &str = "table inet margay {
        set group { type ipv4_addr; }
        set boxes { type ipv4_addr . inet_service; flags interval; }
        chain forward { type filter hook forward priority filter; policy accept;
            ip saddr @group accept
            ip saddr . tcp dport @boxes accept
            ip saddr . udp sport @boxes drop
        }
    }";

    /// A table that changes by edits, and what becomes of it.
    struct Edited {
        table: Tracked,
        lowering: Lowering,
        document: Document,
    }

    impl Edited {
        fn new() -> Self {
            let mut tables = parse("test", TEXT).unwrap().tables;
            let table = Tracked::from(tables.pop_first().unwrap().1);
            let mut lowering = Lowering::default();
            let document = lowering.lower(table.table(), &Touched::All).unwrap();
            Self {
                table,
                lowering,
                document,
            }
        }

        /// Some keys go from a set and some come. What was lowered before is given back.
        fn edit(&mut self, set: &str, gone: &[Key], come: &[Key]) -> Document {
            let set = fixture::name(set);
            let elements = come.iter().map(|key| (key.clone(), Element::default()));
            let step = Step {
                phase: Phase::Loosen,
                wait: Wait::None,
                operations: vec![
                    Operation::DeleteElements(set.clone(), gone.to_vec()),
                    Operation::AddElements(set, elements.collect()),
                ],
            };
            let touched = Touched::by(&step);
            self.table.apply(&Commit {
                table: fixture::key("margay"),
                steps: vec![step],
            });
            let document = self.lowering.lower(self.table.table(), &touched).unwrap();
            assert_eq!(document, lower(self.table.table()).unwrap());
            std::mem::replace(&mut self.document, document)
        }

        fn ipset(&self, name: &str) -> &Ipset {
            let mut ipsets = self.document.ipsets.iter();
            ipsets.find(|(own, _)| own.as_str() == name).unwrap().1
        }
    }

    fn address(number: u64) -> [u8; 4] {
        let [.., a, b] = number.to_be_bytes();
        [10, 0, a, b]
    }

    fn alone(number: u64) -> Key {
        Key::value(&address(number + 1))
    }

    /// The ports of an address that the number gives it: one, a few, or a wide range, of which many differ.
    fn ports(number: u64) -> Key {
        let first = 1_000 + u16::try_from(number % 50).unwrap() * 100;
        let width = [0, 3, 40][usize::try_from(number % 3).unwrap()];
        let (first, last) = (first.to_be_bytes(), (first + width).to_be_bytes());
        let key = KeyBuilder::default().exact(&address(number));
        key.range(&first, &last).build()
    }

    #[test]
    fn whatever_comes_and_goes_it_is_what_is_lowered_from_nothing() {
        let mut random = fastrand::Rng::with_seed(3);
        for (set, key) in [("group", alone as fn(u64) -> Key), ("boxes", ports)] {
            let mut edited = Edited::new();
            let mut held: BTreeSet<u64> = BTreeSet::new();
            for turn in 0..300 {
                let numbers: BTreeSet<u64> =
                    (0..random.u64(1..4)).map(|_| random.u64(..120)).collect();
                let (gone, come): (Vec<u64>, Vec<u64>) = numbers
                    .into_iter()
                    .partition(|number| held.contains(number));
                // Few at the end, as at the beginning.
                let come = if turn > 200 { Vec::new() } else { come };
                gone.iter().for_each(|number| _ = held.remove(number));
                held.extend(&come);
                let keys =
                    |numbers: &[u64]| -> Vec<Key> { numbers.iter().copied().map(key).collect() };
                edited.edit(set, &keys(&gone), &keys(&come));
            }
            // None at all: an ipset that holds nothing is not looked up, and is again when something comes.
            let last: Vec<Key> = held.into_iter().map(key).collect();
            edited.edit(set, &last, &[]);
            edited.edit(set, &[], &[key(7)]);
        }
    }

    #[test]
    fn one_element_more_says_no_other_again() {
        let mut edited = Edited::new();
        let group: Vec<Key> = (1..2_000)
            .map(|number| Key::value(&address(number)))
            .collect();
        let boxes: Vec<Key> = (0..2_000).map(ports).collect();
        edited.edit("group", &[], &group);
        edited.edit("boxes", &[], &boxes);
        let one: [(&str, &str, Key); 2] = [
            ("group", "mgy4-group", Key::value(&address(2_000))),
            ("boxes", "mgy4-boxes:tcp", ports(2_000)),
        ];
        for (set, ipset, key) in one {
            let before = edited.edit(set, &[], &[key]);
            let after = edited.ipset(ipset).members.iter();
            let known = before
                .ipsets
                .values()
                .flat_map(|ipset| ipset.members.iter());
            let known: BTreeSet<*const _> = known.map(std::ptr::from_ref).collect();
            let total = edited.ipset(ipset).members.iter().count();
            let again = after.filter(|member| !known.contains(&std::ptr::from_ref(*member)));
            let again = again.count();
            assert!(again * 2 < total, "{again} of {total} members of {ipset}");
        }
    }
}
