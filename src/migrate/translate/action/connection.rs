//! `CT`.

use super::super::case::Outcome;
use super::super::class::Obstacle;
use super::super::draft::Draft;
use super::Ends;
use crate::migrate::iptables::ConntrackTarget;
use crate::migrate::nft::{Field, Object, Statement, Value};
use crate::net::{Family, Protocol};
use crate::ruleset::Name;

/// `CT`: what nft sets before there is a connection, and what it sets on one.
pub(super) fn ct(draft: &mut Draft<'_>, target: &ConntrackTarget) -> Outcome<Ends> {
    for (given, what) in [
        (target.events.is_some(), "--ctevents"),
        (target.expectation_events.is_some(), "--expevents"),
        (target.timeout.is_some(), "--timeout"),
        (target.zone_of_mark, "--zone mark"),
    ] {
        if given {
            return Err(Obstacle::new(
                format!("CT {what} has no form in nft that works before connection tracking"),
                "write it by hand in a chain that comes after connection tracking",
            ));
        }
    }
    let mut statements = Vec::new();
    for (way, zone) in &target.zones {
        if way.is_some() {
            return Err(Obstacle::new(
                "CT --zone-orig and --zone-reply",
                "write `ct original zone set` by hand",
            ));
        }
        let value = Value::Number((*zone).into());
        statements.push(Statement::set(Field::CtZone, value));
    }
    if let Some(helper) = &target.helper {
        statements.push(help(draft, helper)?);
    }
    Ok(vec![statements])
}

/// A helper. nft sets it on a connection, so the rule stands in a chain after connection tracking.
fn help(draft: &mut Draft<'_>, helper: &str) -> Outcome<Statement> {
    let protocol = match draft.rule.protocol {
        Some(Protocol::TCP) => "tcp",
        Some(Protocol::UDP) => "udp",
        Some(_) | None => {
            return Err(Obstacle::new(
                "a helper of a protocol that the rule does not name",
                "add -p tcp or -p udp",
            ));
        }
    };
    draft.equivalent("a helper is set right after connection tracking, in a chain of its own");
    let name = Name::from_parts(&format!("helper-{helper}-{protocol}"));
    let family = match draft.family {
        Family::V4 => "ip",
        Family::V6 => "ip6",
    };
    draft.objects.insert(
        name.clone(),
        Object::CtHelper {
            name: name.clone(),
            helper: helper.to_owned(),
            protocol: protocol.to_owned(),
            l3proto: Some(family.to_owned()),
        },
    );
    Ok(Statement::set(Field::CtHelper, Value::text(name.as_str())))
}
