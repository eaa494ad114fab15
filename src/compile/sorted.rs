//! Lists in order, each thing once: sets that take less code and memory than trees, and are made at once.

/// What is in one list and not in another. Both are in order, each thing once.
pub(super) fn only<'l, T: Ord>(one: &'l [T], other: &'l [T]) -> impl Iterator<Item = &'l T> {
    let mut other = other.iter().peekable();
    one.iter().filter(move |item| {
        while other.next_if(|known| known < item).is_some() {}
        other.peek() != Some(item)
    })
}

/// Things in order, each once. It takes a list, which put together in a loop is less code for a small change to
/// fetch than a chain of iterators is.
pub(super) fn sorted<T: Ord>(mut things: Vec<T>) -> Vec<T> {
    things.sort_unstable();
    things.dedup();
    things
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn they_are_what_sets_are(
            one in prop::collection::vec(0u8..20, 0..20),
            other in prop::collection::vec(0u8..20, 0..20),
        ) {
            let sets = [&one, &other].map(|list| list.iter().copied().collect::<BTreeSet<u8>>());
            let lists = [one, other].map(sorted);
            for (list, set) in lists.iter().zip(&sets) {
                prop_assert!(list.iter().eq(set));
            }
            prop_assert!(only(&lists[0], &lists[1]).eq(sets[0].difference(&sets[1])));
            prop_assert!(only(&lists[1], &lists[0]).eq(sets[1].difference(&sets[0])));
        }
    }
}
