//! Addresses, interfaces, marks and ranges as rules compare them.

use std::net::IpAddr;

use crate::net::Cidr;

/// What an address is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Address {
    /// Inside a prefix.
    Prefix(Cidr),
    /// Equal under a mask that is no prefix.
    Masked {
        /// The address; bits outside the mask are cleared.
        address: IpAddr,
        /// The mask.
        mask: IpAddr,
    },
}

/// The name of an interface, or how it begins (`eth+`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InterfacePattern {
    /// Exactly this name.
    Name(String),
    /// Every name that begins so; an empty text is every interface.
    Prefix(String),
}

/// A number compared under a mask: `(number & mask) == value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Masked {
    /// What it must be.
    pub value: u32,
    /// The bits that count; for marks 0xffffffff is all.
    pub mask: u32,
}

/// An inclusive range, first not above last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span<T> {
    /// The lowest.
    pub first: T,
    /// The highest.
    pub last: T,
}
