//! Extension headers of IPv6.

use super::super::{Condition, Variable, fields};
use super::test::Question;
use crate::migrate::iptables::{ExtensionHeaders, RoutingHeader, Sense, Test};

/// All of these headers are there, or none of them.
pub(super) fn headers(headers: ExtensionHeaders, negated: bool) -> Condition {
    const NAMES: [(ExtensionHeaders, &str); 8] = [
        (ExtensionHeaders::HOP, "hbh"),
        (ExtensionHeaders::DST, "dst"),
        (ExtensionHeaders::ROUTE, "rt"),
        (ExtensionHeaders::FRAG, "frag"),
        (ExtensionHeaders::AUTH, "ah"),
        (ExtensionHeaders::ESP, "esp"),
        (ExtensionHeaders::NONE, "none"),
        (ExtensionHeaders::PROTO, "proto"),
    ];
    let named = NAMES.iter().filter(|(bit, _)| headers.contains(*bit));
    Condition::All(
        named
            .map(|(_, name)| Condition::atom(format!("exthdr {name}")).negated_if(negated))
            .collect(),
    )
}

/// What is asked of one.
pub(super) fn question(test: &Test) -> Question {
    let always = Condition::Always;
    match test {
        Test::Routing(header) => {
            let there = Condition::atom("exthdr rt");
            match header {
                RoutingHeader::Kind(kind) => (there, fields::rt_type().is((*kind).into())),
                RoutingHeader::SegmentsLeft(span) => {
                    let core = fields::rt_segments().within(span.first.into(), span.last.into());
                    (there, core)
                }
                RoutingHeader::Length(length) => {
                    (there, header_length(&fields::rt_length(), *length))
                }
                RoutingHeader::Reserved => (there, fields::rt_reserved().is(0)),
            }
        }
        Test::Frag6 {
            id,
            first,
            more,
            reserved,
            ..
        } => {
            let there = Condition::atom("exthdr frag");
            let parts = [
                id.map(|(sense, span)| {
                    let id = fields::frag_id().within(span.first.into(), span.last.into());
                    id.negated_if(sense == Sense::IsNot)
                }),
                first.map(|first| fields::frag_offset().is(0).negated_if(!first)),
                more.map(|more| fields::frag_more().is(more.into())),
                reserved.then(|| fields::frag_reserved().is(0)),
                reserved.then(|| fields::frag_reserved2().is(0)),
            ];
            (there, Condition::All(parts.into_iter().flatten().collect()))
        }
        Test::Options6 {
            destination,
            length,
            options,
        } => {
            let name = if *destination { "dst" } else { "hbh" };
            let there = Condition::atom(format!("exthdr {name}"));
            let variable = Variable::new(&format!("{name} hdrlength"), 8);
            let length = length.map(|(sense, length)| {
                header_length(&variable, length).negated_if(sense == Sense::IsNot)
            });
            let options = options
                .as_ref()
                .map(|text| Condition::atom(format!("{name} options {text}")));
            let parts = [length, options].into_iter().flatten().collect();
            (there, Condition::All(parts))
        }
        other => (always, Condition::atom(format!("{other:?}"))),
    }
}

/// The header says its length in units of eight bytes, without the first.
fn header_length(variable: &Variable, bytes: u32) -> Condition {
    match bytes {
        0 => Condition::Never,
        bytes if bytes % 8 != 0 => Condition::Never,
        bytes if bytes / 8 - 1 > u8::MAX.into() => Condition::Never,
        bytes => variable.is(u128::from(bytes / 8 - 1)),
    }
}
