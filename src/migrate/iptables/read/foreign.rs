//! Modules and targets that are known, and why their options are not read.

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

/// Why the options of a module or target are not read; nothing for one that nobody knows.
pub(super) fn reason(name: &str) -> Option<String> {
    if WORDLESS.contains(&name) {
        return Some(format!("nft has no words for {name}"));
    }
    let found = OTHERS.iter().find(|(known, _)| *known == name);
    found.map(|(_, reason)| (*reason).to_owned())
}
