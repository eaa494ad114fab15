//! Random named sets and maps.

use std::time::Duration;

use margay::ruleset::{
    Bytes, Data, Datatype, ElementBody, ElementData, Elements, Expression, Name, ObjectKind, Set,
    SetFlags,
};

use super::choices::Choices;
use super::shapes::{self, Context};
use super::values::{self, Form};
use super::{Place, Scope, rules};

/// A set that rules can look up.
#[derive(Debug)]
pub(crate) struct Planned {
    pub(crate) name: Name,
    pub(crate) context: Context,
    pub(crate) key: Vec<Expression>,
    pub(crate) data: Option<Data>,
    pub(crate) flags: SetFlags,
    pub(crate) counted: bool,
}

/// A set and what rules must know of it.
pub(crate) fn set(choices: &mut Choices, scope: &Scope, number: usize) -> (Planned, Set) {
    let name = super::name(choices, "set", number);
    let context = Context::any(choices, scope.family);
    let data = data(choices);
    let flags = flags(choices, data.as_ref());
    let interval = flags.contains(SetFlags::INTERVAL);
    let mut key = if interval {
        shapes::ranging_key(choices, context)
    } else {
        // A trunk may read what a plain chain may not, so keys keep to the latter.
        shapes::key(choices, context, Place::Plain)
    };
    let in_map = matches!(data, Some(Data::Value(_) | Data::Object(_)));
    if in_map || flags.contains(SetFlags::DYNAMIC) {
        shapes::without_fib(&mut key);
    }
    let object = matches!(data, Some(Data::Object(_)));
    let counted = !object && choices.flag();
    let mut set = Set {
        data: data.clone(),
        flags,
        counted,
        size: size(choices, flags),
        timeout: timeout(choices, flags),
        comment: values::comment(choices),
        ..Set::of(&values::types(&key))
    };
    set.elements = elements(choices, scope, &set);
    (
        Planned {
            name,
            context,
            key,
            data,
            flags,
            counted,
        },
        set,
    )
}

fn data(choices: &mut Choices) -> Option<Data> {
    let kinds = [
        None,
        None,
        Some(Data::Verdict),
        Some(Data::Value(vec![Datatype::Mark])),
        Some(Data::Value(vec![Datatype::Ipv4Addr, Datatype::InetService])),
        Some(Data::Value(vec![Datatype::IfName])),
        Some(Data::Object(ObjectKind::Counter)),
        Some(Data::Object(ObjectKind::Limit)),
    ];
    choices.one_of(&kinds)
}

fn flags(choices: &mut Choices, data: Option<&Data>) -> SetFlags {
    let for_maps = [
        SetFlags::empty(),
        SetFlags::INTERVAL,
        SetFlags::TIMEOUT,
        SetFlags::CONSTANT,
    ];
    match data {
        Some(Data::Object(_)) => SetFlags::empty(),
        Some(Data::Verdict | Data::Value(_)) => choices.one_of(&for_maps),
        None if choices.flag() => {
            choices.one_of(&[SetFlags::DYNAMIC, SetFlags::DYNAMIC | SetFlags::TIMEOUT])
        }
        None => choices.one_of(&for_maps),
    }
}

/// nft gives a dynamic set a size if it has none, and a constant one none if it has.
fn size(choices: &mut Choices, flags: SetFlags) -> Option<u32> {
    let dynamic = flags.contains(SetFlags::DYNAMIC);
    let wanted = dynamic || choices.flag() && !flags.contains(SetFlags::CONSTANT);
    wanted.then(|| choices.one_of(&[1_000, 65_535]))
}

fn timeout(choices: &mut Choices, flags: SetFlags) -> Option<Duration> {
    let wanted = flags.contains(SetFlags::TIMEOUT) && choices.flag();
    wanted.then(|| Duration::from_secs(choices.one_of(&[3_600, 90_062, 864_000])))
}

/// The elements of a dynamic set come from packets.
fn elements(choices: &mut Choices, scope: &Scope, set: &Set) -> Elements {
    if set.flags.contains(SetFlags::DYNAMIC) {
        return Elements::new();
    }
    let interval = set.flags.contains(SetFlags::INTERVAL);
    let form = if interval { Form::Ranging } else { Form::Exact };
    let numbers: Vec<usize> = (0..8).filter(|_| choices.below(3) == 1).collect();
    let mut elements = Elements::new();
    for number in numbers {
        let key = values::key(choices, &set.key, number, form);
        let element = ElementBody {
            data: element_data(choices, scope, set.data.as_ref()),
            timeout: element_timeout(choices, set.flags),
            comment: values::comment(choices).map(Into::into),
        };
        elements.insert(key, element.into());
    }
    elements
}

/// Never the default of a set, which the kernel would not tell apart from none.
fn element_timeout(choices: &mut Choices, flags: SetFlags) -> Option<Duration> {
    let wanted = flags.contains(SetFlags::TIMEOUT) && choices.flag();
    wanted.then(|| Duration::from_secs(choices.one_of(&[7_201, 86_401])))
}

fn element_data(choices: &mut Choices, scope: &Scope, data: Option<&Data>) -> ElementData {
    match data {
        None => ElementData::None,
        Some(Data::Verdict) => ElementData::Verdict(rules::verdict(choices, scope, Place::Trunk)),
        Some(Data::Value(types)) => {
            let key = values::key(choices, types, 1, Form::Exact);
            ElementData::Value(Bytes::from_slice(&key.start))
        }
        Some(Data::Object(ObjectKind::Counter)) => {
            ElementData::Object(choices.one_of(&scope.counters))
        }
        Some(Data::Object(ObjectKind::Limit)) => ElementData::Object(choices.one_of(&scope.limits)),
    }
}
