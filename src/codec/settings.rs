//! `kind: Settings`.

use std::net::IpAddr;
use std::str::FromStr;

use super::document::Reader;
use super::fields::{Fields, Path};
use super::node::{Node, Value};
use crate::model::{
    DenyAction, HostAction, InvalidCheck, Metadata, PolicyCounters, Settings, SourceSpoofing,
};
use crate::net::{InvalidValue, decimal};

const FIELDS: &[&str] = &[
    "apiVersion",
    "kind",
    "interfacePrefixes",
    "defaultEndpointToHostAction",
    "metadata",
    "filterDenyAction",
    "disableConntrackInvalidCheck",
    "workloadSourceSpoofing",
    "logPrefix",
    "logActionRateLimit",
    "logActionRateLimitBurst",
    "policyCounters",
];

pub(super) fn read(reader: &mut Reader<'_>, node: &Node) -> Option<Settings> {
    let top = Path::Document;
    let fields = reader.findings.fields(node, &top, FIELDS)?;
    let mut settings = Settings::default();
    if let Some(node) = fields.get("interfacePrefixes") {
        let path = Path::Field(&top, "interfacePrefixes");
        let items = reader.findings.list(Some(node), &path).iter().enumerate();
        settings.interface_prefixes = items
            .filter_map(|(index, item)| reader.findings.value(item, &Path::Item(&path, index)))
            .collect();
    }
    if let Some(node) = fields.get("defaultEndpointToHostAction") {
        let path = Path::Field(&top, "defaultEndpointToHostAction");
        let action: Option<Action> = reader.findings.value(node, &path);
        settings.endpoint_to_host = action?.0;
    }
    settings.metadata = fields
        .get("metadata")
        .and_then(|node| metadata(reader, node));
    policy(reader, &fields, &mut settings);
    Some(settings)
}

/// How denied, invalid and logged packets are treated.
fn policy(reader: &mut Reader<'_>, fields: &Fields<'_>, settings: &mut Settings) {
    let top = Path::Document;
    let findings = &mut *reader.findings;
    if let Some(Denial(action)) = findings.some_value(fields, &top, "filterDenyAction") {
        settings.deny_action = action;
    }
    if let Some(disabled) = findings.some_value(fields, &top, "disableConntrackInvalidCheck") {
        settings.invalid_check = match disabled {
            Truth::True => InvalidCheck::Disabled,
            Truth::False => InvalidCheck::Enforced,
        };
    }
    if let Some(Spoofing(spoofing)) = findings.some_value(fields, &top, "workloadSourceSpoofing") {
        settings.source_spoofing = spoofing;
    }
    if let Some(prefix) = findings.some_value(fields, &top, "logPrefix") {
        settings.log.prefix = prefix;
    }
    settings.log.rate = findings.some_value(fields, &top, "logActionRateLimit");
    if let Some(burst) = findings.some_value(fields, &top, "logActionRateLimitBurst") {
        settings.log.burst = burst;
    }
    if let Some(wanted) = findings.some_value(fields, &top, "policyCounters") {
        settings.policy_counters = match wanted {
            Truth::True => PolicyCounters::On,
            Truth::False => PolicyCounters::Off,
        };
    }
}

fn metadata(reader: &mut Reader<'_>, node: &Node) -> Option<Metadata> {
    let path = Path::Field(&Path::Document, "metadata");
    if matches!(&node.value, Value::Scalar(scalar) if scalar.text == "none") {
        return None;
    }
    let fields = reader.findings.fields(node, &path, &["address", "port"])?;
    let address = reader.findings.required(&fields, &path, "address");
    let port = reader.findings.required(&fields, &path, "port");
    let address: Option<Address> =
        address.and_then(|node| reader.findings.value(node, &Path::Field(&path, "address")));
    let port: Option<Port> =
        port.and_then(|node| reader.findings.value(node, &Path::Field(&path, "port")));
    Some(Metadata {
        address: address?.0,
        port: port?.0,
    })
}

struct Action(HostAction);

impl FromStr for Action {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Ok(Self(match text {
            "DROP" => HostAction::Drop,
            "RETURN" => HostAction::Return,
            "ACCEPT" => HostAction::Accept,
            _ => return Err(InvalidValue::new("action", text, "DROP, RETURN or ACCEPT")),
        }))
    }
}

struct Denial(DenyAction);

impl FromStr for Denial {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "DROP" => Ok(Self(DenyAction::Drop)),
            "REJECT" => Ok(Self(DenyAction::Reject)),
            _ => Err(InvalidValue::new("action", text, "DROP or REJECT")),
        }
    }
}

struct Spoofing(SourceSpoofing);

impl FromStr for Spoofing {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "Disabled" => Ok(Self(SourceSpoofing::Disabled)),
            "Any" => Ok(Self(SourceSpoofing::Any)),
            _ => Err(InvalidValue::new("value", text, "Disabled or Any")),
        }
    }
}

enum Truth {
    True,
    False,
}

impl FromStr for Truth {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        match text {
            "true" => Ok(Self::True),
            "false" => Ok(Self::False),
            _ => Err(InvalidValue::new("value", text, "true or false")),
        }
    }
}

struct Address(IpAddr);

impl FromStr for Address {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        text.parse()
            .map(Self)
            .map_err(|_| InvalidValue::new("address", text, "one IPv4 or IPv6 address"))
    }
}

struct Port(u16);

impl FromStr for Port {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        decimal(text)
            .filter(|&port| port > 0)
            .map(Self)
            .ok_or_else(|| InvalidValue::new("port", text, "1-65535"))
    }
}
