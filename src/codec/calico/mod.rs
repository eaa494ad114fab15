//! Calico v3 resources: `apiVersion: projectcalico.org/v3`.
//!
//! ```text
//! node --kind--> metadata + spec --workload, policy, tier, ...--> Declared (an identity and events)
//! ```
//!
//! Real clients write fields of their own, so a field that is not known is a warning. What is known
//! and what becomes of it stands in the lists of each file, and in `docs/calico-fields.md`.

mod configuration;
mod entity;
pub(super) mod field;
mod host;
pub mod key;
mod kind;
mod kubernetes;
mod list;
pub(super) mod metadata;
mod network_set;
mod policy;
mod profile;
mod rule;
mod selector;
mod tier;
pub(super) mod word;
mod workload;

pub use field::{Field, Treatment, fields};
pub(super) use field::{Group, fields_of};
pub(super) use kind::Kind;
pub(super) use list::{documents, is_list, of_items};

use std::str::FromStr;

use super::document::Reader;
use super::fields::{Fields, Path};
use super::node::{Node, Place};
use crate::model::{Event, PolicyKind, ScopedName};
use crate::net::InvalidValue;
use metadata::Metadata;

/// The version of the resources that are read.
pub(super) const API_VERSION: &str = "projectcalico.org/v3";

/// What a resource declares.
#[derive(Debug)]
pub(super) struct Resource {
    /// Where its name stands.
    pub(super) place: Place,
    /// The kind.
    pub(super) kind: Kind,
    /// `name`, or `namespace/name`.
    pub(super) name: String,
    /// What it says; nothing, where it is faulty or of no use to policy.
    pub(super) events: Vec<Event>,
}

/// What the readers of the kinds are given.
struct Document<'n, 'p> {
    metadata: Metadata,
    /// The fields of `spec`; none are as if it were empty.
    spec: Fields<'n>,
    /// The path of the document.
    base: Path<'p>,
    /// The path of `spec`.
    path: Path<'p>,
}

impl Document<'_, '_> {
    /// The name as one of a kind of its own.
    fn name_as<T: FromStr<Err = InvalidValue>>(&self, reader: &mut Reader<'_>) -> Option<T> {
        let parsed = self.metadata.name.as_str().parse();
        parsed
            .map_err(|invalid| {
                let path = Path::Field(&self.base, "metadata");
                let path = Path::Field(&path, "name");
                reader
                    .findings
                    .invalid(self.metadata.place, &path, &invalid);
            })
            .ok()
    }
}

/// Reads a resource of a known kind.
pub(super) fn read(
    reader: &mut Reader<'_>,
    node: &Node,
    path: &Path<'_>,
    kind: Kind,
) -> Option<Resource> {
    let errors = reader.findings.errors();
    let fields = reader.findings.resource(node, path, field::DOCUMENT)?;
    let metadata = metadata::read(reader, &fields, path, kind)?;
    let base = *path;
    let path = Path::Field(path, "spec");
    let spec = match fields.get("spec") {
        Some(node) => reader.findings.resource(node, &path, spec_fields(kind))?,
        None => Fields::none(node.place),
    };
    let (place, identity) = (metadata.place, metadata.scoped());
    let document = Document {
        metadata,
        spec,
        base,
        path,
    };
    let event = event(reader, &document, kind);
    Some(Resource {
        place,
        kind,
        name: name_of(event.as_ref(), identity),
        events: match reader.findings.errors() == errors {
            true => event.into_iter().collect(),
            false => Vec::new(),
        },
    })
}

/// The name by which a resource is told from others; a policy's may not be that of its document.
fn name_of(event: Option<&Event>, identity: ScopedName) -> String {
    let name = match event {
        Some(Event::Policy(policy)) => ScopedName {
            namespace: policy.name.namespace.clone(),
            name: policy.name.name.clone(),
        },
        Some(_) | None => identity,
    };
    name.to_string()
}

fn event(reader: &mut Reader<'_>, document: &Document<'_, '_>, kind: Kind) -> Option<Event> {
    match kind {
        Kind::WorkloadEndpoint => workload::read(reader, document),
        Kind::Profile => profile::read(reader, document),
        Kind::Tier => tier::read(reader, document),
        Kind::NetworkPolicy => policy::read(reader, document, PolicyKind::NetworkPolicy),
        Kind::GlobalNetworkPolicy => {
            policy::read(reader, document, PolicyKind::GlobalNetworkPolicy)
        }
        Kind::StagedNetworkPolicy => {
            policy::read(reader, document, PolicyKind::StagedNetworkPolicy)
        }
        Kind::StagedGlobalNetworkPolicy => {
            policy::read(reader, document, PolicyKind::StagedGlobalNetworkPolicy)
        }
        Kind::StagedKubernetesNetworkPolicy => kubernetes::read(reader, document),
        Kind::NetworkSet | Kind::GlobalNetworkSet => network_set::read(reader, document),
        Kind::FelixConfiguration => configuration::read(reader, document),
        Kind::Node => host::node(reader, document),
        Kind::ClusterInformation => host::cluster(reader, document),
        Kind::HostEndpoint => host::endpoint(reader, document),
        Kind::IPPool => host::pool(reader, document),
    }
}

/// The fields of `spec`.
fn spec_fields(kind: Kind) -> &'static [Group] {
    match kind {
        Kind::WorkloadEndpoint => workload::FIELDS,
        Kind::Profile => profile::FIELDS,
        Kind::Tier => tier::FIELDS,
        Kind::NetworkPolicy => policy::NAMESPACED,
        Kind::GlobalNetworkPolicy => policy::GLOBAL,
        Kind::StagedNetworkPolicy => policy::STAGED,
        Kind::StagedGlobalNetworkPolicy => policy::STAGED_GLOBAL,
        Kind::StagedKubernetesNetworkPolicy => kubernetes::FIELDS,
        Kind::NetworkSet | Kind::GlobalNetworkSet => network_set::FIELDS,
        Kind::FelixConfiguration => configuration::FIELDS,
        Kind::Node => host::NODE,
        Kind::ClusterInformation => host::CLUSTER,
        Kind::HostEndpoint => host::ENDPOINT,
        Kind::IPPool => host::POOL,
    }
}
