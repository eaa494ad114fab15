//! Sets of ipset as sets of nft.

use std::collections::BTreeMap;
use std::time::Duration;

use super::case::Outcome;
use super::class::Obstacle;
use super::condition::{address_type, port_item, prefix_item, protocol_value, range_item};
use super::draft::Draft;
use super::{boxes, nesting};
use crate::migrate::ipset::{Element, Field, Kind, Set, Type};
use crate::migrate::nft::{Element as Key, Item, Set as Declared, Statement, Value};
use crate::net::Protocol;
use crate::ruleset::Name;

/// How names of sets begin that rules make: a set of the host's that is called so gets another name.
const MADE: [&str; 3] = ["recent-", "hashlimit-", "connlimit-"];

/// Declares a set in the table, and the set of its exceptions where it has some that cannot be cut out.
pub(super) fn declare(draft: &mut Draft<'_>, set: &Set) -> Outcome<(Name, Option<Name>)> {
    let made = MADE.iter().any(|beginning| set.name.starts_with(beginning));
    let name = draft.set_names.of(&match made {
        true => format!("-{}", set.name),
        false => set.name.clone(),
    });
    let but = draft.set_names.of(&format!("{} but", set.name));
    if !draft.sets.contains_key(&name) {
        check(set)?;
        let Elements {
            kept,
            excepted,
            cut,
        } = elements(set)?;
        let mut declared = header(draft, name.clone(), set)?;
        declared.interval = is_interval(set, &kept);
        let mut exceptions = declared.clone();
        declared.elements = kept;
        draft.sets.insert(name.clone(), declared);
        if cut {
            draft.cut.insert(name.clone());
        }
        if !excepted.is_empty() {
            exceptions.name = but.clone();
            exceptions.comment = Some(super::table::comment(&format!(
                "exceptions of ipset {}",
                set.name
            )));
            exceptions.elements = excepted;
            draft.sets.insert(but.clone(), exceptions);
        }
    }
    remark(draft, set);
    if draft.cut.contains(&name) {
        draft.equivalent("elements that overlap are cut into such as are apart");
        if set.options.timeout.is_some() {
            draft.approximate(
                "where an element goes by its time, what another one shared with it goes too",
            );
        }
    }
    let but = draft.sets.contains_key(&but).then_some(but);
    Ok((name, but))
}

/// What is said otherwise of a set, to each rule that looks it up.
fn remark(draft: &mut Draft<'_>, set: &Set) {
    let goes = set.options.timeout.is_some();
    if set
        .elements
        .iter()
        .any(|element| lasts_for_ever(set, element))
    {
        draft.approximate(
            "an element that never goes, in a set whose elements do, goes after ten years",
        );
    }
    if nesting::is_nested(set) {
        draft.equivalent("prefixes that lie in each other, and exceptions, are cut into ranges");
        if goes {
            draft.approximate(
                "where an inner prefix goes by its time, the outer one does not fill its place",
            );
        }
    } else if set.elements.iter().any(|element| element.nomatch) {
        draft.equivalent("exceptions (nomatch) are a set of their own, which is looked up too");
    }
}

fn check(set: &Set) -> Outcome<()> {
    let obstacle = |reason: String, suggestion: &str| Err(Obstacle::new(reason, suggestion));
    if let Type::Unknown(kind) = &set.kind {
        return obstacle(
            format!("set {} is of type {kind}, which is not known", set.name),
            "make it a set of a type that is",
        );
    }
    if set.options.bitmask.is_some() || set.options.markmask.is_some() {
        return obstacle(
            format!("set {} has a bitmask or markmask", set.name),
            "make it a set of prefixes",
        );
    }
    let unknown = set.options.unknown.iter().map(|option| (set.line, option));
    let of_elements = set.elements.iter();
    let mut unknown = unknown.chain(
        of_elements.flat_map(|element| element.unknown.iter().map(|option| (element.line, option))),
    );
    match unknown.next() {
        Some((line, option)) => obstacle(
            format!(
                "set {} has option {option} in line {line}, which is not known",
                set.name
            ),
            "take the option out",
        ),
        None => Ok(()),
    }
}

fn header(draft: &Draft<'_>, name: Name, set: &Set) -> Outcome<Declared> {
    let mut declared = Declared::new(name, types(draft, set)?);
    declared.timeout = set
        .options
        .timeout
        .filter(|seconds| *seconds > 0)
        .map(|seconds| Duration::from_secs(seconds.into()));
    declared.timeouts = set.options.timeout.is_some();
    declared.size = set.options.max_elements;
    if set.options.counters {
        declared.statements.push(Statement::Counter(None));
    }
    declared.comment = Some(super::table::comment(&format!(
        "ipset {}, line {}",
        set.name, set.line
    )));
    Ok(declared)
}

fn types(draft: &Draft<'_>, set: &Set) -> Outcome<Vec<String>> {
    let address = || address_type(set.options.family.unwrap_or(draft.family));
    let words = |words: &[&str]| {
        words
            .iter()
            .map(|word| (*word).to_owned())
            .collect::<Vec<_>>()
    };
    Ok(match &set.kind {
        Type::BitmapIp => vec![address()],
        Type::BitmapIpMac => vec![address(), "ether_addr".to_owned()],
        Type::BitmapPort => words(&["inet_service"]),
        Type::Hash(kinds) => {
            let each = kinds.iter().map(|kind| match kind {
                Kind::Ip | Kind::Net => vec![address()],
                Kind::Port => words(&["inet_proto", "inet_service"]),
                Kind::Mac => words(&["ether_addr"]),
                Kind::Mark => words(&["mark"]),
                Kind::Interface => words(&["ifname"]),
            });
            each.flatten().collect()
        }
        Type::ListSet | Type::Unknown(_) => {
            return Err(Obstacle::new(
                "a list of sets is no set of nft",
                "look up its sets",
            ));
        }
    })
}

fn is_interval(set: &Set, elements: &[Key]) -> bool {
    let net = match &set.kind {
        Type::Hash(kinds) => kinds.contains(&Kind::Net),
        Type::BitmapIp
        | Type::BitmapIpMac
        | Type::BitmapPort
        | Type::ListSet
        | Type::Unknown(_) => false,
    };
    let whole = |item: &Item| matches!(item, Item::One(_));
    net || set.options.netmask.is_some() || !elements.iter().all(|key| key.key.iter().all(whole))
}

/// So long an element stays that never goes: nft 1.0.6 cannot say never in a set whose elements go.
const FOR_EVER: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

fn lasts_for_ever(set: &Set, element: &Element) -> bool {
    element.timeout == Some(0) && set.options.timeout.is_some_and(|seconds| seconds > 0)
}

/// What a set holds.
#[derive(Debug)]
struct Elements {
    kept: Vec<Key>,
    /// The exceptions from them.
    excepted: Vec<Key>,
    /// Some overlapped.
    cut: bool,
}

fn elements(set: &Set) -> Outcome<Elements> {
    if let Some(cut) = nesting::flat(set) {
        let each = cut.pieces.into_iter().map(|(range, owner)| {
            let element = &set.elements[owner];
            attributes(set, element, vec![range])
        });
        return Ok(Elements {
            kept: each.collect(),
            excepted: Vec::new(),
            // That is said of each rule which looks the set up.
            cut: false,
        });
    }
    let mut kept = BTreeMap::new();
    let mut excepted = BTreeMap::new();
    for element in &set.elements {
        let key = key_items(set, element)?;
        let place = match element.nomatch {
            true => &mut excepted,
            false => &mut kept,
        };
        place.insert(key.clone(), attributes(set, element, key));
    }
    if !excepted.is_empty() && nesting::deeper_than_exceptions(set) {
        return Err(Obstacle::new(
            format!(
                "set {} has elements that are found before exceptions from them",
                set.name
            ),
            "split the set",
        ));
    }
    let apart = |elements: BTreeMap<Vec<Item>, Key>| {
        boxes::apart(elements.into_values().collect()).ok_or_else(|| {
            Obstacle::new(
                format!("set {} has too many elements that overlap", set.name),
                "split the set, or take out what another element holds",
            )
        })
    };
    let (kept, excepted) = (apart(kept)?, apart(excepted)?);
    Ok(Elements {
        cut: kept.cut || excepted.cut,
        kept: kept.elements,
        excepted: excepted.elements,
    })
}

fn key_items(set: &Set, element: &Element) -> Outcome<Vec<Item>> {
    let mut items = Vec::new();
    for field in &element.fields {
        match field {
            Field::Prefix(prefix) => items.push(prefix_item(*prefix)),
            Field::Range(range) => items.push(range_item(range)),
            Field::Port(port) => {
                if !port.protocol.has_ports() {
                    return Err(Obstacle::new(
                        format!(
                            "set {} has protocol {} in line {}, of which nft reads no ports",
                            set.name, port.protocol, element.line
                        ),
                        "take such elements into a set of their own",
                    ));
                }
                items.push(protocol_value(Protocol(port.protocol.0)).into());
                items.push(port_item(port.ports));
            }
            Field::PlainPort(ports) => items.push(port_item(*ports)),
            Field::Mac(mac) => items.push(Value::Mac(mac.0).into()),
            Field::Mark(mark) => items.push(Value::Hex((*mark).into()).into()),
            Field::Interface { name, physical } => {
                if *physical || name.ends_with('+') {
                    return Err(Obstacle::new(
                        format!(
                            "set {} has a port of a bridge, or a pattern of names, in line {}",
                            set.name, element.line
                        ),
                        "name each interface",
                    ));
                }
                items.push(Value::text(name).into());
            }
            Field::Set(name) => {
                return Err(Obstacle::new(
                    format!("set {name} as an element"),
                    "look it up",
                ));
            }
        }
    }
    if set.kind == Type::BitmapIpMac && items.len() < 2 {
        return Err(Obstacle::new(
            format!(
                "set {} has an address without a MAC in line {}",
                set.name, element.line
            ),
            "take it into a set of addresses",
        ));
    }
    Ok(items)
}

fn attributes(set: &Set, element: &Element, key: Vec<Item>) -> Key {
    let mut made = Key::new(key);
    if set.options.timeout.is_some() {
        made.timeout = element
            .timeout
            .filter(|seconds| *seconds > 0)
            .map(|seconds| Duration::from_secs(seconds.into()));
        if lasts_for_ever(set, element) {
            made.timeout = Some(FOR_EVER);
        }
    }
    if set.options.counters {
        made.counter = element.packets.zip(element.bytes);
    }
    made.comment = element
        .comment
        .as_ref()
        .map(|text| super::table::comment(text));
    made
}
