//! `CT`.

use super::super::case::Outcome;
use super::super::class::Obstacle;
use super::super::draft::Draft;
use super::Ends;
use crate::migrate::iptables::{ConnectionField, ConntrackTarget};
use crate::migrate::nft::{Field, Object, Statement, Value};
use crate::net::{Family, Protocol};
use crate::ruleset::Name;

/// `CT`: what nft sets before there is a connection, and what it sets on one.
pub(super) fn ct(draft: &mut Draft<'_>, target: &ConntrackTarget) -> Outcome<Ends> {
    for (given, reason, suggestion) in unsayable(target) {
        if given {
            return Err(Obstacle::new(reason, suggestion));
        }
    }
    let mut statements = Vec::new();
    for (way, zone) in &target.zones {
        let field = match way {
            None => Field::CtZone,
            Some(ConnectionField::Original) => Field::CtOriginalZone,
            Some(ConnectionField::Reply) => Field::CtReplyZone,
        };
        statements.push(Statement::set(field, Value::Number((*zone).into())));
    }
    if let Some(helper) = &target.helper {
        statements.push(help(draft, helper)?);
    }
    Ok(vec![statements])
}

/// What nft cannot set, each with whether it is asked for, the reason and what to do.
fn unsayable(target: &ConntrackTarget) -> [(bool, &'static str, &'static str); 5] {
    [
        (
            target.events.is_some(),
            "CT --ctevents: nft sets the events of a connection that is there, not of one that begins",
            "write `ct event set` by hand in a chain that comes after connection tracking",
        ),
        (
            target.expectation_events.is_some(),
            "CT --expevents: nft has no words for events of expectations",
            "take the option out",
        ),
        (
            target.timeout.is_some(),
            "CT --timeout names a policy of `nfct`, which is in no dump",
            "declare it as `ct timeout` and write `ct timeout set` by hand in a chain that comes after connection tracking",
        ),
        (
            target.zone_of_mark,
            "CT --zone mark: nft 1.0.6 does not take a mark for a zone",
            "write a rule for each mark, with --zone",
        ),
        (
            target.zones.len() > 1,
            "CT with several zones, of which the kernel keeps the last",
            "name the last alone",
        ),
    ]
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
