//! The only maker of identifiers: what each object is called, and whose it is.
//!
//! | object | name |
//! |---|---|
//! | members of a group | set `group/web/v4` |
//! | policy of Calico, profile | chains `np/namespace/name/in`, `gnp/name/in`, `profile/name/in` |
//! | what a selector means | sets `set/0123456789abcdef0123456789abcdef/v4`, prefixes of it `.../net4`, ports by name `.../port4` |
//! | policy of a group | chain `policy/web/in`, its IPv6 half `policy/web/in/v6`, TCP in either `policy/web/in/tcp` |
//! | lookup tables of a policy | sets `policy/web/in/port4`, `policy/web/in/group/db/port4` |
//! | rules of which the first counts | map `np/namespace/name/in/tcp-verdict4`, and chain `.../in/pass` where it leads to the next tier |
//! | policies of a tier | chain `tier/0123456789abcdef0123456789abcdef/in` |
//! | ordered list of policies | chain `bundle/0123456789abcdef0123456789abcdef/in` |

use std::borrow::Cow;

use super::decider::Decider;
use super::lane::Lane;
use super::selection::{Holder, Selection};
use crate::model::{Direction, GroupName};
use crate::net::Family;
use crate::ruleset::Name;

/// Longest group name that stands in an identifier as it is; a longer one is cut and hashed, so that
/// every identifier, generation included, stays below the kernel's 255 bytes.
const READABLE_BYTES_MAX: usize = 64;
/// What is left of a longer name.
const CUT_BYTES: usize = 40;
/// Digits of a hash, 128 bits: whoever chooses group names must not find two with one hash.
const HASH_DIGITS: usize = 32;

/// An object of the skeleton, by the name that the templates give it.
pub fn fixed(name: &'static str) -> Name {
    made(name)
}

/// The set of a group's members of one family.
pub fn members(group: &GroupName, family: Family) -> Name {
    let group = segment(group.as_str());
    made(&["group/", &group, "/", family_word(family)].concat())
}

/// The chain of the IPv6 half of a policy.
pub(super) fn v6(policy: &Name) -> Name {
    made(&format!("{policy}/v6"))
}

/// The chain below a policy's that only packets of one protocol come to.
pub(super) fn lane(chain: &Name, lane: Lane) -> Name {
    let word = match lane {
        Lane::Tcp => "tcp",
        Lane::Udp => "udp",
        Lane::Icmp => "icmp",
        Lane::Whole | Lane::Rest => return chain.clone(),
    };
    made(&format!("{chain}/{word}"))
}

/// A set that belongs to a policy: the boxes of one shape.
pub fn shape(owner: &Name, shape: &str, family: Family) -> Name {
    made(&[owner.as_str(), "/", shape, digit(family)].concat())
}

/// One of the sets that hold the boxes of one shape, by the depth of its layer from 0.
pub(super) fn layer(set: &Name, depth: usize) -> Name {
    match depth {
        0 => set.clone(),
        _ => made(&format!("{set}/{depth}")),
    }
}

/// The name below which the sets stand that a policy keeps for one peer.
pub(super) fn peer(owner: &Name, peer: &Selection) -> Name {
    match peer {
        Selection::Group(group) => made(&format!("{owner}/group/{}", segment(group.as_str()))),
        Selection::Labels(_) | Selection::Port(..) => {
            made(&format!("{owner}/set/{}", hash(&peer.text())))
        }
    }
}

/// A set of what a selector means, by its text.
pub(super) fn selected(text: &str, holder: Holder, family: Family) -> Name {
    let word = match holder {
        Holder::Addresses => "v",
        Holder::Prefixes => "net",
        Holder::Ports => "port",
    };
    made(&format!("set/{}/{word}{}", hash(text), digit(family)))
}

/// The chain of a policy or profile in one direction.
pub fn decider(decider: &Decider, direction: Direction) -> Name {
    let direction = direction_word(direction);
    match decider {
        Decider::Group(group) => {
            let group = segment(group.as_str());
            made(&["policy/", &group, "/", direction].concat())
        }
        Decider::Policy(policy) => match &policy.namespace {
            Some(namespace) => made(&format!(
                "np/{}/{}/{direction}",
                segment(namespace.as_str()),
                segment(policy.name.as_str())
            )),
            None => made(&format!(
                "gnp/{}/{direction}",
                segment(policy.name.as_str())
            )),
        },
        Decider::Profile(profile) => made(&format!(
            "profile/{}/{direction}",
            segment(profile.as_str())
        )),
    }
}

/// Where the sets of a policy's later runs stand: those of the first stand with the policy itself.
pub(super) fn run(owner: &Name, place: usize) -> Name {
    layer(owner, place)
}

/// The chain that verdict maps of a policy lead to for what it passes to the next tier.
pub(super) fn passing(owner: &Name) -> Name {
    made(&format!("{owner}/pass"))
}

/// A set that one rule of a policy needs for itself, by its place from 1 and what it holds.
pub(super) fn of_rule(owner: &Name, place: usize, word: &str, family: Family) -> Name {
    made(&format!("{owner}/rule{place}/{word}{}", digit(family)))
}

/// The counter of one rule, by what the rule says and how often that was said before.
pub(super) fn counter(owner: &Name, text: &str, repeated: usize) -> Name {
    layer(&made(&format!("{owner}/{}", hash(text))), repeated)
}

/// The chain of a tier, by what tells it from others.
pub(super) fn tier(text: &str, direction: Direction) -> Name {
    made(&format!(
        "tier/{}/{}",
        hash(text),
        direction_word(direction)
    ))
}

/// The chain that asks several, by their names.
pub(super) fn stack(text: &str, direction: Direction) -> Name {
    made(&format!(
        "bundle/{}/{}",
        hash(text),
        direction_word(direction)
    ))
}

/// A name as part of an identifier. A cut one has a `/` that no name can have, so that it never
/// equals another's.
fn segment(text: &str) -> Cow<'_, str> {
    if text.len() <= READABLE_BYTES_MAX {
        return text.into();
    }
    format!("{}/{}", &text[..CUT_BYTES], hash(text)).into()
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..HASH_DIGITS].to_owned()
}

fn family_word(family: Family) -> &'static str {
    match family {
        Family::V4 => "v4",
        Family::V6 => "v6",
    }
}

fn digit(family: Family) -> &'static str {
    match family {
        Family::V4 => "4",
        Family::V6 => "6",
    }
}

fn direction_word(direction: Direction) -> &'static str {
    match direction {
        Direction::Ingress => "in",
        Direction::Egress => "out",
    }
}

/// Every text above is legal by construction: fixed words, group names and hexadecimal digits.
fn made(text: &str) -> Name {
    Name::from_parts(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PolicyKind, PolicyName, Selector};
    use crate::ruleset::name::NAME_BYTES_MAX;

    #[test]
    fn the_longest_names_fit_and_stay_apart() {
        let long = "a".repeat(253);
        let [one, two] = [long.clone(), format!("{}b", &long[1..])].map(|text| {
            let name = PolicyName {
                kind: PolicyKind::NetworkPolicy,
                namespace: long.parse().ok(),
                name: text.parse().unwrap(),
            };
            decider(&Decider::Policy(name), Direction::Egress)
        });
        let peer = peer(&run(&one, 1_023), &Selection::Labels(Selector::all()));
        let longest = shape(&peer, "proto-exact", Family::V6).with_generation(0xffff);
        assert!(longest.as_str().len() <= NAME_BYTES_MAX, "{longest}");
        assert!(Name::new(longest.as_str()).is_ok());
        assert_ne!(one, two);
    }
}
