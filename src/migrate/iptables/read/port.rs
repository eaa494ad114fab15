//! Ports and protocols, by number or name.

use crate::net::{PortRange, Protocol, decimal};

/// Names of services that stand in hand-written files; their numbers are the same on every host.
const SERVICES: &[(&str, u16)] = &[
    ("ftp-data", 20),
    ("ftp", 21),
    ("ssh", 22),
    ("telnet", 23),
    ("smtp", 25),
    ("domain", 53),
    ("bootps", 67),
    ("bootpc", 68),
    ("tftp", 69),
    ("http", 80),
    ("www", 80),
    ("kerberos", 88),
    ("pop3", 110),
    ("sunrpc", 111),
    ("auth", 113),
    ("ntp", 123),
    ("netbios-ns", 137),
    ("netbios-dgm", 138),
    ("netbios-ssn", 139),
    ("imap", 143),
    ("imap2", 143),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("snmptrap", 162),
    ("bgp", 179),
    ("ldap", 389),
    ("https", 443),
    ("microsoft-ds", 445),
    ("isakmp", 500),
    ("syslog", 514),
    ("submission", 587),
    ("ipp", 631),
    ("ldaps", 636),
    ("domain-s", 853),
    ("rsync", 873),
    ("imaps", 993),
    ("pop3s", 995),
    ("openvpn", 1194),
    ("mysql", 3306),
    ("postgresql", 5432),
    ("mdns", 5353),
];

/// Names of protocols, as Debian's `/etc/protocols` has them, and those that iptables knows by itself.
const PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", 1),
    ("igmp", 2),
    ("ggp", 3),
    ("ipencap", 4),
    ("ip-encap", 4),
    ("st", 5),
    ("tcp", 6),
    ("egp", 8),
    ("igp", 9),
    ("pup", 12),
    ("udp", 17),
    ("hmp", 20),
    ("xns-idp", 22),
    ("rdp", 27),
    ("iso-tp4", 29),
    ("dccp", 33),
    ("xtp", 36),
    ("ddp", 37),
    ("idpr-cmtp", 38),
    ("ipv6", 41),
    ("ipv6-route", 43),
    ("ipv6-frag", 44),
    ("idrp", 45),
    ("rsvp", 46),
    ("gre", 47),
    ("esp", 50),
    ("ipsec-esp", 50),
    ("ah", 51),
    ("ipsec-ah", 51),
    ("skip", 57),
    ("ipv6-icmp", 58),
    ("icmp6", 58),
    ("icmpv6", 58),
    ("ipv6-nonxt", 59),
    ("ipv6-opts", 60),
    ("rspf", 73),
    ("cphb", 73),
    ("vmtp", 81),
    ("eigrp", 88),
    ("ospf", 89),
    ("ospfigp", 89),
    ("ax.25", 93),
    ("ipip", 94),
    ("etherip", 97),
    ("encap", 98),
    ("pim", 103),
    ("ipcomp", 108),
    ("vrrp", 112),
    ("l2tp", 115),
    ("isis", 124),
    ("sctp", 132),
    ("fc", 133),
    ("mobility-header", 135),
    ("ipv6-mh", 135),
    ("mh", 135),
    ("udplite", 136),
    ("mpls-in-ip", 137),
    ("manet", 138),
    ("hip", 139),
    ("shim6", 140),
    ("wesp", 141),
    ("rohc", 142),
    ("ethernet", 143),
];

/// `first:last`, `first:`, `:last`, or one port.
pub(super) fn ports(text: &str) -> Result<PortRange, String> {
    let allowed = || format!("{text:?} is no port or range of ports first:last");
    let one = |text: &str, default| match text {
        "" => Some(default),
        text => port(text),
    };
    let both = match text.split_once(':') {
        Some((first, last)) => one(first, 0).zip(one(last, u16::MAX)),
        None => port(text).map(|port| (port, port)),
    };
    both.and_then(|(first, last)| PortRange::new(first, last))
        .ok_or_else(allowed)
}

/// `first-last` or one port, as translations have them.
pub(super) fn dashed(text: &str) -> Result<PortRange, String> {
    ports(&text.replacen('-', ":", 1))
}

/// A list of ports and ranges.
pub(super) fn list(text: &str) -> Result<Vec<PortRange>, String> {
    text.split(',').map(ports).collect()
}

/// A protocol; `all` is none, as is every name of 0.
pub(super) fn protocol(text: &str) -> Result<Option<Protocol>, String> {
    let lower = text.to_ascii_lowercase();
    if ["all", "0", "ip", "hopopt"].contains(&lower.as_str()) {
        return Ok(None);
    }
    let named = PROTOCOLS.iter().find(|(name, _)| *name == lower);
    named
        .map(|&(_, number)| number)
        .or_else(|| decimal(text))
        .map(|number| Some(Protocol(number)))
        .ok_or_else(|| format!("{text:?} is no protocol: a number or a name such as tcp is"))
}

fn port(text: &str) -> Option<u16> {
    let named = SERVICES.iter().find(|(name, _)| *name == text);
    named.map(|&(_, number)| number).or_else(|| decimal(text))
}
