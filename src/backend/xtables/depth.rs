//! How many chains lead into one another: the rules of `iptables-nft` are chains of nf_tables, and the
//! kernel follows only so many.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{ChainName, Document, Table, Variant};

/// The most chains of a way, with the built-in one: `NFT_JUMP_STACK_SIZE` (net/netfilter/nf_tables.h).
/// A `goto` counts like a `jump` (`nft_chain_validate`, net/netfilter/nf_tables_api.c).
pub(super) const DEPTH_MAX: usize = 16;

/// A way that is too long for a variant: its chains one after the other, without the built-in one, each with how many
/// rules lead to it.
pub(super) fn too_deep(variant: Variant, document: &Document) -> Option<Vec<(&ChainName, usize)>> {
    match variant {
        Variant::Legacy => None,
        Variant::Nft => document.tables.values().find_map(Ways::too_long),
    }
}

/// Who of those whose chains these are is to blame for the length of a way: who has the most of them. Of several it is the
/// last of those that the fewest rules lead to: what belongs to one policy, rather than what all have in common.
pub(super) fn longest<O: PartialEq + Copy>(owners: &[(O, usize)]) -> Option<O> {
    let chains = |owner: O| owners.iter().filter(|(other, _)| *other == owner).count();
    let cost = owners
        .iter()
        .max_by_key(|(owner, users)| (chains(*owner), Reverse(*users)));
    cost.map(|(owner, _)| *owner)
}

/// The ways through the chains of a table.
struct Ways<'t> {
    table: &'t Table,
    /// How many chains the longest way from a chain has, itself included, and which is the next of it.
    longest: BTreeMap<&'t ChainName, (usize, Option<&'t ChainName>)>,
}

impl<'t> Ways<'t> {
    fn too_long(table: &'t Table) -> Option<Vec<(&'t ChainName, usize)>> {
        let mut ways = Self {
            table,
            longest: BTreeMap::new(),
        };
        let heads = table.heads.values().flatten();
        let mut roots = heads.filter_map(|rule| rule.target.chain());
        let root = roots.find(|root| 1 + ways.from(root) > DEPTH_MAX)?;
        let on_the_way = std::iter::successors(Some(root), |chain| ways.longest.get(*chain)?.1);
        let users = ways.users();
        let used = |chain| users.get(chain).copied().unwrap_or_default();
        Some(on_the_way.map(|chain| (chain, used(chain))).collect())
    }

    /// The longest way from a chain. That there is no loop is known of what is in force, and of what is
    /// lowered from a table: a chain leads to those that stand below it there.
    fn from(&mut self, chain: &'t ChainName) -> usize {
        if let Some((length, _)) = self.longest.get(chain) {
            return *length;
        }
        let mut longest = (1, None);
        for next in leads(self.table, chain) {
            let length = 1 + self.from(next);
            if length > longest.0 {
                longest = (length, Some(next));
            }
        }
        self.longest.insert(chain, longest);
        longest.0
    }

    /// How many rules lead to each chain.
    fn users(&self) -> BTreeMap<&'t ChainName, usize> {
        let mut users = BTreeMap::new();
        for chain in self.table.chains.keys() {
            for next in leads(self.table, chain) {
                *users.entry(next).or_default() += 1;
            }
        }
        users
    }
}

/// The chains that the rules of a chain lead to.
fn leads<'t>(table: &'t Table, chain: &ChainName) -> impl Iterator<Item = &'t ChainName> {
    let rules = table.chains.get(chain).into_iter();
    let rules = rules.flat_map(|rules| rules.iter());
    rules.filter_map(|rule| rule.target.chain())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::xtables::lower::{Dispatch, Lowering, Touched};
    use crate::ruleset::parse;

    /// Chains that lead into one another, the last one by many ways.
    fn chained(count: usize) -> Document {
        let mut text = "table inet t {\n chain last { drop; }\n".to_owned();
        for at in (0..count).rev() {
            let next = match at + 1 == count {
                true => "jump last; jump last;".to_owned(),
                false => format!("goto c{};", at + 1),
            };
            text += &format!(" chain c{at} {{ {next} }}\n");
        }
        text +=
            " chain f { type filter hook forward priority filter; policy accept; jump c0; }\n}\n";
        let ruleset = parse("t.nft", &text.replace(';', "\n")).unwrap();
        let table = ruleset.tables.values().next().unwrap();
        let mut lowering = Lowering::by(Dispatch::Sets);
        lowering.lower(table, &Touched::All).unwrap()
    }

    #[test]
    fn a_way_is_as_long_as_the_kernel_takes_and_no_longer() {
        // FORWARD, f, c0..., last
        let (fits, deep) = (chained(DEPTH_MAX - 3), chained(DEPTH_MAX - 2));
        assert_eq!(too_deep(Variant::Nft, &fits), None);
        assert_eq!(too_deep(Variant::Legacy, &deep), None);
        let way = too_deep(Variant::Nft, &deep).unwrap();
        let named: Vec<_> = way.iter().map(|(chain, _)| chain.as_str()).collect();
        assert_eq!(named[..2], ["mgy-f", "mgy-c0"]);
        assert_eq!(way.len(), DEPTH_MAX);
        assert_eq!(
            way.last().map(|(chain, users)| (chain.as_str(), *users)),
            Some(("mgy-last", 2))
        );
    }

    #[test]
    fn to_blame_is_who_has_the_most_chains_and_is_no_common_ground() {
        let way = |owners: &[(&'static str, usize)]| longest(owners);
        assert_eq!(way(&[]), None);
        assert_eq!(
            way(&[("tier", 1), ("web", 1), ("web", 1), ("db", 1)]),
            Some("web")
        );
        assert_eq!(
            way(&[("tier", 1), ("web", 1), ("db", 1), ("end", 2)]),
            Some("db")
        );
    }
}
