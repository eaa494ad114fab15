//! What was measured: tables for people, lines for programs, and whether what must hold holds.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use crate::machine;
use crate::sample::{Sample, short};

/// Everything that one run found.
#[derive(Debug)]
pub(crate) struct Record {
    facts: Vec<(&'static str, String)>,
    text: String,
    lines: Vec<String>,
    broken: usize,
}

impl Record {
    /// An empty record, and the machine as it is before anything runs.
    pub(crate) fn begin() -> Self {
        Self {
            facts: machine::facts(),
            text: String::new(),
            lines: Vec::new(),
            broken: 0,
        }
    }

    /// Begins a topic.
    pub(crate) fn title(&mut self, title: &str) {
        self.say(&format!("\n== {title}\n"));
    }

    /// A remark on what follows.
    pub(crate) fn note(&mut self, note: &str) {
        self.say(&format!("   {note}"));
    }

    /// One measured quantity.
    pub(crate) fn sample(&mut self, subject: &str, quantity: &str, unit: &str, sample: &Sample) {
        self.say(&format!("{subject:<34} {quantity:<34} {sample} {unit}"));
        self.lines.push(format!(
            "{subject},{quantity},{unit},{},{},{},{}",
            sample.median(),
            sample.low(),
            sample.high(),
            sample.count()
        ));
    }

    /// One measured quantity that has one value.
    pub(crate) fn value(&mut self, subject: &str, quantity: &str, unit: &str, value: f64) {
        let shown = short(value);
        self.say(&format!("{subject:<34} {quantity:<34} {shown} {unit}"));
        self.lines.push(format!(
            "{subject},{quantity},{unit},{value},{value},{value},1"
        ));
    }

    /// One counted quantity.
    pub(crate) fn count(&mut self, subject: &str, quantity: &str, count: usize) {
        self.say(&format!("{subject:<34} {quantity:<34} {count}"));
        self.lines.push(format!(
            "{subject},{quantity},count,{count},{count},{count},1"
        ));
    }

    /// Something that must not be above a limit.
    pub(crate) fn require(&mut self, what: &str, value: f64, most: f64) {
        let holds = value <= most;
        let verdict = if holds { "HOLDS" } else { "DOES NOT HOLD" };
        self.broken += usize::from(!holds);
        self.say(&format!(
            "{verdict}: {what}: {}, required at most {}",
            short(value),
            short(most)
        ));
        self.lines
            .push(format!("{what},{verdict},,{value},{most},{most},1"));
    }

    /// How many requirements do not hold.
    pub(crate) fn broken(&self) -> usize {
        self.broken
    }

    /// Writes `results.txt`, `results.csv` and `README.md`.
    pub(crate) fn write(&self, folder: &Path, command: &str) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        std::fs::write(folder.join("results.txt"), &self.text)?;
        let header = "subject,quantity,unit,median,low,high,rounds";
        let csv = format!("{header}\n{}\n", self.lines.join("\n"));
        std::fs::write(folder.join("results.csv"), csv)?;
        std::fs::write(folder.join("README.md"), self.page(command))
    }

    fn page(&self, command: &str) -> String {
        let mut page = String::from("# A measured run\n\n");
        for (what, value) in &self.facts {
            let _ = writeln!(page, "* {what}: {value}");
        }
        let _ = writeln!(page, "* command: `{command}`");
        let _ = writeln!(
            page,
            "\nMedians with their ends, of interleaved rounds; compare by ratio only, and only \
             inside one run.\nThe numbers for programs are in `results.csv`.\n\n```text{}```",
            self.text
        );
        page
    }

    fn say(&mut self, line: &str) {
        let _ = writeln!(std::io::stdout().lock(), "{line}");
        self.text.push_str(line);
        self.text.push('\n');
    }
}
