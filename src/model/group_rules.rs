//! Lists of a group's rules, of which copies share what they have in common.

use std::fmt;
use std::sync::Arc;

use super::GroupRule;

/// Most rules of a stretch. A list of 100,000 is about 800 of them.
const STRETCH: usize = 128;

/// A stretch of fewer rules joins the one beside it where that is laid anew.
const SHORT: usize = STRETCH / 2;

/// Rules in the order of the document.
///
/// They lie in stretches that lists share, and copies share the list of those. So to copy a list, or to drop
/// a copy, costs nothing however long it is, and what tells two lists apart is found without a look at the
/// stretches that both begin or end with. What lies between the first change and the last one is looked at,
/// rule by rule.
#[derive(Clone, Default)]
pub struct GroupRules(Option<Arc<Vec<Stretch>>>);

type Stretch = Arc<[GroupRule]>;

impl GroupRules {
    /// No rules.
    pub const NONE: Self = Self(None);

    /// The rules in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &GroupRule> + Clone {
        flat(self.stretches())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.stretches().iter().map(|stretch| stretch.len()).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.stretches().is_empty()
    }

    /// Puts a rule behind all others.
    pub fn push(&mut self, rule: GroupRule) {
        self.extend([rule]);
    }

    /// What is left of two lists without what both begin with and what both end with; where as much is left
    /// of both, what differs of that, place by place.
    pub fn apart<'r>(&'r self, other: &'r Self) -> [Vec<&'r GroupRule>; 2] {
        let unshared = self
            .unshared(other)
            .map(|list| flat(list).collect::<Vec<_>>());
        let [ours, theirs] = unshared.each_ref().map(Vec::as_slice);
        let front = alike(ours.iter(), theirs.iter());
        let (ours, theirs) = (&ours[front..], &theirs[front..]);
        let back = alike(ours.iter().rev(), theirs.iter().rev());
        let (ours, theirs) = (&ours[..ours.len() - back], &theirs[..theirs.len() - back]);
        match ours.len() == theirs.len() {
            true => {
                let pairs = ours.iter().zip(theirs);
                let (ours, theirs) = pairs.filter(|(a, b)| a != b).unzip();
                [ours, theirs]
            }
            false => [ours.to_vec(), theirs.to_vec()],
        }
    }

    /// The same rules, of which those are another list's that both begin with or end with and that were
    /// written in the same place.
    #[must_use]
    pub fn sharing(&self, other: &Self) -> Self {
        let mut rest = self.iter();
        let begins = |stretch: &&Stretch| {
            let mut after = rest.clone();
            let mut each = stretch.iter();
            let is_same = each.all(|rule| after.next().is_some_and(|own| own.is_twin(rule)));
            if is_same {
                rest = after;
            }
            is_same
        };
        let theirs = other.stretches();
        let front: Vec<&Stretch> = theirs.iter().take_while(begins).collect();
        let ends = |stretch: &&Stretch| {
            let mut before = rest.clone();
            let mut each = stretch.iter().rev();
            let is_same = each.all(|rule| before.next_back().is_some_and(|own| own.is_twin(rule)));
            if is_same {
                rest = before;
            }
            is_same
        };
        let others = theirs.get(front.len()..).unwrap_or_default();
        let back: Vec<&Stretch> = others.iter().rev().take_while(ends).collect();
        let [front, back] = [front, back].map(|of| of.into_iter().cloned().collect());
        Self::joined(front, rest.cloned().collect(), back)
    }

    /// Stretches, rules behind them, and stretches behind those in the order from the end.
    fn joined(
        mut front: Vec<Stretch>,
        mut between: Vec<GroupRule>,
        mut back: Vec<Stretch>,
    ) -> Self {
        // Else a list that changes by a rule at a time would become one of stretches of a rule.
        if !between.is_empty() {
            let is_short = |rules: &[GroupRule]| rules.len() < SHORT;
            let before = front.pop_if(|last| is_short(last) || is_short(&between));
            between.splice(0..0, before.iter().flat_map(|last| last.iter().cloned()));
            let behind = back.pop_if(|first| is_short(first) || is_short(&between));
            between.extend(behind.iter().flat_map(|first| first.iter().cloned()));
        }
        front.extend(evenly(between));
        front.extend(back.into_iter().rev());
        Self(Some(front.into()))
    }

    /// Whether another list says the same and was written in the same places.
    pub(super) fn is_twin(&self, other: &Self) -> bool {
        let [ours, theirs] = self.unshared(other).map(flat);
        self.len() == other.len() && ours.zip(theirs).all(|(own, other)| own.is_twin(other))
    }

    fn stretches(&self) -> &[Stretch] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }

    /// The stretches that are left of two lists without those that both begin with and both end with.
    fn unshared<'r>(&'r self, other: &'r Self) -> [&'r [Stretch]; 2] {
        let is_same = |(a, b): &(&Stretch, &Stretch)| Arc::ptr_eq(a, b);
        let [ours, theirs] = [self, other].map(Self::stretches);
        let front = ours.iter().zip(theirs).take_while(is_same).count();
        let [ours, theirs] = [ours, theirs].map(|list| list.get(front..).unwrap_or_default());
        let back = ours.iter().rev().zip(theirs.iter().rev());
        let back = back.take_while(is_same).count();
        [ours, theirs].map(|list| list.get(..list.len() - back).unwrap_or_default())
    }
}

/// How many rules two lists begin with that say the same.
fn alike<'r>(
    one: impl Iterator<Item = &'r &'r GroupRule>,
    other: impl Iterator<Item = &'r &'r GroupRule>,
) -> usize {
    one.zip(other).take_while(|(a, b)| a == b).count()
}

/// Rules in as few stretches as hold them, none of them much longer than another.
fn evenly(rules: Vec<GroupRule>) -> impl Iterator<Item = Stretch> {
    let (length, count) = (rules.len(), rules.len().div_ceil(STRETCH));
    let mut rules = rules.into_iter();
    (0..count).map(move |n| {
        let most = length * (n + 1) / count - length * n / count;
        rules.by_ref().take(most).collect()
    })
}

fn flat(stretches: &[Stretch]) -> impl DoubleEndedIterator<Item = &GroupRule> + Clone {
    stretches.iter().flat_map(|stretch| stretch.iter())
}

impl Default for &GroupRules {
    fn default() -> Self {
        static NONE: GroupRules = GroupRules::NONE;
        &NONE
    }
}

impl Extend<GroupRule> for GroupRules {
    fn extend<I: IntoIterator<Item = GroupRule>>(&mut self, rules: I) {
        let mut rules = rules.into_iter().peekable();
        let room = |last: &mut Stretch| last.len() < STRETCH;
        let stretches = Arc::make_mut(self.0.get_or_insert_default());
        let last = stretches.pop_if(room);
        let mut open: Vec<GroupRule> = last.map_or_else(Vec::new, |last| last.to_vec());
        while rules.peek().is_some() {
            let room = STRETCH - open.len();
            open.extend(rules.by_ref().take(room));
            if open.len() == STRETCH {
                stretches.push(std::mem::take(&mut open).into());
            }
        }
        if !open.is_empty() {
            stretches.push(open.into());
        }
    }
}

impl FromIterator<GroupRule> for GroupRules {
    fn from_iter<I: IntoIterator<Item = GroupRule>>(rules: I) -> Self {
        let mut list = Self::NONE;
        list.extend(rules);
        list
    }
}

impl From<Vec<GroupRule>> for GroupRules {
    fn from(rules: Vec<GroupRule>) -> Self {
        rules.into_iter().collect()
    }
}

impl<const N: usize> From<[GroupRule; N]> for GroupRules {
    fn from(rules: [GroupRule; N]) -> Self {
        rules.into_iter().collect()
    }
}

impl PartialEq for GroupRules {
    fn eq(&self, other: &Self) -> bool {
        let [ours, theirs] = self.unshared(other).map(flat);
        ours.eq(theirs)
    }
}

impl Eq for GroupRules {}

impl fmt::Debug for GroupRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Origin, Peer, Service};
    use crate::net::{Cidr, Family};

    fn rule(number: u32, line: u32) -> GroupRule {
        GroupRule {
            family: Family::V4,
            service: Service::Any,
            peer: Peer::Cidr(Cidr::host(std::net::Ipv4Addr::from(number).into())),
            origin: Origin { source: None, line },
        }
    }

    /// Rules of these numbers, each on the line of its place.
    fn list(numbers: impl IntoIterator<Item = u32>) -> GroupRules {
        let rules = numbers.into_iter().zip(1..);
        rules.map(|(number, line)| rule(number, line)).collect()
    }

    fn shared(one: &GroupRules, other: &GroupRules) -> usize {
        let is_others = |stretch: &&Stretch| {
            other
                .stretches()
                .iter()
                .any(|own| Arc::ptr_eq(own, stretch))
        };
        one.stretches().iter().filter(is_others).count()
    }

    #[test]
    fn what_is_put_behind_a_copy_leaves_all_else_shared() {
        let before = list(0..1_000);
        let mut after = before.clone();
        after.push(rule(9_999, 1_001));
        assert_eq!((before.len(), after.len()), (1_000, 1_001));
        assert_eq!(shared(&before, &after), before.stretches().len() - 1);
        assert_eq!(before.apart(&after), [vec![], vec![&rule(9_999, 0)]]);
        assert_ne!(before, after);
        assert!(after.iter().eq(list((0..1_000).chain([9_999])).iter()));
    }

    #[test]
    fn what_was_read_anew_shares_what_stands_where_it_stood() {
        let before = list(0..1_000);
        let again = list(0..1_000);
        assert_eq!((shared(&again, &before), &again), (0, &before));
        assert_eq!(
            shared(&again.sharing(&before), &before),
            before.stretches().len()
        );
        // Of a rule in the middle all that comes behind it is on another line.
        let longer = list((0..500).chain([9_999]).chain(500..1_000));
        let sharing = longer.sharing(&before);
        assert!(sharing.iter().eq(longer.iter()));
        assert_eq!(shared(&sharing, &before), 500 / STRETCH);
        let lines: Vec<u32> = sharing.iter().map(|rule| rule.origin.line).collect();
        assert_eq!(lines, (1..=1_001).collect::<Vec<_>>());
        // One in the place of another leaves the lines as they are.
        let other = list((0..500).chain([9_999]).chain(501..1_000));
        let sharing = other.sharing(&before);
        assert!(sharing.iter().eq(other.iter()));
        assert_eq!(shared(&sharing, &before), before.stretches().len() - 1);
        assert_eq!(before.apart(&sharing), [[&rule(500, 0)], [&rule(9_999, 0)]]);
    }

    #[test]
    fn a_list_that_grows_by_a_rule_at_a_time_has_no_short_stretches() {
        let mut grown = GroupRules::NONE;
        for length in 1..=1_000 {
            grown = list(0..length).sharing(&grown);
        }
        assert_eq!(grown, list(0..1_000));
        assert!(short(&grown) <= 1);
    }

    /// What of a list is in no stretch of the other's.
    fn unshared(one: &GroupRules, other: &GroupRules) -> usize {
        let [own, _] = one.unshared(other);
        own.iter().map(|stretch| stretch.len()).sum()
    }

    fn short(list: &GroupRules) -> usize {
        let short = list
            .stretches()
            .iter()
            .filter(|stretch| stretch.len() < SHORT);
        short.count()
    }

    #[test]
    fn rules_that_come_and_go_anywhere_leave_most_shared_and_no_short_stretches() {
        // Where the n-th of them is, in a list of so many.
        let places: [fn(usize, usize) -> usize; 5] = [
            |_, _| 0,
            |_, length| length / 2,
            |_, length| length,
            |n, length| n * 7_919 % (length + 1),
            |n, length| n % 2 * length,
        ];
        for (place, at) in places.iter().enumerate() {
            // All of one line, as in compact JSON.
            let mut rules: Vec<GroupRule> = (0..2_000).map(|number| rule(number, 1)).collect();
            let mut known = GroupRules::from(rules.clone());
            for number in 0..2_500 {
                match number < 700 {
                    true => {
                        let place = at(number as usize, rules.len());
                        rules.insert(place, rule(10_000 + number, 1));
                    }
                    false => drop(rules.remove(at(number as usize, rules.len() - 1))),
                }
                let new = GroupRules::from(rules.clone()).sharing(&known);
                assert!(new.iter().eq(rules.iter()));
                let unshared = unshared(&new, &known);
                assert!(
                    unshared <= 2 * STRETCH,
                    "{place}: {unshared} after {number}"
                );
                known = new;
            }
            assert!(short(&known) <= 1, "{place}: {}", short(&known));
        }
    }

    #[test]
    fn of_as_many_rules_only_places_that_differ_are_apart() {
        let before = list(0..1_000);
        let after = list((0..1_000).map(|n| match n {
            3 | 990 => n + 5_000,
            _ => n,
        }));
        let [gone, came] = [[3, 990], [5_003, 5_990]].map(|both| both.map(|n| rule(n, 0)));
        let expected = [gone.iter().collect(), came.iter().collect()];
        assert_eq!(before.apart(&after), expected as [Vec<&GroupRule>; 2]);
    }

    #[test]
    fn lists_are_apart_where_neither_their_beginnings_nor_their_ends_agree() {
        let all = [
            list([1, 2, 3]),
            list([1, 3]),
            list([]),
            list([3, 1, 2, 3]),
            list([1, 1, 1]),
        ];
        for (one, other) in all
            .iter()
            .flat_map(|one| all.iter().map(move |other| (one, other)))
        {
            let [ours, theirs] = one.apart(other);
            assert_eq!(one == other, ours.is_empty() && theirs.is_empty());
            assert_eq!(ours.len() + other.len(), theirs.len() + one.len());
            assert!(ours.is_empty() || ours.first() != theirs.first());
            assert!(ours.is_empty() || ours.last() != theirs.last());
        }
    }
}
