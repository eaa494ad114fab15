//! The names of things: texts with a type each, so that none stands where another is meant.

use std::fmt;
use std::str::FromStr;

use smol_str::SmolStr;

use super::group::object_name;
use crate::net::InvalidValue;

/// Makes a type of a name: `[A-Za-z0-9._-]{1,253}`.
macro_rules! object_names {
    ($($(#[$about:meta])* $name:ident: $what:literal;)*) => {$(
        $(#[$about])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(SmolStr);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidValue;

            fn from_str(text: &str) -> Result<Self, InvalidValue> {
                object_name($what, text).map(Self)
            }
        }
    )*};
}

object_names! {
    /// The name of a namespace.
    Namespace: "namespace";
    /// The name of a tier.
    TierName: "tier";
    /// The name of a profile.
    ProfileName: "profile";
    /// The name of a resource of a kind that has no name type of its own.
    ResourceName: "name";
}

impl TierName {
    /// The tier of a policy that names none.
    pub fn of_default() -> Self {
        Self("default".into())
    }
}

impl ProfileName {
    /// The profile that allows everything, which exists without being stored.
    pub fn of_default_allow() -> Self {
        Self("projectcalico-default-allow".into())
    }

    /// The profile that a namespace stands for.
    pub fn of_namespace(namespace: &Namespace) -> Self {
        Self(format!("kns.{namespace}").into())
    }
}

/// A resource that may be in a namespace, as `namespace/name`; in none, as `name`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScopedName {
    /// The namespace, of a namespaced kind.
    pub namespace: Option<Namespace>,
    /// The name in it.
    pub name: ResourceName,
}

impl fmt::Display for ScopedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{namespace}/{}", self.name),
            None => self.name.fmt(f),
        }
    }
}

/// The name of a port of an endpoint (RFC 6335, section 5.1, letters of either case).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortName(Box<str>);

impl PortName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PortName {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, InvalidValue> {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
        let letter = text.bytes().any(|b| b.is_ascii_alphabetic());
        if letter && text.len() <= PORT_NAME_BYTES_MAX && text.bytes().all(legal) {
            return Ok(Self(text.into()));
        }
        Err(InvalidValue::new(
            "port name",
            text,
            "1-128 of A-Z a-z 0-9 _ . - with a letter",
        ))
    }
}

/// Longest name of a port, in bytes (`numorstring.Port` of the Calico API).
const PORT_NAME_BYTES_MAX: usize = 128;
