//! What a rule asks of a packet, in words that are neither iptables' nor nft's.

/// Something of a packet that has a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Variable {
    /// What it is, in nft's words where there are any.
    pub name: String,
    /// How many bits it has, 128 at most.
    pub bits: u32,
}

/// A condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Holds.
    Always,
    /// Does not.
    Never,
    /// Something that is only known to be the same where it is called the same.
    Atom(String),
    /// The number is between these, or is one of them.
    Within(Variable, u128, u128),
    /// `(number & mask) == value`.
    Masked(Variable, u128, u128),
    /// The name of an interface; `Variable` says which.
    Name(Variable, Pattern),
    /// All of them.
    All(Vec<Self>),
    /// One of them.
    Any(Vec<Self>),
    /// The opposite.
    Not(Box<Self>),
}

/// Names of interfaces.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pattern {
    /// This one.
    Exactly(String),
    /// Those that begin so.
    Prefix(String),
}

impl Variable {
    /// A variable of so many bits.
    pub fn new(name: &str, bits: u32) -> Self {
        Self {
            name: name.to_owned(),
            bits,
        }
    }

    /// The largest number.
    pub fn largest(&self) -> u128 {
        u128::MAX >> (128 - self.bits.clamp(1, 128))
    }

    /// The number is this.
    pub fn is(&self, value: u128) -> Condition {
        Condition::Within(self.clone(), value, value)
    }

    /// The number is between these, or is one of them.
    pub fn within(&self, first: u128, last: u128) -> Condition {
        Condition::Within(self.clone(), first, last)
    }

    /// `(number & mask) == value`.
    pub fn masked(&self, mask: u128, value: u128) -> Condition {
        Condition::Masked(self.clone(), mask, value)
    }

    /// One of the bits is set.
    pub fn any_bit(&self, mask: u128) -> Condition {
        self.masked(mask, 0).negated()
    }
}

impl Condition {
    /// An atom of this name.
    pub fn atom(name: impl Into<String>) -> Self {
        Self::Atom(name.into())
    }

    /// The opposite.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Always => Self::Never,
            Self::Never => Self::Always,
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::All(vec![self, other])
    }

    /// As it stands, or its opposite.
    #[must_use]
    pub fn negated_if(self, negated: bool) -> Self {
        if negated { self.negated() } else { self }
    }

    /// Calls for every condition in it that has no others inside.
    pub fn each_leaf<'a>(&'a self, call: &mut dyn FnMut(&'a Self)) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().for_each(|part| part.each_leaf(call));
            }
            Self::Not(inner) => inner.each_leaf(call),
            Self::Always
            | Self::Never
            | Self::Atom(_)
            | Self::Within(..)
            | Self::Masked(..)
            | Self::Name(..) => call(self),
        }
    }
}
