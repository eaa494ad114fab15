//! `margay demo`: a small world, real packets, the expected and the seen matrix side by side.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::options::{Form, Output};
use super::screen::{Paint, Screen, Tint};
use crate::demo::matrix::Verdict;
use crate::demo::report::{Report, Row};
use crate::demo::{self, Afterwards, DemoError, private};

/// How to look at what was kept.
const KEPT: &str = "\
kept: ip netns exec margay-demo-host nft list ruleset
      ip netns list
remove: ip netns list | sed -n 's/^\\(margay-demo-[^ ]*\\).*/netns del \\1/p' | ip -batch -
";

/// Build a small world of network namespaces, program it, send real packets, compare what passes
/// with what should
///
/// Nothing outside the namespaces is touched. Without --keep they are private to the command and
/// gone when it ends, however it ends; that also works without root where user namespaces are
/// allowed.
#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Leave the namespaces `margay-demo-*` in place, to look at; needs root
    #[arg(long)]
    keep: bool,
    /// Expect what this file says instead of the matrix that is built in; the format is described in
    /// examples/demo/expected.txt
    #[arg(long, value_name = "FILE")]
    expected: Option<PathBuf>,
    /// Build the world in the namespaces of the caller, and remove it in the end
    #[arg(long, hide = true)]
    here: bool,
    #[command(flatten)]
    output: Output,
}

impl Demo {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        if !self.keep && !self.here {
            return Ok(Exit::of_child(
                private::run_again(&again()).map_err(DemoError::from)?,
            ));
        }
        private::must_be_root().map_err(DemoError::from)?;
        let expected = match &self.expected {
            None => demo::EXPECTED.to_owned(),
            Some(path) => fs::read_to_string(path).map_err(|source| Failure::Unreadable {
                path: path.clone(),
                source,
            })?,
        };
        let report = demo::run(&expected, self.afterwards(), &|progress| {
            screen.diagnostic(&format!("{progress} ...\n"));
        });
        if self.keep {
            screen.diagnostic(KEPT);
        }
        let report = report?;
        screen.result(&match self.output.form {
            Form::Text => text(&report, screen.result),
            Form::Json => json(&report),
        })?;
        Ok(if report.is_as_expected() {
            Exit::Done
        } else {
            Exit::Failed
        })
    }

    fn afterwards(&self) -> Afterwards {
        match self.keep {
            true => Afterwards::Keep,
            false => Afterwards::Remove,
        }
    }
}

/// The same command line, and the word that we are where we want to be.
fn again() -> Vec<OsString> {
    std::env::args_os()
        .skip(1)
        .chain(["--here".into()])
        .collect()
}

fn text(report: &Report, paint: Paint) -> String {
    let mut text = rounds(report, paint);
    let width = report
        .rows
        .iter()
        .map(|row| row.flow.to_string().len())
        .max()
        .unwrap_or_default();
    let mut section = "";
    text += &format!("\n{:<width$}  expected  seen\n", "flow");
    for row in &report.rows {
        if row.flow.section != section {
            section = &row.flow.section;
            text += &format!("\n{}\n", paint.tinted(Tint::Frame, section));
        }
        text += &line(row, width, paint);
    }
    text + &format!(
        "\n{} flows, {} as expected, in {:.1} s\n",
        report.rows.len(),
        report.right(),
        report.took.as_secs_f64()
    )
}

fn line(row: &Row, width: usize, paint: Paint) -> String {
    let (flow, expected) = (row.flow.to_string(), row.flow.expected.to_string());
    let right = match row.is_right() {
        true => "ok".to_owned(),
        false => paint.tinted(Tint::Error, "WRONG"),
    };
    format!(
        "{flow:<width$}  {expected:<8}  {:<6} {right}\n",
        row.seen.to_string()
    )
}

/// The two rounds before the policy, in a line each, and what went wrong in them.
fn rounds(report: &Report, paint: Paint) -> String {
    let count = report.rows.len();
    let mut text = String::new();
    for (what, wrong) in [
        ("without a table: {} of {} flows pass", &report.open),
        (
            "skeleton alone, before any policy: {} of {} flows are denied",
            &report.closed,
        ),
    ] {
        let right = (count - wrong.len()).to_string();
        text += &what
            .replacen("{}", &right, 1)
            .replacen("{}", &count.to_string(), 1);
        text.push('\n');
        for row in wrong {
            let word = paint.tinted(Tint::Error, "WRONG");
            text += &format!("  {}  {} {word}\n", row.flow, row.seen);
        }
    }
    text
}

fn json(report: &Report) -> String {
    let value = json!({
        "schema": "margay.demo/1",
        "flows": report.rows.len(),
        "as_expected": report.right(),
        "equal": report.is_as_expected(),
        "seconds": report.took.as_secs_f64(),
        "matrix": report.rows.iter().map(row).collect::<Vec<_>>(),
        "not_passed_without_a_table": report.open.iter().map(row).collect::<Vec<_>>(),
        "not_denied_by_the_skeleton": report.closed.iter().map(row).collect::<Vec<_>>(),
    });
    format!("{value:#}\n")
}

fn row(row: &Row) -> Value {
    json!({
        "line": row.flow.line,
        "section": row.flow.section,
        "flow": row.flow.to_string(),
        "expected": match row.flow.expected {
            Verdict::Allow => "allow",
            Verdict::Deny => "deny",
        },
        "seen": row.seen.to_string(),
        "ok": row.is_right(),
    })
}
