//! `CT`.

use super::{has, value};
use crate::migrate::iptables::read::number::required;
use crate::migrate::iptables::read::option::Given;
use crate::migrate::iptables::{ConnectionField, ConntrackTarget, Target};

/// `CT`.
pub(super) fn read(given: &[Given]) -> Result<Target, String> {
    if has(given, "--notrack") {
        return Ok(Target::NoTrack);
    }
    let text = |name: &str| value(given, name).map(str::to_owned);
    let mut target = ConntrackTarget {
        helper: text("--helper"),
        events: text("--ctevents"),
        expectation_events: text("--expevents"),
        timeout: text("--timeout"),
        ..ConntrackTarget::default()
    };
    for (name, way) in [
        ("--zone", None),
        ("--zone-orig", Some(ConnectionField::Original)),
        ("--zone-reply", Some(ConnectionField::Reply)),
    ] {
        match value(given, name) {
            None => {}
            Some("mark") => target.zone_of_mark = true,
            Some(zone) => target.zones.push((way, required("zone", zone)?)),
        }
    }
    Ok(Target::Ct(target))
}
