//! Names that nft can read: every chain keeps its own where that is one.

use std::collections::{BTreeMap, BTreeSet};

use crate::ruleset::Name;

/// Words that nft does not take for the name of a chain or a set, some of them only where they are of a later version
/// than 1.0.6, or of an earlier one.
const RESERVED: &[&str] = &[
    "accept",
    "add",
    "ah",
    "all",
    "and",
    "any",
    "arp",
    "audit",
    "auto-merge",
    "bridge",
    "burst",
    "bytes",
    "cgroup",
    "chain",
    "comment",
    "comp",
    "constant",
    "continue",
    "counter",
    "cpu",
    "create",
    "ct",
    "daddr",
    "day",
    "dccp",
    "debug",
    "default",
    "define",
    "delete",
    "describe",
    "destroy",
    "device",
    "devices",
    "dnat",
    "dport",
    "drop",
    "dscp",
    "dst",
    "dup",
    "dynamic",
    "ecn",
    "element",
    "elements",
    "end",
    "eq",
    "esp",
    "ether",
    "exists",
    "expires",
    "export",
    "exthdr",
    "fib",
    "filter",
    "flags",
    "flow",
    "flowtable",
    "flush",
    "frag",
    "fwd",
    "gc-interval",
    "ge",
    "geneve",
    "get",
    "goto",
    "gre",
    "gretap",
    "group",
    "gt",
    "handle",
    "hbh",
    "helper",
    "hook",
    "hour",
    "ibriport",
    "ibrname",
    "icmp",
    "icmpv6",
    "id",
    "igmp",
    "iif",
    "iifgroup",
    "iifname",
    "iiftype",
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
    "jhash",
    "jump",
    "label",
    "last",
    "le",
    "length",
    "level",
    "limit",
    "list",
    "ll",
    "log",
    "lshift",
    "lt",
    "map",
    "mark",
    "masquerade",
    "meta",
    "meter",
    "mh",
    "minute",
    "missing",
    "monitor",
    "ne",
    "netdev",
    "nexthdr",
    "nftrace",
    "nh",
    "not",
    "notrack",
    "numgen",
    "obriport",
    "obrname",
    "offload",
    "oif",
    "oifgroup",
    "oifname",
    "oiftype",
    "options",
    "or",
    "original",
    "osf",
    "out",
    "over",
    "packets",
    "persistent",
    "pkttype",
    "policy",
    "position",
    "prefix",
    "priority",
    "protocol",
    "queue",
    "quota",
    "random",
    "rate",
    "redefine",
    "redirect",
    "reject",
    "rename",
    "replace",
    "reply",
    "reset",
    "return",
    "rshift",
    "rt",
    "rt0",
    "rt2",
    "rtclassid",
    "rule",
    "ruleset",
    "saddr",
    "sctp",
    "secmark",
    "second",
    "set",
    "size",
    "skgid",
    "skuid",
    "snat",
    "socket",
    "sport",
    "src",
    "srh",
    "state",
    "status",
    "symhash",
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
    "undefine",
    "unknown",
    "until",
    "update",
    "vlan",
    "vmap",
    "vni",
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
