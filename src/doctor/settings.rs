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
    let checks = findings.iter().map(|finding| {
        let text = finding.to_string();
        // What a finding says ends with what to do.
        let (what, remedy) = text.rsplit_once([';', ':']).unwrap_or((&text, ""));
        let (what, remedy) = (what.trim(), remedy.trim());
        match finding.severity() {
            Severity::Notice => Check::fine("host settings", text.clone()),
            Severity::Warning => Check::warning("host settings", what, remedy),
            Severity::Error => Check::failure("host settings", what, remedy),
        }
    });
    checks.collect()
}
