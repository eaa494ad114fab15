//! Netlink attributes: length, type, value, padded to four bytes; numbers in network order.

/// `NLA_F_NESTED` (linux/netlink.h).
const NESTED: u16 = 0x8000;
/// What remains of a type without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`.
const TYPE_MASK: u16 = 0x3fff;
/// Bytes of length and type.
const HEADER_BYTES: usize = 4;

/// Appends attributes to a buffer.
///
/// An attribute's length has 16 bits. One that grows longer is remembered, and whoever ends the
/// message asks [`Writer::is_overflowed`] before anything is sent.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
    overflowed: bool,
}

impl Writer {
    /// A writer that need not ask for more memory for so many bytes.
    pub(crate) fn with_room(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            overflowed: false,
        }
    }

    /// Whether an attribute grew past 65,535 bytes.
    pub(crate) fn is_overflowed(&self) -> bool {
        self.overflowed
    }

    /// A value of plain bytes.
    pub(crate) fn raw(&mut self, kind: u16, value: &[u8]) {
        self.wrapped([kind], value);
    }

    pub(crate) fn byte(&mut self, kind: u16, value: u8) {
        self.raw(kind, &[value]);
    }

    pub(crate) fn short(&mut self, kind: u16, value: u16) {
        self.raw(kind, &value.to_be_bytes());
    }

    pub(crate) fn number(&mut self, kind: u16, value: u32) {
        self.raw(kind, &value.to_be_bytes());
    }

    pub(crate) fn long(&mut self, kind: u16, value: u64) {
        self.raw(kind, &value.to_be_bytes());
    }

    /// A text with the zero byte that ends it.
    pub(crate) fn text(&mut self, kind: u16, value: &str) {
        let header = self.header(kind, HEADER_BYTES + value.len() + 1);
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(value.as_bytes());
        self.bytes.push(0);
        self.pad();
    }

    /// Attributes inside an attribute.
    pub(crate) fn nest(&mut self, kind: u16, content: impl FnOnce(&mut Self)) {
        let start = self.begin(kind);
        content(self);
        self.end(start);
    }

    /// A value inside attributes that hold nothing else, the outermost first. Every length follows
    /// from the value's, so none has to be filled in later.
    #[inline]
    pub(crate) fn wrapped<const N: usize>(&mut self, kinds: [u16; N], value: &[u8]) {
        let mut headers = [[0; HEADER_BYTES]; N];
        for (depth, kind) in kinds.into_iter().enumerate() {
            let inside = (N - depth) * HEADER_BYTES;
            headers[depth] = match depth + 1 < N {
                true => self.header(kind | NESTED, inside + value.len().next_multiple_of(4)),
                false => self.header(kind, inside + value.len()),
            };
        }
        self.bytes.extend_from_slice(headers.as_flattened());
        self.bytes.extend_from_slice(value);
        self.pad();
    }

    /// Opens a nest that [`Writer::end`] closes.
    pub(crate) fn begin(&mut self, kind: u16) -> usize {
        let start = self.bytes.len();
        let header = self.header(kind | NESTED, HEADER_BYTES);
        self.bytes.extend_from_slice(&header);
        start
    }

    /// Closes the nest that began at `start`.
    pub(crate) fn end(&mut self, start: usize) {
        let length = self.length_of(self.bytes.len() - start);
        self.bytes[start..start + 2].copy_from_slice(&length.to_ne_bytes());
    }

    fn header(&mut self, kind: u16, length: usize) -> [u8; HEADER_BYTES] {
        let [[a, b], [c, d]] = [self.length_of(length), kind].map(u16::to_ne_bytes);
        [a, b, c, d]
    }

    fn length_of(&mut self, bytes: usize) -> u16 {
        u16::try_from(bytes).unwrap_or_else(|_| {
            self.overflowed = true;
            0
        })
    }

    fn pad(&mut self) {
        let missing = self.bytes.len().next_multiple_of(4) - self.bytes.len();
        self.bytes.extend_from_slice(&[0; 3][..missing]);
    }
}

/// The attributes in a run of bytes, in order; what is malformed ends the run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    /// The value of the first attribute of a type.
    pub(crate) fn find(self, kind: u16) -> Option<&'a [u8]> {
        self.into_iter()
            .find_map(|(found, value)| (found == kind).then_some(value))
    }

    /// The attributes inside an attribute; none where it is absent.
    pub(crate) fn inside(self, kind: u16) -> Self {
        Self(self.find(kind).unwrap_or_default())
    }

    pub(crate) fn byte(self, kind: u16) -> Option<u8> {
        self.find(kind)?.first().copied()
    }

    pub(crate) fn short(self, kind: u16) -> Option<u16> {
        Some(u16::from_be_bytes(self.find(kind)?.try_into().ok()?))
    }

    pub(crate) fn number(self, kind: u16) -> Option<u32> {
        Some(u32::from_be_bytes(self.find(kind)?.try_into().ok()?))
    }

    pub(crate) fn long(self, kind: u16) -> Option<u64> {
        Some(u64::from_be_bytes(self.find(kind)?.try_into().ok()?))
    }

    /// A text without the zero byte that ends it.
    pub(crate) fn text(self, kind: u16) -> Option<&'a str> {
        let value = self.find(kind)?;
        let end = value.iter().position(|&b| b == 0).unwrap_or(value.len());
        std::str::from_utf8(&value[..end]).ok()
    }
}

impl<'a> IntoIterator for Reader<'a> {
    type Item = (u16, &'a [u8]);
    type IntoIter = Attributes<'a>;

    fn into_iter(self) -> Attributes<'a> {
        Attributes(self.0)
    }
}

/// Walks through attributes.
#[derive(Debug)]
pub(crate) struct Attributes<'a>(&'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let length = usize::from(u16::from_ne_bytes(self.0.get(..2)?.try_into().ok()?));
        let kind = u16::from_ne_bytes(self.0.get(2..4)?.try_into().ok()?);
        let value = self.0.get(HEADER_BYTES..length)?;
        self.0 = self.0.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind & TYPE_MASK, value))
    }
}

#[cfg(test)]
mod tests {
    use super::{Reader, Writer};

    #[test]
    fn what_is_written_is_read() {
        let mut writer = Writer::default();
        writer.text(1, "abc");
        writer.nest(2, |inside| {
            inside.byte(3, 7);
            inside.long(4, 1 << 40);
        });
        let reader = Reader(&writer.bytes);
        assert_eq!(reader.text(1), Some("abc"));
        assert_eq!(reader.inside(2).byte(3), Some(7));
        assert_eq!(reader.inside(2).long(4), Some(1 << 40));
        assert!(!writer.is_overflowed());
    }

    #[test]
    fn a_length_never_wraps() {
        let mut writer = Writer::default();
        writer.nest(1, |inside| inside.raw(2, &[0; 65_524]));
        assert!(!writer.is_overflowed());
        writer.nest(1, |inside| inside.raw(2, &[0; 65_525]));
        assert!(writer.is_overflowed());
    }

    #[test]
    fn hostile_lengths_end_the_walk() {
        for bytes in [&[3, 0, 1, 0][..], &[200, 0, 1, 0], &[0, 0], &[0; 8]] {
            assert_eq!(Reader(bytes).into_iter().count(), 0, "{bytes:?}");
        }
    }
}
