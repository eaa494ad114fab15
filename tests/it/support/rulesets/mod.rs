//! Random rulesets that the kernel accepts: every construct of the types, every reference resolved.

mod choices;
mod rules;
mod sets;
mod shapes;
mod values;

use margay::ruleset::{
    Chain, ChainPolicy, Hook, HookPoint, Name, Ruleset, Table, TableFamily, TableKey,
};
use proptest::prelude::*;

use choices::Choices;
use shapes::Context;

/// Enough choices for a ruleset of a hundred rules; without any the smallest ruleset comes out.
const CHOICES_MAX: usize = 6_000;

/// Any ruleset of one or two tables. Shrinks towards an empty table.
pub(crate) fn arbitrary_ruleset() -> impl Strategy<Value = Ruleset> {
    prop::collection::vec(any::<u32>(), 0..CHOICES_MAX).prop_map(|values| {
        let mut choices = Choices::new(values);
        let mut ruleset = Ruleset::default();
        let first = table(&mut choices, TableFamily::Inet);
        ruleset.tables.insert(key(TableFamily::Inet, "fuzz"), first);
        if choices.flag() {
            let family = choices.one_of(&TableFamily::ALL).0;
            let second = table(&mut choices, family);
            ruleset.tables.insert(key(family, "fuzz/two"), second);
        }
        ruleset
    })
}

/// What the rules of a table can name.
#[derive(Debug)]
pub(crate) struct Scope {
    family: TableFamily,
    counters: Vec<Name>,
    limits: Vec<Name>,
    leaves: Vec<Name>,
    sets: Vec<sets::Planned>,
}

/// Where a chain may be reached from, which decides what its rules may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// A base chain in input or forward: everything, also jumps into leaves.
    Trunk,
    /// Reached from trunks: everything but jumps, so that no jump goes round.
    Leaf,
    /// A base chain in any hook: nothing that only some hooks allow.
    Plain,
}

fn key(family: TableFamily, name: &str) -> TableKey {
    TableKey {
        family,
        name: Name::new(name).unwrap(),
    }
}

/// A name that tells what it names, and sometimes carries a generation.
pub(crate) fn name(choices: &mut Choices, what: &str, number: usize) -> Name {
    let name = Name::new(&format!(
        "{what}{}{number}",
        choices.one_of(&["", "-", "/", "_x."])
    ))
    .unwrap();
    let generation = choices.one_of(&[0, 0, 1, 0xffff]);
    name.with_generation(generation)
}

fn table(choices: &mut Choices, family: TableFamily) -> Table {
    let names = |choices: &mut Choices, what: &str| -> Vec<Name> {
        (0..=choices.below(3))
            .map(|number| name(choices, what, number))
            .collect()
    };
    let counters = names(choices, "hits");
    let limits = names(choices, "rate");
    let leaves = names(choices, "leaf");
    let mut scope = Scope {
        family,
        counters,
        limits,
        leaves,
        sets: Vec::new(),
    };
    let mut table = Table::default();
    for number in 0..choices.below(9) {
        let (planned, set) = sets::set(choices, &scope, number);
        table.sets.insert(planned.name.clone(), set);
        scope.sets.push(planned);
    }
    table.counters = scope
        .counters
        .iter()
        .map(|name| (name.clone(), values::comment(choices)))
        .collect();
    table.limits = scope
        .limits
        .iter()
        .map(|name| (name.clone(), rules::limit(choices)))
        .collect();
    for leaf in &scope.leaves {
        table
            .chains
            .insert(leaf.clone(), chain(choices, &scope, Place::Leaf));
    }
    for place in [Place::Trunk, Place::Plain] {
        for number in 0..choices.below(3) {
            let what = if place == Place::Trunk {
                "trunk"
            } else {
                "plain"
            };
            let name = name(choices, what, number);
            table.chains.insert(name, chain(choices, &scope, place));
        }
    }
    table
}

fn chain(choices: &mut Choices, scope: &Scope, place: Place) -> Chain {
    let hook = match (place, scope.family) {
        (Place::Leaf, _) => None,
        (Place::Trunk, TableFamily::Arp) => Some(HookPoint::Input),
        (Place::Plain, TableFamily::Arp) => Some(HookPoint::Output),
        (Place::Trunk, _) => Some(choices.one_of(&[HookPoint::Input, HookPoint::Forward])),
        (Place::Plain, _) => Some(choices.one_of(&HookPoint::ALL)),
    };
    let hook = hook.map(|point| Hook {
        point,
        priority: priority(choices),
        policy: choices.one_of(&[ChainPolicy::Accept, ChainPolicy::Drop]),
    });
    let comment = values::comment(choices);
    let rules = (0..choices.below(8)).map(|_| {
        let context = Context::any(choices, scope.family);
        rules::rule(choices, scope, place, context)
    });
    Chain {
        hook,
        comment,
        rules: rules.collect(),
    }
}

fn priority(choices: &mut Choices) -> i32 {
    let base = choices.one_of(&[-300, -150, -100, 0, 50, 100, 7_000]);
    base + i32::try_from(choices.below(27)).unwrap() - 13
}
