//! The one table of settings: what is read, shown and documented is made from it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::backend::{ChainInsertMode, IptablesBackend, NftablesMode};
use super::kind::Kind;
use super::logs::{Format, Level};
use super::names::{HostAddress, Hostname, Region};
use super::setting::{Change, Fault, Given, Reach, Setting, settings};
use super::store::{Authority, DatastoreType, EtcdEndpoint, Scheme, Secret};
use crate::model::{
    DenyAction, HostAction, InterfacePrefix, InvalidCheck, LogBurst, LogPrefix, LogRate,
    MetadataAddress, PolicyCounters, Settings, SourceSpoofing,
};

const LOCAL: Reach = Reach::Local;
const POLICY: Reach = Reach::Policy;
const ANYWHERE: Reach = Reach::Anywhere(None);

/// A setting that the datastore knows by another name.
const fn named(field: &'static str) -> Reach {
    Reach::Anywhere(Some(field))
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// The port of the metadata service, as OpenStack has it.
const METADATA_PORT: u16 = 8775;

settings! {
    "The store" {
        DatastoreType datastore_type: DatastoreType = DatastoreType::Folder, LOCAL, Fatal, Restart:
            "Where policy comes from; without it etcdv3 where EtcdEndpoints or EtcdAddr is given";
        DatastoreFolder datastore_folder: PathBuf = PathBuf::from("/etc/margay/policy.d"), LOCAL, Fatal, Restart:
            "The folder of policy documents, where DatastoreType is folder";
        FelixHostname felix_hostname: Hostname = Hostname::unknown(), LOCAL, Fatal, Restart:
            "By what name the datastore knows this host";
        EtcdEndpoints etcd_endpoints: Vec<EtcdEndpoint> = Vec::new(), LOCAL, Fatal, Restart:
            "The members of the etcd; instead of EtcdScheme and EtcdAddr";
        EtcdAddr etcd_addr: Authority = Authority::of_local_etcd(), LOCAL, Fatal, Restart:
            "The one member of the etcd";
        EtcdScheme etcd_scheme: Scheme = Scheme::Http, LOCAL, Fatal, Restart:
            "How EtcdAddr is reached";
        EtcdCaFile etcd_ca_file: Option<PathBuf> = None, LOCAL, Fatal, Restart:
            "Certificates (PEM) of those who vouch for the etcd; without it those that the system trusts";
        EtcdCertFile etcd_cert_file: Option<PathBuf> = None, LOCAL, Fatal, Restart:
            "Our certificate (PEM) for the etcd, with EtcdKeyFile";
        EtcdKeyFile etcd_key_file: Option<PathBuf> = None, LOCAL, Fatal, Restart:
            "The key (PEM) of EtcdCertFile";
        EtcdUsername etcd_username: Option<Box<str>> = None, LOCAL, Fatal, Restart:
            "A user of the etcd's own, with EtcdPassword";
        EtcdPassword etcd_password: Option<Secret> = None, LOCAL, Fatal, Restart:
            "The password of EtcdUsername";
        EtcdClassicKeys etcd_classic_keys: bool = false, LOCAL, Fatal, Restart:
            "Whether the keys of classic Calico (/calico/v1) are read instead of its v3 resources";
        OpenstackRegion openstack_region: Option<Region> = None, ANYWHERE, Fatal, Restart:
            "The region of OpenStack that this host is in, where several share a datastore";
    }
    "Policy" {
        InterfacePrefix interface_prefixes: Vec<InterfacePrefix> = Settings::default().interface_prefixes, POLICY, Fatal, InPlace:
            "An interface whose name begins so is a workload's";
        DefaultEndpointToHostAction endpoint_to_host: HostAction = HostAction::Drop, POLICY, Fatal, InPlace:
            "What becomes of workload-to-host traffic that the egress policy allows";
        MetadataAddr metadata_address: MetadataAddress = MetadataAddress::None, POLICY, Fatal, InPlace:
            "Where the metadata service listens, as packets show it after DNAT";
        MetadataPort metadata_port: u16 = METADATA_PORT, POLICY, Fatal, InPlace:
            "Its TCP port";
        NftablesFilterDenyAction deny_action: DenyAction = DenyAction::Drop, POLICY, Fatal, InPlace:
            "What becomes of traffic that policy denies";
        IptablesFilterDenyAction iptables_deny_action: DenyAction = DenyAction::Drop, POLICY, Fatal, InPlace:
            "The same, where NftablesFilterDenyAction is not given";
        DisableConntrackInvalidCheck invalid_check: InvalidCheck = InvalidCheck::Enforced, POLICY, Default, InPlace:
            "Whether packets that connection tracking takes for invalid are left to policy";
        WorkloadSourceSpoofing source_spoofing: SourceSpoofing = SourceSpoofing::Disabled, POLICY, Default, InPlace:
            "Whether endpoints may send from prefixes that their documents name beside their addresses";
        LogPrefix log_prefix: LogPrefix = LogPrefix::default(), POLICY, Default, InPlace:
            "What a line begins with that a rule logs";
        LogActionRateLimit log_rate: Option<LogRate> = None, POLICY, Default, InPlace:
            "How many lines rules may log";
        LogActionRateLimitBurst log_burst: LogBurst = LogBurst::default(), POLICY, Default, InPlace:
            "How many of them at once";
        PolicyCounters policy_counters: PolicyCounters = PolicyCounters::Off, POLICY, Default, InPlace:
            "Whether each rule of a policy counts its packets";
    }
    "The dataplane" {
        NFTablesMode nftables_mode: NftablesMode = NftablesMode::Auto, LOCAL, Fatal, Restart:
            "Whether the kernel is programmed by nf_tables: Enabled, Disabled (by iptables and ipset), or Auto (where the host has it)";
        IptablesBackend iptables_backend: IptablesBackend = IptablesBackend::Auto, LOCAL, Fatal, Restart:
            "Which iptables that is, without nf_tables; Auto is the first of these that works";
        ChainInsertMode chain_insert_mode: ChainInsertMode = ChainInsertMode::Insert, LOCAL, Fatal, Restart:
            "Where our jumps stand among the rules of others, without nf_tables";
        NftablesRefreshInterval refresh_interval: Duration = seconds(180), ANYWHERE, Default, InPlace:
            "How often the kernel's table is compared with what it should be; 0 is never";
        BatchDelay batch_delay: Duration = Duration::from_millis(10), LOCAL, Default, InPlace:
            "How long a change waits for others to be committed with it";
        CutDeniedFlows cut_denied_flows: bool = true, LOCAL, Default, InPlace:
            "Whether connections that policy no longer allows are cut";
        DataplaneWatchdogTimeout watchdog_timeout: Duration = seconds(90), ANYWHERE, Default, Restart:
            "How long the main loop may be silent before the agent is not live; 0 is for ever";
        DeviceRouteProtocol route_protocol: u8 = 3, LOCAL, Default, Restart:
            "What rtm_protocol (linux/rtnetlink.h) our routes carry; 3 is boot";
    }
    "Status" {
        ReportingIntervalSecs reporting_interval: Duration = seconds(30), named("reportingInterval"), Default, Restart:
            "How often the agent says in the etcd that it lives; 0 is never";
        ReportingTTLSecs reporting_ttl: Duration = seconds(90), named("reportingTTL"), Default, Restart:
            "How long that holds; more than ReportingIntervalSecs, else 2.5 times as long as it";
        EndpointReportingEnabled endpoint_reporting: bool = false, ANYWHERE, Default, Restart:
            "Whether the state of endpoints is written to the etcd";
        EndpointReportingDelaySecs endpoint_reporting_delay: Duration = seconds(1), named("endpointReportingDelay"), Default, Restart:
            "How long the write of an endpoint's state waits for the next one";
        HealthEnabled health_enabled: bool = false, ANYWHERE, Default, Restart:
            "Whether /liveness and /readiness are served";
        HealthHost health_host: Option<HostAddress> = HostAddress::read("localhost"), ANYWHERE, Default, Restart:
            "Where they are served; none is everywhere";
        HealthPort health_port: u16 = 9099, ANYWHERE, Default, Restart:
            "The port";
        HealthTimeoutOverrides health_timeouts: BTreeMap<Box<str>, Duration> = BTreeMap::new(), LOCAL, Default, Restart:
            "How long parts of the agent may be silent, by the names that /liveness shows; 0 is for ever";
        PrometheusMetricsEnabled metrics_enabled: bool = false, ANYWHERE, Default, Restart:
            "Whether /metrics is served";
        PrometheusMetricsHost metrics_host: Option<HostAddress> = None, ANYWHERE, Default, Restart:
            "Where it is served; none is everywhere";
        PrometheusMetricsPort metrics_port: u16 = 9091, ANYWHERE, Default, Restart:
            "The port";
    }
    "Logs" {
        LogFormat log_format: Format = Format::Felix, LOCAL, Default, Restart:
            "How lines are written; journald sends them to the journal instead of standard error";
        LogSeverityScreen log_screen: Option<Level> = Some(Level::Info), ANYWHERE, Default, InPlace:
            "The least level on standard error";
        LogSeveritySys log_system: Option<Level> = Some(Level::Info), ANYWHERE, Default, InPlace:
            "The least level in the journal, where LogFormat is journald";
        LogFilePath log_file: Option<PathBuf> = None, LOCAL, Fatal, Restart:
            "A file to log to as well";
        LogSeverityFile log_file_level: Option<Level> = Some(Level::Info), ANYWHERE, Default, InPlace:
            "The least level in that file";
    }
    "Folders" {
        StateDir state_dir: PathBuf = PathBuf::from("/var/lib/margay"), LOCAL, Fatal, Restart:
            "Where the last good values of the datastore are kept";
        RunDir run_dir: PathBuf = PathBuf::from("/run/margay"), LOCAL, Fatal, Restart:
            "Where the control socket is";
    }
}
