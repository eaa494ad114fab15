//! Interfaces in a tree of chains: at each chain a packet follows what the name begins with, so that
//! the way to one of many is short.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cell::Cell;
use super::conjunction::{Conjunction, Joined};
use super::environment::Dispatch;
use super::field::{Direction, Field};
use super::lookup::Keys;
use super::prefixes::prefixes;
use super::refusal::Refused;
use super::wanted::Wanted;
use crate::backend::xtables::{Chain, ChainName, InterfacePattern, Match, Rule, Target};
use crate::net::InterfaceName;
use crate::ruleset::{Datatype, Key, Operator};

/// So many interfaces are tested one after the other.
const LEAF_MAX: usize = 8;

/// The longest name of an interface, `IFNAMSIZ - 1`; a prefix stands before a `+`.
const NAME_BYTES_MAX: usize = 15;

/// What becomes of packets of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Branch<T> {
    /// Which interface of a packet.
    pub(super) direction: Direction,
    /// Its name.
    pub(super) interface: InterfaceName,
    /// What must hold beside it.
    pub(super) tests: Conjunction,
    /// What becomes of the packet then.
    pub(super) outcome: T,
}

impl<T> Branch<T> {
    /// The branch with another outcome.
    pub(super) fn leads<U>(&self, outcome: U) -> Branch<U> {
        Branch {
            direction: self.direction,
            interface: self.interface.clone(),
            tests: self.tests.clone(),
            outcome,
        }
    }
}

/// The branches of a lookup that is a tree: of interfaces alone by a named set, or of interfaces and
/// Ethernet addresses, which no ipset holds. `None` where it is something else, or ipsets are to do it.
pub(super) fn branches<T>(
    dispatch: Dispatch,
    (fields, types): (&[Field], &[Datatype]),
    wanted: &Wanted<'_>,
    outcome: impl Fn(&Key) -> T,
) -> Result<Option<Vec<Branch<T>>>, Refused> {
    let alone = matches!(fields, [Field::Interface(_)])
        && wanted.keys == Keys::Exact
        && dispatch == Dispatch::Chains;
    let located = fields
        .iter()
        .any(|field| matches!(field, Field::Interface(_)));
    let with_mac = located && fields.contains(&Field::Mac);
    if !alone && !with_mac {
        return Ok(None);
    }
    let mut branches = Vec::new();
    for key in wanted.elements.iter() {
        let cell = Cell::of(key, types, fields)?;
        let (direction, interface) = match &cell.interface {
            Some((direction, InterfacePattern::Exact(name))) => (*direction, name.clone()),
            Some((_, InterfacePattern::Prefix(_))) | None => {
                return Err(Refused::new("a prefix of names of interfaces in a map"));
            }
        };
        for tests in beside(&cell)? {
            branches.push(Branch {
                direction,
                interface: interface.clone(),
                tests,
                outcome: outcome(key),
            });
        }
    }
    Ok(Some(branches))
}

/// What a cell asks beside its interface.
fn beside(cell: &Cell) -> Result<Vec<Conjunction>, Refused> {
    let mac = cell.mac.map(|mac| Match::Mac(Operator::Eq, mac));
    let mac = mac.map(Conjunction::of).unwrap_or_default();
    let Some((side, first, last)) = &cell.addresses else {
        return Ok(vec![mac]);
    };
    let each = prefixes(first, last).into_iter().map(|cidr| {
        let address = Conjunction::of(Match::Address(*side, Operator::Eq, cidr));
        match address.and(&mac) {
            Joined::Both(both) => Ok(both),
            Joined::Never | Joined::Apart => Err(Refused::new("two tests of one address")),
        }
    });
    each.collect()
}

/// Chains by their names, as they are written.
pub(super) type Chains = BTreeMap<ChainName, Arc<Chain>>;

/// Writes the tree; what no branch is about meets `miss` at its end, if there is one.
pub(super) fn write(
    chains: &mut Chains,
    name: &str,
    mut branches: Vec<Branch<Target>>,
    miss: Option<&Target>,
) -> Result<(), Refused> {
    branches.sort_by(|a, b| a.interface.cmp(&b.interface));
    Writer { chains, name, miss }.node(name.to_owned(), &branches)
}

/// Adds a chain. One of the same name says the same, or one of them cannot be.
pub(super) fn put(
    chains: &mut Chains,
    name: ChainName,
    rules: impl Into<Arc<Chain>>,
) -> Result<(), Refused> {
    let rules = rules.into();
    match chains.get(&name) {
        Some(other) if *other != rules => Err(Refused::namesakes("chains", name.as_str())),
        Some(_) => Ok(()),
        None => {
            chains.insert(name, rules);
            Ok(())
        }
    }
}

struct Writer<'w> {
    chains: &'w mut Chains,
    name: &'w str,
    miss: Option<&'w Target>,
}

impl Writer<'_> {
    fn node(&mut self, node: String, branches: &[Branch<Target>]) -> Result<(), Refused> {
        let mut rules = Vec::new();
        let same = branches.first().zip(branches.last());
        let same = same.map_or(0, |(a, b)| common(&a.interface, &b.interface));
        let is_leaf = branches.len() <= LEAF_MAX || ends_at(branches.last(), same);
        let next =
            |branch: &Branch<Target>| branch.interface.as_str().as_bytes().get(same).copied();
        for group in branches.chunk_by(|a, b| !is_leaf && next(a) == next(b)) {
            let prefix = group.first().and_then(|branch| start(branch, same + 1));
            match prefix {
                Some(prefix) if group.len() > 1 && next(&group[0]).is_some() => {
                    let child = format!("{}={prefix}", self.name);
                    let target = Target::Goto(ChainName::of(&child));
                    let pattern = InterfacePattern::Prefix(prefix);
                    let direction = group[0].direction;
                    rules.push(Conjunction::of(test(direction, pattern)).rule(target));
                    self.node(child, group)?;
                }
                Some(_) | None => rules.extend(group.iter().map(leaf)),
            }
        }
        rules.extend(self.miss.cloned().map(Rule::always));
        put(self.chains, ChainName::of(&node), rules)
    }
}

fn leaf(branch: &Branch<Target>) -> Rule {
    let pattern = InterfacePattern::Exact(branch.interface.clone());
    let interface = Conjunction::of(test(branch.direction, pattern));
    match interface.and(&branch.tests) {
        Joined::Both(all) => all.rule(branch.outcome.clone()),
        // Tests beside an interface are of other fields.
        Joined::Never | Joined::Apart => interface.rule(Target::Drop),
    }
}

fn test(direction: Direction, pattern: InterfacePattern) -> Match {
    match direction {
        Direction::In => Match::In(Operator::Eq, pattern),
        Direction::Out => Match::Out(Operator::Eq, pattern),
    }
}

fn common(a: &InterfaceName, b: &InterfaceName) -> usize {
    let pairs = a.as_str().bytes().zip(b.as_str().bytes());
    pairs.take_while(|(a, b)| a == b).count()
}

fn ends_at(branch: Option<&Branch<Target>>, length: usize) -> bool {
    branch.is_none_or(|branch| branch.interface.as_str().len() == length)
}

/// What a name begins with, if that and the `+` behind it are not too long to be said.
fn start(branch: &Branch<Target>, length: usize) -> Option<InterfaceName> {
    let name = branch.interface.as_str().get(..length)?;
    (length < NAME_BYTES_MAX).then(|| name.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch(name: &str) -> Branch<Target> {
        Branch {
            direction: Direction::In,
            interface: name.parse().unwrap(),
            tests: Conjunction::default(),
            outcome: Target::Goto(ChainName::of(name)),
        }
    }

    /// Where a packet of an interface comes to, and by how many rules.
    fn walk(chains: &Chains, name: &str) -> (Target, usize) {
        let exact = InterfacePattern::Exact(name.parse().unwrap());
        let (mut chain, mut rules) = (ChainName::of("tree"), 0);
        loop {
            let matching = chains[&chain].iter().find(|rule| {
                rules += 1;
                let holds = |test: &Match| {
                    matches!(test, Match::In(Operator::Eq, pattern) if pattern.covers(&exact))
                };
                rule.matches.iter().all(holds)
            });
            let target = &matching.unwrap().target;
            match target.chain().filter(|next| chains.contains_key(*next)) {
                Some(next) => chain = next.clone(),
                None => return (target.clone(), rules),
            }
        }
    }

    #[test]
    fn every_interface_comes_to_its_own_by_a_short_way() {
        let numbered = (0..1_000).map(|number| format!("tap{number}"));
        let hashed = (0..1_000).map(|number| {
            let hash = crate::backend::xtables::name::hash(&format!("{number}"), 11);
            format!("cali{hash}")
        });
        let names: Vec<String> = numbered.chain(hashed).chain(["t".to_owned()]).collect();
        let mut chains = Chains::new();
        let branches = names.iter().map(|name| branch(name)).collect();
        write(&mut chains, "tree", branches, Some(&Target::Drop)).unwrap();
        let mut longest = 0;
        for name in &names {
            let (target, rules) = walk(&chains, name);
            assert_eq!(target, Target::Goto(ChainName::of(name)));
            longest = longest.max(rules);
        }
        assert!(longest <= 60, "{longest} rules");
        for other in [
            "tap", "tap1000", "tap00", "cali", "calif", "eth0", "ta", "x",
        ] {
            assert_eq!(walk(&chains, other).0, Target::Drop, "{other}");
        }
    }

    #[test]
    fn no_prefix_is_as_long_as_a_name() {
        let names: Vec<String> = (0..40).map(|at| format!("tap012345678{:03}", at)).collect();
        // Several branches of one interface, which differ by what stands beside it.
        let branches = names.iter().flat_map(|name| [branch(name), branch(name)]);
        let mut chains = Chains::new();
        write(&mut chains, "tree", branches.collect(), Some(&Target::Drop)).unwrap();
        let rules = chains.values().flat_map(|rules| rules.iter());
        for test in rules.flat_map(|rule| &rule.matches) {
            if let Match::In(_, InterfacePattern::Prefix(prefix)) = test {
                assert!(prefix.as_str().len() < NAME_BYTES_MAX, "{prefix}");
            }
        }
        for name in &names {
            assert_eq!(walk(&chains, name).0, Target::Goto(ChainName::of(name)));
        }
    }

    #[test]
    fn a_tree_without_branches_is_what_all_miss() {
        let mut chains = Chains::new();
        write(&mut chains, "tree", Vec::new(), Some(&Target::Drop)).unwrap();
        assert_eq!(walk(&chains, "tap1"), (Target::Drop, 1));
    }
}
