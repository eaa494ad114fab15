//! A document as a tree that knows where each of its nodes stands.

/// A place in a source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// Which source, by its number.
    pub(super) source: usize,
    /// The line, from 1; 0 means the source as a whole.
    pub(super) line: u32,
    /// The column in characters, from 1.
    pub(super) column: u32,
    /// The byte.
    pub(super) offset: usize,
}

impl Place {
    /// Where a source begins.
    pub(super) fn start(source: usize) -> Self {
        Self {
            source,
            line: 1,
            column: 1,
            offset: 0,
        }
    }

    /// The place some characters further on the same line.
    pub(super) fn advanced(self, text: &str) -> Self {
        Self {
            column: self.column + u32::try_from(text.chars().count()).unwrap_or(0),
            offset: self.offset + text.len(),
            ..self
        }
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) place: Place,
    pub(super) value: Value,
}

/// What a node is.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// Nothing was written.
    Null,
    /// One word or text. What it means is for the field to say, so that `010` stays what it is.
    Scalar(Scalar),
    /// A sequence.
    List(Vec<Node>),
    /// A mapping in the order of the text.
    Map(Vec<(Node, Node)>),
}

/// A text, and how it was written.
#[derive(Debug, Clone)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Where the text itself begins, behind a quote, if it stands on one line as it is.
    pub(super) verbatim: Option<Place>,
}

impl Node {
    /// What the node is, in words.
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Scalar(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// Whether nothing is in it.
    pub(super) fn is_empty(&self) -> bool {
        match &self.value {
            Value::Null => true,
            Value::Scalar(scalar) => scalar.text.is_empty(),
            Value::List(items) => items.is_empty(),
            Value::Map(entries) => entries.is_empty(),
        }
    }

    /// Bytes that a copy takes, about.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>()
            + match &self.value {
                Value::Null => 0,
                Value::Scalar(scalar) => scalar.text.len(),
                Value::List(items) => items.iter().map(Self::weight).sum(),
                Value::Map(entries) => entries.iter().map(|(k, v)| k.weight() + v.weight()).sum(),
            }
    }
}
