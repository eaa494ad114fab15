//! What makes of what is in force what should be, in an order of which a packet sees no half.
//!
//! ```text
//! fill    members come, new sets are filled      ipset restore, line by line
//! tables  rules change, a table at a time        iptables-restore, each table in one piece
//! drain   members go, then sets without users    ipset restore, line by line
//! ```
//!
//! A packet that looks a set up finds what it held before or after, since what both hold is never
//! taken out; a set that is too small for what it should hold is swapped with one that is not.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::document::lines;
use super::held::{Held, HeldChain, HeldSet, HeldTable, Placement};
use super::saved::{SavedRule, comment};
use super::script::{Origin, Script};
use super::{Document, Ipset, IpsetName, Table, TableName};
use crate::net::Family;

/// All that is to be written, in order.
#[derive(Debug, Default)]
pub(super) struct Writes {
    pub(super) fill: Script,
    pub(super) tables: Vec<(Family, TableName, Script)>,
    pub(super) drain: Script,
    /// Sets that no rule names any more.
    pub(super) gone: Vec<String>,
}

impl Writes {
    /// What differs.
    pub(super) fn between(held: &Held, wanted: &Document, placement: Placement) -> Self {
        let mut writes = Self::default();
        for (name, set) in &wanted.ipsets {
            match held.sets.get(name.as_str()) {
                None => writes.fill.append(created(name, name, set)),
                Some(held) if !held.is_of_type(set) => {
                    // The kernel does not change a set's type, nor destroys one that is looked up:
                    // it says so, and no rule is touched.
                    let origin = Origin::Set(name.clone());
                    writes.fill.push(&format!("destroy {name}"), origin);
                    writes.fill.append(created(name, name, set));
                }
                // As we made it, of the very same.
                Some(held) if held.of.as_ref() == Some(set) => {}
                Some(held) => {
                    if held.takes(set) {
                        writes.come(name, held, set);
                    } else {
                        writes.fill.append(replaced(name, held, set));
                    }
                    writes.go(name, held, set);
                }
            }
        }
        let nothing = (HeldTable::default(), Table::default());
        let keys: BTreeSet<_> = held.tables.keys().chain(wanted.tables.keys()).collect();
        for &(family, name) in keys {
            let held = held.tables.get(&(family, name)).unwrap_or(&nothing.0);
            let wanted = wanted.tables.get(&(family, name)).unwrap_or(&nothing.1);
            let script = table(held, wanted, (family, name), placement);
            if !script.is_empty() {
                writes.tables.push((family, name, script));
            }
        }
        let names = held.sets.keys();
        let gone = names.filter(|name| !wanted.ipsets.contains_key(name.as_str()));
        writes.gone = gone.cloned().collect();
        writes
    }

    /// Whether nothing differs but sets that stay because somebody else looks them up.
    pub(super) fn is_idle(&self, stuck: &BTreeSet<String>) -> bool {
        self.fill.is_empty()
            && self.tables.is_empty()
            && self.drain.is_empty()
            && self.gone.iter().all(|name| stuck.contains(name))
    }

    /// All of it as text, for people.
    pub(super) fn text(&self) -> String {
        let said = |program: &str, text: &str| match text {
            "" => String::new(),
            text => format!("# {program}\n{text}"),
        };
        let tables = self.tables.iter().map(|(family, _, script)| {
            let program = match family {
                Family::V4 => "iptables-restore --noflush",
                Family::V6 => "ip6tables-restore --noflush",
            };
            said(program, script.text())
        });
        let gone = self.gone.iter().map(|name| format!("destroy {name}\n"));
        let drained = format!("{}{}", self.drain.text(), gone.collect::<String>());
        let sets = "ipset restore -exist";
        let tables: String = tables.collect();
        format!(
            "{}{tables}{}",
            said(sets, self.fill.text()),
            said(sets, &drained)
        )
    }

    fn come(&mut self, name: &IpsetName, held: &HeldSet, set: &Ipset) {
        for member in set.members.without(&held.members) {
            let origin = Origin::Member(name.clone(), member.to_string());
            self.fill.push(&format!("add {name} {member}"), origin);
        }
    }

    fn go(&mut self, name: &IpsetName, held: &HeldSet, set: &Ipset) {
        for member in held.members.without(&set.members) {
            let origin = Origin::Set(name.clone());
            self.drain.push(&format!("del {name} {member}"), origin);
        }
    }
}

/// A set under a name of its own or, until it is swapped, another.
fn created(under: &IpsetName, name: &IpsetName, set: &Ipset) -> Script {
    let mut script = Script::default();
    let line = set.create_line(under);
    script.push(line.trim_end(), Origin::Set(name.clone()));
    for member in set.members.iter() {
        let origin = Origin::Member(name.clone(), member.to_string());
        script.push(&format!("add {under} {member}"), origin);
    }
    script
}

/// The kernel swaps two sets at once, under all rules. Until these are changed the new one holds what the
/// old one did, too. Nobody looks up the name that it is made under; one left from an earlier attempt, of
/// whatever type, goes first. That there is none is no error to `ipset -exist`.
fn replaced(name: &IpsetName, held: &HeldSet, set: &Ipset) -> Script {
    let new = IpsetName::of(set.family, "new");
    let union = held.united(set);
    let mut script = Script::default();
    let gone = format!("destroy {new}");
    script.push(&gone, Origin::Set(name.clone()));
    script.append(created(&new, name, &union));
    script.push(&format!("swap {new} {name}"), Origin::Set(name.clone()));
    script.push(&gone, Origin::Set(name.clone()));
    script
}

/// What changes a table; nothing where nothing does.
fn table(
    held: &HeldTable,
    wanted: &Table,
    (family, name): (Family, TableName),
    placement: Placement,
) -> Script {
    let (mut declared, mut rules) = (Script::default(), Script::default());
    for (chain, wanted) in &wanted.chains {
        let held = held.chains.get(chain.as_str());
        if held.is_some_and(|held| held.is(chain, wanted, family)) {
            continue;
        }
        let lines = lines(chain.as_str(), wanted, family);
        // Declaring a chain that is there takes its rules out.
        declared.push(&format!(":{chain} - [0:0]"), Origin::Chain(chain.clone()));
        for (at, line) in lines.iter().enumerate() {
            let origin = Origin::Rule(chain.clone(), at);
            rules.push(&format!("-A {chain} {line}"), origin);
        }
    }
    rules.append(heads(held, wanted, family, placement));
    let gone: Vec<_> = gone(held, wanted).collect();
    let led_to = match gone.is_empty() {
        true => BTreeSet::new(),
        false => held.led_to(),
    };
    for (chain, held) in gone {
        let stays = led_to.contains(chain.as_str());
        if !stays || !held.comments.is_empty() {
            declared.push(&format!(":{chain} - [0:0]"), Origin::Whole);
        }
        if !stays {
            rules.push(&format!("-X {chain}"), Origin::Whole);
        }
    }
    if declared.is_empty() && rules.is_empty() {
        return Script::default();
    }
    let mut script = Script::default();
    script.push(&format!("*{name}"), Origin::Whole);
    script.append(declared);
    script.append(rules);
    script.push("COMMIT", Origin::Whole);
    script
}

/// The chains that no rule of ours leads to any more.
fn gone<'h>(
    held: &'h HeldTable,
    wanted: &'h Table,
) -> impl Iterator<Item = (&'h String, &'h HeldChain)> {
    let chains = held.chains.iter();
    chains.filter(|(name, _)| !wanted.chains.contains_key(name.as_str()))
}

/// Our rules in chains that are everybody's: taken out by what they say, since others may have moved
/// them, and put back where they belong.
fn heads(held: &HeldTable, wanted: &Table, family: Family, placement: Placement) -> Script {
    let mut script = Script::default();
    let wanted: BTreeMap<&str, Vec<String>> = {
        let heads = wanted.heads.iter();
        heads
            .map(|(builtin, rules)| {
                let name = builtin.as_str();
                (name, lines(name, rules, family))
            })
            .collect()
    };
    let names: BTreeSet<&str> = {
        let held = held.others.keys().map(String::as_str);
        held.chain(wanted.keys().copied()).collect()
    };
    for name in names {
        let lines = wanted.get(name).map(Vec::as_slice).unwrap_or_default();
        if held.has_head(name, lines, placement) {
            continue;
        }
        for rule in held.ours(name) {
            script.push(&format!("-D {name} {}", rule.text), Origin::Head);
        }
        for (at, line) in lines.iter().enumerate() {
            let line = match placement {
                Placement::Insert => format!("-I {name} {} {line}", at + 1),
                Placement::Append => format!("-A {name} {line}"),
            };
            script.push(&line, Origin::Whole);
        }
    }
    script
}

impl Held {
    /// Notes that what differed was written.
    pub(super) fn settle(&mut self, wanted: &Document, placement: Placement) {
        self.sets
            .retain(|name, _| wanted.ipsets.contains_key(name.as_str()));
        for (name, set) in &wanted.ipsets {
            match self.sets.get_mut(name.as_str()) {
                Some(held) if held.of.as_ref() == Some(set) => {}
                Some(held) => *held = settled(Some(&*held), set),
                None => _ = self.sets.insert(name.to_string(), settled(None, set)),
            }
        }
        let keys: BTreeSet<_> = self
            .tables
            .keys()
            .chain(wanted.tables.keys())
            .copied()
            .collect();
        let nothing = Table::default();
        for key in keys {
            let wanted = wanted.tables.get(&key).unwrap_or(&nothing);
            self.tables
                .entry(key)
                .or_default()
                .settle(wanted, key.0, placement);
        }
    }
}

/// A set that was made what it should be.
fn settled(held: Option<&HeldSet>, set: &Arc<Ipset>) -> HeldSet {
    let mut new = HeldSet::of(set);
    if let Some(held) = held.filter(|held| held.is_of_type(set)) {
        new.room = match held.takes(set) {
            true => held.room,
            false => HeldSet::of(&held.united(set)).room,
        };
    }
    new.of = Some(Arc::clone(set));
    new
}

impl HeldTable {
    fn settle(&mut self, wanted: &Table, family: Family, placement: Placement) {
        self.chains
            .retain(|name, _| wanted.chains.contains_key(name.as_str()));
        for (name, rules) in &wanted.chains {
            match self.chains.get_mut(name.as_str()) {
                Some(held) if held.is_of(rules) => {}
                Some(held) => *held = HeldChain::of(name, rules, family),
                None => {
                    let held = HeldChain::of(name, rules, family);
                    self.chains.insert(name.to_string(), held);
                }
            }
        }
        for rules in self.others.values_mut() {
            rules.retain(|rule| !super::held::is_ours(rule));
        }
        for (builtin, rules) in &wanted.heads {
            let lines = lines(builtin.as_str(), rules, family).into_iter();
            let ours = lines.map(|text| SavedRule {
                comment: comment(&text),
                text,
            });
            let others = self.others.entry(builtin.as_str().to_owned()).or_default();
            let at = match placement {
                Placement::Insert => 0,
                Placement::Append => others.len(),
            };
            others.splice(at..at, ours);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::xtables::{IpsetType, Member};

    fn ipset(kind: IpsetType, members: &[&str]) -> Ipset {
        let mut set = Ipset::empty(kind, Family::V4);
        set.members = members.iter().map(|member| Member::new(member)).collect();
        set
    }

    fn writes(room: usize, held: &Ipset, wanted: &Ipset) -> (String, String) {
        let name = IpsetName::of(Family::V4, "web");
        let mut set = HeldSet::of(held);
        set.room = room;
        let held = Held {
            sets: [(name.to_string(), set)].into(),
            ..Held::default()
        };
        let wanted = Document {
            ipsets: [(name, Arc::new(wanted.clone()))].into(),
            ..Document::default()
        };
        let writes = Writes::between(&held, &wanted, Placement::Insert);
        let text = |script: &Script| script.text().to_owned();
        (text(&writes.fill), text(&writes.drain))
    }

    #[test]
    fn a_set_without_room_for_both_is_swapped_with_one_that_holds_both() {
        let held = ipset(IpsetType::HashIp, &["10.0.0.1", "10.0.0.2"]);
        let wanted = ipset(IpsetType::HashIp, &["10.0.0.2", "10.0.0.3"]);
        let (fill, drain) = writes(3, &held, &wanted);
        assert_eq!(fill, "add mgy4-web 10.0.0.3\n");
        assert_eq!(drain, "del mgy4-web 10.0.0.1\n");
        let (fill, drain) = writes(2, &held, &wanted);
        let lines: Vec<_> = fill.lines().collect();
        assert_eq!(lines[0], "destroy mgy4-new");
        assert!(lines[1].starts_with("create mgy4-new hash:ip"), "{fill}");
        let adds = [1, 2, 3].map(|host| format!("add mgy4-new 10.0.0.{host}"));
        assert_eq!(lines[2..5], adds);
        assert_eq!(lines[5..], ["swap mgy4-new mgy4-web", "destroy mgy4-new"]);
        assert_eq!(drain, "del mgy4-web 10.0.0.1\n");
    }

    #[test]
    fn a_set_of_another_type_is_destroyed_or_nothing_is_written() {
        let held = ipset(IpsetType::HashIp, &["10.0.0.1"]);
        let wanted = ipset(IpsetType::HashNet, &["10.0.0.0/24"]);
        let (fill, drain) = writes(9, &held, &wanted);
        assert!(
            fill.starts_with("destroy mgy4-web\ncreate mgy4-web hash:net "),
            "{fill}"
        );
        assert_eq!(drain, "");
    }
}
