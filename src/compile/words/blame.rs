//! Whom a refusal of the kernel is about.

use std::collections::BTreeSet;
use std::iter::once;

use super::{Book, Concern};
use crate::compile::boxes::Block;
use crate::compile::decider::{Decider, Rules};
use crate::compile::endpoints;
use crate::compile::lane::{Lane, Part, WHOLE_WORDS};
use crate::compile::layout::{box_keys, service_keys};
use crate::compile::names;
use crate::compile::selection::Selection;
use crate::compile::service::Shape;
use crate::model::{Direction, GroupName, GroupRule, Object, Peer, State};
use crate::net::{Cidr, Family, octets};
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
        Concern::Policy(Decider::Group(group), direction) => {
            rules(group, *direction, operation, element, state)
        }
        Concern::Policy(decider, direction) => ordered(decider, *direction, operation, state),
        Concern::Members(group) => members(group, operation, element, state),
        Concern::Endpoint(interface, Some(name)) if element.is_some() || elements == 0 => {
            endpoint(interface, name, host, state)
        }
        Concern::Table
        | Concern::Settings
        | Concern::Selected(_)
        | Concern::Bundle(_)
        | Concern::Endpoint(..) => vec![],
    };
    for line in lines.iter().take(LINES_MAX) {
        text += &format!("\n  {line}");
    }
    if lines.len() > LINES_MAX {
        text += &format!("\n  and {} more", lines.len() - LINES_MAX);
    }
    Some(text)
}

/// The objects that operators wrote and of which one is to blame for the refusal of an operation; none
/// where it is about the table as a whole, or about what many of them share.
pub fn suspects(
    operation: &Operation,
    element: Option<usize>,
    state: &State,
    host: &str,
) -> BTreeSet<Object> {
    let concerns = Book::of(state, host).concerns(operation);
    let is_one_each = concerns.len() == operation.keys().count();
    let concerns = concerns
        .into_iter()
        .enumerate()
        .filter(|(at, _)| element.is_none_or(|element| !is_one_each || element == *at));
    let local = endpoints::local(state, host);
    let object = |concern| match concern {
        Concern::Policy(Decider::Group(name), _) => Some(Object::Group(name)),
        Concern::Policy(Decider::Policy(name), _) => Some(Object::Policy(name)),
        Concern::Policy(Decider::Profile(name), _) => Some(Object::Profile(name)),
        Concern::Members(name) => name.parse().ok().map(Object::Group),
        Concern::Endpoint(interface, _) => {
            let mut here = local.values();
            let endpoint = here.find(|endpoint| endpoint.interface.as_str() == interface);
            endpoint.map(|endpoint| Object::Endpoint(endpoint.name.clone()))
        }
        Concern::Table | Concern::Settings | Concern::Selected(_) | Concern::Bundle(_) => None,
    };
    concerns
        .filter_map(|(_, (concern, _))| object(concern))
        .collect()
}

/// The rules that an object of a policy, or one of its elements, came from.
fn rules(
    group: &GroupName,
    direction: Direction,
    operation: &Operation,
    element: Option<usize>,
    state: &State,
) -> Vec<String> {
    let (Some(group), Some(object)) = (state.groups.get(group), operation.subject()) else {
        return vec![];
    };
    let owner = names::decider(&Decider::Group(group.name.clone()), direction);
    let key = element.and_then(|at| operation.keys().nth(at));
    let rules = group.rules(direction).iter();
    rules
        .filter(|rule| is_part(rule, &owner, object.logical(), key))
        .map(|rule| format!("{}  ({})", rule.text(direction), rule.origin))
        .collect()
}

/// The rules of a policy or profile that an operation may be about: one, if the object is a rule's own.
fn ordered(
    decider: &Decider,
    direction: Direction,
    operation: &Operation,
    state: &State,
) -> Vec<String> {
    let Some(Rules::Ordered(rules)) = decider.rules(state, direction) else {
        return vec![];
    };
    let owner = names::decider(decider, direction);
    let object = operation.subject().map_or("", Name::logical);
    let of_rule = object.strip_prefix(&format!("{owner}/rule"));
    let place: Option<usize> = of_rule.and_then(|rest| rest.split('/').next()?.parse().ok());
    let numbered = (1..).zip(rules);
    numbered
        .filter(|(number, _)| place.is_none_or(|place| place == *number))
        .map(|(_, rule)| format!("{rule}  ({})", rule.origin))
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
        endpoint.groups().iter().any(|name| name.as_str() == group)
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
    let v6 = format!("{owner}/v6");
    let home = match rule.family {
        Family::V4 => owner.as_str(),
        Family::V6 => &v6,
    };
    let lanes = Lane::ALL.into_iter();
    let mut parts = lanes.map(|lane| (lane, lane.part(rule.family, rule.service)));
    object == owner.as_str()
        || object == home
        || parts.any(|(lane, part)| {
            let chain = names::lane(&Name::from_parts(home), lane);
            let is_there = part != Part::Nothing;
            let is_chain = chain.as_str() == object && lane.protocol(rule.family).is_some();
            (is_there && is_chain)
                || keys(rule, lane, part).iter().any(|sort| {
                    sort.is_of(rule, owner, object) && key.is_none_or(|key| sort.meets(key))
                })
        })
}

/// The keys that a rule can have in the sets of one name.
struct Keys {
    words: [&'static str; 2],
    keys: Vec<Key>,
    /// How many bytes the first field has, and each after it.
    widths: (usize, usize),
}

impl Keys {
    fn is_of(&self, rule: &GroupRule, owner: &Name, object: &str) -> bool {
        let home = match &rule.peer {
            Peer::Cidr(_) => owner.clone(),
            Peer::Group(peer) => names::peer(owner, &Selection::Group(peer.clone())),
        };
        let is_layer = |rest: &str| rest.bytes().all(|b| b == b'/' || b.is_ascii_digit());
        self.words.iter().any(|word| {
            let set = names::shape(&home, word, rule.family);
            object.strip_prefix(set.as_str()).is_some_and(is_layer)
        })
    }

    fn meets(&self, key: &Key) -> bool {
        self.keys.iter().any(|one| overlap(one, key, self.widths))
    }
}

/// Every sort of set that a rule can be in as a part of a lane.
fn keys(rule: &GroupRule, lane: Lane, part: Part) -> Vec<Keys> {
    let numbered = match part {
        Part::Nothing => return vec![],
        Part::Some(numbered) => Some(numbered),
        Part::Everything => lane.everything(),
    };
    let mut sorts = Vec::new();
    if let (Part::Everything, Peer::Cidr(prefix)) = (part, &rule.peer) {
        let (first, last) = prefix.bounds();
        sorts.extend([WHOLE_WORDS, lane.whole_words()].map(|words| Keys {
            words,
            widths: (first.len(), 4),
            keys: vec![Key::range(&first, &last)],
        }));
    }
    match (&rule.peer, numbered) {
        (Peer::Cidr(prefix), Some((shape, first, last))) => {
            sorts.push(boxes(*prefix, shape, first, last))
        }
        (Peer::Group(_), Some((shape, first, last))) => sorts.push(Keys {
            words: [shape.word(); 2],
            widths: (4, 4),
            keys: service_keys(shape, first, last),
        }),
        (_, None) => {}
    }
    sorts
}

/// The keys of a box, alone or among exact ones.
fn boxes(prefix: Cidr, shape: Shape, first: u32, last: u32) -> Keys {
    let block = Block {
        prefix,
        first,
        last,
    };
    let address = prefix.bounds().0.len();
    Keys {
        words: [shape.word(), shape.exact_word()],
        widths: match shape {
            Shape::Protocol => (4, address),
            Shape::Port | Shape::Icmp | Shape::Tcp | Shape::Udp => (address, 4),
        },
        keys: box_keys(shape, &block).collect(),
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
