//! The agent's configuration, with Felix's names, sources and precedence.
//!
//! ```text
//! environment FELIX_* --> file --> FelixConfiguration (of the host, of its labels, of all) --> Settings --> default
//!       \_______ Config::resolve ______/  \_______________ Config::with_datastore ________________/
//! ```
//!
//! The first source that says something counts. What the environment and the file say of policy is
//! `Config::forced`, which the compiler applies over what the datastore says.

mod backend;
mod datastore;
mod file;
mod inert;
mod kind;
mod logs;
mod names;
mod origin;
mod page;
mod resolve;
mod setting;
mod source;
mod store;
mod surroundings;
mod table;
mod words;

pub use backend::{ChainInsertMode, IptablesBackend, NftablesMode};
pub use file::PATH;
pub use logs::{Format, Level};
pub use names::{HostAddress, Hostname, Region};
pub use origin::Origin;
pub use page::page;
pub use resolve::{ConfigError, Resolved, needs_restart};
pub use setting::{Change, Fault, Given, Reach, Setting};
pub use store::{Authority, DatastoreType, Etcd, EtcdEndpoint, Keys, Scheme, Secret, Store, Tls};
pub use surroundings::Surroundings;
pub use table::{Config, SETTINGS};
