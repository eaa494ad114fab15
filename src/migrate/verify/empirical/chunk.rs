//! The chunks of SCTP, by the names that iptables has for them.

/// A type that has no meaning.
pub(super) const OTHER: u8 = 0x3e;

/// The numbers of RFC 9260 and RFC 5061.
const NUMBERS: [(&str, u8); 17] = [
    ("DATA", 0),
    ("INIT", 1),
    ("INIT_ACK", 2),
    ("SACK", 3),
    ("HEARTBEAT", 4),
    ("HEARTBEAT_ACK", 5),
    ("ABORT", 6),
    ("SHUTDOWN", 7),
    ("SHUTDOWN_ACK", 8),
    ("ERROR", 9),
    ("COOKIE_ECHO", 10),
    ("COOKIE_ACK", 11),
    ("ECN_ECNE", 12),
    ("ECN_CWR", 13),
    ("SHUTDOWN_COMPLETE", 14),
    ("ASCONF_ACK", 0x80),
    ("ASCONF", 0xc1),
];

/// The numbers of the chunks that a rule names; their flags are left out.
pub(super) fn numbers(list: &str) -> Vec<u8> {
    let names = list.split(',').filter_map(|one| one.split(':').next());
    let numbers = names.filter_map(|name| NUMBERS.iter().find(|(known, _)| *known == name));
    numbers.map(|(_, number)| *number).collect()
}

/// The bytes of chunks without content; a packet has one of data at least, since the kernel's iptables
/// drops one that has none.
pub(super) fn bytes(numbers: &[u8]) -> Vec<u8> {
    let numbers = match numbers {
        [] => &[0][..],
        some => some,
    };
    numbers
        .iter()
        .flat_map(|number| [*number, 0, 0, 4])
        .collect()
}
