//! The variables that both sides know, by one name each.

use super::{Condition, Pattern, Variable};

/// How wide addresses are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Width {
    V4,
    V6,
}

impl Width {
    pub(super) fn bits(self) -> u32 {
        match self {
            Self::V4 => 32,
            Self::V6 => 128,
        }
    }
}

macro_rules! variables {
    ($($(#[$doc:meta])* $name:ident $text:literal $bits:literal,)*) => {
        $($(#[$doc])* pub(super) fn $name() -> Variable { Variable::new($text, $bits) })*
    };
}

variables! {
    /// Interfaces: their bits come of how many names there are.
    iifname "iifname" 0,
    oifname "oifname" 0,
    physical_in "physdev in" 0,
    physical_out "physdev out" 0,
    l4proto "l4proto" 8,
    /// 0 invalid, 1 established, 2 related, 3 new, 4 untracked.
    ct_state "ct state" 3,
    /// A fragment that is not the first.
    fragment "fragment" 1,
    sport "sport" 16,
    dport "dport" 16,
    tcp_flags "tcp flags" 8,
    icmp_type "icmp type" 8,
    icmp_code "icmp code" 8,
    mark "mark" 32,
    ct_mark "ct mark" 32,
    mac "ether saddr" 48,
    length "length" 16,
    tos "tos" 8,
    ttl "ttl" 8,
    packet_type "pkttype" 2,
    socket_mark "socket mark" 32,
    user "skuid" 32,
    group "skgid" 32,
    ct_status "ct status" 12,
    ct_direction "ct direction" 1,
    ct_protocol "ct protocol" 8,
    ct_expiration "ct expiration" 32,
    cgroup "cgroup" 32,
    priority "priority" 32,
    hour "hour" 17,
    day "day" 3,
    date "date" 40,
    realm "realm" 32,
    cpu "cpu" 32,
    ah_spi "ah spi" 32,
    esp_spi "esp spi" 32,
    comp_cpi "comp cpi" 16,
    rt_type "rt type" 8,
    rt_segments "rt seg-left" 8,
    rt_length "rt hdrlength" 8,
    rt_reserved "rt reserved" 32,
    frag_id "frag id" 32,
    frag_offset "frag frag-off" 13,
    frag_more "frag more-fragments" 1,
    frag_reserved "frag reserved" 8,
    frag_reserved2 "frag reserved2" 2,
    mobility_type "mh type" 8,
    dccp_type "dccp type" 4,
    input_group "iifgroup" 32,
    output_group "oifgroup" 32,
    next_header "ip6 nexthdr" 8,
}

pub(super) fn saddr(width: Width) -> Variable {
    Variable::new("saddr", width.bits())
}

pub(super) fn daddr(width: Width) -> Variable {
    Variable::new("daddr", width.bits())
}

/// A type of address as the routing table sees it: `fib saddr type`.
pub(super) fn fib_type(flags: &[&str]) -> Variable {
    Variable::new(&format!("fib {} type", flags.join(" . ")), 4)
}

/// How long the option is that names it.
pub(super) fn segment_option() -> Variable {
    Variable::new("length of tcp option 2", 8)
}

/// The largest segment that a SYN promises.
pub(super) fn segment_size() -> Variable {
    Variable::new("segment size", 16)
}

/// Whether the headers of the transport protocol can be read.
pub(super) fn not_a_later_fragment() -> Condition {
    fragment().is(0)
}

/// The protocol, and that its header can be read.
pub(super) fn transport(protocol: u8) -> Condition {
    l4proto().is(protocol.into()).and(not_a_later_fragment())
}

/// Whether the packet belongs to a connection: neither invalid nor untracked.
pub(super) fn has_connection() -> Condition {
    ct_state().within(1, 3)
}

/// Whether a socket of this host sends or gets the packet.
pub(super) fn has_socket() -> Condition {
    Condition::atom("a socket of this host")
}

/// Whether the socket that is found for the packet is whole: neither in time-wait, nor a connection that is half open.
pub(super) fn whole_socket() -> Condition {
    Condition::atom("the socket is a whole one")
}

/// There is such an interface.
pub(super) fn some_interface(variable: Variable) -> Condition {
    Condition::Name(variable, Pattern::Exactly(String::new())).negated()
}
