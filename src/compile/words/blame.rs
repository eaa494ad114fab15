//! Whom a refusal of the kernel is about.

use super::{Book, Concern};
use crate::model::{Direction, GroupRule, Peer, SecurityGroup, State};
use crate::net::{Cidr, Family};
use crate::ruleset::transaction::Operation;
use crate::ruleset::{Key, Name};

/// Whom an operation that was refused concerns, with the rules that it was made of where it is a
/// policy's: `policy web ingress: allow IPv4 tcp 80 from 10.0.0.0/8 (web.yaml:7)`.
pub fn blamed(
    operation: &Operation,
    element: Option<usize>,
    state: &State,
    host: &str,
) -> Option<String> {
    let (concern, _) = Book::of(state, host)
        .concerns(operation)
        .into_iter()
        .next()?;
    let mut text = concern.to_string();
    if let Concern::Policy(group, direction) = &concern {
        let group = state
            .groups
            .values()
            .find(|known| known.name.as_str() == group)?;
        for rule in made_of(group, *direction, operation, element) {
            text += &format!("\n  {}  ({})", rule.text(*direction), rule.origin);
        }
    }
    Some(text)
}

/// The rules that an element came from; without an element, all rules of the policy.
fn made_of<'s>(
    group: &'s SecurityGroup,
    direction: Direction,
    operation: &Operation,
    element: Option<usize>,
) -> Vec<&'s GroupRule> {
    let key = element.and_then(|at| operation.keys().nth(at));
    let name = operation.subject().map_or("", Name::logical);
    let family = [("4", Family::V4), ("6", Family::V6)]
        .into_iter()
        .find(|(d, _)| name.ends_with(d));
    let fits = |rule: &&GroupRule| match (&rule.peer, key, family) {
        (_, _, Some((_, family))) if rule.family != family => false,
        (Peer::Cidr(cidr), Some(key), Some(_)) => overlaps(cidr, key, name),
        (Peer::Group(peer), Some(_), _) => name.contains(&format!("/group/{peer}/")),
        (Peer::Cidr(_) | Peer::Group(_), _, _) => true,
    };
    group.rules(direction).iter().filter(fits).collect()
}

/// Whether the addresses of a key meet a prefix: they end it where protocols come first, and begin it
/// everywhere else.
fn overlaps(cidr: &Cidr, key: &Key, set: &str) -> bool {
    let (first, last) = cidr.bounds();
    let at = match set.contains("/proto") {
        true => key.start.len().saturating_sub(first.len()),
        false => 0,
    };
    let begins = key.start.get(at..at + first.len());
    let ends = key.last().get(at..at + last.len());
    begins
        .zip(ends)
        .is_some_and(|(begin, end)| begin <= last.as_slice() && first.as_slice() <= end)
}
