//! Rings of sets, in which packets of an address are counted: known by their form, and then one thing each. A set for each
//! packet would be a bit for each, where it only matters how many there are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::super::{Condition, Step, labels};
use super::Ground;
use crate::migrate::naming;
use crate::migrate::nft::{
    Chain, Expression, Field, Match, Operand, Operator, Rule, Set, Statement, Table, Value, Verdict,
};
use crate::net::Family;
use crate::ruleset::Name;

/// So often the sets of a ring are cleared, for each of them: more than 640 packets of an address in a second are not noted.
const CLEARED: Duration = Duration::from_millis(25);

/// The chains of a table that ask rings or write to them, and nothing else does.
#[derive(Debug, Default)]
pub(super) struct Rings<'t> {
    chains: BTreeMap<&'t Name, Part<'t>>,
}

/// What a chain does with a ring.
#[derive(Debug)]
struct Part<'t> {
    ring: &'t str,
    /// So many sets.
    size: u32,
    key: &'t [Expression],
    deed: Deed<'t>,
}

#[derive(Debug)]
enum Deed<'t> {
    /// Notes a packet for so long.
    Note(Option<Duration>),
    /// Forgets an address.
    Forget,
    /// Puts an address into a set, or takes it out, as there are so many packets of it or not.
    Ask { times: u32, answer: &'t Name },
}

impl<'t> Rings<'t> {
    pub(super) fn of(table: &'t Table) -> Self {
        let chains = table.chains.iter().filter(|chain| chain.base.is_none());
        let parts = chains.filter_map(|chain| Some((&chain.name, part(chain)?)));
        let mut found = Self {
            chains: parts.collect(),
        };
        let rings: BTreeSet<_> = found.chains.values().map(|part| part.ring).collect();
        for ring in rings {
            if !found.is_sound(table, ring) {
                found.chains.retain(|_, part| part.ring != ring);
            }
        }
        found
    }

    /// Whether all that touches the sets of a ring is one of its chains, and those are of one form.
    fn is_sound(&self, table: &Table, ring: &str) -> bool {
        let parts = || self.chains.values().filter(move |part| part.ring == ring);
        let sizes: BTreeSet<_> = parts().map(|part| part.size).collect();
        let [size] = sizes.into_iter().collect::<Vec<_>>()[..] else {
            return false;
        };
        let times: BTreeSet<_> = parts().filter_map(Part::kept).collect();
        let slots: Vec<_> = (0..size).map(|number| naming::slot(ring, number)).collect();
        let answers = parts().filter_map(|part| match part.deed {
            Deed::Ask { times, answer } => Some((answer.as_str(), times)),
            Deed::Note(_) | Deed::Forget => None,
        });
        let answers: BTreeSet<_> = answers.collect();
        let names: BTreeSet<_> = answers.iter().map(|(answer, _)| *answer).collect();
        let own = |name: &str| slots.iter().any(|slot| slot == name);
        let strange = table.chains.iter().any(|chain| {
            let of_ring = self.chains.get(&chain.name);
            let foreign = of_ring.is_none_or(|part| part.ring != ring);
            let mut statements = chain.rules.iter().flat_map(|rule| &rule.statements);
            foreign
                && statements.any(|statement| match touched(statement) {
                    Some(Touch::Read(name)) => own(name.as_str()),
                    Some(Touch::Written(name)) => {
                        own(name.as_str()) || names.contains(name.as_str())
                    }
                    None => false,
                })
        });
        let sets = slots
            .iter()
            .map(String::as_str)
            .chain(names.iter().copied());
        times.len() <= 1
            && names.len() == answers.len()
            && !names.iter().any(|answer| own(answer))
            && !strange
            && sets
                .into_iter()
                .all(|name| table.set(name).is_some_and(is_plain))
            && slots
                .iter()
                .all(|name| table.set(name).is_some_and(|set| has_places(set, size)))
    }
}

impl Part<'_> {
    fn kept(&self) -> Option<Option<Duration>> {
        match self.deed {
            Deed::Note(time) => Some(time),
            Deed::Forget | Deed::Ask { .. } => None,
        }
    }
}

/// Packets alone say what is in it, and for how long; it has room for all, and what is gone makes room.
fn is_plain(set: &Set) -> bool {
    let roomy = set.size.is_none_or(|size| size >= labels::USUAL_SIZE);
    let often = |every: Duration| every <= labels::CLEARED_AT_LEAST;
    set.dynamic
        && roomy
        && set.gc_interval.is_none_or(often)
        && set.elements.is_empty()
        && set.statements.is_empty()
        && set.timeout.is_none()
}

/// Whether a set of a ring is cleared as often as its size asks for: an address has about 16 places in it until then.
fn has_places(set: &Set, size: u32) -> bool {
    let every = set.gc_interval.unwrap_or(labels::CLEARED_AT_LEAST);
    !set.timeouts || every <= CLEARED.saturating_mul(size).min(labels::CLEARED_AT_LEAST)
}

enum Touch<'t> {
    Read(&'t Name),
    Written(&'t Name),
}

/// The set that a statement asks or changes.
fn touched(statement: &Statement) -> Option<Touch<'_>> {
    match statement {
        Statement::Match(Match {
            right: Operand::Set(name),
            ..
        }) => Some(Touch::Read(name)),
        Statement::Dynamic { set, .. } => Some(Touch::Written(set)),
        _ => None,
    }
}

/// What a chain does with a ring, if its rules are just those that do it.
fn part(chain: &Chain) -> Option<Part<'_>> {
    let rules: Vec<_> = chain.rules.iter().map(statements).collect();
    let first = *rules.first()?;
    let (ring, key) = match first.first()? {
        Statement::Match(Match {
            left,
            right: Operand::Set(set),
            ..
        }) => (set, left),
        Statement::Dynamic { set, key, .. } => (set, key),
        _ => return None,
    };
    let ring = ring.as_str().strip_suffix(".s0")?;
    let all = rules;
    let rules = u32::try_from(all.len()).ok()?;
    let deed = match first {
        [_] => Deed::Forget,
        [
            _,
            _,
            Statement::Dynamic { timeout, .. },
            Statement::Dynamic { .. },
            _,
        ] => Deed::Note(*timeout),
        [
            _,
            _,
            Statement::Match(oldest),
            Statement::Dynamic { set, .. },
            _,
        ] => {
            let Operand::Set(oldest) = &oldest.right else {
                return None;
            };
            let oldest = oldest.as_str().strip_prefix(ring)?.strip_prefix(".s")?;
            let times = (rules / 2 + 1).checked_sub(oldest.parse().ok()?)?;
            Deed::Ask { times, answer: set }
        }
        _ => return None,
    };
    let size = match deed {
        Deed::Forget => rules,
        Deed::Note(_) | Deed::Ask { .. } => rules / 2,
    };
    let part = Part {
        ring,
        size,
        key,
        deed,
    };
    let expected = part.rules()?;
    let same = expected.iter().map(Vec::as_slice).eq(all);
    same.then_some(part)
}

/// What a rule does; in a table of both families, without that it asks for one.
fn statements(rule: &Rule) -> &[Statement] {
    match rule.statements.as_slice() {
        [Statement::Match(test), rest @ ..] if is_family(test) => rest,
        all => all,
    }
}

fn is_family(test: &Match) -> bool {
    let [Expression::Field(Field::Nfproto)] = test.left.as_slice() else {
        return false;
    };
    let words = ["ipv4", "ipv6"].map(|word| Operand::Items(vec![Value::word(word).into()]));
    test.operator == Operator::Implicit && words.contains(&test.right)
}

impl Part<'_> {
    /// The rules that do what the part does; nothing where its numbers make no ring.
    fn rules(&self) -> Option<Vec<Vec<Statement>>> {
        let back = || Statement::Verdict(Verdict::Return);
        let newest = |number: u32| {
            [
                self.test(Operator::Implicit, number),
                self.test(Operator::NotEqual, number + 1),
            ]
        };
        let numbers = 0..self.size;
        let rules: Vec<Vec<_>> = match self.deed {
            Deed::Forget => numbers.map(|number| vec![self.gone(number)]).collect(),
            Deed::Note(time) => {
                let behind = |number| {
                    let change = [self.there(number + 1, time), self.gone(number + 2), back()];
                    newest(number).into_iter().chain(change).collect()
                };
                let full = |number| vec![self.test(Operator::Implicit, number), back()];
                let each = numbers.clone().map(behind).chain(numbers.map(full));
                each.chain([vec![self.there(0, time)]]).collect()
            }
            Deed::Ask { times, answer } => {
                let oldest = (self.size + 1).checked_sub(times)?;
                let yes = || self.change("update", answer, Some(Duration::from_secs(1)));
                let no = || self.change("delete", answer, None);
                let seldom = |number| {
                    let missing = self.test(Operator::NotEqual, number + oldest);
                    let said = [missing, no(), back()];
                    newest(number).into_iter().chain(said).collect()
                };
                let often = |number| vec![self.test(Operator::Implicit, number), yes(), back()];
                let each = numbers.clone().map(seldom).chain(numbers.map(often));
                each.chain([vec![no()]]).collect()
            }
        };
        let whole = match self.deed {
            Deed::Ask { times, .. } => (2..self.size).contains(&times),
            Deed::Note(_) | Deed::Forget => self.size > 2,
        };
        whole.then_some(rules)
    }

    fn slot(&self, number: u32) -> Name {
        Name::from_parts(&naming::slot(self.ring, number % self.size))
    }

    fn test(&self, operator: Operator, number: u32) -> Statement {
        Statement::Match(Match {
            left: self.key.to_vec(),
            operator,
            right: Operand::Set(self.slot(number)),
        })
    }

    fn there(&self, number: u32, time: Option<Duration>) -> Statement {
        self.change("update", &self.slot(number), time)
    }

    fn gone(&self, number: u32) -> Statement {
        self.change("delete", &self.slot(number), None)
    }

    fn change(&self, operation: &str, set: &Name, timeout: Option<Duration>) -> Statement {
        Statement::Dynamic {
            operation: operation.to_owned(),
            set: set.clone(),
            key: self.key.to_vec(),
            timeout,
            statements: Vec::new(),
            data: None,
        }
    }
}

impl Ground<'_> {
    /// What a chain of a ring does, as one.
    pub(super) fn of_ring(&self, chain: &Name) -> Option<Vec<Step>> {
        let part = self.rings.chains.get(chain)?;
        let (guard, key) = self.keyed(part.key)?;
        let ring = self.ring(part);
        let note = match part.deed {
            Deed::Note(time) => labels::noted(&ring, &key, part.size, seconds(time)?),
            Deed::Forget => labels::forgotten(&ring, &key, part.size),
            Deed::Ask { .. } => return Some(Vec::new()),
        };
        Some(vec![Step::Test(guard), Step::Note(note)])
    }

    /// What a rule asks of a ring: the answer that a chain gave right before to all packets that come to this test.
    pub(super) fn answered(&self, chain: &Chain, at: usize, place: usize) -> Option<Vec<Step>> {
        let rule = chain.rules.get(at)?;
        let Statement::Match(test) = rule.statements.get(place)? else {
            return None;
        };
        let Operand::Set(answer) = &test.right else {
            return None;
        };
        let before = rule.statements.get(..place)?;
        let part = self.asked(chain.rules.get(..at)?, before, (answer, &test.left))?;
        let Deed::Ask { times, .. } = part.deed else {
            return None;
        };
        let (guard, key) = self.keyed(part.key)?;
        let kept = self.rings.chains.values();
        let kept = kept
            .filter(|other| other.ring == part.ring)
            .find_map(Part::kept);
        let often = match kept {
            // Nothing is ever noted.
            None => Condition::Never,
            Some(time) => {
                let label = labels::seen_often(&self.ring(part), &key, times, seconds(time)?);
                Condition::atom(label)
            }
        };
        let holds = match test.operator {
            Operator::Implicit => often,
            Operator::NotEqual => often.negated(),
            _ => return None,
        };
        Some(vec![Step::Test(guard), Step::Test(holds)])
    }

    /// The chain that gave the answer, if nothing but chains of rings stands between it and the test, and rules that
    /// note something: no other rule writes to sets of rings.
    fn asked(
        &self,
        rules: &[Rule],
        before: &[Statement],
        (wanted, key): (&Name, &[Expression]),
    ) -> Option<&Part<'_>> {
        for rule in rules.iter().rev() {
            if rule.statements.iter().all(notes) {
                continue;
            }
            let [tests @ .., Statement::Verdict(Verdict::Jump(to))] = rule.statements.as_slice()
            else {
                return None;
            };
            let part = self.rings.chains.get(to)?;
            let is_wanted = matches!(part.deed, Deed::Ask { answer, .. } if answer == wanted);
            let held = |test: &Statement| before.contains(test) || self.always_holds(test);
            if is_wanted && part.key == key && tests.iter().all(held) {
                return Some(part);
            }
        }
        None
    }

    /// Whether a test asks for the family that all packets here are of.
    fn always_holds(&self, test: &Statement) -> bool {
        let Statement::Match(test) = test else {
            return false;
        };
        let word = match self.family {
            Family::V4 => "ipv4",
            Family::V6 => "ipv6",
        };
        is_family(test) && test.right == Operand::Items(vec![Value::word(word).into()])
    }

    fn ring(&self, part: &Part<'_>) -> String {
        match self.several.contains(&part.slot(0)) {
            true => format!("{} of table {}", part.ring, self.table.name),
            false => part.ring.to_owned(),
        }
    }
}

/// Whether a rule of such statements does nothing but note keys in sets.
fn notes(statement: &Statement) -> bool {
    matches!(statement, Statement::Match(_) | Statement::Dynamic { .. })
}

/// Whole seconds, which is all that iptables has.
fn seconds(time: Option<Duration>) -> Option<Option<u32>> {
    match time {
        None => Some(None),
        Some(time) if time.subsec_nanos() > 0 => None,
        Some(time) => u32::try_from(time.as_secs()).ok().map(Some),
    }
}
