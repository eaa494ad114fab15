//! What the kernel holds, as `iptables-save` and `ipset save` write it.

use std::collections::BTreeMap;

use super::Member;

/// One table of one family.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SavedTable {
    /// All chains, also those of others, with their rules.
    pub(super) chains: BTreeMap<String, Vec<SavedRule>>,
}

/// A rule that the kernel holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SavedRule {
    /// All after the name of the chain, in the words of `iptables-save`.
    pub(super) text: String,
    /// Its comment.
    pub(super) comment: Option<String>,
}

/// A set that the kernel holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SavedSet {
    /// All after its name where it is created: type, family and options.
    pub(super) declaration: String,
    /// Its members, each with its options.
    pub(super) members: Vec<Member>,
}

impl SavedTable {
    /// Reads what `iptables-save -t` says of one table.
    pub(super) fn read(text: &str) -> Self {
        let mut table = Self::default();
        for line in text.lines() {
            if let Some(declared) = line.strip_prefix(':') {
                let name = declared.split(' ').next().unwrap_or_default();
                table.chains.entry(name.to_owned()).or_default();
            } else if let Some((chain, rule)) = appended(line) {
                let rules = table.chains.entry(chain.to_owned()).or_default();
                rules.push(SavedRule::read(rule));
            }
        }
        table
    }
}

/// The chain and the rule of a line that appends.
fn appended(line: &str) -> Option<(&str, &str)> {
    let appended = line.strip_prefix("-A ")?;
    Some(appended.split_once(' ').unwrap_or((appended, "")))
}

impl SavedRule {
    fn read(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            comment: comment(text),
        }
    }
}

/// The comment of a rule. Those that we write need no quoting, and are quoted by some versions.
pub(super) fn comment(text: &str) -> Option<String> {
    let (_, after) = text.split_once("--comment ")?;
    let comment = match after.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => after.split(' ').next(),
    };
    comment.map(str::to_owned)
}

/// How the declaration of a set begins whose members have ports.
const PORTED: [&str; 2] = ["hash:ip,port ", "hash:net,port "];

/// A member of a set, which is said before.
fn member(text: &str, has_ports: bool) -> Member {
    let port = text.rsplit_once(':').filter(|_| has_ports);
    match port.and_then(|(of, port)| Some((of, port.parse().ok()?))) {
        Some((of, port)) => Member::ported(of, port, port),
        None => Member::new(text),
    }
}

/// Reads what `ipset save` says.
pub(super) fn sets(text: &str) -> BTreeMap<String, SavedSet> {
    let mut sets: BTreeMap<String, SavedSet> = BTreeMap::new();
    for line in text.lines() {
        let mut words = line.splitn(3, ' ');
        let (verb, name, rest) = (words.next(), words.next(), words.next());
        let (Some(name), Some(rest)) = (name, rest) else {
            continue;
        };
        match verb {
            Some("create") => {
                let set = sets.entry(name.to_owned()).or_default();
                set.declaration = rest.to_owned();
            }
            Some("add") => {
                let set = sets.entry(name.to_owned()).or_default();
                let has_ports = PORTED.iter().any(|kind| set.declaration.starts_with(kind));
                set.members.push(member(rest, has_ports));
            }
            Some(_) | None => {}
        }
    }
    sets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_and_rules_are_read_with_their_comments() {
        let text = "# Generated\n*filter\n:INPUT ACCEPT [0:0]\n:mg-a - [0:0]\n:empty - [0:0]\n\
            -A INPUT -m comment --comment mg:1 -j mg-a\n\
            -A mg-a -s 10.0.0.0/8 -m comment --comment \"mg:2\" -j DROP\n-A mg-a\nCOMMIT\n";
        let table = SavedTable::read(text);
        let names: Vec<_> = table.chains.keys().collect();
        assert_eq!(names, ["INPUT", "empty", "mg-a"]);
        let comments = |chain: &str| -> Vec<_> {
            let rules = table.chains[chain].iter();
            rules.map(|rule| rule.comment.as_deref()).collect()
        };
        assert_eq!(comments("INPUT"), [Some("mg:1")]);
        assert_eq!(comments("mg-a"), [Some("mg:2"), None]);
    }

    #[test]
    fn sets_are_read_with_their_members() {
        let text = "create a hash:ip family inet hashsize 1024 maxelem 65536 bucketsize 12\n\
            add a 10.0.0.1\nadd a 10.0.0.2\ncreate b list:set size 8\nadd b a\n\
            create c hash:net,port family inet6 hashsize 1024\nadd c fd00::/64,tcp:80\n";
        let sets = sets(text);
        let members: Vec<_> = sets["a"].members.iter().map(Member::to_string).collect();
        assert_eq!(members, ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(sets["b"].declaration, "list:set size 8");
        assert_eq!(sets["c"].members, [Member::ported("fd00::/64,tcp", 80, 80)]);
    }
}
