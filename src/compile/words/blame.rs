//! Whom a refusal of the kernel is about.

use std::iter::once;

use super::{Book, Concern};
use crate::compile::boxes::Block;
use crate::compile::names;
use crate::compile::policy::{box_keys, service_keys};
use crate::compile::service::{Shape, numbered};
use crate::model::{Direction, GroupRule, Peer, State};
use crate::net::{Family, octets};
use crate::ruleset::transaction::Operation;
use crate::ruleset::{Key, Name};

/// Most lines that are shown of what an operation was made of.
const LINES_MAX: usize = 10;

/// Whom an operation that was refused concerns, with the rules that it was made of where it is a
/// policy's: `policy web ingress`, then `allow IPv4 tcp 80 from 10.0.0.0/8  (web.yaml:7)`.
///
/// Without an element it is said that any one of them may be meant.
pub fn blamed(
    operation: &Operation,
    element: Option<usize>,
    state: &State,
    host: &str,
) -> Option<String> {
    let elements = operation.keys().count();
    let element = element.or((elements == 1).then_some(0));
    let mut concerns = Book::of(state, host).concerns(operation).into_iter();
    // Elements that are endpoints' concern one each, everything else is one concern.
    let at = element.filter(|_| concerns.len() == elements).unwrap_or(0);
    let (concern, _) = concerns.nth(at)?;
    let mut text = match (element, concerns.len()) {
        (None, 1..) => "endpoints of this host".to_owned(),
        (Some(_), _) | (None, 0) => concern.to_string(),
    };
    if element.is_none() && elements > 1 {
        text += &format!(", one of {elements} elements");
    }
    let lines = match &concern {
        Concern::Policy(group, direction) => rules(group, *direction, operation, element, state),
        Concern::Members(group) => members(group, operation, element, state),
        Concern::Endpoint(interface, Some(name)) if element.is_some() || elements == 0 => {
            endpoint(interface, name, host, state)
        }
        Concern::Table | Concern::Settings | Concern::Bundle(_) | Concern::Endpoint(..) => vec![],
    };
    for line in lines.iter().take(LINES_MAX) {
        text += &format!("\n  {line}");
    }
    if lines.len() > LINES_MAX {
        text += &format!("\n  and {} more", lines.len() - LINES_MAX);
    }
    Some(text)
}

/// The rules that an object of a policy, or one of its elements, came from.
fn rules(
    group: &str,
    direction: Direction,
    operation: &Operation,
    element: Option<usize>,
    state: &State,
) -> Vec<String> {
    let known = state.groups.values().find(|g| g.name.as_str() == group);
    let (Some(group), Some(object)) = (known, operation.subject()) else {
        return vec![];
    };
    let owner = names::policy(&group.name, direction);
    let key = element.and_then(|at| operation.keys().nth(at));
    let rules = group.rules(direction).iter();
    rules
        .filter(|rule| is_part(rule, &owner, object.logical(), key))
        .map(|rule| format!("{}  ({})", rule.text(direction), rule.origin))
        .collect()
}

/// The endpoints whose address the element of a group's members is.
fn members(
    group: &str,
    operation: &Operation,
    element: Option<usize>,
    state: &State,
) -> Vec<String> {
    let Some(key) = element.and_then(|at| operation.keys().nth(at)) else {
        return vec![];
    };
    let endpoints = state.endpoints.values();
    let meant = endpoints.filter(|endpoint| {
        let mut addresses = endpoint.addresses.iter();
        endpoint.groups.iter().any(|name| name.as_str() == group)
            && addresses.any(|address| *octets(*address) == *key.start)
    });
    meant
        .map(|endpoint| format!("endpoint {}  ({})", endpoint.name, endpoint.origin))
        .collect()
}

/// Where an endpoint of this host was written.
fn endpoint(interface: &str, name: &str, host: &str, state: &State) -> Vec<String> {
    let endpoints = state.endpoints.values().filter(|endpoint| {
        endpoint.host == host
            && endpoint.interface.as_str() == interface
            && endpoint.name.as_str() == name
    });
    endpoints
        .map(|endpoint| format!("({})", endpoint.origin))
        .collect()
}

/// Whether a rule is part of a chain or set of its policy and, where one is meant, of its element.
fn is_part(rule: &GroupRule, owner: &Name, object: &str, key: Option<&Key>) -> bool {
    if object == owner.as_str() {
        return true;
    }
    if object.strip_prefix(owner.as_str()) == Some("/v6") {
        return rule.family == Family::V6;
    }
    let shape = numbered(rule.family, rule.service).map(|(shape, ..)| shape.word());
    let is_one_of = |home: &Name, words: [&str; 2]| {
        words.map(|word| names::shape(home, word, rule.family).as_str() == object) != [false; 2]
    };
    let has_set = match (&rule.peer, shape) {
        (Peer::Cidr(_), None) => is_one_of(owner, ["host", "net"]),
        (Peer::Cidr(_), Some(word)) => is_one_of(owner, [word, &format!("{word}-exact")]),
        (Peer::Group(peer), Some(word)) => is_one_of(&names::peer(owner, peer), [word; 2]),
        (Peer::Group(_), None) => false,
    };
    has_set && key.is_none_or(|key| meets(rule, key))
}

/// Whether a rule allows something of what an element stands for.
fn meets(rule: &GroupRule, key: &Key) -> bool {
    let of_rule = match (&rule.peer, numbered(rule.family, rule.service)) {
        (Peer::Cidr(prefix), None) => {
            let (first, last) = prefix.bounds();
            vec![Key::range(&first, &last)]
        }
        (Peer::Cidr(prefix), Some((shape, first, last))) => {
            let prefix = *prefix;
            box_keys(
                shape,
                &Block {
                    prefix,
                    first,
                    last,
                },
            )
        }
        (Peer::Group(_), Some((shape, first, last))) => service_keys(shape, first, last),
        (Peer::Group(_), None) => vec![],
    };
    let widths = widths(rule);
    of_rule.iter().any(|one| overlap(one, key, widths))
}

/// How many bytes the first field of a rule's keys has, and each after it.
fn widths(rule: &GroupRule) -> (usize, usize) {
    let service = numbered(rule.family, rule.service).map(|(shape, ..)| shape);
    match (&rule.peer, service) {
        (Peer::Cidr(prefix), Some(Shape::Protocol)) => (4, prefix.bounds().0.len()),
        (Peer::Cidr(prefix), Some(Shape::Port | Shape::Icmp) | None) => {
            (prefix.bounds().0.len(), 4)
        }
        (Peer::Group(_), _) => (4, 4),
    }
}

/// Whether two keys have a value in common.
fn overlap(one: &Key, other: &Key, widths: (usize, usize)) -> bool {
    let begins_by_the_end = |begin: &[u8], end: &[u8]| {
        fields(begin, widths)
            .zip(fields(end, widths))
            .all(|(begin, end)| begin <= end)
    };
    begins_by_the_end(&one.start, other.last()) && begins_by_the_end(&other.start, one.last())
}

fn fields(bytes: &[u8], (first, others): (usize, usize)) -> impl Iterator<Item = &[u8]> {
    let (field, rest) = bytes.split_at(first.min(bytes.len()));
    once(field).chain(rest.chunks(others))
}
