//! Modules and targets that are known, and why their options are not read.

use crate::net::Family;

/// What only asks or does things for which nft has no words.
const WORDLESS: &[&str] = &[
    "bpf",
    "cluster",
    "eui64",
    "ipvs",
    "rateest",
    "srh",
    "string",
    "u32",
    "CLUSTERIP",
    "DNPT",
    "HMARK",
    "IDLETIMER",
    "LED",
    "RATEEST",
    "SNPT",
];

const OTHERS: &[(&str, &str)] = &[
    (
        "nfacct",
        "an object of nfacct counts for the whole host, and one with a quota holds above that alone, which no dump says",
    ),
    (
        "SECMARK",
        "the kernel takes a secmark of nft only where SELinux knows its context",
    ),
    (
        "CONNSECMARK",
        "CONNSECMARK copies where there is no mark yet, and nft copies always",
    ),
];

/// Modules and targets that ip6tables does not take.
const IPV4_ONLY: &[&str] = &["icmp", "realm", "ttl", "ECN", "TTL"];

/// Modules and targets that iptables does not take.
const IPV6_ONLY: &[&str] = &[
    "dst",
    "frag",
    "hbh",
    "hl",
    "icmp6",
    "icmpv6",
    "ipv6-icmp",
    "ipv6header",
    "mh",
    "rt",
    "HL",
];

/// What is said of a module or target of the other family.
pub(super) fn of_other_family(name: &str, family: Family) -> Option<String> {
    let (others, other) = match family {
        Family::V4 => (IPV6_ONLY, Family::V6),
        Family::V6 => (IPV4_ONLY, Family::V4),
    };
    others
        .contains(&name)
        .then(|| format!("{name} is for {other} alone, and the dump is of {family}"))
}

/// Why the options of a module or target are not read; nothing for one that nobody knows.
pub(super) fn reason(name: &str) -> Option<String> {
    if WORDLESS.contains(&name) {
        return Some(format!("nft has no words for {name}"));
    }
    let found = OTHERS.iter().find(|(known, _)| *known == name);
    found.map(|(_, reason)| (*reason).to_owned())
}
