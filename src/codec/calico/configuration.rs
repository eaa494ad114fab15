//! `FelixConfiguration`.

use std::collections::BTreeMap;

use super::Document;
use super::field::{Group, enforced, ignored};
use super::selector::{self, Global};
use super::word::Word;
use crate::codec::document::Reader;
use crate::codec::fields::Path;
use crate::model::selector::Subject;
use crate::model::{Configuration, DenyAction, Event, Overrides, Scope};
use crate::net::{InvalidValue, decimal};

/// What is said of the agent, and not of policy.
const PROCESS: &[&str] = &[
    "nftablesRefreshInterval",
    "dataplaneWatchdogTimeout",
    "reportingInterval",
    "reportingTTL",
    "endpointReportingEnabled",
    "endpointReportingDelay",
    "openstackRegion",
    "healthEnabled",
    "healthHost",
    "healthPort",
    "prometheusMetricsEnabled",
    "prometheusMetricsHost",
    "prometheusMetricsPort",
    "logSeverityFile",
    "logSeverityScreen",
    "logSeveritySys",
];

/// What each host says by itself; where this says something else, the agent tells.
const OF_THE_HOST: &[&str] = &["nftablesMode", "iptablesBackend", "chainInsertMode"];

pub(super) const FIELDS: &[Group] = &[
    enforced(&[
        "nodeSelector",
        "interfacePrefix",
        "defaultEndpointToHostAction",
        "metadataAddr",
        "metadataPort",
        "nftablesFilterDenyAction",
        "iptablesFilterDenyAction",
        "disableConntrackInvalidCheck",
        "logPrefix",
        "logActionRateLimit",
        "logActionRateLimitBurst",
        "workloadSourceSpoofing",
    ]),
    enforced(PROCESS),
    ignored(
        "what is allowed is accepted with a mark, and other tables still decide",
        &[
            "iptablesFilterAllowAction",
            "iptablesMangleAllowAction",
            "nftablesFilterAllowAction",
            "nftablesMangleAllowAction",
        ],
    ),
    ignored(
        "each host says by itself what programs its kernel: NFTablesMode, IptablesBackend, ChainInsertMode; \
         the agent warns where that is something else",
        OF_THE_HOST,
    ),
    ignored(
        "the table has its own marks, names and way to be kept",
        &[
            "useInternalDataplaneDriver",
            "dataplaneDriver",
            "iptablesRefreshInterval",
            "iptablesPostWriteCheckInterval",
            "iptablesLockFilePath",
            "iptablesLockTimeout",
            "iptablesLockProbeInterval",
            "iptablesMarkMask",
            "ipsetsRefreshInterval",
            "maxIpsetSize",
            "netlinkTimeout",
            "nftablesMarkMask",
            "nftablesFlowTableOffload",
            "nftablesFlowTableDataIfacePattern",
            "featureDetectOverride",
            "featureGates",
            "ipv6Support",
        ],
    ),
    ignored(
        "host endpoints are not enforced",
        &[
            "failsafeInboundHostPorts",
            "failsafeOutboundHostPorts",
            "interfaceExclude",
            "xdpEnabled",
            "genericXDPEnabled",
            "xdpRefreshInterval",
            "sidecarAccelerationEnabled",
        ],
    ),
    ignored(
        "addresses are not translated",
        &[
            "natPortRange",
            "natOutgoingAddress",
            "natOutgoingExclusions",
            "iptablesNATOutgoingInterfaceFilter",
            "kubeNodePortRanges",
            "floatingIPs",
            "serviceLoopPrevention",
        ],
    ),
    ignored(
        "routes and interfaces are not programmed",
        &[
            "routeRefreshInterval",
            "interfaceRefreshInterval",
            "routeSource",
            "routeTableRange",
            "routeTableRanges",
            "routeSyncDisabled",
            "deviceRouteSourceAddress",
            "deviceRouteSourceAddressIPv6",
            "deviceRouteProtocol",
            "removeExternalRoutes",
            "programClusterRoutes",
            "ipForwarding",
            "externalNodesList",
            "mtuIfacePattern",
            "requireMTUFile",
            "awsSrcDstCheck",
            "localSubnetL2Reachability",
            "localSubnetL2ReachabilityRefreshInterval",
            "ipv4NormalRoutePriority",
            "ipv4ElevatedRoutePriority",
            "ipv6NormalRoutePriority",
            "ipv6ElevatedRoutePriority",
            "liveMigrationRouteConvergenceTime",
        ],
    ),
    ignored(
        "tunnels are not programmed",
        &[
            "ipipEnabled",
            "ipipMTU",
            "vxlanEnabled",
            "vxlanMTU",
            "vxlanMTUV6",
            "vxlanPort",
            "vxlanVNI",
            "allowVXLANPacketsFromWorkloads",
            "allowIPIPPacketsFromWorkloads",
            "wireguardEnabled",
            "wireguardEnabledV6",
            "wireguardThreadingEnabled",
            "wireguardListeningPort",
            "wireguardListeningPortV6",
            "wireguardRoutingRulePriority",
            "wireguardInterfaceName",
            "wireguardInterfaceNameV6",
            "wireguardMTU",
            "wireguardMTUV6",
            "wireguardHostEncryptionEnabled",
            "wireguardKeepAlive",
        ],
    ),
    ignored(
        "there is no BPF dataplane",
        &[
            "bpfEnabled",
            "bpfOverlayHostSourceIP",
            "bpfDisableUnprivileged",
            "bpfJITHardening",
            "bpfLogLevel",
            "bpfLogFilters",
            "bpfCTLBLogFilter",
            "bpfConntrackLogLevel",
            "bpfConntrackMode",
            "bpfConntrackTimeouts",
            "bpfIPFragTimeout",
            "bpfIPFragmentReassemblyEnabled",
            "bpfDataIfacePattern",
            "bpfL3IfacePattern",
            "bpfConnectTimeLoadBalancingEnabled",
            "bpfConnectTimeLoadBalancing",
            "bpfHostNetworkedNATWithoutCTLB",
            "bpfExternalServiceMode",
            "bpfDSROptoutCIDRs",
            "bpfExtToServiceConnmark",
            "bpfKubeProxyIptablesCleanupEnabled",
            "bpfKubeProxyMinSyncPeriod",
            "bpfKubeProxyHealthzPort",
            "bpfPSNATPorts",
            "bpfMapSizeNATFrontend",
            "bpfMapSizeNATBackend",
            "bpfMapSizeNATAffinity",
            "bpfMapSizeRoute",
            "bpfMapSizeConntrack",
            "bpfMapSizePerCpuConntrack",
            "bpfMapSizeConntrackScaling",
            "bpfMapSizeConntrackCleanupQueue",
            "bpfMapSizeIPSets",
            "bpfMapSizeIfState",
            "bpfHostConntrackBypass",
            "bpfEnforceRPF",
            "bpfPolicyDebugEnabled",
            "bpfForceTrackPacketsFromIfaces",
            "bpfDisableGROForIfaces",
            "bpfExcludeCIDRsFromNAT",
            "bpfExportBufferSizeMB",
            "bpfRedirectToPeer",
            "bpfAttachType",
            "bpfProfiling",
            "bpfMaglevMaxEndpointsPerService",
            "bpfMaglevMaxServices",
            "cgroupV2Path",
        ],
    ),
    ignored(
        "neither usage nor flows are reported, and status is in no files",
        &[
            "endpointStatusPathPrefix",
            "policySyncPathPrefix",
            "usageReportingEnabled",
            "usageReportingInitialDelay",
            "usageReportingInterval",
            "healthTimeoutOverrides",
            "prometheusGoMetricsEnabled",
            "prometheusProcessMetricsEnabled",
            "prometheusWireGuardMetricsEnabled",
            "prometheusMetricsCAFile",
            "prometheusMetricsCertFile",
            "prometheusMetricsKeyFile",
            "prometheusMetricsClientAuth",
            "flowLogsPolicyEvaluationMode",
            "flowLogsFlushInterval",
            "flowLogsCollectorDebugTrace",
            "flowLogsGoldmaneServer",
            "flowLogsLocalReporter",
        ],
    ),
    ignored(
        "it is about the process of Felix",
        &[
            "logFilePath",
            "logDebugFilenameRegex",
            "debugMemoryProfilePath",
            "debugDisableLogDropping",
            "debugSimulateCalcGraphHangAfter",
            "debugSimulateDataplaneHangAfter",
            "debugSimulateDataplaneApplyDelay",
            "debugHost",
            "debugPort",
            "goGCThreshold",
            "goMemoryLimitMB",
            "goMaxProcs",
            "windowsManageFirewallRules",
            "istioAmbientMode",
            "istioDSCPMark",
        ],
    ),
];

pub(super) fn read(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> Option<Event> {
    let Document {
        metadata,
        spec,
        path,
        ..
    } = document;
    let how = (Subject::Endpoints, Global::Refused);
    let nodes = selector::read(reader, spec, path, "nodeSelector", how);
    let scope = match Scope::of_name(&metadata.name) {
        Some(scope) => {
            if let Some(node) = spec.get("nodeSelector").filter(|_| nodes.is_some()) {
                let path = Path::Field(path, "nodeSelector");
                let message = format!("the name {} says which hosts it is for", metadata.name);
                reader.findings.error(node.place, &path, message, None);
            }
            scope
        }
        None => Scope::Selected {
            nodes,
            created: metadata.created.clone(),
        },
    };
    Some(Event::Configuration(Box::new(Configuration {
        name: metadata.name.clone(),
        scope,
        overrides: overrides(reader, document),
        process: process(reader, document),
        origin: reader.origin(metadata.place),
    })))
}

fn process(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> BTreeMap<Box<str>, Box<str>> {
    let Document { spec, path, .. } = document;
    let findings = &mut *reader.findings;
    let names = PROCESS.iter().chain(OF_THE_HOST);
    let written = names.filter_map(|&name| {
        let Text(text) = findings.some_value(spec, path, name)?;
        Some((name.into(), text))
    });
    written.collect()
}

fn overrides(reader: &mut Reader<'_>, document: &Document<'_, '_>) -> Overrides {
    let Document { spec, path, .. } = document;
    let findings = &mut *reader.findings;
    let nftables: Option<Word<DenyAction>> =
        findings.some_value(spec, path, "nftablesFilterDenyAction");
    let iptables: Option<Word<DenyAction>> =
        findings.some_value(spec, path, "iptablesFilterDenyAction");
    let port: Option<MetadataPort> = findings.some_value(spec, path, "metadataPort");
    Overrides {
        interface_prefixes: findings.some_value(spec, path, "interfacePrefix").map(word),
        endpoint_to_host: findings
            .some_value(spec, path, "defaultEndpointToHostAction")
            .map(word),
        metadata_address: findings.some_value(spec, path, "metadataAddr").map(word),
        metadata_port: port.map(|port| port.0),
        deny_action: nftables.or(iptables).map(word),
        invalid_check: findings
            .some_value(spec, path, "disableConntrackInvalidCheck")
            .map(word),
        log_prefix: findings.some_value(spec, path, "logPrefix"),
        log_rate: findings.some_value(spec, path, "logActionRateLimit"),
        log_burst: findings.some_value(spec, path, "logActionRateLimitBurst"),
        source_spoofing: findings
            .some_value(spec, path, "workloadSourceSpoofing")
            .map(word),
        policy_counters: None,
    }
}

fn word<T>(word: Word<T>) -> T {
    word.0
}

/// A scalar as written.
struct Text(Box<str>);

impl std::str::FromStr for Text {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        Ok(Self(text.into()))
    }
}

struct MetadataPort(u16);

impl std::str::FromStr for MetadataPort {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        decimal(text)
            .map(Self)
            .ok_or_else(|| InvalidValue::new("port", text, "0-65535"))
    }
}
