//! Names that Felix knows and that change nothing here.

use crate::codec::calico::{Treatment, fields};

/// Names that no field of a `FelixConfiguration` has, by the reason why they change nothing.
const NAMES: &[(&str, &[&str])] = &[
    (
        "there is no Typha client",
        &[
            "TyphaAddr",
            "TyphaK8sServiceName",
            "TyphaK8sNamespace",
            "TyphaReadTimeout",
            "TyphaWriteTimeout",
            "TyphaKeyFile",
            "TyphaCertFile",
            "TyphaCAFile",
            "TyphaCN",
            "TyphaURISAN",
        ],
    ),
    (
        "tunnels are not programmed",
        &[
            "IpInIpEnabled",
            "IpInIpMtu",
            "IpInIpTunnelAddr",
            "IPv4VXLANTunnelAddr",
            "IPv6VXLANTunnelAddr",
            "VXLANTunnelMACAddr",
            "VXLANTunnelMACAddrV6",
            "WireguardPersistentKeepAlive",
        ],
    ),
    (
        "it says who runs the cluster",
        &[
            "ClusterGUID",
            "ClusterType",
            "CalicoVersion",
            "Variant",
            "marker",
        ],
    ),
    (
        "it is about the process of Felix",
        &[
            "DebugBPFCgroupV2",
            "DebugCPUProfilePath",
            "DebugPanicAfter",
            "DebugSimulateDataRace",
            "EtcdDriverLogFilePath",
            "EtcdDriverPrometheusMetricsPort",
            "IptablesGeneratorPlugin",
            "StartupCleanupDelay",
            "PeriodicResyncInterval",
            "HostInterfacePollInterval",
            "IgnoreLooseRPF",
        ],
    ),
    ("there is no BPF dataplane", &["BPFConntrackCleanupMode"]),
    (
        "traffic that policy denies is always denied",
        &["DropActionOverride"],
    ),
    (
        "routes and interfaces are not programmed",
        &["ExternalNodesCIDRList"],
    ),
];

/// Why a name changes nothing; `None` for a name that nobody knows.
pub(super) fn reason(name: &str) -> Option<&'static str> {
    let listed = NAMES
        .iter()
        .find(|(_, names)| names.iter().any(|known| known.eq_ignore_ascii_case(name)));
    listed
        .map(|&(why, _)| why)
        .or_else(|| reason_of_field(name))
}

/// The same of a name that a field of a `FelixConfiguration` has, where units are no part of names.
fn reason_of_field(name: &str) -> Option<&'static str> {
    let lower = name.to_ascii_lowercase();
    let units = ["secs", "millis"];
    let bare = units.iter().find_map(|unit| lower.strip_suffix(unit));
    let alike = |field: &str| {
        let field = field.to_ascii_lowercase();
        field == lower || Some(field.as_str()) == bare
    };
    let mut settings = fields().filter(|field| field.object == "FelixConfiguration.spec");
    settings.find_map(|field| match field.treatment {
        Treatment::Ignored(why) if alike(field.name) => Some(why),
        Treatment::Ignored(_) | Treatment::Enforced => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_felix_have_reasons_in_either_case_and_with_units() {
        for name in [
            "typhaaddr",
            "BPFEnabled",
            "IptablesLockProbeIntervalMillis",
            "NETLINKTIMEOUTSECS",
            "IpInIpEnabled",
            "nftablesMarkMask",
        ] {
            assert!(reason(name).is_some(), "{name}");
        }
        for name in ["", "Colour", "HealthPort", "nodeSelectors"] {
            assert_eq!(reason(name), None, "{name}");
        }
    }
}
