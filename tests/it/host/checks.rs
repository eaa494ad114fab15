//! What is said of a host that is not set up for workloads.

use std::fs;

use margay::host::check::{Finding, Severity, check};
use margay::net::Family;

use crate::support::netns::in_netns;

fn sysctl(path: &str, value: &str) {
    fs::write(format!("/proc/sys/net/{path}"), value).unwrap();
}

#[test]
fn each_setting_that_is_wrong_is_found_and_nothing_else() {
    in_netns(
        "each_setting_that_is_wrong_is_found_and_nothing_else",
        || {
            sysctl("ipv4/conf/all/rp_filter", "1");
            sysctl("ipv4/ip_forward", "1");
            sysctl("ipv6/conf/all/disable_ipv6", "0");
            sysctl("ipv6/conf/all/forwarding", "1");
            assert_eq!(check(), []);

            sysctl("ipv4/conf/all/rp_filter", "2");
            let loose = Finding::LooseReversePath {
                value: "2".to_owned(),
            };
            assert_eq!(loose.severity(), Severity::Warning);
            assert!(loose.to_string().contains("set it to 0 or 1"), "{loose}");
            assert_eq!(check(), [loose]);

            sysctl("ipv4/conf/all/rp_filter", "0");
            sysctl("ipv4/ip_forward", "0");
            sysctl("ipv6/conf/all/forwarding", "0");
            assert_eq!(
                check(),
                [Family::V4, Family::V6].map(Finding::ForwardingOff)
            );

            sysctl("ipv4/ip_forward", "1");
            sysctl("ipv6/conf/all/disable_ipv6", "1");
            assert_eq!(check(), [Finding::NoIpv6]);
        },
    );
}
