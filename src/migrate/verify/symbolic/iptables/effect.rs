//! Routes and IPsec, which nobody can compute here: atoms and variables by nft's names.

use super::super::{Condition, Pattern, Variable, fields};
use crate::migrate::iptables::{Direction, LoopbackRoute, PolicyElement, Sense};
use crate::net::Family;

/// `RTN_LOCAL` (linux/rtnetlink.h): an address of this host.
const LOCAL: u128 = 2;

/// `RTN_BROADCAST`, and behind it `RTN_ANYCAST`.
const BROADCAST: u128 = 3;
const ANYCAST: u128 = 4;

/// The route back to the sender.
pub(super) fn reverse_path(family: Family, options: &[LoopbackRoute]) -> Condition {
    let has = |option| options.contains(&option);
    let mark = if has(LoopbackRoute::ValidMark) {
        " . mark"
    } else {
        ""
    };
    let input = if has(LoopbackRoute::Loose) {
        ""
    } else {
        " . iif"
    };
    let route = Condition::atom(format!("fib saddr{mark}{input} oif exists"));
    // ip6t_rpfilter takes an address of any interface, ipt_rpfilter looks at the one that a packet came by.
    let flags: &[&str] = match family == Family::V6 || has(LoopbackRoute::Loose) {
        true => &["saddr"],
        false => &["saddr", "iif"],
    };
    let kind = fields::fib_type(flags);
    let back = match family {
        Family::V4 => route.and(broadcast(&kind).negated()),
        Family::V6 => route,
    };
    match has(LoopbackRoute::AcceptLocal) {
        true => Condition::Any(vec![back, kind.is(LOCAL)]),
        false => back,
    }
}

/// Whether the route to the source is one to a broadcast or anycast address, which the kernel does not look at on the loopback
/// interface. The type of these two sources is broadcast whatever the routes are.
fn broadcast(kind: &Variable) -> Condition {
    let source = fields::saddr(fields::Width::V4);
    let loopback = Condition::Name(fields::iifname(), Pattern::Exactly("lo".to_owned()));
    Condition::All(vec![
        loopback.negated(),
        source.within(0, 0x00ff_ffff).negated(),
        source.is(0xffff_ffff).negated(),
        kind.within(BROADCAST, ANYCAST),
    ])
}

/// Whether a packet was, or will be, encrypted.
pub(super) fn ipsec(direction: Direction, elements: Option<&[PolicyElement]>) -> Condition {
    let word = match direction {
        Direction::In => "in",
        Direction::Out => "out",
    };
    let there = Condition::atom(format!("ipsec {word}"));
    let Some(elements) = elements else {
        return there.negated();
    };
    let mut parts = vec![there];
    for (number, element) in elements.iter().enumerate() {
        for (sense, option, value) in &element.options {
            let core = match (option.as_str(), value.parse::<u128>()) {
                ("reqid" | "--reqid", Ok(value)) => {
                    Variable::new(&format!("ipsec {word} {number} reqid"), 32).is(value)
                }
                _ => Condition::atom(format!("ipsec {word} {number} {option} {value}")),
            };
            parts.push(core.negated_if(*sense == Sense::IsNot));
        }
    }
    Condition::All(parts)
}
