//! Settings of the host, as the agent looks at them when it starts.

use super::Check;
use crate::host::check::{Severity, check};

pub(super) fn checks() -> Vec<Check> {
    let findings = check();
    if findings.is_empty() {
        return vec![Check::fine(
            "host settings",
            "sources are checked, IPv4 and IPv6 are forwarded, connections are tracked",
        )];
    }
    let checks = findings.iter().map(|finding| match finding.severity() {
        Severity::Notice => Check::fine("host settings", finding.to_string()),
        Severity::Warning => Check::warning("host settings", finding.what(), finding.remedy()),
    });
    checks.collect()
}
