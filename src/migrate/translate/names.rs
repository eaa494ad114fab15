//! Names that nft can read: every chain keeps its own where that is one.

use std::collections::{BTreeMap, BTreeSet};

use crate::ruleset::Name;

/// Words that nft 1.0.6 does not take for the name of a chain, among those that a chain might be called.
const RESERVED: &[&str] = &[
    "accept",
    "add",
    "ah",
    "all",
    "and",
    "any",
    "arp",
    "audit",
    "bridge",
    "burst",
    "bytes",
    "chain",
    "comment",
    "comp",
    "continue",
    "counter",
    "ct",
    "daddr",
    "day",
    "dccp",
    "debug",
    "default",
    "delete",
    "device",
    "dnat",
    "dport",
    "drop",
    "dscp",
    "dst",
    "dup",
    "ecn",
    "element",
    "end",
    "esp",
    "ether",
    "exists",
    "expires",
    "export",
    "fib",
    "filter",
    "flags",
    "flow",
    "flush",
    "frag",
    "fwd",
    "goto",
    "group",
    "hbh",
    "helper",
    "hook",
    "hour",
    "icmp",
    "icmpv6",
    "id",
    "igmp",
    "iif",
    "iifname",
    "import",
    "in",
    "include",
    "index",
    "inet",
    "info",
    "ingress",
    "insert",
    "interval",
    "ip",
    "ip6",
    "ipsec",
    "jump",
    "label",
    "last",
    "length",
    "level",
    "limit",
    "list",
    "log",
    "map",
    "mark",
    "masquerade",
    "meta",
    "meter",
    "mh",
    "minute",
    "missing",
    "monitor",
    "netdev",
    "nexthdr",
    "notrack",
    "oif",
    "oifname",
    "options",
    "or",
    "original",
    "osf",
    "out",
    "over",
    "packets",
    "persistent",
    "policy",
    "position",
    "prefix",
    "priority",
    "protocol",
    "queue",
    "quota",
    "random",
    "rate",
    "redirect",
    "reject",
    "rename",
    "replace",
    "reply",
    "reset",
    "return",
    "rt",
    "ruleset",
    "saddr",
    "sctp",
    "second",
    "set",
    "size",
    "snat",
    "socket",
    "sport",
    "src",
    "state",
    "status",
    "synproxy",
    "table",
    "tcp",
    "th",
    "time",
    "timeout",
    "to",
    "tproxy",
    "ttl",
    "type",
    "typeof",
    "udp",
    "udplite",
    "unknown",
    "until",
    "update",
    "vlan",
    "vmap",
    "vxlan",
    "week",
    "xor",
    "xt",
    "zone",
];

/// The names in nft of what the host calls otherwise.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    of: BTreeMap<String, Name>,
    taken: BTreeSet<Name>,
}

impl Names {
    /// The name of something of the host's.
    pub(super) fn of(&mut self, text: &str) -> Name {
        if let Some(name) = self.of.get(text) {
            return name.clone();
        }
        let plain = Name::new(text).ok().filter(|_| !RESERVED.contains(&text));
        let name = self.free(plain.unwrap_or_else(|| Name::from_parts(&format!("-{text}"))));
        self.of.insert(text.to_owned(), name.clone());
        name
    }

    /// The name of something that the host has not: no chain of iptables begins with a space.
    pub(super) fn made(&mut self, text: &str) -> Name {
        let known = format!(" {text}");
        if let Some(name) = self.of.get(&known) {
            return name.clone();
        }
        let name = self.free(Name::from_parts(text));
        self.of.insert(known, name.clone());
        name
    }

    /// A name that nothing has.
    fn free(&mut self, wanted: Name) -> Name {
        let numbered = |number: u32| match number {
            0 => wanted.clone(),
            number => Name::from_parts(&format!("{}.{number}", wanted.as_str())),
        };
        let free = (0..=u32::MAX)
            .map(numbered)
            .find(|name| !self.taken.contains(name));
        let name = free.unwrap_or(wanted);
        self.taken.insert(name.clone());
        name
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn names_stay_apart() {
        let mut names = Names::default();
        let name = |names: &mut Names, text: &str| names.of(text).as_str().to_owned();
        assert_eq!(name(&mut names, "INPUT"), "INPUT");
        assert_eq!(name(&mut names, "~log0"), "x-_log0");
        assert_eq!(name(&mut names, "*log0"), "x-_log0.1");
        assert_eq!(name(&mut names, "drop"), "x-drop");
        assert_eq!(name(&mut names, "~log0"), "x-_log0");
        assert_eq!(name(&mut names, "ttl-inc-1"), "ttl-inc-1");
        assert_eq!(names.made("ttl-inc-1").as_str(), "ttl-inc-1.1");
        assert_eq!(names.made("ttl-inc-1").as_str(), "ttl-inc-1.1");
    }
}
