//! Which programs write xtables on this host.

use std::cell::Cell;
use std::fmt;
use std::fs;
use std::io;

use super::TableName;
use super::program::{Program, Said};
use crate::net::Family;

/// How long a program waits for others to let go of the lock of xtables, as Felix does.
const LOCK: &str = "--wait=50";

/// The status of a program that did not get the lock (xtables.h).
const RESOURCE_PROBLEM: i32 = 4;

/// What the kernel keeps the rules in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Variant {
    /// The tables of `ip_tables`.
    Legacy,
    /// Those of `nf_tables`, in the words of `iptables`.
    Nft,
}

impl Variant {
    /// All, in the order in which they are tried.
    pub const ALL: [Self; 2] = [Self::Legacy, Self::Nft];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Legacy => "iptables-legacy",
            Self::Nft => "iptables-nft",
        }
    }

    fn tables(self) -> io::Result<Vec<(Family, TableName)>> {
        let mut tables = Vec::new();
        for family in Family::ALL {
            let named = match self {
                Self::Legacy => registered(family)?,
                // They are made as they are written to.
                Self::Nft => TableName::ALL.map(|name| name.to_string()).join("\n"),
            };
            let named: Vec<&str> = named.lines().collect();
            let here = TableName::ALL.into_iter();
            let here = here.filter(|name| named.contains(&name.as_str()));
            tables.extend(here.map(|name| (family, name)));
        }
        Ok(tables)
    }

    fn program(self, family: Family, verb: &str) -> String {
        let word = self.name().trim_start_matches("iptables");
        match family {
            Family::V4 => format!("iptables{word}-{verb}"),
            Family::V6 => format!("ip6tables{word}-{verb}"),
        }
    }

    /// Whether a program says that somebody else has the lock. With `iptables-nft`, which has none, the
    /// status says nothing: it is that of any line that the kernel refuses.
    fn is_locked(self, said: &Said) -> bool {
        let complaint = said.complaint.as_deref();
        let is_lock = complaint.is_some_and(|complaint| complaint.contains("xtables lock"));
        is_lock || (self == Self::Legacy && said.status == Some(RESOURCE_PROBLEM))
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The programs of one variant, for both families.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    variant: Variant,
    restore: [Program; 2],
    save: [Program; 2],
    ipset: Program,
    spent: Cell<Spent>,
}

/// What programs were given to write, since the beginning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spent {
    /// How many bytes they read.
    pub bytes: u64,
    /// How many of them ran.
    pub programs: u64,
}

/// Why xtables cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// A program is not there.
    #[error("xtables take the programs iptables and ipset: there is no {0} in PATH or /usr/sbin")]
    NoProgram(String),
    /// A program is there, and does not work here.
    #[error("{program}: {complaint}")]
    Broken {
        /// Its name.
        program: String,
        /// What it says.
        complaint: String,
    },
}

/// What a program did not do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    /// It ran, and says no.
    #[error("{0}")]
    Complaint(String),
    /// Somebody else writes, and did not let go of the lock.
    #[error("{0}")]
    Locked(String),
    /// It did not run.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<RunError> for io::Error {
    fn from(error: RunError) -> Self {
        match error {
            RunError::Complaint(complaint) | RunError::Locked(complaint) => Self::other(complaint),
            RunError::Io(error) => error,
        }
    }
}

impl Provider {
    /// The programs of a variant, or the first of [`Variant::ALL`] that works here.
    ///
    /// # Errors
    /// None is there, or works.
    pub fn find(wanted: Option<Variant>) -> Result<Self, ProviderError> {
        let variants = Variant::ALL.into_iter();
        let mut tried = variants
            .filter(|variant| wanted.is_none_or(|wanted| wanted == *variant))
            .map(Self::working);
        let first = tried
            .next()
            .unwrap_or_else(|| Self::working(Variant::Legacy));
        first.or_else(|error| tried.find_map(Result::ok).ok_or(error))
    }

    fn working(variant: Variant) -> Result<Self, ProviderError> {
        let found = Self::of(variant)?;
        let broken = |program: &Program, error: &dyn fmt::Display| ProviderError::Broken {
            program: program.path().display().to_string(),
            complaint: error.to_string(),
        };
        for family in Family::ALL {
            let saved = found.save(family, TableName::Filter);
            saved.map_err(|error| broken(found.save_of(family), &error))?;
        }
        let sets = found.sets();
        sets.map_err(|error| broken(&found.ipset, &error))?;
        Ok(found)
    }

    /// The programs of a variant, whether or not they work here.
    ///
    /// # Errors
    /// One of them is not there.
    pub fn of(variant: Variant) -> Result<Self, ProviderError> {
        let of = |name: String| Program::find(&name).ok_or(ProviderError::NoProgram(name));
        let pair = |verb: &str| -> Result<[Program; 2], ProviderError> {
            Ok([
                of(variant.program(Family::V4, verb))?,
                of(variant.program(Family::V6, verb))?,
            ])
        };
        Ok(Self {
            variant,
            restore: pair("restore")?,
            save: pair("save")?,
            ipset: of("ipset".to_owned())?,
            spent: Cell::default(),
        })
    }

    /// Which variant it is.
    pub fn variant(&self) -> Variant {
        self.variant
    }

    /// What its programs were given to write.
    pub(crate) fn spent(&self) -> Spent {
        self.spent.get()
    }

    fn spend(&self, text: &str) {
        let Spent { bytes, programs } = self.spent.get();
        self.spent.set(Spent {
            bytes: bytes.saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX)),
            programs: programs.saturating_add(1),
        });
    }

    /// The tables that there are. To read another one would make it, with its hooks.
    pub(crate) fn tables(&self) -> io::Result<Vec<(Family, TableName)>> {
        self.variant.tables()
    }

    /// A table as `iptables-save` writes it.
    pub(crate) fn save(&self, family: Family, table: TableName) -> Result<String, RunError> {
        results(self.save_of(family).run(&["-t", table.as_str()], "")?)
    }

    /// Changes tables, each in one piece, and nothing in them that the text does not name.
    pub(crate) fn restore(&self, family: Family, text: &str) -> Result<(), RunError> {
        let [v4, v6] = &self.restore;
        let program = match family {
            Family::V4 => v4,
            Family::V6 => v6,
        };
        self.spend(text);
        let said = program.run(&["--noflush", LOCK], text)?;
        match self.variant.is_locked(&said) {
            true => Err(RunError::Locked(said.complaint.unwrap_or_default())),
            false => results(said).map(drop),
        }
    }

    /// All sets as `ipset save` writes them.
    pub(crate) fn sets(&self) -> Result<String, RunError> {
        results(self.ipset.run(&["save"], "")?)
    }

    /// Changes sets, line by line: what stands before a line that is refused is in force.
    pub(crate) fn restore_sets(&self, text: &str) -> Result<(), RunError> {
        self.spend(text);
        results(self.ipset.run(&["restore", "-exist"], text)?).map(drop)
    }

    fn save_of(&self, family: Family) -> &Program {
        let [v4, v6] = &self.save;
        match family {
            Family::V4 => v4,
            Family::V6 => v6,
        }
    }
}

/// The tables of `ip_tables` in this network namespace, a line each; a kernel without it has none.
fn registered(family: Family) -> io::Result<String> {
    let file = match family {
        Family::V4 => "/proc/thread-self/net/ip_tables_names",
        Family::V6 => "/proc/thread-self/net/ip6_tables_names",
    };
    match fs::read_to_string(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        named => named,
    }
}

/// Whether a table holds chains of ours. It takes none of the programs but one, which is not there where
/// there are no rules of the variant either.
pub(super) fn holds_chains(variant: Variant, declared: &str) -> io::Result<bool> {
    let mut held = false;
    for (family, table) in variant.tables()? {
        let Some(program) = Program::find(&variant.program(family, "save")) else {
            continue;
        };
        let saved = program.run(&["-t", table.as_str()], "")?;
        held |= results(saved)?.contains(declared);
    }
    Ok(held)
}

fn results(said: Said) -> Result<String, RunError> {
    match said.complaint {
        None => Ok(said.results),
        Some(complaint) => Err(RunError::Complaint(complaint)),
    }
}
