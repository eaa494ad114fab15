//! The short way, where one set alone changes and elements only come or only go: a member of a group,
//! a rule that is an element. That is what changes most.
//!
//! It gives the one transaction that the long way gives, or nothing. No object gets another name, so nobody
//! who names one is asked. With one transaction there is no order to choose, so it does not matter whose
//! groups change. A table that was settled has one generation of each object.

use super::cost;
use super::generations::{is_owned, is_same_declaration};
use super::names;
use super::reach::Reached;
use super::steps::signature;
use crate::ruleset::digest::STATE_CHAIN;
use crate::ruleset::tracked::{Extent, Polarity, Touched, Tracked};
use crate::ruleset::transaction::{Operation, Phase, Step, Wait};
use crate::ruleset::{Chain, Elements, Key, Kind, Name, Rule, Set, SetFlags, Table};

/// The steps where no more than that changed since both tables were settled, and the set stays in force.
pub(super) fn steps(applied: &Tracked, desired: &Tracked) -> Option<Vec<Step>> {
    let (name, keys) = touched(applied, desired)?;
    let set = desired.table().sets.get(name)?;
    let in_force = names::any(applied.table(), Kind::Set, name.as_str())?;
    let held = applied.table().sets.get(in_force)?;
    // But for the digest, chains and maps are the same in both tables, and so is what they use the set for.
    if !is_plain(held, set) || Reached::of(applied).polarity(in_force) != Polarity::ADMITS {
        return None;
    }
    let (phase, change) = match one_way(held, set, keys)? {
        OneWay::Comes(elements) => (
            Phase::Loosen,
            Operation::AddElements(in_force.clone(), elements),
        ),
        OneWay::Goes(keys) if stays_without(held, name, &keys) => (
            Phase::Tighten,
            Operation::DeleteElements(in_force.clone(), keys),
        ),
        OneWay::Goes(_) => return None,
    };
    let signature = signature(applied.table(), desired.table());
    let mut operations = Vec::with_capacity(1 + signature.len());
    operations.push(change);
    operations.extend(signature);
    Some(vec![Step {
        phase,
        wait: Wait::None,
        operations,
    }])
}

/// What becomes of the elements of a set.
enum OneWay {
    Comes(Elements),
    Goes(Vec<Key>),
}

/// The keys of the one set that changed, if beside it only the digest did.
fn touched<'a>(
    applied: &Tracked,
    desired: &'a Tracked,
) -> Option<(&'a Name, impl Iterator<Item = &'a Key>)> {
    let (Touched::Only(held), Touched::Only(wanted)) = (applied.touched(), desired.touched())
    else {
        return None;
    };
    let is_settled = Kind::ALL.iter().all(|kind| held.of(*kind).is_empty());
    let mut chains = wanted.of(Kind::Chain).keys();
    let others = [Kind::Counter, Kind::Limit];
    let is_alone = others.iter().all(|kind| wanted.of(*kind).is_empty())
        && chains.all(|chain| chain.as_str() == STATE_CHAIN)
        && is_signed_alike(applied.table(), desired.table());
    let mut sets = wanted.of(Kind::Set).iter();
    match (sets.next()?, sets.next()) {
        ((name, Extent::Elements(keys)), None) if is_settled && is_alone => {
            Some((name, keys.iter()))
        }
        ((_, Extent::Elements(_) | Extent::Whole), _) => None,
    }
}

/// Whether the chain of the digest is in both tables or in neither, and is nothing but that.
fn is_signed_alike(applied: &Table, desired: &Table) -> bool {
    let names_nothing = |rule: &Rule| rule.references().is_empty();
    let is_unhooked = |chain: &Chain| chain.hook.is_none() && chain.rules.iter().all(names_nothing);
    let chains = [applied, desired].map(|table| table.chains.get(STATE_CHAIN));
    match chains {
        [None, None] => true,
        [Some(held), Some(wanted)] => is_unhooked(held) && is_unhooked(wanted),
        [None, Some(_)] | [Some(_), None] => false,
    }
}

/// Whether a set has nothing but keys, is declared as it was and has room.
fn is_plain(held: &Set, set: &Set) -> bool {
    set.data.is_none()
        && !set.flags.contains(SetFlags::DYNAMIC)
        && is_same_declaration(held, set)
        && !cost::is_outgrown(held, set.elements.len())
}

/// The elements that differ among those keys, if they all come or all go.
fn one_way<'a>(held: &Set, set: &Set, keys: impl Iterator<Item = &'a Key>) -> Option<OneWay> {
    let (mut came, mut gone) = (Elements::new(), Vec::new());
    for key in keys {
        match (held.elements.get(key), set.elements.get(key)) {
            (None, Some(element)) => drop(came.insert(key.clone(), element.clone())),
            (Some(_), None) => gone.push(key.clone()),
            (old, new) if old == new => {}
            (_, _) => return None,
        }
    }
    match (came.is_empty(), gone.is_empty()) {
        (false, true) => Some(OneWay::Comes(came)),
        (true, false) => Some(OneWay::Goes(gone)),
        (true, true) | (false, false) => None,
    }
}

/// Whether keys are taken out of a set where it stands. Ranges of one field go end by end, which is no way
/// for a policy's own.
fn stays_without(held: &Set, name: &Name, gone: &[Key]) -> bool {
    (!is_owned(name) || cost::loses_at_once(held)) && !cost::is_undeletable(held, gone.len())
}

#[cfg(test)]
mod tests {
    use std::ops::Range;

    use super::super::compared;
    use super::*;
    use crate::ruleset::fixture;
    use crate::ruleset::parse::parse;

    /// What a set declares, what is looked up in it, and its elements by number.
    type Shape = (&'static str, &'static str, fn(u8) -> String);

    const SHAPES: [Shape; 5] = [
        ("type ipv4_addr", "ip saddr", |n| format!("10.0.0.{n}")),
        ("type ipv4_addr; size 40", "ip saddr", |n| {
            format!("10.0.0.{n}")
        }),
        ("type ipv4_addr; timeout 1h", "ip saddr", |n| {
            format!("10.0.0.{n}")
        }),
        ("type ipv4_addr; flags interval", "ip saddr", |n| {
            format!("10.{n}.0.0/24")
        }),
        (
            "type ipv4_addr . inet_service; flags interval",
            "ip saddr . tcp dport",
            |n| format!("10.{n}.0.0/24 . 80-90"),
        ),
    ];

    /// Sets that policies share, that one has for itself, and that are the skeleton's.
    const NAMES: [&str; 4] = ["group/web/v4", "set/web/v4", "policy/web/in/p4", "slot"];

    /// What rules do with it, and whether to have more elements lets more pass and no less.
    const USES: [(&str, bool); 6] = [
        ("LOOKUP @SET goto passed", true),
        ("LOOKUP != @SET drop", true),
        ("LOOKUP @SET drop", false),
        ("LOOKUP != @SET goto passed", false),
        ("LOOKUP @SET goto passed\n LOOKUP @SET drop", false),
        ("tcp dport 80 goto passed", false),
    ];

    /// What it has before and after.
    const CHANGES: [[Range<u8>; 2]; 9] = [
        [0..0, 0..1],
        [0..1, 0..0],
        [0..3, 0..4],
        [0..4, 1..4],
        [0..30, 0..90],
        [0..90, 0..89],
        [0..90, 0..30],
        [0..3, 1..4],
        [0..3, 0..3],
    ];

    /// A table whose other policy, to which nothing leads, denies by the same set.
    fn table(shape: &Shape, name: &str, uses: &str, elements: Range<u8>) -> Table {
        let (declaration, lookup, element) = shape;
        let elements: Vec<String> = elements.map(element).collect();
        let elements = match elements.is_empty() {
            true => String::new(),
            false => format!("elements = {{ {} }}", elements.join(", ")),
        };
        let text = format!(
            "table inet t {{
                set SET {{ {declaration}\n {elements}\n }}
                chain passed {{ accept\n }}
                chain policy/other/in {{ LOOKUP @SET drop\n }}
                chain policy/web/in {{ {uses}\n }}
                chain state {{ counter comment \"-\"\n }}
                chain forward {{
                    type filter hook forward priority -5; policy drop;
                    jump policy/web/in
                }}
            }}"
        );
        let text = text.replace("LOOKUP", lookup).replace("SET", name);
        let ruleset = parse("a test", &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let table = ruleset.tables.into_values().next().unwrap();
        let mut signed = Tracked::from(table);
        signed.sign();
        signed.into_table()
    }

    fn settled(table: &Table) -> Tracked {
        let mut settled = Tracked::from(table.clone());
        settled.settle();
        settled
    }

    /// Two settled tables, of which one becomes another in what differs.
    fn pair(before: &Table, after: &Table) -> [Tracked; 2] {
        let [applied, mut desired] = [before, before].map(settled);
        for (name, set) in &after.sets {
            desired.put_set(name.clone(), set.clone());
        }
        desired.sign();
        [applied, desired]
    }

    fn is_short([applied, desired]: &[Tracked; 2], of: &str) -> bool {
        let short = steps(applied, desired);
        if let Some(short) = &short {
            assert_eq!(*short, compared(applied, desired), "{of}");
        }
        short.is_some()
    }

    #[test]
    fn it_gives_what_the_long_way_gives_or_nothing() {
        for (at, shape) in SHAPES.iter().enumerate() {
            for (name, (uses, admits)) in NAMES.iter().flat_map(|name| USES.map(|u| (name, u))) {
                for [before, after] in &CHANGES {
                    let of = format!("{shape:?} {name} {uses} {before:?} {after:?}");
                    let is_one_way = before != after && before.len() != after.len();
                    let [before, after] =
                        [before, after].map(|range| table(shape, name, uses, range.clone()));
                    let is_short = is_short(&pair(&before, &after), &of);
                    assert!(!is_short || (admits && is_one_way), "{of}");
                    // What has its place in no cost model is always short.
                    assert!(at > 0 || is_short == (admits && is_one_way), "{of}");
                }
            }
        }
    }

    #[test]
    fn a_chain_of_the_digest_that_comes_or_goes_or_is_more_is_no_case_for_it() {
        let of = |elements| table(&SHAPES[0], "group/web/v4", USES[0].0, elements);
        let (before, after) = (of(0..1), of(0..2));
        assert!(is_short(&pair(&before, &after), "signed"));
        let state = fixture::name(STATE_CHAIN);
        let lookup = parse(
            "a test",
            "table inet t { set group/web/v4 { type ipv4_addr; } chain c { ip saddr @group/web/v4 drop\n } }",
        );
        let lookup = lookup.unwrap().tables.into_values().next().unwrap();
        let more = lookup.chains.into_values().next().unwrap();
        let base = fixture::base(crate::ruleset::HookPoint::Input, Vec::new());
        for chain in [Chain::default(), more, base] {
            let [mut applied, mut desired] = pair(&before, &after);
            desired.put_chain(state.clone(), chain);
            assert!(
                !is_short(&[applied.clone(), desired.clone()], "more")
                    || desired.table().chains[&state].rules.is_empty()
            );
            applied.remove_chain(&state);
            applied.settle();
            assert!(!is_short(&[applied.clone(), desired.clone()], "comes"));
            desired.remove_chain(&state);
            assert!(is_short(&[applied, desired.clone()], "in neither"));
            assert!(!is_short(
                &[pair(&before, &after)[0].clone(), desired],
                "goes"
            ));
        }
    }
}
