//! The agent's configuration: which source counts, what is none, where a value came from.

use std::env;
use std::fs;
use std::path::Path;
use std::time::Duration;

use margay::codec;
use margay::config::{
    Config, ConfigError, Keys, Resolved, SETTINGS, Scheme, Store, needs_restart, page,
};
use margay::model::{HostAction, Settings, State};

/// What a test knows of the file.
const FILE: &str = "felix.cfg";

fn attempt(environment: &[(&str, &str)], file: &str) -> Result<Resolved, ConfigError> {
    let environment = environment.iter();
    let environment = environment.map(|&(name, value)| (name.to_owned(), value.to_owned()));
    Config::resolve(environment, Some((FILE, file)), "Node-A")
}

#[track_caller]
fn resolved(environment: &[(&str, &str)], file: &str) -> Resolved {
    attempt(environment, file).unwrap()
}

/// A setting's value and origin.
#[track_caller]
fn shown(config: &Config, name: &str) -> String {
    let setting = SETTINGS
        .iter()
        .find(|setting| setting.name == name)
        .unwrap();
    format!("{} ({})", (setting.text)(config), (setting.origin)(config))
}

fn state(text: &str) -> State {
    let loaded = codec::parse("a.yaml", text);
    assert!(!loaded.has_errors(), "{:?}", loaded.problems);
    loaded.state
}

fn felix(name: &str, spec: &str) -> String {
    format!(
        "apiVersion: projectcalico.org/v3\nkind: FelixConfiguration\nmetadata: {{name: {name}}}\n\
         spec: {{{spec}}}\n---\n"
    )
}

#[test]
fn the_first_source_counts() {
    let state = state(&[
        felix("default", "healthPort: 1, reportingInterval: 1m0s, logSeverityScreen: Debug, prometheusMetricsPort: 5"),
        felix("rack", "nodeSelector: rack == '1', healthPort: 2, reportingInterval: 2s"),
        felix("node.node-a", "healthPort: 3, prometheusMetricsEnabled: true"),
        felix("node.b", "healthPort: 6, healthEnabled: true"),
        "apiVersion: projectcalico.org/v3\nkind: Node\nmetadata: {name: node-a, labels: {rack: '1'}}\nspec: {}\n".to_owned(),
    ].concat());
    let file = "[global]\nHealthPort = 4\nHealthHost = 127.0.0.1\nPrometheusMetricsPort=7\n";
    let local = resolved(
        &[("FELIX_HEALTHPORT", "5"), ("felix_BatchDelay", "20ms")],
        file,
    );
    assert_eq!(local.warnings, [""; 0]);
    let whole = local.config.with_datastore(&state, "node-a").unwrap();
    assert_eq!(whole.warnings, [""; 0]);
    for (name, expected) in [
        ("HealthPort", "5 (environment FELIX_HEALTHPORT)"),
        ("BatchDelay", "20ms (environment felix_BatchDelay)"),
        ("HealthHost", "127.0.0.1 (felix.cfg:3)"),
        ("PrometheusMetricsPort", "7 (felix.cfg:4)"),
        (
            "PrometheusMetricsEnabled",
            "true (FelixConfiguration node.node-a)",
        ),
        ("ReportingIntervalSecs", "2s (FelixConfiguration rack)"),
        ("LogSeverityScreen", "DEBUG (FelixConfiguration default)"),
        ("HealthEnabled", "false (default)"),
        ("FelixHostname", "node-a (default)"),
    ] {
        assert_eq!(shown(&whole.config, name), expected, "{name}");
    }
}

#[test]
fn names_are_known_in_any_case_and_once() {
    let environment = [
        ("FeLiX_hEaLtHpOrT", "1"),
        ("HEALTHPORT", "2"),
        ("FELIX", "3"),
    ];
    let both = resolved(&environment, "HEALTHHOST=a\nhealthhost=b\n");
    assert_eq!(
        shown(&both.config, "HealthPort"),
        "1 (environment FeLiX_hEaLtHpOrT)"
    );
    assert_eq!(shown(&both.config, "HealthHost"), "b (felix.cfg:2)");
    let expected = "HEALTHHOST in felix.cfg:1 is ignored: healthhost in felix.cfg:2 says so too";
    assert_eq!(both.warnings, [expected]);
}

#[test]
fn an_empty_value_is_ignored_and_none_turns_off() {
    let environment = [
        ("FELIX_HEALTHPORT", ""),
        ("FELIX_PROMETHEUSMETRICSENABLED", "None"),
        ("FELIX_HEALTHHOST", "none"),
        ("FELIX_METADATAADDR", "NONE"),
        ("FELIX_LOGSEVERITYSCREEN", "none"),
        ("FELIX_REPORTINGINTERVALSECS", "none"),
    ];
    let Resolved { config, warnings } = resolved(
        &environment,
        "HealthPort=9000\nPrometheusMetricsEnabled=true\n",
    );
    assert_eq!(config.health_port.value, 9000);
    assert!(!config.metrics_enabled.value);
    assert_eq!(config.health_host.value, None);
    assert_eq!(config.log_screen.value, None);
    assert_eq!(config.reporting_interval.value, Duration::ZERO);
    let expected =
        "HEALTHPORT in environment FELIX_HEALTHPORT is empty and ignored: say none to turn it off";
    assert_eq!(warnings, [expected]);
    for name in [
        "InterfacePrefix",
        "DefaultEndpointToHostAction",
        "FelixHostname",
        "StateDir",
    ] {
        let error = attempt(&[], &format!("{name}=none\n")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(&format!("{name} in felix.cfg:1: \"none\" is not allowed: ")),
            "{text}"
        );
    }
}

#[test]
fn a_bad_value_is_an_error_or_the_default() {
    for (name, text) in [
        ("DatastoreType", "kubernetes"),
        ("EtcdEndpoints", "http://a:1,https://b:2"),
        ("EtcdAddr", "nowhere"),
        ("MetadataPort", "65536"),
        ("MetadataAddr", "not an address"),
        ("DefaultEndpointToHostAction", "PASS"),
        ("InterfacePrefix", "cali,"),
        ("OpenstackRegion", "One"),
        ("LogFilePath", "felix.log"),
    ] {
        let error = attempt(&[], &format!("\n{name}={text}\n"))
            .unwrap_err()
            .to_string();
        let head = format!("{name} in felix.cfg:2: {text:?} is not allowed: ");
        assert!(error.starts_with(&head), "{error}");
    }
    for (name, text, default) in [
        ("HealthPort", "70000", "9099"),
        ("HealthEnabled", "perhaps", "false"),
        ("LogSeverityScreen", "loud", "INFO"),
        ("NftablesRefreshInterval", "-1", "180s"),
        ("WorkloadSourceSpoofing", "All", "Disabled"),
    ] {
        let environment = format!("FELIX_{name}");
        // The default counts, not what a weaker source says: as for Felix.
        let file = format!(
            "{name} = {}\n",
            if default == "false" { "true" } else { default }
        );
        let Resolved { config, warnings } = resolved(&[(&environment, text)], &file);
        assert_eq!(
            shown(&config, name),
            format!("{default} (environment {environment})")
        );
        let head = format!(
            "{name} in environment {environment}: {text:?} is not allowed, and the default counts: "
        );
        assert!(
            matches!(&warnings[..], [one] if one.starts_with(&head)),
            "{warnings:?}"
        );
    }
}

#[test]
fn a_bad_value_under_a_good_one_is_found() {
    let found = resolved(&[("FELIX_HEALTHPORT", "1")], "HealthPort=x\n");
    assert_eq!(found.config.health_port.value, 1);
    assert_eq!(found.warnings.len(), 1);
    assert!(attempt(&[("FELIX_METADATAPORT", "1")], "MetadataPort=x\n").is_err());
}

#[test]
fn names_without_effect_are_warned_of_once() {
    let file = "BPFEnabled=true\nTyphaAddr=a:1\nColour=red\nHealthPort=1\nIptablesMarkMask=0xff\n";
    assert_eq!(
        resolved(&[], file).warnings,
        [
            "BPFEnabled in felix.cfg:1 changes nothing: there is no BPF dataplane",
            "Colour in felix.cfg:3 is not known",
            "IptablesMarkMask in felix.cfg:5 changes nothing: the table has its own marks, names and way to be kept",
            "TyphaAddr in felix.cfg:2 changes nothing: there is no Typha client",
        ]
    );
}

/// What is said of a value of the datastore that does not count.
fn refused(name: &str, ours: &str) -> String {
    format!(
        "{name} in FelixConfiguration default is ignored: it is taken from the environment and the file \
         alone, by which it is {ours}"
    )
}

#[test]
fn what_is_local_is_refused_from_the_datastore() {
    // Documents have no such fields; the keys of classic Calico may have any.
    let mut state = state(&felix("default", "healthPort: 1"));
    for configuration in state.configurations.values_mut() {
        let said = [
            ("EtcdAddr", "a:1"),
            ("StateDir", "/tmp"),
            ("ReportingTTLSecs", "100"),
        ];
        let said = said.map(|(name, text)| (name.into(), text.into()));
        configuration.process.extend(said);
    }
    let whole = resolved(&[], "")
        .config
        .with_datastore(&state, "node-a")
        .unwrap();
    assert_eq!(
        whole.warnings,
        [
            refused("EtcdAddr", "127.0.0.1:2379"),
            refused("StateDir", "/var/lib/margay")
        ]
    );
    assert_eq!(shown(&whole.config, "EtcdAddr"), "127.0.0.1:2379 (default)");
    assert_eq!(
        shown(&whole.config, "ReportingTTLSecs"),
        "100s (FelixConfiguration default)"
    );
}

#[test]
fn what_the_datastore_says_of_the_backend_is_told_where_the_host_says_something_else() {
    let state = state(&felix(
        "default",
        "nftablesMode: Disabled, iptablesBackend: legacy, chainInsertMode: Append",
    ));
    let config = resolved(&[], "IptablesBackend=Legacy\n").config;
    let whole = config.with_datastore(&state, "node-a").unwrap();
    assert_eq!(
        whole.warnings,
        [
            refused("chainInsertMode", "insert"),
            refused("nftablesMode", "Auto")
        ]
    );
    assert_eq!(shown(&whole.config, "NFTablesMode"), "Auto (default)");
}

#[test]
fn what_the_host_says_of_policy_counts_before_the_datastore() {
    let text = felix(
        "default",
        "interfacePrefix: tap, defaultEndpointToHostAction: Accept, logPrefix: all",
    ) + &felix(
        "node.node-a",
        "metadataAddr: 192.0.2.1, logActionRateLimit: 1/day",
    ) + "apiVersion: margay/v1\nkind: Settings\nlogPrefix: doc\nmetadata: {address: 192.0.2.9, port: 80}\n\
           workloadSourceSpoofing: Any\n";
    let mut state = state(&text);
    let file = "DefaultEndpointToHostAction=return\nPolicyCounters=yes\nIptablesFilterDenyAction=REJECT\n\
                LogActionRateLimit = 5/minute\n";
    let config = resolved(&[("FELIX_METADATAPORT", "8080")], file).config;
    state.forced = config.forced();
    let settings = state.settings_of("node-a");
    let metadata = settings.metadata.unwrap();
    assert_eq!(metadata.address.to_string(), "192.0.2.1");
    assert_eq!(metadata.port, 8080);
    assert_eq!(settings.endpoint_to_host, HostAction::Return);
    assert_eq!(
        config
            .forced()
            .applied_to(&Settings::default())
            .endpoint_to_host,
        HostAction::Return
    );
    let whole = config.with_datastore(&state, "node-a").unwrap().config;
    for (name, expected) in [
        ("InterfacePrefix", "tap (FelixConfiguration default)"),
        ("DefaultEndpointToHostAction", "RETURN (felix.cfg:1)"),
        ("MetadataAddr", "192.0.2.1 (FelixConfiguration node.node-a)"),
        ("MetadataPort", "8080 (environment FELIX_METADATAPORT)"),
        ("IptablesFilterDenyAction", "REJECT (felix.cfg:3)"),
        ("WorkloadSourceSpoofing", "Any (Settings document)"),
        ("LogPrefix", "all (FelixConfiguration default)"),
        ("LogActionRateLimit", "5/minute (felix.cfg:4)"),
        ("LogActionRateLimitBurst", "5 (default)"),
        ("PolicyCounters", "true (felix.cfg:2)"),
    ] {
        assert_eq!(shown(&whole, name), expected, "{name}");
    }
    // What is shown is what is compiled.
    let again = Config { ..whole };
    let shown = again.forced().applied_to(&state.settings);
    assert_eq!(shown.deny_action, settings.deny_action);
    assert_eq!(shown.policy_counters, settings.policy_counters);
    assert_eq!(shown.log.rate, settings.log.rate);
}

#[test]
fn the_store_is_a_folder_unless_an_etcd_is_given() {
    let store = |environment: &[(&str, &str)]| resolved(environment, "").config.store();
    assert_eq!(store(&[]), Store::Folder("/etc/margay/policy.d".into()));
    assert_eq!(
        store(&[
            ("FELIX_DATASTOREFOLDER", "/a"),
            ("FELIX_ETCDADDR", "b:1"),
            ("FELIX_DATASTORETYPE", "folder")
        ]),
        Store::Folder("/a".into())
    );
    let etcd = |environment: &[(&str, &str)]| match store(environment) {
        Store::Etcd(etcd) => etcd,
        Store::Folder(folder) => panic!("{}", folder.display()),
    };
    let addressed = etcd(&[("FELIX_ETCDADDR", "b:1"), ("FELIX_ETCDSCHEME", "HTTPS")]);
    assert_eq!(addressed.endpoints[0].to_string(), "https://b:1");
    assert_eq!(addressed.keys, Keys::Resources);
    let named = etcd(&[("FELIX_DATASTORETYPE", "ETCDV3")]);
    assert_eq!(named.endpoints[0].to_string(), "http://127.0.0.1:2379");
    let whole = etcd(&[
        ("FELIX_ETCDENDPOINTS", "https://a:1, https://[fd00::1]:2/"),
        ("FELIX_ETCDADDR", "b:1"),
        ("FELIX_ETCDCERTFILE", "/c"),
        ("FELIX_ETCDKEYFILE", "/k"),
        ("FELIX_ETCDUSERNAME", "u"),
        ("FELIX_ETCDPASSWORD", "hunter2"),
        ("FELIX_ETCDCLASSICKEYS", "1"),
    ]);
    let endpoints: Vec<_> = whole.endpoints.iter().map(ToString::to_string).collect();
    assert_eq!(endpoints, ["https://a:1", "https://[fd00::1]:2"]);
    assert!(
        whole
            .endpoints
            .iter()
            .all(|endpoint| endpoint.scheme() == Scheme::Https)
    );
    assert_eq!(whole.tls.identity, Some(("/c".into(), "/k".into())));
    assert_eq!(whole.keys, Keys::Classic);
    let (user, password) = whole.user.clone().unwrap();
    assert_eq!((&*user, password.reveal()), ("u", "hunter2"));
    assert!(!format!("{whole:?}").contains("hunter2"));
}

#[test]
fn half_of_a_pair_is_an_error() {
    for (given, missing) in [
        ("EtcdKeyFile", "EtcdCertFile"),
        ("EtcdCertFile", "EtcdKeyFile"),
        ("EtcdUsername", "EtcdPassword"),
        ("EtcdPassword", "EtcdUsername"),
    ] {
        let error = attempt(&[], &format!("{given}=/x\n"))
            .unwrap_err()
            .to_string();
        let expected =
            format!("{given} is given in felix.cfg:1 and {missing} is not: give both or neither");
        assert_eq!(error, expected);
    }
}

#[test]
fn secrets_are_in_no_text() {
    let file = "EtcdUsername=u\nEtcdPassword=hunter2\nHealthPort=u:hunter2@x\n";
    let Resolved { config, warnings } = resolved(&[], file);
    let mut said = format!("{config:?} {warnings:?}");
    said.extend(SETTINGS.iter().map(|setting| (setting.text)(&config)));
    let error = attempt(&[], "EtcdEndpoints=http://u:hunter2@a:1\n").unwrap_err();
    said += &format!("{error} {error:?}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_report_outlives_the_interval() {
    let Resolved { config, warnings } = resolved(&[], "ReportingIntervalSecs=100\n");
    assert_eq!(config.reporting_ttl.value, Duration::from_secs(250));
    assert_eq!(warnings.len(), 1);
    assert_eq!(resolved(&[], "ReportingIntervalSecs=0\n").warnings, [""; 0]);
}

#[test]
fn a_host_must_have_a_name() {
    let name = |host: &str| {
        let resolved = Config::resolve([], None, host);
        resolved.map(|resolved| resolved.config.felix_hostname.value.to_string())
    };
    assert_eq!(name(" NODE.Example "), Ok("node.example".to_owned()));
    assert_eq!(
        name("(none)"),
        Err(ConfigError::Hostname("(none)".to_owned()))
    );
    let given = resolved(&[("FELIX_FELIXHOSTNAME", "NodeB")], "").config;
    assert_eq!(given.felix_hostname.value.as_str(), "NodeB");
}

#[test]
fn what_cannot_be_taken_in_place_is_named() {
    let base = resolved(&[], "EtcdUsername=u\nEtcdPassword=a\n").config;
    let with = |file: &str| {
        let file = format!("EtcdUsername=u\n{file}");
        needs_restart(&base, &resolved(&[], &file).config)
    };
    assert_eq!(with("EtcdPassword=a\n"), None);
    assert_eq!(
        with("EtcdPassword=a\nBatchDelay=1\nInterfacePrefix=x\n"),
        None
    );
    assert_eq!(
        with("EtcdPassword=a\nHealthPort=9099\n"),
        None,
        "the same value from elsewhere"
    );
    let changed = with("EtcdPassword=b\nHealthPort=1\nBatchDelay=1\n");
    assert_eq!(changed, Some(vec!["EtcdPassword", "HealthPort"]));
}

#[test]
fn every_value_that_is_shown_can_be_given() {
    let usual = resolved(&[], "").config;
    for setting in SETTINGS {
        let text = (setting.text)(&usual);
        let file = format!("{}='{text}'\n", setting.name);
        let given = resolved(&[], &file);
        assert_eq!(given.warnings, [""; 0]);
        assert_eq!(
            shown(&given.config, setting.name),
            format!("{text} (felix.cfg:1)")
        );
    }
}

#[test]
fn the_documentation_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    if env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let written = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(written, page(), "UPDATE_GOLDEN=1 writes it again");
}
