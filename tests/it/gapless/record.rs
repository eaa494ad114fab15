//! What was found of each kind: said as soon as it is done, and kept where `MARGAY_SOAK_OUT` names a
//! folder, in a page like those of `benches/records`.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::load::Seen;
use super::{is_soak, machine};
use crate::support::netns::report;

/// What is counted of a kind beside how often it was tried.
const COLUMNS: [&str; 7] = [
    "probes",
    "probes per second of processor time",
    "probes per second",
    "overlapped an update",
    "overlapped a transaction",
    "wrong",
    "milliseconds",
];

/// The kinds that one test tries.
#[derive(Debug)]
pub(super) struct Record {
    /// What was tried: the name of the files, and of the first column.
    what: &'static str,
    facts: Vec<(&'static str, String)>,
    rows: Vec<(&'static str, usize, [u64; COLUMNS.len()])>,
    folder: Option<PathBuf>,
}

impl Record {
    /// An empty record, and the machine as it is before anything runs.
    pub(super) fn begin(what: &'static str) -> Self {
        let words: Vec<String> = std::env::args().skip(1).collect();
        let soak = if is_soak() { "MARGAY_SOAK=1 " } else { "" };
        let command = format!("{soak}cargo test --test it -- {}", words.join(" "));
        let mut facts = machine::facts();
        facts.push(("command", format!("`{command}`")));
        Self {
            what,
            facts,
            rows: Vec::new(),
            folder: std::env::var_os("MARGAY_SOAK_OUT").map(PathBuf::from),
        }
    }

    /// Adds a kind. The files are written anew, so that a run that is cut short leaves what it found.
    pub(super) fn add(&mut self, kind: &'static str, tried: usize, seen: &Seen) {
        let numbers = [
            seen.probes,
            seen.rate(),
            seen.wall_rate(),
            seen.during_updates,
            seen.during_transactions,
            seen.wrong,
            u64::try_from(seen.wall.as_millis()).unwrap(),
        ];
        let counted = COLUMNS.iter().zip(numbers);
        let counted: Vec<_> = counted.map(|(what, n)| format!("{n} {what}")).collect();
        let counted = counted.join(", ");
        report(&format!("{kind}: {tried} {}, {counted}", self.what));
        self.rows.push((kind, tried, numbers));
        if let Some(folder) = &self.folder {
            self.write(folder).unwrap();
        }
    }

    fn write(&self, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join(format!("{}.csv", self.what)), self.lines())?;
        std::fs::write(folder.join(format!("{}.md", self.what)), self.page())
    }

    fn lines(&self) -> String {
        let header = format!("kind,{},{}\n", self.what, COLUMNS.join(","));
        header + &self.table("", ",", "")
    }

    fn page(&self) -> String {
        let mut page = format!("# No packet sees half a policy: {}\n\n", self.what);
        for (what, value) in &self.facts {
            let _ = writeln!(page, "* {what}: {value}");
        }
        let (what, columns) = (self.what, COLUMNS.join(" | "));
        let rule = "---|".repeat(COLUMNS.len() + 2);
        let _ = writeln!(page, "\n| kind | {what} | {columns} |\n|{rule}");
        page + &self.table("| ", " | ", " |")
    }

    /// A line for each kind, between these.
    fn table(&self, before: &str, between: &str, after: &str) -> String {
        let mut table = String::new();
        for (kind, tried, numbers) in &self.rows {
            // A comma would be one column more.
            let mut cells = vec![kind.replace(',', ""), tried.to_string()];
            cells.extend(numbers.iter().map(u64::to_string));
            let _ = writeln!(table, "{before}{}{after}", cells.join(between));
        }
        table
    }
}
