//! Where a value came from.

use std::fmt;

/// Where the value of a setting came from, the strongest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A variable of the environment, as it is spelled there.
    Environment(Box<str>),
    /// A line of the configuration file.
    File {
        /// The file.
        path: Box<str>,
        /// The line, from 1.
        line: usize,
    },
    /// A resource of the datastore.
    Resource(Box<str>),
    /// The `Settings` document.
    Document,
    /// Nobody said anything.
    Default,
}

impl Origin {
    /// Whether the host itself says so, which nothing in the datastore can change.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Environment(_) | Self::File { .. } => true,
            Self::Resource(_) | Self::Document | Self::Default => false,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "environment {name}"),
            Self::File { path, line } => write!(f, "{path}:{line}"),
            Self::Resource(name) => write!(f, "FelixConfiguration {name}"),
            Self::Document => f.write_str("Settings document"),
            Self::Default => f.write_str("default"),
        }
    }
}
