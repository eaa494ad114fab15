//! The same thing for each shape: there are few, so an array takes less code and memory than a map.

use super::service::Shape;

/// Something of each shape.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ByShape<T>([T; Shape::ALL.len()]);

/// A shape's place is its number, so every one of them is listed, in order.
const _: () = {
    let mut at = 0;
    while at < Shape::ALL.len() {
        assert!(Shape::ALL[at] as usize == at);
        at += 1;
    }
};

impl<T> ByShape<T> {
    /// That of one shape.
    pub(super) fn of(&self, shape: Shape) -> &T {
        &self.0[shape as usize]
    }

    /// That of one shape, to change it.
    pub(super) fn of_mut(&mut self, shape: Shape) -> &mut T {
        &mut self.0[shape as usize]
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Shape, &T)> {
        Shape::ALL.into_iter().zip(&self.0)
    }
}
