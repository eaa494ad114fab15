//! What operators say; a value that exists is valid.
//!
//! ```text
//! margay/v1   SecurityGroup --- GroupRule            Endpoint (by groups)       Settings
//! Calico v3   Tier --- Policy --- Rule --- Selector   Endpoint (by labels)       Configuration
//!             Profile (labels, rules)                 NetworkSet                 Node
//! ```
//!
//! Policies come resolved: what a namespace or a service account adds to their selectors is part of them.

pub mod configuration;
pub mod endpoint;
pub mod event;
pub mod group;
pub mod group_rules;
pub mod label;
pub mod name;
pub mod network_set;
pub mod node;
pub mod order;
pub mod origin;
pub mod policy;
pub mod profile;
pub mod rule;
pub mod scope;
pub mod selector;
pub mod settings;
pub mod state;
pub mod tier;
pub mod workload;

pub use configuration::{Configuration, MetadataAddress, Overrides, Scope};
pub use endpoint::{Endpoint, EndpointName, Labelled, Membership, NamedPort};
pub use event::{Event, Object};
pub use group::{Direction, GroupName, GroupRule, Peer, SecurityGroup, Service};
pub use group_rules::GroupRules;
pub use label::{Inherited, LabelKey, LabelValue, LabelView, Labels};
pub use name::{Namespace, PortName, ProfileName, ResourceName, ScopedName, TierName};
pub use network_set::NetworkSet;
pub use node::{Node, Readiness};
pub use order::Order;
pub use origin::Origin;
pub use policy::{Enforcement, Policy, PolicyKind, PolicyName, PolicyTypes, Stage, StagedAction};
pub use profile::Profile;
pub use rule::{Action, EntityMatch, IcmpMatch, PortMatch, Rule};
pub use selector::{InvalidSelector, Requirement, Selector, Subject};
pub use settings::{
    DenyAction, HostAction, InterfacePrefix, InvalidCheck, LogBurst, LogPrefix, LogRate,
    LogSettings, Metadata, PolicyCounters, RateUnit, Settings, SourceSpoofing,
};
pub use state::State;
pub use tier::{DefaultAction, Tier, TierRank};
