//! Every parser of Margay: what it must do with any bytes, and bytes to begin with.

mod migration;
mod property;
mod seed;

use std::path::Path;

/// A reader of what others wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parser {
    /// Documents in YAML.
    Yaml,
    /// Documents in JSON.
    Json,
    /// Values of classic keys.
    Classic,
    /// A line of a security group.
    Rule,
    /// nft text.
    Ruleset,
    /// The kernel's answers.
    Netlink,
    /// The expected matrix of a demo.
    Expected,
    /// A single word or name.
    Value,
    /// The agent's file.
    Configuration,
    /// What the kernel tells of a connection.
    Connection,
    /// The lines of a benchmark run.
    Results,
    /// What a benchmark is to measure.
    Scenario,
    /// What iptables-save printed.
    Dump,
    /// What ipset save printed.
    Sets,
    /// nft text of a migration.
    Translation,
}

impl Parser {
    /// Every parser.
    pub(crate) const ALL: [Self; 15] = [
        Self::Yaml,
        Self::Json,
        Self::Classic,
        Self::Rule,
        Self::Ruleset,
        Self::Netlink,
        Self::Expected,
        Self::Value,
        Self::Configuration,
        Self::Connection,
        Self::Results,
        Self::Scenario,
        Self::Dump,
        Self::Sets,
        Self::Translation,
    ];

    /// The name of its target.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Yaml => "yaml",
            Self::Json => "json",
            Self::Classic => "classic",
            Self::Rule => "rule",
            Self::Ruleset => "ruleset",
            Self::Netlink => "netlink",
            Self::Expected => "expected",
            Self::Value => "value",
            Self::Configuration => "configuration",
            Self::Connection => "connection",
            Self::Results => "results",
            Self::Scenario => "scenario",
            Self::Dump => "dump",
            Self::Sets => "sets",
            Self::Translation => "translation",
        }
    }

    /// Has the parser read bytes, and panics where it does what it must not.
    pub(crate) fn take(self, bytes: &[u8]) {
        let text = || String::from_utf8_lossy(bytes);
        match self {
            Self::Yaml => property::documents("a.yaml", &text()),
            Self::Json => property::documents("a.json", &text()),
            Self::Classic => property::classic(bytes),
            Self::Rule => property::rule(&text()),
            Self::Ruleset => property::ruleset(&text()),
            Self::Netlink => property::netlink(bytes),
            Self::Expected => property::expected(&text()),
            Self::Value => property::value(&text()),
            Self::Configuration => property::configuration(&text()),
            Self::Connection => property::connection(bytes),
            Self::Results => property::results(&text()),
            Self::Scenario => property::scenario(&text()),
            Self::Dump => migration::dump(&text()),
            Self::Sets => migration::sets(&text()),
            Self::Translation => migration::translation(&text()),
        }
    }

    /// What it reads in examples and tests of this repository.
    pub(crate) fn seeds(self, root: &Path) -> Vec<Vec<u8>> {
        match self {
            Self::Yaml => seed::documents(root),
            Self::Json => seed::json(root),
            Self::Classic => seed::classic(),
            Self::Rule => seed::rules(root),
            Self::Ruleset => seed::rulesets(root),
            Self::Netlink => seed::messages(root),
            Self::Expected => seed::expected(root),
            Self::Value => seed::words(root),
            Self::Configuration => seed::configuration(),
            Self::Connection => seed::connections(),
            Self::Results => seed::results(root),
            Self::Scenario => seed::scenarios(),
            Self::Dump => seed::dumps(root),
            Self::Sets => seed::sets(root),
            Self::Translation => seed::translations(root),
        }
    }
}
