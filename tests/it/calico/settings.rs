//! Settings, by their scopes.

use margay::model::{DenyAction, Metadata, Settings, SourceSpoofing};

use super::{good, resource};

fn settings(text: &[String], host: &str) -> Settings {
    good(&text.join("---\n")).settings_of(host)
}

#[test]
fn settings_come_from_the_host_then_its_labels_then_all_then_the_settings_document() {
    let felix =
        |name: &str, spec: &str| resource("FelixConfiguration", &format!("name: {name}"), spec);
    let text = [
        "apiVersion: margay/v1\nkind: Settings\ninterfacePrefixes: [x]\npolicyCounters: true\n\
         logPrefix: base\nmetadata: {address: 192.0.2.9, port: 80}\n"
            .to_owned(),
        felix(
            "default",
            "interfacePrefix: 'cali,tap', defaultEndpointToHostAction: Return, logPrefix: 'all %t'",
        ),
        felix(
            "node.a",
            "defaultEndpointToHostAction: ACCEPT, nftablesFilterDenyAction: Reject, bpfEnabled: false",
        ),
        felix(
            "rack",
            "nodeSelector: rack == '1', logPrefix: rack, disableConntrackInvalidCheck: true, metadataPort: 81",
        ),
        resource(
            "Node",
            "name: b, labels: {rack: '1'}",
            "bgp: {ipv4Address: 10.0.0.1/24}",
        ),
    ];
    let of = |host: &str| {
        let s = settings(&text, host);
        let prefixes: Vec<_> = s
            .interface_prefixes
            .iter()
            .map(ToString::to_string)
            .collect();
        let metadata = s.metadata.unwrap();
        format!(
            "{} {:?} {:?} {:?} {:?} {}",
            prefixes.join(","),
            s.endpoint_to_host,
            s.deny_action,
            s.log.prefix.as_str(),
            s.invalid_check,
            metadata.port
        )
    };
    assert_eq!(of("a"), "cali,tap Accept Reject \"all %t\" Enforced 80");
    assert_eq!(of("b"), "cali,tap Return Drop \"rack\" Disabled 81");
    assert_eq!(of("c"), "cali,tap Return Drop \"all %t\" Enforced 80");
}

#[test]
fn of_selected_configurations_the_oldest_counts() {
    let felix = |name: &str, created: &str, prefix: &str| {
        resource(
            "FelixConfiguration",
            &format!("name: {name}, creationTimestamp: '{created}'"),
            &format!("nodeSelector: has(rack), logPrefix: {prefix}"),
        )
    };
    let text = [
        felix("a", "2026-02-01T00:00:00Z", "young"),
        felix("b", "2026-01-01T00:00:00Z", "old"),
        felix("c", "2026-01-01T00:00:00Z", "later-by-name"),
        resource("FelixConfiguration", "name: d", "logPrefix: nobody"),
        resource("Node", "name: n, labels: {rack: '1'}", ""),
    ];
    assert_eq!(settings(&text, "n").log.prefix.as_str(), "old");
    assert_eq!(
        settings(&text, "other").log.prefix.as_str(),
        "calico-packet"
    );
}

#[test]
fn the_metadata_service_and_the_log_have_their_parts() {
    let felix = |spec: &str| {
        settings(
            &[resource("FelixConfiguration", "name: default", spec)],
            "h",
        )
    };
    let address = "192.0.2.10".parse().unwrap();
    assert_eq!(
        felix("metadataAddr: 192.0.2.10").metadata,
        Some(Metadata {
            address,
            port: 8775
        })
    );
    assert_eq!(
        felix("metadataAddr: 192.0.2.10, metadataPort: 1").metadata,
        Some(Metadata { address, port: 1 })
    );
    assert_eq!(felix("metadataAddr: None").metadata, None);
    let log = felix("logActionRateLimit: 50/minute, logActionRateLimitBurst: 7").log;
    assert_eq!(
        (log.rate.unwrap().to_string(), log.burst.get()),
        ("50/minute".to_owned(), 7)
    );
    assert_eq!(
        felix("workloadSourceSpoofing: Any").source_spoofing,
        SourceSpoofing::Any
    );
    assert_eq!(
        felix("iptablesFilterDenyAction: REJECT").deny_action,
        DenyAction::Reject
    );
}
