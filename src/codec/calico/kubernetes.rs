//! `StagedKubernetesNetworkPolicy`: staged, so that only whom it selects is of interest.

use super::Document;
use super::field::{Group, enforced, ignored};
use super::metadata::labels;
use super::word::Word;
use crate::codec::document::Reader;
use crate::codec::fields::Path;
use crate::codec::node::Node;
use crate::model::selector::Subject;
use crate::model::{
    Direction, Enforcement, Event, LabelKey, LabelValue, Order, Policy, PolicyKind, PolicyName,
    PolicyTypes, Selector, Stage, StagedAction, TierName,
};
use crate::net::InvalidValue;

pub(super) const FIELDS: &[Group] = &[
    enforced(&["stagedAction", "podSelector", "policyTypes"]),
    ignored("a staged policy is never enforced", &["ingress", "egress"]),
];

pub(super) const SELECTOR: &[Group] = &[enforced(&["matchLabels", "matchExpressions"])];

pub(super) const EXPRESSION: &[Group] = &[enforced(&["key", "operator", "values"])];

/// The order of policies that come from Kubernetes.
const ORDER: f64 = 1000.0;

pub(super) fn read(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> Option<Event> {
    let Document {
        metadata,
        spec,
        path,
        ..
    } = document;
    let action: Option<Word<StagedAction>> = reader.findings.some_value(spec, path, "stagedAction");
    let pods = spec.get("podSelector").map_or_else(Selector::all, |node| {
        pods(reader, node, &Path::Field(path, "podSelector"))
    });
    let own = metadata.namespace.as_ref().map(Selector::in_namespace);
    let selector = own.map_or(pods.clone(), |own| pods.and(&own));
    Some(Event::Policy(Box::new(Policy {
        name: PolicyName {
            kind: PolicyKind::StagedKubernetesNetworkPolicy,
            namespace: metadata.namespace.clone(),
            name: metadata.name.clone(),
        },
        tier: TierName::of_default(),
        order: Order::new(ORDER).unwrap_or_default(),
        selector,
        types: types(reader, document),
        stage: Stage::Local,
        enforcement: Enforcement::Staged(action.map_or(StagedAction::Set, |word| word.0)),
        ingress: Vec::new(),
        egress: Vec::new(),
        origin: reader.origin(metadata.place),
    })))
}

fn types(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> PolicyTypes {
    let Document { spec, path, .. } = document;
    let read = reader
        .findings
        .values::<Word<Direction>>(spec, path, "policyTypes");
    let has = |direction| read.iter().any(|(_, word)| word.0 == direction);
    match (has(Direction::Ingress), has(Direction::Egress)) {
        (true, false) => PolicyTypes::Ingress,
        (false, true) => PolicyTypes::Egress,
        (true, true) => PolicyTypes::Both,
        (false, false) => match spec.get("egress") {
            Some(_) => PolicyTypes::Both,
            None => PolicyTypes::Ingress,
        },
    }
}

/// A selector of pods, which orchestrators label.
fn pods(reader: &mut Reader<'_>, node: &Node, path: &Path<'_>) -> Selector {
    let of_kubernetes = "projectcalico.org/orchestrator == 'k8s'";
    let mut all =
        Selector::of(Subject::Endpoints, of_kubernetes).unwrap_or_else(|_| Selector::all());
    let Some(fields) = reader.findings.resource(node, path, SELECTOR) else {
        return all;
    };
    let exact = Path::Field(path, "matchLabels");
    if let Some(node) = fields.get("matchLabels") {
        for (key, value) in labels(reader, Some(node), &exact).iter() {
            all = all.and(&Selector::one_of(key.clone(), [value.clone()]));
        }
    }
    let path = Path::Field(path, "matchExpressions");
    let items = reader.findings.list(fields.get("matchExpressions"), &path);
    for (index, item) in items.iter().enumerate() {
        if let Some(expression) = expression(reader, item, &Path::Item(&path, index)) {
            all = all.and(&expression);
        }
    }
    all
}

fn expression(reader: &mut Reader<'_>, node: &Node, path: &Path<'_>) -> Option<Selector> {
    let fields = reader.findings.resource(node, path, EXPRESSION)?;
    let key: Option<LabelKey> = reader.findings.required_value(&fields, path, "key");
    let operator = reader
        .findings
        .required_value::<Operator>(&fields, path, "operator");
    let values = reader
        .findings
        .values::<LabelValue>(&fields, path, "values");
    let (key, values) = (key?, values.into_iter().map(|(_, value)| value));
    Some(match operator? {
        Operator::In => Selector::one_of(key, values),
        Operator::NotIn => Selector::one_of(key, values).not(),
        Operator::Exists => Selector::has(key),
        Operator::DoesNotExist => Selector::has(key).not(),
    })
}

/// An operator of Kubernetes.
enum Operator {
    In,
    NotIn,
    Exists,
    DoesNotExist,
}

impl std::str::FromStr for Operator {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Ok(match text {
            "In" => Self::In,
            "NotIn" => Self::NotIn,
            "Exists" => Self::Exists,
            "DoesNotExist" => Self::DoesNotExist,
            _ => {
                let allowed = "In, NotIn, Exists or DoesNotExist";
                return Err(InvalidValue::new("operator", text, allowed));
            }
        })
    }
}
