//! Sets: a line that declares one, a line that fills it, and one line an element.

use std::fmt;

use super::value::{Userdata, VerdictText, words};
use crate::backend::nft::anonymous::{self, Entry};
use crate::backend::nft::element::RangeEnd;
use crate::backend::nft::lower::AnonymousSet;
use crate::backend::nft::shape::{Layout, Shape};
use crate::backend::nft::{bits, declaration, userdata};
use crate::ruleset::{Bytes, Element, ElementData, Key, Name, Set};

/// A named set, its flags in hexadecimal.
pub(super) struct SetText<'a> {
    pub(super) table: &'a Name,
    pub(super) name: &'a Name,
    pub(super) set: &'a Set,
}

impl fmt::Display for SetText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, name, set } = self;
        write!(f, "{name} {table} {:x}", declaration::flags(set))?;
        if let Some(timeout) = set.timeout {
            write!(f, " timeout {}ms", timeout.as_millis())?;
        }
        if let Some(size) = set.size {
            write!(f, " size {size}")?;
        }
        writeln!(f)?;
        if set.elements.is_empty() {
            return Ok(());
        }
        writeln!(f, "{name} {table} 0")?;
        let shape = Shape::of(set);
        if let Some(zero) = zero_below(&shape, set) {
            line(f, &zero, None, None, Flags::End)?;
        }
        for (key, element) in &set.elements {
            whole(f, &shape, key, element)?;
        }
        Ok(())
    }
}

/// nft begins a new set of ranges by saying that nothing lies below the first.
fn zero_below(shape: &Shape, set: &Set) -> Option<Bytes> {
    let length = shape.key().first().map_or(0, |field| field.bytes());
    let zero = Bytes::from_elem(0, length);
    let mut keys = set.elements.keys();
    let gap = keys.all(|key| shape.swap(key).start != zero);
    (shape.layout() == Layout::Ends && gap).then_some(zero)
}

/// The set of one rule; the kernel makes its name from the template.
pub(super) struct AnonymousText<'a> {
    pub(super) table: &'a Name,
    pub(super) set: &'a AnonymousSet,
}

impl fmt::Display for AnonymousText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, table) = (self.set.template(), self.table);
        let entries = anonymous::entries(self.set);
        let (flags, size) = (
            declaration::anonymous_flags(self.set),
            entries.declared_size,
        );
        writeln!(f, "{name} {table} {flags:x} size {size}")?;
        writeln!(f, "{name} {table} 0")?;
        let shape = Shape::of_anonymous(self.set);
        for entry in &entries.entries {
            match entry {
                Entry::Whole(key, element) => whole(f, &shape, key, element)?,
                Entry::Start {
                    start,
                    element,
                    end,
                } => line(f, start, None, Some(element), Flags::of(*end))?,
                Entry::End(end) => line(f, end, None, None, Flags::End)?,
            }
        }
        Ok(())
    }
}

/// What an element is beside its key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Flags {
    /// A key, or the first of a range that another element ends.
    None,
    /// The first of a range that reaches to the last value of all.
    Open,
    /// `NFT_SET_ELEM_INTERVAL_END`: the first value that is not in the range before.
    End,
}

impl Flags {
    fn of(end: RangeEnd) -> Self {
        match end {
            RangeEnd::Told => Self::None,
            RangeEnd::Open => Self::Open,
        }
    }
}

/// A whole element, which in a set of ranges becomes two.
fn whole(f: &mut fmt::Formatter<'_>, shape: &Shape, key: &Key, element: &Element) -> fmt::Result {
    let swapped = shape.swap(key);
    match shape.layout() {
        Layout::Plain => line(f, &key.start, None, Some(element), Flags::None),
        Layout::Ends => {
            let end = bits::successor(swapped.last());
            let flags = Flags::of(RangeEnd::before(end.as_ref()));
            line(f, &swapped.start, None, Some(element), flags)?;
            end.map_or(Ok(()), |end| line(f, &end, None, None, Flags::End))
        }
        Layout::Corners => {
            let last = Some(swapped.last());
            line(f, &swapped.start, last, Some(element), Flags::None)
        }
    }
}

fn line(
    f: &mut fmt::Formatter<'_>,
    start: &Bytes,
    last: Option<&Bytes>,
    element: Option<&Element>,
    flags: Flags,
) -> fmt::Result {
    write!(f, "\telement {} ", words(start, ""))?;
    if let Some(last) = last {
        write!(f, " - {} ", words(last, ""))?;
    }
    f.write_str(" : ")?;
    match element.map(|element| &element.data) {
        None | Some(ElementData::None) => {}
        Some(ElementData::Verdict(verdict)) => write!(f, "{} ", VerdictText(verdict))?,
        Some(ElementData::Value(value)) => write!(f, "{} ", words(value, ""))?,
        Some(ElementData::Object(name)) => write!(f, "{name} ")?,
    }
    if let Some(timeout) = element.and_then(|element| element.timeout) {
        write!(f, "timeout {}ms ", timeout.as_millis())?;
    }
    write!(f, "{} [end]", u8::from(flags == Flags::End))?;
    let comment = element.and_then(|element| element.comment.as_deref());
    if comment.is_some() || flags == Flags::Open {
        let end = match flags {
            Flags::None | Flags::End => RangeEnd::Told,
            Flags::Open => RangeEnd::Open,
        };
        let bytes = userdata::of_element(comment, end);
        write!(f, "  {}", Userdata(&bytes))?;
    }
    writeln!(f)
}
