//! Parameters of Felix: a key each, whose value is the text itself.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::codec::calico::Group;
use crate::codec::calico::field::{enforced, ignored};
use crate::codec::calico::word::{PortNumber, Word};
use crate::codec::document::Reader;
use crate::codec::fields::Path;
use crate::codec::node::Place;
use crate::model::{
    Configuration, Event, HostAction, InterfacePrefix, MetadataAddress, Origin, Overrides,
    ResourceName, Scope,
};
use crate::net::InvalidValue;

/// Parameters of the agent itself, which its configuration reads.
const PROCESS: &[&str] = &[
    "ReportingIntervalSecs",
    "ReportingTTLSecs",
    "EndpointReportingEnabled",
    "EndpointReportingDelaySecs",
    "PrometheusMetricsEnabled",
    "PrometheusMetricsPort",
    "LogSeverityFile",
    "LogSeveritySys",
    "LogSeverityScreen",
];

pub(super) const PARAMETERS: &[Group] = &[
    enforced(&[
        "InterfacePrefix",
        "DefaultEndpointToHostAction",
        "MetadataAddr",
        "MetadataPort",
    ]),
    enforced(PROCESS),
    ignored(
        "what policy denies is always dropped, and logged where a rule says so",
        &["DropActionOverride"],
    ),
    ignored(
        "the table has its own marks, and way to be kept",
        &[
            "IptablesRefreshInterval",
            "IptablesMarkMask",
            "IptablesGeneratorPlugin",
            "MaxIpsetSize",
            "IgnoreLooseRPF",
            "Ipv6Support",
        ],
    ),
    ignored(
        "host endpoints are not enforced",
        &[
            "HostInterfacePollInterval",
            "FailsafeInboundHostPorts",
            "FailsafeOutboundHostPorts",
        ],
    ),
    ignored(
        "tunnels are not programmed",
        &["IpInIpEnabled", "IpInIpMtu", "IpInIpTunnelAddr"],
    ),
    ignored(
        "the agent is told of the store, and of itself, by its own configuration",
        &[
            "EtcdAddr",
            "EtcdScheme",
            "EtcdKeyFile",
            "EtcdCertFile",
            "EtcdCaFile",
            "EtcdEndpoints",
            "FelixHostname",
            "StartupCleanupDelay",
            "PeriodicResyncInterval",
            "LogFilePath",
            "EtcdDriverLogFilePath",
            "EtcdDriverPrometheusMetricsPort",
        ],
    ),
    ignored(
        "it says who runs the cluster",
        &["ClusterGUID", "UsageReportingEnabled", "marker"],
    ),
];

/// What one parameter gives, and to whom.
pub(super) struct Given {
    name: ResourceName,
    scope: Scope,
    overrides: Overrides,
    process: BTreeMap<Box<str>, Box<str>>,
    origin: Origin,
}

pub(super) fn read(
    reader: &mut Reader<'_>,
    host: Option<&str>,
    parameter: &str,
    text: &str,
) -> Option<Given> {
    let place = Place::start(0);
    let known = PARAMETERS.iter().flat_map(|group| group.names);
    if known.clone().all(|name| *name != parameter) {
        let unknown = InvalidValue::new("parameter", parameter, "").finding();
        let message = unknown.replacen("invalid", "unknown", 1);
        reader.findings.warning(place, String::new(), message);
    }
    let (name, scope) = match host {
        None => ("default".to_owned(), Scope::All),
        Some(host) => (format!("node.{host}"), Scope::Host(host.to_owned())),
    };
    let mut overrides = Overrides::default();
    let mut process = BTreeMap::new();
    let text = text.trim();
    match parameter {
        "InterfacePrefix" => {
            let prefixes: Option<Word<Vec<InterfacePrefix>>> = parsed(reader, text);
            overrides.interface_prefixes = Some(prefixes?.0);
        }
        "DefaultEndpointToHostAction" => {
            let action: Option<Word<HostAction>> = parsed(reader, text);
            overrides.endpoint_to_host = Some(action?.0);
        }
        "MetadataAddr" => {
            let address: Option<Word<MetadataAddress>> = parsed(reader, text);
            overrides.metadata_address = Some(address?.0);
        }
        "MetadataPort" => {
            let port: Option<PortNumber> = parsed(reader, text);
            overrides.metadata_port = Some(port?.0);
        }
        _ if PROCESS.contains(&parameter) => {
            process.insert(parameter.into(), text.into());
        }
        _ => {}
    }
    Some(Given {
        name: super::name(reader, &name)?,
        scope,
        overrides,
        process,
        origin: reader.origin(place),
    })
}

fn parsed<T>(reader: &mut Reader<'_>, text: &str) -> Option<T>
where
    T: FromStr<Err = InvalidValue>,
{
    let invalid = |invalid| {
        let place = Place::start(0);
        reader.findings.invalid(place, &Path::Document, &invalid);
    };
    text.parse().map_err(invalid).ok()
}

/// The configuration that parameters of one scope are together.
pub(super) fn assembled(given: Vec<Given>) -> Option<Event> {
    let all = given.into_iter().reduce(|mut one, other| {
        one.process.extend(other.process);
        Given {
            overrides: one.overrides.over(other.overrides),
            ..one
        }
    })?;
    let Given {
        name,
        scope,
        overrides,
        process,
        origin,
    } = all;
    Some(Event::Configuration(Box::new(Configuration {
        name,
        scope,
        overrides,
        process,
        origin,
    })))
}
