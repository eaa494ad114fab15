//! What `iptables-save` and `ip6tables-save` print, as values.

mod address;
mod dump;
mod entangled;
mod flags;
mod fragment;
mod limit;
mod matching;
mod missing;
mod read;
mod recent;
mod rule;
mod target;
mod template;
mod time;

pub use address::{Address, InterfacePattern, Masked, Span};
pub use dump::{Chain, Counters, Dump, Hook, Policy, Table, TableName};
pub use entangled::entangled;
pub use flags::{AddressTypes, ConnectionStates, ConnectionStatus, ExtensionHeaders, TcpFlags};
pub use fragment::{is_of_ports, reads_payload, sees_later_fragments};
pub use limit::{HashLimit, HashMode, Rate, RateUnit, Threshold, rates};
pub use matching::{
    AddressKind, Bound, ChunkMode, ConnectionField, Direction, Icmp, LoopbackRoute, Match,
    MatchSet, PacketType, Physical, PolicyElement, RoutingHeader, Sense, Side, SocketOption,
    Statistic, Test,
};
pub use missing::{Gap, Missing};
pub use read::{ReadError, read};
pub use recent::{List, Recent, RecentAction, TIMES_MAX, lists};
pub use rule::Rule;
pub use target::{
    Bits, Connmark, ConntrackTarget, HopLimit, Log, Nat, NatRange, NetfilterLog, Queue, Reject,
    SegmentSize, SetAction, SetTarget, Synproxy, Target,
};
pub use time::{Calendar, TimeOfDay};
