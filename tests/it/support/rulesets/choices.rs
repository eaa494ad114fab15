//! A list of random numbers, used up one by one.

/// When the list is used up every choice is the first, so that shorter lists give smaller values.
#[derive(Debug)]
pub(crate) struct Choices {
    values: std::vec::IntoIter<u32>,
}

impl Choices {
    pub(crate) fn new(values: Vec<u32>) -> Self {
        Self {
            values: values.into_iter(),
        }
    }

    /// Any number.
    pub(crate) fn any(&mut self) -> u32 {
        self.values.next().unwrap_or(0)
    }

    /// A number below another.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.any() as usize % end
    }

    pub(crate) fn one_of<T: Clone>(&mut self, things: &[T]) -> T {
        things[self.below(things.len())].clone()
    }

    pub(crate) fn flag(&mut self) -> bool {
        self.below(2) == 1
    }
}
