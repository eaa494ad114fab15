//! What operators say; a value that exists is valid.

pub mod endpoint;
pub mod group;
pub mod settings;
pub mod state;

pub use endpoint::{Endpoint, EndpointName};
pub use group::{Direction, GroupName, GroupRule, Peer, SecurityGroup, Service};
pub use settings::{HostAction, InterfacePrefix, Metadata, Settings};
pub use state::{Event, Origin, State};
