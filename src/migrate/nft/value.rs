//! What is written on the right of a match, in a set and in a map.

use std::net::IpAddr;

/// One value, as it is written; what it means depends on the field it is compared with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Value {
    /// `22`.
    Number(u64),
    /// `0x16`.
    Hex(u64),
    /// `10.0.0.1` or `fe80::1`.
    Address(IpAddr),
    /// `02:00:00:00:00:01`.
    Mac([u8; 6]),
    /// `"eth0"`, `"eth*"`, `"ftp"`: a text in quotes. It has no quote and no line end in it.
    Text(String),
    /// `established`, `tcp`, `exists`: one of nft's own words.
    Word(String),
    /// `(fin | syn)`: bits by their names; none of them is `0x0`, which is [`Value::Hex`].
    Bits(Vec<String>),
}

/// What one place of a set, or the right side of a match, holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Item {
    /// One value.
    One(Value),
    /// `10.0.0.0/8`; no bit stands below the length.
    Prefix(IpAddr, u8),
    /// `1024-65535`; both ends belong to it.
    Range(Value, Value),
}

impl Value {
    /// One of nft's words.
    pub fn word(text: &str) -> Self {
        Self::Word(text.to_owned())
    }

    /// A text in quotes; what would end it is taken out.
    pub fn text(text: &str) -> Self {
        Self::Text(text.replace(['"', '\n', '\r'], ""))
    }

    /// The number of a value that is one.
    pub fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) | Self::Hex(number) => Some(*number),
            Self::Address(_) | Self::Mac(_) | Self::Text(_) | Self::Word(_) | Self::Bits(_) => None,
        }
    }
}

impl From<Value> for Item {
    fn from(value: Value) -> Self {
        Self::One(value)
    }
}
