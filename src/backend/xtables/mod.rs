//! The same tables in xtables terms: chains and rules of iptables and ip6tables, and ipsets.

pub mod chain;
pub mod document;
pub mod ipset;
pub mod matching;
pub mod name;
pub mod rule;
pub mod target;

pub use chain::{Builtin, Chain, TableName};
pub use document::{Document, Table};
pub use ipset::{Ipset, IpsetType, Member};
pub use matching::{AddressSide, InterfacePattern, Match};
pub use name::{ChainName, IpsetName};
pub use rule::Rule;
pub use target::Target;
