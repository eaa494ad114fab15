//! The only maker of identifiers: what each object is called, and whose it is.
//!
//! | object | name |
//! |---|---|
//! | members of a group | set `group/web/v4` |
//! | policy of a group | chain `policy/web/in`, its IPv6 half `policy/web/in/v6`, TCP in either `policy/web/in/tcp` |
//! | lookup tables of a policy | sets `policy/web/in/port4`, `policy/web/in/group/db/port4` |
//! | ordered list of policies | chain `bundle/0123456789abcdef0123456789abcdef/in` |

use super::lane::Lane;
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
    made(&format!("group/{}/{}", segment(group), family_word(family)))
}

/// The chain of a group's policy in one direction.
pub fn policy(group: &GroupName, direction: Direction) -> Name {
    made(&format!(
        "policy/{}/{}",
        segment(group),
        direction_word(direction)
    ))
}

/// The chain of the IPv6 half of a policy.
pub fn policy_v6(group: &GroupName, direction: Direction) -> Name {
    made(&format!("{}/v6", policy(group, direction)))
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
    made(&format!("{owner}/{shape}{}", digit(family)))
}

/// One of the sets that hold the boxes of one shape, by the depth of its layer from 0.
pub(super) fn layer(set: &Name, depth: usize) -> Name {
    match depth {
        0 => set.clone(),
        _ => made(&format!("{set}/{depth}")),
    }
}

/// The name below which the sets stand that a policy keeps for one peer group.
pub fn peer(owner: &Name, peer: &GroupName) -> Name {
    made(&format!("{owner}/group/{}", segment(peer)))
}

/// The chain that asks several policies one after the other.
pub fn bundle<'a>(groups: impl Iterator<Item = &'a GroupName>, direction: Direction) -> Name {
    let list: Vec<&str> = groups.map(GroupName::as_str).collect();
    made(&format!(
        "bundle/{}/{}",
        hash(&list.join(",")),
        direction_word(direction)
    ))
}

/// Whether the object called so belongs to the policy of this group and direction.
pub fn belongs_to(name: &Name, group: &GroupName, direction: Direction) -> bool {
    let policy = policy(group, direction);
    let rest = name.logical().strip_prefix(policy.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// A group's name as part of an identifier. A cut one has a `/` that no group name can have, so
/// that it never equals another group's.
fn segment(group: &GroupName) -> String {
    let text = group.as_str();
    if text.len() <= READABLE_BYTES_MAX {
        return text.to_owned();
    }
    format!("{}/{}", &text[..CUT_BYTES], hash(text))
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

fn digit(family: Family) -> char {
    match family {
        Family::V4 => '4',
        Family::V6 => '6',
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
    use crate::ruleset::name::NAME_BYTES_MAX;

    fn group(text: &str) -> GroupName {
        text.parse().unwrap()
    }

    #[test]
    fn the_longest_names_fit_and_stay_apart() {
        let (one, two) = (
            group(&"a".repeat(253)),
            group(&format!("{}b", "a".repeat(252))),
        );
        let owner = policy(&one, Direction::Egress);
        let longest = shape(&peer(&owner, &one), "port-exact", Family::V6).with_generation(0xffff);
        assert!(
            longest.as_str().len() <= NAME_BYTES_MAX,
            "{}",
            longest.as_str().len()
        );
        assert!(Name::new(longest.as_str()).is_ok());
        assert_ne!(owner, policy(&two, Direction::Egress));
    }

    #[test]
    fn a_name_tells_its_owner() {
        let set = shape(
            &policy(&group("web"), Direction::Ingress),
            "port",
            Family::V4,
        );
        assert_eq!(set.as_str(), "policy/web/in/port4");
        assert!(belongs_to(
            &set.with_generation(3),
            &group("web"),
            Direction::Ingress
        ));
        assert!(!belongs_to(&set, &group("we"), Direction::Ingress));
        assert!(!belongs_to(&set, &group("web"), Direction::Egress));
    }
}
