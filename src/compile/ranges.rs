//! Sets of numbers kept as sorted, disjoint, inclusive ranges that do not touch.

use smallvec::SmallVec;

/// A union of inclusive ranges; few need no allocation.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct RangeSet(SmallVec<[(u32, u32); 2]>);

impl RangeSet {
    /// Takes a range in.
    pub(super) fn insert(&mut self, first: u32, last: u32) {
        if self
            .0
            .last()
            .is_none_or(|&(_, end)| end.saturating_add(1) < first)
        {
            return self.0.push((first, last));
        }
        let from = self
            .0
            .partition_point(|&(_, end)| end.saturating_add(1) < first);
        let to = self
            .0
            .partition_point(|&(start, _)| start <= last.saturating_add(1));
        let merged = self.0[from..to]
            .iter()
            .fold((first, last), |(low, high), &(start, end)| {
                (low.min(start), high.max(end))
            });
        self.0.drain(from..to);
        self.0.insert(from, merged);
    }

    /// Everything that lies in either.
    pub(super) fn union(&self, other: &Self) -> Self {
        let (mut union, others) = match self.0.is_empty() {
            true => (other.clone(), &[][..]),
            false => (self.clone(), &other.0[..]),
        };
        for &(first, last) in others {
            union.insert(first, last);
        }
        union
    }

    /// Everything of this set that does not lie in the other.
    pub(super) fn minus(&self, other: &Self) -> Self {
        if other.0.is_empty() {
            return self.clone();
        }
        let mut left = Self::default();
        for &(first, last) in &self.0 {
            left.cut(first, last, &other.0);
        }
        left
    }

    /// Takes in, behind all others, what is left of one range after others are cut out of it.
    fn cut(&mut self, first: u32, last: u32, cuts: &[(u32, u32)]) {
        let mut next = Some(first);
        let begin = cuts.partition_point(|&(_, end)| end < first);
        for &(start, end) in cuts[begin..]
            .iter()
            .take_while(|&&(start, _)| start <= last)
        {
            if let Some(low) = next.filter(|&low| low < start) {
                self.0.push((low, start - 1));
            }
            next = end.checked_add(1);
        }
        let rest = next.filter(|&low| low <= last);
        self.0.extend(rest.map(|low| (low, last)));
    }

    /// The ranges in ascending order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        self.0.iter().copied()
    }
}

impl Clone for RangeSet {
    /// At once, where what is derived would take one after the other.
    fn clone(&self) -> Self {
        Self(SmallVec::from_slice(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(ranges: &[(u32, u32)]) -> RangeSet {
        let mut set = RangeSet::default();
        for &(first, last) in ranges {
            set.insert(first, last);
        }
        set
    }

    #[test]
    fn ranges_that_touch_become_one() {
        assert_eq!(
            set(&[(5, 6), (1, 2), (3, 4), (8, 9)]).0.as_slice(),
            [(1, 6), (8, 9)]
        );
        assert_eq!(set(&[(0, u32::MAX), (7, 7)]).0.as_slice(), [(0, u32::MAX)]);
    }

    #[test]
    fn what_is_cut_out_is_gone() {
        assert_eq!(
            set(&[(1, 10)])
                .minus(&set(&[(3, 4), (10, 12)]))
                .0
                .as_slice(),
            [(1, 2), (5, 9)]
        );
        assert_eq!(
            set(&[(0, u32::MAX)])
                .minus(&set(&[(0, u32::MAX)]))
                .0
                .as_slice(),
            &[][..]
        );
        assert_eq!(
            set(&[(1, 3), (5, 9)]).minus(&set(&[(2, 7)])).0.as_slice(),
            [(1, 1), (8, 9)]
        );
    }
}
