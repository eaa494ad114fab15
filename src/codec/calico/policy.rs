//! `NetworkPolicy`, `GlobalNetworkPolicy` and what is staged of them.

use std::borrow::Cow;

use super::Document;
use super::field::{Group, enforced, ignored};
use super::rule;
use super::selector::{self, Global};
use super::word::Word;
use crate::codec::document::Reader;
use crate::codec::fields::Path;
use crate::codec::references::{Reference, Target};
use crate::model::scope::PolicyScope;
use crate::model::selector::Subject;
use crate::model::{
    Direction, Enforcement, Event, Order, Policy, PolicyKind, PolicyName, PolicyTypes,
    ResourceName, Stage, StagedAction, TierName,
};

const ORDINARY: Group = enforced(&[
    "tier",
    "order",
    "selector",
    "types",
    "ingress",
    "egress",
    "serviceAccountSelector",
]);

const HINTS: Group = ignored(
    "policy is compiled for the endpoints that it selects, without hints",
    &["performanceHints"],
);

const FOR_ALL: Group = enforced(&[
    "namespaceSelector",
    "doNotTrack",
    "preDNAT",
    "applyOnForward",
]);

const STAGED_WORDS: Group = enforced(&["stagedAction"]);

pub(super) const NAMESPACED: &[Group] = &[ORDINARY, HINTS];
pub(super) const GLOBAL: &[Group] = &[ORDINARY, FOR_ALL, HINTS];
pub(super) const STAGED: &[Group] = &[STAGED_WORDS, ORDINARY, HINTS];
pub(super) const STAGED_GLOBAL: &[Group] = &[STAGED_WORDS, ORDINARY, FOR_ALL, HINTS];

/// The annotation in which a client keeps the name under which a policy was made.
const ORIGINAL: &str = "projectcalico.org/metadata";

pub(super) fn read(
    reader: &mut Reader<'_>,
    document: &Document<'_, '_>,
    kind: PolicyKind,
) -> Option<Event> {
    let Document {
        metadata,
        spec,
        path,
        ..
    } = document;
    let namespace = metadata.namespace.as_ref();
    let tier = tier(reader, document);
    let order: Option<Order> = reader.findings.some_value(spec, path, "order");
    let scope = scope(reader, document);
    let enforcement = enforcement(reader, document, kind);
    let stage = stage(reader, document);
    let types = types(reader, document, stage);
    let ingress = rule::list(reader, spec, path, Direction::Ingress, namespace);
    let egress = rule::list(reader, spec, path, Direction::Egress, namespace);
    let name = PolicyName {
        kind,
        namespace: metadata.namespace.clone(),
        name: original_name(reader, document, &tier)?,
    };
    Some(Event::Policy(Box::new(Policy {
        name,
        tier,
        order: order.unwrap_or_default(),
        selector: scope.applies_to(namespace),
        types,
        stage,
        enforcement,
        ingress,
        egress,
        origin: reader.origin(metadata.place),
    })))
}

fn tier(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> TierName {
    let Document { spec, path, .. } = document;
    let tier: Option<TierName> = reader.findings.some_value(spec, path, "tier");
    if let (Some(tier), Some(node)) = (&tier, spec.get("tier")) {
        let target = Target::Tier(tier.clone());
        let path = Path::Field(path, "tier");
        reader
            .references
            .push(Reference::new(target, node.place, &path));
    }
    tier.unwrap_or_else(TierName::of_default)
}

/// The name that the policy was made with: clients of some versions store another.
fn original_name(
    reader: &mut Reader<'_>,
    document: &Document<'_, '_>,
    tier: &TierName,
) -> Option<ResourceName> {
    let metadata = &document.metadata;
    let Some(annotation) = metadata.annotation(ORIGINAL) else {
        let stored = metadata.name.as_str();
        let trimmed = stored
            .strip_prefix("default.")
            .and_then(|name| name.parse().ok());
        let of_default = *tier == TierName::of_default();
        return trimmed
            .filter(|_| of_default)
            .or(Some(metadata.name.clone()));
    };
    let name = serde_json::from_str::<serde_json::Value>(annotation)
        .ok()
        .and_then(|value| value.get("name")?.as_str()?.parse().ok());
    if name.is_none() {
        let message = format!("the annotation {ORIGINAL} holds no name");
        let allowed = Cow::Borrowed("{\"name\": \"...\"}");
        let place = metadata.place;
        let path = Path::Field(&document.base, "metadata");
        let path = Path::Field(&path, "annotations");
        reader.findings.error(place, &path, message, allowed);
    }
    name
}

fn scope(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> PolicyScope {
    let mut one = |name, subject| {
        let how = (subject, Global::Refused);
        selector::read(reader, &document.spec, &document.path, name, how)
    };
    let accounts = match document.metadata.namespace {
        Some(_) => Subject::ServiceAccounts,
        None => Subject::ServiceAccountsAnywhere,
    };
    PolicyScope {
        selector: one("selector", Subject::Endpoints),
        namespaces: one("namespaceSelector", Subject::Namespaces),
        service_accounts: one("serviceAccountSelector", accounts),
    }
}

fn enforcement(
    reader: &mut Reader<'_>,
    document: &Document<'_, '_>,
    kind: PolicyKind,
) -> Enforcement {
    let Document { spec, path, .. } = document;
    let action: Option<Word<StagedAction>> = reader.findings.some_value(spec, path, "stagedAction");
    let action = action.map_or(StagedAction::Set, |word| word.0);
    if action == StagedAction::Delete {
        for name in spec
            .names()
            .filter(|name| !["stagedAction", "tier"].contains(name))
        {
            if let Some(node) = spec.get(name).filter(|node| !node.is_empty()) {
                let path = Path::Field(path, name);
                let allowed = Cow::Borrowed("tier alone beside stagedAction: Delete");
                let message = format!("{name} of what would be removed");
                reader.findings.error(node.place, &path, message, allowed);
            }
        }
    }
    match kind {
        PolicyKind::NetworkPolicy | PolicyKind::GlobalNetworkPolicy => Enforcement::Enforced,
        PolicyKind::StagedNetworkPolicy
        | PolicyKind::StagedGlobalNetworkPolicy
        | PolicyKind::StagedKubernetesNetworkPolicy => Enforcement::Staged(action),
    }
}

fn stage(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> Stage {
    let Document { spec, path, .. } = document;
    let mut flag = |name| {
        let word: Option<Word<bool>> = reader.findings.some_value(spec, path, name);
        word.is_some_and(|word| word.0)
    };
    let (untracked, before_dnat) = (flag("doNotTrack"), flag("preDNAT"));
    let forwarded = flag("applyOnForward");
    let wrong = |reader: &mut Reader<'_>, name, message: &str, allowed: &'static str| {
        let place = spec.get(name).map_or(spec.place(), |node| node.place);
        let path = Path::Field(path, name);
        reader
            .findings
            .error(place, &path, message, Cow::Borrowed(allowed));
    };
    if untracked && before_dnat {
        wrong(
            reader,
            "preDNAT",
            "preDNAT and doNotTrack",
            "one of the two",
        );
    }
    if (untracked || before_dnat) && !forwarded {
        let message = "preDNAT or doNotTrack without applyOnForward";
        wrong(
            reader,
            "applyOnForward",
            message,
            "applyOnForward: true beside it",
        );
    }
    if before_dnat && spec.get("egress").is_some_and(|node| !node.is_empty()) {
        wrong(
            reader,
            "egress",
            "rules for what leaves, before DNAT",
            "ingress",
        );
    }
    let stage = match (untracked, before_dnat, forwarded) {
        (true, _, _) => Stage::Untracked,
        (false, true, _) => Stage::BeforeDnat,
        (false, false, true) => Stage::LocalAndForwarded,
        (false, false, false) => Stage::Local,
    };
    if untracked || before_dnat {
        let message = "the policy is for host endpoints alone, which are not enforced";
        let field = path.to_string();
        reader
            .findings
            .warning(spec.place(), field, message.to_owned());
    }
    stage
}

fn types(reader: &mut Reader<'_>, document: &Document<'_, '_>, stage: Stage) -> PolicyTypes {
    let Document { spec, path, .. } = document;
    let mut has = [false; 2];
    for (node, Word(direction)) in reader
        .findings
        .values::<Word<Direction>>(spec, path, "types")
    {
        let path = Path::Field(path, "types");
        let slot = match direction {
            Direction::Ingress => &mut has[0],
            Direction::Egress => &mut has[1],
        };
        if std::mem::replace(slot, true) {
            let message = format!("{direction} is there twice");
            reader.findings.error(node.place, &path, message, None);
        }
        if stage == Stage::BeforeDnat && direction == Direction::Egress {
            let message = "what leaves, before DNAT";
            reader
                .findings
                .error(node.place, &path, message, Cow::Borrowed("Ingress"));
        }
    }
    let types = match (has, stage) {
        ([true, false], _) | ([false, false], Stage::BeforeDnat) => PolicyTypes::Ingress,
        ([false, true], _) => PolicyTypes::Egress,
        ([true, true] | [false, false], _) => PolicyTypes::Both,
    };
    for direction in Direction::ALL
        .into_iter()
        .filter(|&direction| !types.has(direction))
    {
        let name = match direction {
            Direction::Ingress => "ingress",
            Direction::Egress => "egress",
        };
        if let Some(node) = spec.get(name).filter(|node| !node.is_empty()) {
            let message = format!("types leaves {name} out: these rules are never asked");
            let field = Path::Field(path, name).to_string();
            reader.findings.warning(node.place, field, message);
        }
    }
    types
}
