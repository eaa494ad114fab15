//! Which options there are: of every rule, of every module and target, and how many values each takes.

use crate::migrate::iptables::Sense;

/// The names of an option, the first of which is used here, and how many values follow.
pub(super) type Options = &'static [(&'static [&'static str], usize)];

/// An option as it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Given {
    pub(super) sense: Sense,
    pub(super) name: &'static str,
    pub(super) values: Vec<String>,
}

impl Given {
    /// The first value; every option that is asked for one has it.
    pub(super) fn value(&self) -> &str {
        self.values.first().map_or("", String::as_str)
    }
}

/// The option of a name.
pub(super) fn find(options: Options, name: &str) -> Option<(&'static str, usize)> {
    let known = options.iter().find(|(names, _)| names.contains(&name));
    known.map(|(names, values)| (names[0], *values))
}

/// What every rule may have.
pub(super) const GENERIC: Options = &[
    (&["-s", "--source", "--src"], 1),
    (&["-d", "--destination", "--dst"], 1),
    (&["-i", "--in-interface"], 1),
    (&["-o", "--out-interface"], 1),
    (&["-p", "--protocol", "--proto"], 1),
    (&["-f", "--fragment"], 0),
    (&["-m", "--match"], 1),
    (&["-j", "--jump"], 1),
    (&["-g", "--goto"], 1),
    (&["-c", "--set-counters"], 2),
];

const PORTS: Options = &[
    (&["--sport", "--source-port"], 1),
    (&["--dport", "--destination-port"], 1),
];

/// The options of a module; nothing for one that is not known.
pub(super) fn of_match(module: &str) -> Option<Options> {
    MATCHES
        .iter()
        .find(|(names, _)| names.contains(&module))
        .map(|(_, options)| *options)
}

const MATCHES: &[(&[&str], Options)] = &[
    (
        &["tcp"],
        &[
            PORTS[0],
            PORTS[1],
            (&["--tcp-flags"], 2),
            (&["--syn"], 0),
            (&["--tcp-option"], 1),
        ],
    ),
    (&["udp", "udplite"], PORTS),
    (&["sctp"], &[PORTS[0], PORTS[1], (&["--chunk-types"], 2)]),
    (
        &["dccp"],
        &[
            PORTS[0],
            PORTS[1],
            (&["--dccp-types"], 1),
            (&["--dccp-option"], 1),
        ],
    ),
    (
        &["multiport"],
        &[
            (&["--sports", "--source-ports"], 1),
            (&["--dports", "--destination-ports"], 1),
            (&["--ports"], 1),
        ],
    ),
    (&["icmp"], &[(&["--icmp-type"], 1)]),
    (
        &["icmp6", "icmpv6", "ipv6-icmp"],
        &[(&["--icmpv6-type", "--icmp6-type"], 1)],
    ),
    (&["state"], &[(&["--state"], 1)]),
    (
        &["conntrack"],
        &[
            (&["--ctstate"], 1),
            (&["--ctproto"], 1),
            (&["--ctorigsrc"], 1),
            (&["--ctorigdst"], 1),
            (&["--ctreplsrc"], 1),
            (&["--ctrepldst"], 1),
            (&["--ctorigsrcport"], 1),
            (&["--ctorigdstport"], 1),
            (&["--ctreplsrcport"], 1),
            (&["--ctrepldstport"], 1),
            (&["--ctstatus"], 1),
            (&["--ctexpire"], 1),
            (&["--ctdir"], 1),
        ],
    ),
    (&["mark"], &[(&["--mark"], 1)]),
    (&["connmark"], &[(&["--mark"], 1)]),
    (&["mac"], &[(&["--mac-source"], 1)]),
    (
        &["iprange"],
        &[(&["--src-range"], 1), (&["--dst-range"], 1)],
    ),
    (
        &["addrtype"],
        &[
            (&["--src-type"], 1),
            (&["--dst-type"], 1),
            (&["--limit-iface-in"], 0),
            (&["--limit-iface-out"], 0),
        ],
    ),
    (
        &["physdev"],
        &[
            (&["--physdev-in"], 1),
            (&["--physdev-out"], 1),
            (&["--physdev-is-in"], 0),
            (&["--physdev-is-out"], 0),
            (&["--physdev-is-bridged"], 0),
        ],
    ),
    (
        &["owner"],
        &[
            (&["--uid-owner"], 1),
            (&["--gid-owner"], 1),
            (&["--socket-exists"], 0),
        ],
    ),
    (&["pkttype"], &[(&["--pkt-type"], 1)]),
    (&["length"], &[(&["--length"], 1)]),
    (&["tcpmss"], &[(&["--mss"], 1)]),
    (
        &["ttl"],
        &[
            (&["--ttl-eq", "--ttl"], 1),
            (&["--ttl-lt"], 1),
            (&["--ttl-gt"], 1),
        ],
    ),
    (
        &["hl"],
        &[
            (&["--hl-eq", "--hl"], 1),
            (&["--hl-lt"], 1),
            (&["--hl-gt"], 1),
        ],
    ),
    (&["dscp"], &[(&["--dscp"], 1), (&["--dscp-class"], 1)]),
    (&["tos"], &[(&["--tos"], 1)]),
    (
        &["ecn"],
        &[
            (&["--ecn-tcp-cwr"], 0),
            (&["--ecn-tcp-ece"], 0),
            (&["--ecn-ip-ect"], 1),
        ],
    ),
    (
        &["time"],
        &[
            (&["--datestart"], 1),
            (&["--datestop"], 1),
            (&["--timestart"], 1),
            (&["--timestop"], 1),
            (&["--monthdays"], 1),
            (&["--weekdays"], 1),
            (&["--kerneltz"], 0),
            (&["--utc"], 0),
            (&["--contiguous"], 0),
        ],
    ),
    (
        &["statistic"],
        &[
            (&["--mode"], 1),
            (&["--probability"], 1),
            (&["--every"], 1),
            (&["--packet"], 1),
        ],
    ),
    (
        &["socket"],
        &[
            (&["--transparent"], 0),
            (&["--nowildcard"], 0),
            (&["--restore-skmark"], 0),
        ],
    ),
    (&["cgroup"], &[(&["--cgroup"], 1), (&["--path"], 1)]),
    (
        &["rpfilter"],
        &[
            (&["--loose"], 0),
            (&["--validmark"], 0),
            (&["--accept-local"], 0),
            (&["--invert"], 0),
        ],
    ),
    (
        &["policy"],
        &[
            (&["--dir"], 1),
            (&["--pol"], 1),
            (&["--strict"], 0),
            (&["--reqid"], 1),
            (&["--spi"], 1),
            (&["--tunnel-src"], 1),
            (&["--tunnel-dst"], 1),
            (&["--proto"], 1),
            (&["--mode"], 1),
            (&["--next"], 0),
        ],
    ),
    (
        &["rt"],
        &[
            (&["--rt-type"], 1),
            (&["--rt-segsleft"], 1),
            (&["--rt-len"], 1),
            (&["--rt-0-res"], 0),
        ],
    ),
    (
        &["frag"],
        &[
            (&["--fragid"], 1),
            (&["--fraglen"], 1),
            (&["--fragres"], 0),
            (&["--fragfirst"], 0),
            (&["--fragmore"], 0),
            (&["--fraglast"], 0),
        ],
    ),
    (&["ah"], &[(&["--ahspi"], 1)]),
    (&["esp"], &[(&["--espspi"], 1)]),
    (&["ipcomp"], &[(&["--ipcompspi"], 1)]),
    (&["dst"], &[(&["--dst-len"], 1), (&["--dst-opts"], 1)]),
    (&["hbh"], &[(&["--hbh-len"], 1), (&["--hbh-opts"], 1)]),
    (&["ipv6header"], &[(&["--header"], 1), (&["--soft"], 0)]),
    (&["mh"], &[(&["--mh-type"], 1)]),
    (
        &["set"],
        &[
            (&["--match-set", "--set"], 2),
            (&["--return-nomatch"], 0),
            (&["--update-counters"], 0),
            (&["--update-subcounters"], 0),
            (&["--packets-eq"], 1),
            (&["--packets-lt"], 1),
            (&["--packets-gt"], 1),
            (&["--bytes-eq"], 1),
            (&["--bytes-lt"], 1),
            (&["--bytes-gt"], 1),
        ],
    ),
    (&["comment"], &[(&["--comment"], 1)]),
    (&["limit"], &[(&["--limit"], 1), (&["--limit-burst"], 1)]),
    (
        &["hashlimit"],
        &[
            (&["--hashlimit-upto", "--hashlimit"], 1),
            (&["--hashlimit-above"], 1),
            (&["--hashlimit-burst"], 1),
            (&["--hashlimit-mode"], 1),
            (&["--hashlimit-srcmask"], 1),
            (&["--hashlimit-dstmask"], 1),
            (&["--hashlimit-name"], 1),
            (&["--hashlimit-htable-size"], 1),
            (&["--hashlimit-htable-max"], 1),
            (&["--hashlimit-htable-expire"], 1),
            (&["--hashlimit-htable-gcinterval"], 1),
        ],
    ),
    (
        &["connlimit"],
        &[
            (&["--connlimit-above"], 1),
            (&["--connlimit-upto"], 1),
            (&["--connlimit-mask"], 1),
            (&["--connlimit-saddr"], 0),
            (&["--connlimit-daddr"], 0),
        ],
    ),
    (
        &["recent"],
        &[
            (&["--set"], 0),
            (&["--rcheck"], 0),
            (&["--update"], 0),
            (&["--remove"], 0),
            (&["--seconds"], 1),
            (&["--reap"], 0),
            (&["--hitcount"], 1),
            (&["--rttl"], 0),
            (&["--name"], 1),
            (&["--rsource"], 0),
            (&["--rdest"], 0),
            (&["--mask"], 1),
        ],
    ),
    (
        &["connbytes"],
        &[
            (&["--connbytes"], 1),
            (&["--connbytes-dir"], 1),
            (&["--connbytes-mode"], 1),
        ],
    ),
    (&["helper"], &[(&["--helper"], 1)]),
    (&["connlabel"], &[(&["--label"], 1), (&["--set"], 0)]),
    (&["realm"], &[(&["--realm"], 1)]),
    (
        &["devgroup"],
        &[(&["--src-group"], 1), (&["--dst-group"], 1)],
    ),
    (&["cpu"], &[(&["--cpu"], 1)]),
    (&["quota"], &[(&["--quota"], 1)]),
    (
        &["osf"],
        &[(&["--genre"], 1), (&["--ttl"], 1), (&["--log"], 1)],
    ),
];
