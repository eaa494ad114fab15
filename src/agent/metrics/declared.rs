//! Every metric that is served: name, type, labels, help. Names are written nowhere else.
//!
//! Those that begin with `felix_` have the names, types and labels of Calico's Felix, because dashboards
//! and alerts know them; they are there only if they mean the same.

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Declared {
    /// The name.
    pub name: &'static str,
    /// The type.
    pub kind: Kind,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it counts, and in which unit.
    pub help: &'static str,
}

/// The type of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Goes up.
    Counter,
    /// A sum, a count, and the quantiles 0.5, 0.9 and 0.99 of the last ten minutes.
    Summary,
}

macro_rules! declare {
    ($($id:ident $kind:ident $name:literal $labels:tt $help:literal)*) => {
        $(pub(super) const $id: &Declared = &Declared {
            name: $name,
            kind: Kind::$kind,
            labels: &$labels,
            help: $help,
        };)*
        /// Every metric.
        pub const DECLARED: &[&Declared] = &[$($id),*];
    };
}

declare! {
    HOST Gauge "felix_host" ["host"]
        "1 on the host that the label names."
    RESYNC_STATE Gauge "felix_resync_state" []
        "How much of the store is known: 1 none, 2 a part, 3 all."
    RESYNCS_STARTED Counter "felix_resyncs_started" []
        "Listings of the whole store that were begun."
    LOCAL_ENDPOINTS Gauge "felix_active_local_endpoints" []
        "Endpoints of this host."
    LOCAL_POLICIES Gauge "felix_active_local_policies" []
        "Policies and security groups that apply to an endpoint of this host."
    HOSTS Gauge "felix_cluster_num_hosts" []
        "Hosts that are known or have an endpoint."
    ENDPOINTS Gauge "felix_cluster_num_workload_endpoints" []
        "Workload endpoints of all hosts."
    TIERS Gauge "felix_cluster_num_tiers" []
        "Tiers."
    POLICIES Gauge "felix_cluster_num_policies" []
        "Policies and security groups."
    PROFILES Gauge "felix_cluster_num_profiles" []
        "Profiles."
    UPDATES Counter "felix_calc_graph_updates_processed" ["type"]
        "Changes of what is known, by the kind of object that changed."
    UPDATE_TIME Summary "felix_calc_graph_update_time_seconds" []
        "Seconds to compile changes that came together."
    BATCH_SIZE Summary "felix_int_dataplane_msg_batch_size" []
        "Changes that were compiled together."
    APPLY_TIME Summary "felix_int_dataplane_apply_time_seconds" []
        "Seconds of a round of programming, from what should be in force to the last acknowledgement."
    INITIAL_RESYNC Gauge "felix_int_dataplane_initial_resync_time_seconds" []
        "Seconds from the start until all that was known was in force for the first time."
    FAILURES Counter "felix_int_dataplane_failures" []
        "Rounds of programming that came to nothing; each is tried again."
    NFT_CALLS Counter "felix_nft_calls" []
        "Netlink batches that were sent to change the table."
    NFT_ERRORS Counter "felix_nft_errors" []
        "Rounds of programming that ended because the kernel refused."
    NFT_LIST_CALLS Counter "felix_nft_list_calls" []
        "Times that the table was read back."
    NFT_LIST_ERRORS Counter "felix_nft_list_errors" []
        "Times that the table could not be read back."
    NFT_CHAINS Gauge "felix_nft_chains" ["ip_version"]
        "Chains of the table; one table serves IPv4 and IPv6, so that ip_version is inet."
    NFT_RULES Gauge "felix_nft_rules" ["ip_version"]
        "Rules of the table; one table serves IPv4 and IPv6, so that ip_version is inet."
    NFT_SETS Gauge "felix_nft_sets" ["ip_version"]
        "Named sets of the table; one table serves IPv4 and IPv6, so that ip_version is inet."
    NFT_MAPS Gauge "felix_nft_maps" ["ip_version"]
        "Named maps of the table; one table serves IPv4 and IPv6, so that ip_version is inet."
    LOGS_DROPPED Counter "felix_logs_dropped" []
        "Lines of the log that were dropped, because they came faster than they could be written."

    COMMITS Counter "margay_commits" []
        "Changes of the table that went through, each in safe transactions."
    TRANSACTIONS Counter "margay_transactions" []
        "Transactions of the commits that went through."
    OPERATIONS Counter "margay_operations" []
        "Messages of the commits that went through: a set, a chain, a rule, a batch of elements."
    ELEMENTS Counter "margay_elements" []
        "Elements of sets and maps that came or went by commits that went through."
    DRIFT_REPAIRS Counter "margay_drift_repairs" []
        "Times that somebody else changed the table and it was put back."
    FLOWS_CUT Counter "margay_flows_cut" []
        "Connections that were cut because policy no longer allows them."
    ASIDE Gauge "margay_objects_aside" []
        "Objects that the kernel does not take: shut, or kept as they were."
    STORE_PROBLEMS Gauge "margay_store_problems" []
        "Keys of the store whose present value cannot be used."
    STORE_CONNECTED Gauge "margay_store_connected" []
        "1 while the store answers."
}
