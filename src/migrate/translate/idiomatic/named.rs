//! Long lists get a name, so that they can be changed, and stand once where several rules have them.

use std::collections::BTreeMap;

use crate::migrate::nft::{Element, Expression, Field, Item, Operand, Set, Statement, Table};
use crate::ruleset::Name;

/// A list as long as that gets a name.
const ELEMENTS_MIN: usize = 8;

/// Names the long lists of a table.
pub(super) fn name(table: &mut Table) {
    let mut known: BTreeMap<(String, Vec<Element>), Name> = BTreeMap::new();
    let mut made = Vec::new();
    let taken: Vec<_> = table.sets.iter().map(|set| set.name.clone()).collect();
    for rule in table.chains.iter_mut().flat_map(|chain| &mut chain.rules) {
        for statement in &mut rule.statements {
            let Statement::Match(test) = statement else {
                continue;
            };
            let Operand::Anonymous(elements) = &test.right else {
                continue;
            };
            let [Expression::Field(field)] = test.left.as_slice() else {
                continue;
            };
            let Some((kind, word)) = described(*field).filter(|_| elements.len() >= ELEMENTS_MIN)
            else {
                continue;
            };
            let key = (kind.to_owned(), elements.clone());
            let name = known.entry(key).or_insert_with(|| {
                let name = free(word, &taken, made.len());
                let mut set = Set::new(name.clone(), vec![kind.to_owned()]);
                set.interval = elements.iter().any(is_ranged);
                set.elements = elements.clone();
                made.push(set);
                name
            });
            test.right = Operand::Set(name.clone());
        }
    }
    table.sets.extend(made);
}

fn free(word: &str, taken: &[Name], made: usize) -> Name {
    let mut name = Name::from_parts(&format!("{word}-{}", made + 1));
    while taken.contains(&name) {
        name = Name::from_parts(&format!("{}-list", name.as_str()));
    }
    name
}

fn is_ranged(element: &Element) -> bool {
    element.key.iter().any(|item| !matches!(item, Item::One(_)))
}

/// nft's type of a field, and a word for sets of it.
fn described(field: Field) -> Option<(&'static str, &'static str)> {
    const KNOWN: &[(Field, &str, &str)] = &[
        (Field::IpSaddr, "ipv4_addr", "sources"),
        (Field::IpDaddr, "ipv4_addr", "destinations"),
        (Field::Ip6Saddr, "ipv6_addr", "sources6"),
        (Field::Ip6Daddr, "ipv6_addr", "destinations6"),
        (Field::TcpDport, "inet_service", "ports"),
        (Field::UdpDport, "inet_service", "ports"),
        (Field::TcpSport, "inet_service", "ports"),
        (Field::UdpSport, "inet_service", "ports"),
        (Field::EtherSaddr, "ether_addr", "macs"),
        (Field::Iifname, "ifname", "interfaces"),
        (Field::Oifname, "ifname", "interfaces"),
        (Field::Mark, "mark", "marks"),
    ];
    let known = KNOWN.iter().find(|(known, _, _)| *known == field);
    known.map(|(_, kind, word)| (*kind, *word))
}
