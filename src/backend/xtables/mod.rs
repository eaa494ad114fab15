//! The same tables in xtables terms: chains and rules of iptables and ip6tables, and ipsets.

mod bisect;
mod blame;
pub mod chain;
mod depth;
pub mod document;
mod engine;
mod held;
pub mod ipset;
mod kept;
pub mod lower;
pub mod matching;
pub mod members;
pub mod name;
mod program;
mod provider;
pub mod rule;
mod said;
mod saved;
mod script;
pub mod target;
mod traces;
mod write;
mod writes;

pub use chain::{Builtin, Chain, TableName};
pub use document::{Document, Table};
pub use engine::XtablesBackend;
pub use held::{Counts, Placement};
pub use ipset::{Ipset, IpsetType};
pub use matching::{AddressSide, InterfacePattern, Match};
pub use members::{Member, Members};
pub use name::{ChainName, IpsetName};
pub use provider::{Provider, ProviderError, Spent, Variant};
pub use rule::Rule;
pub use target::Target;
pub use traces::traces;
