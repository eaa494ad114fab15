//! What the keys of a store and their values say.

use super::files::{self, FileFault};
use super::loader::Loader;
use super::problem::{Problem, Severity};
use super::{Strictness, calico, classic};
use crate::model::{Event, Readiness};

/// What values say, and what is wrong with them.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// What they declare; nothing, where they are faulty or of no use to policy.
    pub events: Vec<Event>,
    /// Errors and warnings.
    pub problems: Vec<Problem>,
}

impl Change {
    /// A value that cannot be read at all.
    pub fn unreadable(key: &str, message: String) -> Self {
        Self {
            events: Vec::new(),
            problems: vec![fault(key, 0, message)],
        }
    }

    /// Whether nothing may be made of the values.
    pub fn has_errors(&self) -> bool {
        let mut problems = self.problems.iter();
        problems.any(|problem| problem.severity == Severity::Error)
    }
}

/// Most bytes of a value in etcd, which takes no more than 1.5 MiB as it comes.
const VALUE_BYTES_MAX: usize = 2 << 20;

/// What the keys of a store are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keys {
    /// Paths of files, each with any number of documents.
    Files,
    /// Calico v3 resources in etcd, a key each.
    Resources,
    /// The keys of Calico before there were resources, in etcd.
    Classic,
}

impl Keys {
    /// How the keys of an etcd begin that say anything.
    pub fn prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Files => &[],
            Self::Resources => &[calico::key::PREFIX],
            Self::Classic => &[classic::PREFIX],
        }
    }

    /// The document that a key is a part of, if it says anything: itself, or how the keys begin
    /// that say something together.
    pub fn document(self, key: &str) -> Option<&str> {
        match self {
            Self::Files => Some(key),
            Self::Resources => calico::key::is_known(key).then_some(key),
            Self::Classic => classic::document(key),
        }
    }

    /// What the keys of one document and their values say together.
    pub fn read(self, parts: &[(&str, &[u8])]) -> Change {
        let mut texts = Vec::with_capacity(parts.len());
        for (key, value) in parts {
            match self.text(key, value) {
                Ok(text) => texts.push((*key, text)),
                Err(fault) => return fault,
            }
        }
        self.said(&texts)
    }

    /// What holds where no key says anything, and so from the beginning: a store of classic keys is
    /// not fit to be read before it says that it is.
    pub fn unsaid(self) -> Vec<Event> {
        match self {
            Self::Files | Self::Resources => Vec::new(),
            Self::Classic => vec![Event::Readiness(Readiness::NotReady)],
        }
    }

    fn said(self, parts: &[(&str, String)]) -> Change {
        match (self, parts) {
            (Self::Files, [(key, text)]) => {
                let mut loader = Loader::new(Strictness::Lenient);
                loader.add(key, text);
                loader.finish_change()
            }
            (Self::Resources, [(key, text)]) => calico::key::change(key, text).unwrap_or_default(),
            (Self::Classic, parts) => classic::read(parts),
            (Self::Files | Self::Resources, _) => Change::default(),
        }
    }

    fn text(self, key: &str, value: &[u8]) -> Result<String, Change> {
        match self {
            Self::Resources | Self::Classic if value.len() > VALUE_BYTES_MAX => {
                let message = format!("larger than {} MiB", VALUE_BYTES_MAX >> 20);
                return Err(Change::unreadable(key, message));
            }
            Self::Files | Self::Resources | Self::Classic => {}
        }
        files::utf8(value.to_vec()).map_err(|error| {
            let line = match error {
                FileFault::NotUtf8 { line, .. } => u32::try_from(line).unwrap_or(u32::MAX),
                FileFault::Unreadable(_) | FileFault::TooLarge => 0,
            };
            Change {
                events: Vec::new(),
                problems: vec![fault(key, line, error.to_string())],
            }
        })
    }
}

fn fault(key: &str, line: u32, message: String) -> Problem {
    Problem {
        severity: Severity::Error,
        file: key.into(),
        line,
        column: line.min(1),
        field: String::new(),
        message,
        allowed: None,
        excerpt: None,
    }
}
