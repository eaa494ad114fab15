//! `[flat|shapes|labels|agent|migrate]... [--quick] [--out DIR]`; nothing named is everything.

use std::path::PathBuf;

use crate::sample::ROUNDS;

/// What can be measured, in the order in which it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Topic {
    /// The two candidate shapes of a policy that names groups.
    Shapes,
    /// One label in a small and in a large cluster.
    Labels,
    /// Rules and lookups counted.
    Flat,
    /// The daemon, driven by an etcd.
    Agent,
    /// An iptables host, translated and proven.
    Migrate,
}

impl Topic {
    /// Every topic with its word.
    pub(crate) const ALL: [(&'static str, Self); 5] = [
        ("flat", Self::Flat),
        ("shapes", Self::Shapes),
        ("labels", Self::Labels),
        ("agent", Self::Agent),
        ("migrate", Self::Migrate),
    ];
}

/// How thoroughly it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// As the record wants it.
    Full,
    /// A fraction of the work, to see that it runs; its numbers say little.
    Quick,
}

impl Pace {
    /// How often each side of a pair is measured.
    pub(crate) fn rounds(self) -> usize {
        match self {
            Self::Full => ROUNDS,
            Self::Quick => 3,
        }
    }

    /// One size for the record, another for a quick look.
    pub(crate) fn size(self, full: usize, quick: usize) -> usize {
        match self {
            Self::Full => full,
            Self::Quick => quick,
        }
    }
}

/// What the command line says.
#[derive(Debug)]
pub(crate) struct Arguments {
    pub(crate) topics: Vec<Topic>,
    pub(crate) pace: Pace,
    /// The folder that results go to.
    pub(crate) out: Option<PathBuf>,
}

impl Arguments {
    /// Reads the words after the program's name.
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut topics, mut pace, mut out) = (Vec::new(), Pace::Full, None);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--quick" => pace = Pace::Quick,
                "--out" => out = Some(words.next().ok_or("--out wants a folder")?.into()),
                name => topics.push(topic(name)?),
            }
        }
        if topics.is_empty() {
            topics = Topic::ALL.map(|(_, topic)| topic).into();
        }
        Ok(Self { topics, pace, out })
    }
}

fn topic(name: &str) -> Result<Topic, String> {
    let known = Topic::ALL.iter().find(|(word, _)| *word == name);
    known.map(|(_, topic)| *topic).ok_or_else(|| {
        let words: Vec<&str> = Topic::ALL.iter().map(|(word, _)| *word).collect();
        format!(
            "{name}: not one of {}, --quick, --out DIR",
            words.join(", ")
        )
    })
}
