//! Names of tables, chains, sets and objects, as nft can read them back.

use std::fmt;

use smol_str::SmolStr;

use crate::net::InvalidValue;

/// Longest name in bytes, `NFT_NAME_MAXLEN - 1` (linux/netfilter/nf_tables.h).
pub const NAME_BYTES_MAX: usize = 255;

/// A name that nft 1.0.6 reads as an identifier: a letter, then letters, digits, `/`, `-`, `_` or `.`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(SmolStr);

impl Name {
    /// Reads a name.
    ///
    /// # Errors
    /// The text is empty, longer than [`NAME_BYTES_MAX`] or has a character that nft does not allow.
    pub fn new(text: &str) -> Result<Self, InvalidValue> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"/-_.".contains(&b);
        let starts = text.starts_with(|c: char| c.is_ascii_alphabetic());
        if starts && text.len() <= NAME_BYTES_MAX && text.bytes().all(legal) {
            return Ok(Self(text.into()));
        }
        Err(InvalidValue::new(
            "name",
            text,
            "a letter, then at most 254 of A-Z a-z 0-9 / - _ .",
        ))
    }

    /// A name put together from parts that are known to be legal and short enough.
    ///
    /// Whatever is not legal becomes `_`, so that the value is valid in any case.
    pub fn from_parts(text: &str) -> Self {
        Self::new(text).unwrap_or_else(|_| {
            let legal = |c: char| {
                if c.is_ascii_alphanumeric() || "/-_.".contains(c) {
                    c
                } else {
                    '_'
                }
            };
            let clean: String = text.chars().map(legal).take(NAME_BYTES_MAX - 1).collect();
            Self(format!("x{clean}").into())
        })
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name without its generation: `policy/web/in/port4` for `policy/web/in/port4.0002`.
    pub fn logical(&self) -> &str {
        self.split().0
    }

    /// The generation: 0 where the name carries none.
    pub fn generation(&self) -> u16 {
        self.split().1
    }

    /// The same object in another generation; generation 0 has no suffix, later ones a fixed width.
    ///
    /// The suffix takes the place of the name's last bytes where the name would grow too long,
    /// which names made by `compile/names.rs` never do.
    pub fn with_generation(&self, generation: u16) -> Self {
        let logical = self.logical();
        if generation == 0 {
            return Self(logical.into());
        }
        Self(format!("{logical}.{generation:04x}").into())
    }

    fn split(&self) -> (&str, u16) {
        let suffix = self.0.rsplit_once('.').filter(|(_, hex)| {
            hex.len() == 4
                && hex
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        });
        match suffix.and_then(|(logical, hex)| Some((logical, u16::from_str_radix(hex, 16).ok()?)))
        {
            Some((logical, generation)) if generation > 0 => (logical, generation),
            Some(_) | None => (&self.0, 0),
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}
