//! Values that are one of a few words, and those of policy.

use super::backend::{ChainInsertMode, IptablesBackend, NftablesMode};
use super::kind::Kind;
use super::logs::{Format, Level};
use super::store::{DatastoreType, Scheme};
use crate::model::{
    DenyAction, HostAction, InterfacePrefix, InvalidCheck, LogBurst, LogPrefix, LogRate,
    MetadataAddress, PolicyCounters, SourceSpoofing,
};

/// Kinds whose values are words in any case; the first word of a value is the one that is shown.
macro_rules! words {
    ($($kind:ty, $allowed:literal: $($value:path = $word:literal $(| $other:literal)*),+;)+) => {$(
        impl Kind for $kind {
            const ALLOWED: &'static str = $allowed;

            fn read(text: &str) -> Option<Self> {
                let words: &[(&str, Self)] = &[
                    $(($word, $value) $(, ($other, $value))*),+
                ];
                let found = words.iter().find(|(word, _)| text.eq_ignore_ascii_case(word));
                found.map(|(_, value)| *value)
            }

            fn none() -> Option<Self> {
                None
            }

            fn text(&self) -> String {
                match self {
                    $($value => $word.to_owned()),+
                }
            }
        }
    )+};
}

words! {
    DatastoreType, "etcdv3 or folder":
        DatastoreType::Etcd = "etcdv3", DatastoreType::Folder = "folder";
    Scheme, "http or https":
        Scheme::Http = "http", Scheme::Https = "https";
    Level, "TRACE, DEBUG, INFO, WARNING, ERROR or FATAL":
        Level::Trace = "TRACE", Level::Debug = "DEBUG", Level::Info = "INFO",
        Level::Warning = "WARNING" | "WARN", Level::Error = "ERROR" | "ERR",
        Level::Fatal = "FATAL" | "CRITICAL" | "CRIT";
    Format, "felix, json, journald or pretty":
        Format::Felix = "felix", Format::Json = "json", Format::Journald = "journald",
        Format::Pretty = "pretty";
    NftablesMode, "Enabled, Disabled or Auto":
        NftablesMode::Enabled = "Enabled", NftablesMode::Disabled = "Disabled",
        NftablesMode::Auto = "Auto";
    IptablesBackend, "Legacy, NFT or Auto":
        IptablesBackend::Legacy = "Legacy", IptablesBackend::Nft = "NFT",
        IptablesBackend::Auto = "Auto";
    ChainInsertMode, "insert or append":
        ChainInsertMode::Insert = "insert", ChainInsertMode::Append = "append";
    HostAction, "DROP, RETURN or ACCEPT":
        HostAction::Drop = "DROP", HostAction::Return = "RETURN", HostAction::Accept = "ACCEPT";
    DenyAction, "DROP or REJECT":
        DenyAction::Drop = "DROP", DenyAction::Reject = "REJECT";
    SourceSpoofing, "Disabled or Any":
        SourceSpoofing::Disabled = "Disabled", SourceSpoofing::Any = "Any";
}

/// Kinds that say of a truth what it is about.
macro_rules! truths {
    ($($kind:ty: $yes:path, $no:path;)+) => {$(
        impl Kind for $kind {
            const ALLOWED: &'static str = bool::ALLOWED;

            fn read(text: &str) -> Option<Self> {
                bool::read(text).map(|truth| if truth { $yes } else { $no })
            }

            fn none() -> Option<Self> {
                Some($no)
            }

            fn text(&self) -> String {
                (*self == $yes).text()
            }
        }
    )+};
}

truths! {
    InvalidCheck: InvalidCheck::Disabled, InvalidCheck::Enforced;
    PolicyCounters: PolicyCounters::On, PolicyCounters::Off;
}

impl Kind for Vec<InterfacePrefix> {
    const ALLOWED: &'static str =
        "prefixes of 1-14 characters without / : \" * or \\, with commas between them";

    fn read(text: &str) -> Option<Self> {
        text.split(',')
            .map(|prefix| prefix.trim().parse().ok())
            .collect()
    }

    fn none() -> Option<Self> {
        None
    }

    fn text(&self) -> String {
        let prefixes: Vec<_> = self.iter().map(InterfacePrefix::as_str).collect();
        prefixes.join(",")
    }
}

impl Kind for MetadataAddress {
    const ALLOWED: &'static str = "an IPv4 or IPv6 address, or none";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::At)
    }

    fn none() -> Option<Self> {
        Some(Self::None)
    }

    fn text(&self) -> String {
        match self {
            Self::None => super::kind::NONE.to_owned(),
            Self::At(address) => address.to_string(),
        }
    }
}

impl Kind for LogPrefix {
    const ALLOWED: &'static str = "at most 127 of A-Z a-z 0-9 % : / _ - and space";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn none() -> Option<Self> {
        "".parse().ok()
    }

    fn text(&self) -> String {
        match self.as_str() {
            "" => super::kind::NONE.to_owned(),
            prefix => prefix.to_owned(),
        }
    }
}

impl Kind for LogRate {
    const ALLOWED: &'static str = "1-9999 / second, minute, hour or day";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn none() -> Option<Self> {
        None
    }

    fn text(&self) -> String {
        self.to_string()
    }
}

impl Kind for LogBurst {
    const ALLOWED: &'static str = "0-9999";

    fn read(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn none() -> Option<Self> {
        "0".parse().ok()
    }

    fn text(&self) -> String {
        self.get().to_string()
    }
}
