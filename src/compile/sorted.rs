//! Lists in order, each thing once: sets that take less code and memory than trees, and are made at once.

/// What is in one list and not in another. Both are in order.
pub(super) fn only<'l, T: Ord>(one: &'l [T], other: &'l [T]) -> impl Iterator<Item = &'l T> {
    let mut other = other.iter().peekable();
    one.iter().filter(move |item| {
        while other.next_if(|known| known < item).is_some() {}
        other.peek() != Some(item)
    })
}

/// Things in order, each once.
pub(super) fn sorted<T: Ord>(things: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut sorted: Vec<T> = things.into_iter().collect();
    sorted.sort();
    sorted.dedup();
    sorted
}
