//! Routes and IPsec, which nobody can compute here: atoms and variables by nft's names.

use super::super::{Condition, Variable, fields};
use crate::migrate::iptables::{Direction, LoopbackRoute, PolicyElement, Sense};
use crate::net::Family;

/// `RTN_LOCAL` (linux/rtnetlink.h): an address of this host.
const LOCAL: u128 = 2;

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
    if !has(LoopbackRoute::AcceptLocal) {
        return route;
    }
    // ip6t_rpfilter takes an address of any interface, ipt_rpfilter looks at the one that a packet came by.
    let flags: &[&str] = match family == Family::V6 || has(LoopbackRoute::Loose) {
        true => &["saddr"],
        false => &["saddr", "iif"],
    };
    Condition::Any(vec![route, fields::fib_type(flags).is(LOCAL)])
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
