//! Names of hosts and regions.

use std::fmt;

use super::kind::Kind;

/// A text whose characters were looked at.
macro_rules! names {
    ($($(#[doc = $line:literal])+ $name:ident, $allowed:literal, $legal:expr;)+) => {$(
        $(#[doc = $line])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Box<str>);

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

        impl Kind for $name {
            const ALLOWED: &'static str = $allowed;

            fn read(text: &str) -> Option<Self> {
                let legal: fn(&str) -> bool = $legal;
                legal(text).then(|| Self(text.into()))
            }

            fn none() -> Option<Self> {
                None
            }

            fn text(&self) -> String {
                self.0.to_string()
            }
        }
    )+};
}

names! {
    /// The name of a host, as keys of the datastore have it.
    Hostname, "A-Z a-z 0-9 _ . and -", |text| {
        !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    };
    /// What a server listens on: an address, or a name that has one.
    HostAddress, "1-64 of A-Z a-z 0-9 : . _ + and -", |text| {
        let legal = |b: u8| b.is_ascii_alphanumeric() || b":._+-".contains(&b);
        (1..=64).contains(&text.len()) && text.bytes().all(legal)
    };
    /// A region of OpenStack: a DNS label (RFC 1123) that leaves room for `openstack-region-`.
    Region, "a DNS label of 1-46 of a-z 0-9 and -", |text| {
        let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let ends = !text.starts_with('-') && !text.ends_with('-');
        (1..=46).contains(&text.len()) && ends && text.bytes().all(legal)
    };
}

impl Hostname {
    /// What stands there until the kernel was asked.
    pub(super) fn unknown() -> Self {
        Self("localhost".into())
    }

    /// The name that a host goes by if nobody says otherwise: that of the kernel in lower case, as Felix
    /// has it. `None`, if that is no name.
    pub fn of_kernel(name: &str) -> Option<Self> {
        Self::read(&name.trim().to_lowercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_name_is_put_in_lower_case_and_a_given_one_is_not() {
        let name = |text: &str| Hostname::of_kernel(text).map(|name| name.to_string());
        assert_eq!(name(" Node-1.Example\n"), Some("node-1.example".to_owned()));
        assert_eq!(name("(none)"), None);
        assert_eq!(Hostname::read("Node1").unwrap().as_str(), "Node1");
    }

    #[test]
    fn a_region_is_a_label() {
        for text in ["one", "a", "eu-1"] {
            assert!(Region::read(text).is_some(), "{text}");
        }
        let long = "a".repeat(47);
        for text in ["", "-a", "a-", "One", "a.b", "a/b", &long] {
            assert!(Region::read(text).is_none(), "{text}");
        }
    }
}
