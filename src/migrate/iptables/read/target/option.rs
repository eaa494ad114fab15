//! Which options targets have, and how many values each takes.

use crate::migrate::iptables::read::option::Options;

/// The options of a target; nothing for one that is not known.
pub(in crate::migrate::iptables::read) fn of_target(target: &str) -> Option<Options> {
    TARGETS
        .iter()
        .find(|(name, _)| *name == target)
        .map(|(_, options)| *options)
}

const XMARK: Options = &[
    (&["--set-xmark"], 1),
    (&["--set-mark"], 1),
    (&["--and-mark"], 1),
    (&["--or-mark"], 1),
    (&["--xor-mark"], 1),
];

const TARGETS: &[(&str, Options)] = &[
    ("ACCEPT", &[]),
    ("DROP", &[]),
    ("RETURN", &[]),
    ("REJECT", &[(&["--reject-with"], 1)]),
    (
        "LOG",
        &[
            (&["--log-prefix"], 1),
            (&["--log-level"], 1),
            (&["--log-tcp-sequence"], 0),
            (&["--log-tcp-options"], 0),
            (&["--log-ip-options"], 0),
            (&["--log-uid"], 0),
            (&["--log-macdecode"], 0),
        ],
    ),
    (
        "NFLOG",
        &[
            (&["--nflog-group"], 1),
            (&["--nflog-prefix"], 1),
            (&["--nflog-range"], 1),
            (&["--nflog-size"], 1),
            (&["--nflog-threshold"], 1),
        ],
    ),
    (
        "DNAT",
        &[
            (&["--to-destination"], 1),
            (&["--random"], 0),
            (&["--persistent"], 0),
        ],
    ),
    (
        "SNAT",
        &[
            (&["--to-source"], 1),
            (&["--random"], 0),
            (&["--random-fully"], 0),
            (&["--persistent"], 0),
        ],
    ),
    (
        "MASQUERADE",
        &[
            (&["--to-ports"], 1),
            (&["--random"], 0),
            (&["--random-fully"], 0),
        ],
    ),
    ("REDIRECT", &[(&["--to-ports"], 1), (&["--random"], 0)]),
    ("NETMAP", &[(&["--to"], 1)]),
    ("MARK", XMARK),
    (
        "CONNMARK",
        &[
            XMARK[0],
            XMARK[1],
            XMARK[2],
            XMARK[3],
            XMARK[4],
            (&["--save-mark"], 0),
            (&["--restore-mark"], 0),
            (&["--nfmask"], 1),
            (&["--ctmask"], 1),
            (&["--mask"], 1),
        ],
    ),
    ("NOTRACK", &[]),
    (
        "CT",
        &[
            (&["--notrack"], 0),
            (&["--helper"], 1),
            (&["--zone"], 1),
            (&["--zone-orig"], 1),
            (&["--zone-reply"], 1),
            (&["--ctevents"], 1),
            (&["--expevents"], 1),
            (&["--timeout"], 1),
        ],
    ),
    (
        "TCPMSS",
        &[(&["--set-mss"], 1), (&["--clamp-mss-to-pmtu"], 0)],
    ),
    ("TCPOPTSTRIP", &[(&["--strip-options"], 1)]),
    ("TEE", &[(&["--gateway"], 1), (&["--oif"], 1)]),
    (
        "TPROXY",
        &[
            (&["--on-port"], 1),
            (&["--on-ip"], 1),
            (&["--tproxy-mark"], 1),
        ],
    ),
    ("QUEUE", &[]),
    (
        "NFQUEUE",
        &[
            (&["--queue-num"], 1),
            (&["--queue-balance"], 1),
            (&["--queue-bypass"], 0),
            (&["--queue-cpu-fanout"], 0),
        ],
    ),
    ("DSCP", &[(&["--set-dscp"], 1), (&["--set-dscp-class"], 1)]),
    (
        "TOS",
        &[
            (&["--set-tos"], 1),
            (&["--and-tos"], 1),
            (&["--or-tos"], 1),
            (&["--xor-tos"], 1),
        ],
    ),
    ("ECN", &[(&["--ecn-tcp-remove"], 0)]),
    (
        "TTL",
        &[
            (&["--ttl-set"], 1),
            (&["--ttl-inc"], 1),
            (&["--ttl-dec"], 1),
        ],
    ),
    (
        "HL",
        &[(&["--hl-set"], 1), (&["--hl-inc"], 1), (&["--hl-dec"], 1)],
    ),
    ("CLASSIFY", &[(&["--set-class"], 1)]),
    (
        "SYNPROXY",
        &[
            (&["--mss"], 1),
            (&["--wscale"], 1),
            (&["--sack-perm"], 0),
            (&["--timestamp"], 0),
            (&["--ecn"], 0),
        ],
    ),
    ("AUDIT", &[(&["--type"], 1)]),
    ("TRACE", &[]),
    ("CHECKSUM", &[(&["--checksum-fill"], 0)]),
    (
        "SET",
        &[
            (&["--add-set"], 2),
            (&["--del-set"], 2),
            (&["--map-set"], 2),
            (&["--exist"], 0),
            (&["--timeout"], 1),
            (&["--map-mark"], 0),
            (&["--map-prio"], 0),
            (&["--map-queue"], 0),
        ],
    ),
];
