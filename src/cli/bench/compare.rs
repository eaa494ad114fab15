//! `margay bench compare`: what became slower between two runs.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::bench::compare::{Comparison, Outcome, Pair, compare};
use crate::bench::measurement::Unit;
use crate::bench::{folder, quantity};
use crate::cli::exit::{Exit, Failure};
use crate::cli::options::{Form, Output};
use crate::cli::screen::{Paint, Screen, Tint};

/// Compare two runs, measurement by measurement. Exit 1 if something is significantly worse in the second
#[derive(Debug, Args)]
pub(super) struct Compare {
    /// The run before: a folder with results.jsonl, or such a file
    #[arg(value_name = "BEFORE")]
    before: PathBuf,
    /// The run after
    #[arg(value_name = "AFTER")]
    after: PathBuf,
    /// The change up to which a measurement counts as the same
    #[arg(long, value_name = "PERCENT", default_value = "10%", value_parser = percent)]
    threshold: f64,
    #[command(flatten)]
    output: Output,
}

/// The share that a percentage is: `10%` is 0.1.
fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim();
    match number.parse::<f64>() {
        Ok(percent) if (0.0..=1_000.0).contains(&percent) => Ok(percent / 100.0),
        Ok(_) | Err(_) => Err("allowed: 0% to 1000%".to_owned()),
    }
}

impl Compare {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let [before, after] = [&self.before, &self.after].map(|path| folder::read(path));
        let comparison = compare(&before?, &after?, self.threshold);
        screen.result(&match self.output.form {
            Form::Text => text(&comparison, screen.result),
            Form::Json => json(&comparison),
        })?;
        Ok(match comparison.count(Outcome::Worse) {
            0 => Exit::Done,
            _ => Exit::Failed,
        })
    }
}

/// What stands above the columns.
const HEAD: [&str; 10] = [
    "scenario", "scale", "phase", "peer", "metric", "before", "after", "ratio", "p", "outcome",
];

fn text(comparison: &Comparison, paint: Paint) -> String {
    let mut text = String::new();
    for (name, [before, after]) in &comparison.facts {
        text.push_str(&format!("{name}: {before} -> {after}\n"));
    }
    let rows: Vec<_> = comparison.pairs.iter().map(row).collect();
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        let widths = cells.map(|cell| cell.chars().count());
        widths
            .chain([HEAD.get(at).map_or(0, |word| word.len())])
            .max()
    };
    let widths: Vec<_> = (0..HEAD.len())
        .map(|at| width(at).unwrap_or_default())
        .collect();
    text.push_str(&line(&HEAD.map(str::to_owned), &widths));
    for (pair, row) in comparison.pairs.iter().zip(&rows) {
        let line = line(row, &widths);
        text.push_str(&match tint(pair.outcome) {
            Some(tint) => format!("{}\n", paint.tinted(tint, line.trim_end())),
            None => line,
        });
    }
    text.push_str(&summary(comparison));
    text
}

fn tint(outcome: Outcome) -> Option<Tint> {
    match outcome {
        Outcome::Worse => Some(Tint::Error),
        Outcome::Better => Some(Tint::Good),
        Outcome::Unclear => Some(Tint::Warning),
        Outcome::Same | Outcome::OnlyBefore | Outcome::OnlyAfter => None,
    }
}

fn row(pair: &Pair) -> [String; 10] {
    let value = |median: Option<f64>| match median {
        Some(median) => quantity::text(pair.unit, median),
        None => "-".to_owned(),
    };
    let ratio = pair.ratio.map(|ratio| ratio.to_string());
    [
        pair.scenario.clone(),
        quantity::scale(&pair.scale),
        pair.phase.clone(),
        pair.peer.clone(),
        pair.metric.clone(),
        value(pair.before),
        value(pair.after),
        ratio.unwrap_or("-".to_owned()),
        pair.p.map_or("-".to_owned(), |p| format!("{p:.4}")),
        pair.outcome.to_string(),
    ]
}

fn line(cells: &[String; 10], widths: &[usize]) -> String {
    let padded = cells.iter().zip(widths);
    let padded: Vec<_> = padded
        .map(|(cell, width)| format!("{cell:width$}"))
        .collect();
    format!("{}\n", padded.join("  ").trim_end())
}

fn summary(comparison: &Comparison) -> String {
    let told = Outcome::ALL.map(|outcome| format!("{} {outcome}", comparison.count(outcome)));
    let threshold = quantity::mark(Unit::Count, comparison.threshold * 100.0);
    format!(
        "{} measurements: {}; threshold {threshold} %\n",
        comparison.pairs.len(),
        told.join(", ")
    )
}

fn json(comparison: &Comparison) -> String {
    let facts = comparison
        .facts
        .iter()
        .map(|(name, [before, after])| json!({ "name": name, "before": before, "after": after }));
    let counts = Outcome::ALL.map(|outcome| (outcome.to_string(), comparison.count(outcome)));
    let document = json!({
        "schema": "margay.bench.compare/1",
        "threshold": comparison.threshold,
        "counts": counts.into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        "facts": facts.collect::<Vec<_>>(),
        "measurements": comparison.pairs.iter().map(told).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}

/// A ratio without bound is null.
fn told(pair: &Pair) -> Value {
    let interval = pair.ratio.and_then(|ratio| ratio.interval);
    json!({
        "scenario": pair.scenario,
        "scale": pair.scale,
        "phase": pair.phase,
        "peer": pair.peer,
        "metric": pair.metric,
        "unit": pair.unit.to_string(),
        "before": pair.before,
        "after": pair.after,
        "ratio": pair.ratio.map(|ratio| ratio.value),
        "ratio_low": interval.map(|interval| interval.low),
        "ratio_high": interval.map(|interval| interval.high),
        "p": pair.p,
        "outcome": pair.outcome.to_string(),
    })
}
