//! `results.md`: a run as tables that GitHub shows.

use super::measurement::{Claim, Run};
use super::outline::{BASELINE, Outline, Phase, Row, Scenario};
use super::quantity::{self, NOTHING};

/// What tables and pages say of their numbers, in as many words as are needed to read them.
pub const METHOD: &str = "Medians over rounds in which all peers took turns. The spread is the median distance \
     from the median. A ratio is the median of the ratios of rounds measured side by side; its interval holds \
     the true one in 95 of 100 cases (bootstrap over rounds; none below 5 rounds). Compare by ratio, and only \
     inside one run.";

/// The page of a run.
pub fn render(run: &Run, outline: &Outline<'_>) -> String {
    let mut page = String::from("# Margay benchmark\n");
    if !run.facts.is_empty() {
        page.push('\n');
    }
    for (name, value) in &run.facts {
        page.push_str(&format!("* {}: {}\n", escaped(name), escaped(value)));
    }
    page.push_str(&format!("\n{METHOD}\n"));
    if !run.claims.is_empty() {
        let held = run.claims.iter().filter(|claim| claim.holds()).count();
        page.push_str(&format!("\n{held} of {} claims hold.\n", run.claims.len()));
    }
    for scenario in &outline.scenarios {
        page.push_str(&section(scenario));
    }
    page
}

fn section(scenario: &Scenario<'_>) -> String {
    let mut text = format!("\n## {}\n", escaped(scenario.name));
    if !scenario.claims.is_empty() {
        text.push('\n');
    }
    for claim in &scenario.claims {
        text.push_str(&told(claim));
    }
    for phase in &scenario.phases {
        text.push_str(&format!(
            "\n### {}\n\n{}",
            escaped(phase.name),
            table(phase)
        ));
        text.push_str(&remarks(phase));
    }
    if !scenario.skips.is_empty() {
        text.push_str("\nNot measured:\n\n");
    }
    for skip in &scenario.skips {
        text.push_str(&format!(
            "* {}: {}\n",
            escaped(&skip.peer),
            escaped(&skip.reason)
        ));
    }
    text
}

fn told(claim: &Claim) -> String {
    let floor = claim
        .floor
        .as_deref()
        .map(|floor| format!(" (floor: {})", escaped(floor)));
    format!(
        "* **{}**: {}: {}, required {}{}\n",
        claim.verdict(),
        escaped(&claim.what),
        claim.measured(),
        claim.limit,
        floor.unwrap_or_default()
    )
}

/// What a table has besides its scale.
const HEAD: [&str; 8] = [
    "metric",
    "peer",
    "median",
    "spread",
    "p90",
    "p99",
    "rounds",
    "times margay",
];

fn table(phase: &Phase<'_>) -> String {
    let scaled = phase.panels.iter().any(|panel| !panel.scale.is_empty());
    let line = |scale: &str, cells: [String; HEAD.len()]| {
        let scale = match scaled {
            true => format!("| {scale} "),
            false => String::new(),
        };
        format!("{scale}| {} |\n", cells.join(" | "))
    };
    let mut text = line("scale", HEAD.map(str::to_owned));
    let rule = |at: usize| if at < 2 { "---" } else { "---:" };
    text.push_str(&line("---", std::array::from_fn(|at| rule(at).to_owned())));
    for panel in &phase.panels {
        for row in &panel.rows {
            let scale = escaped(&quantity::scale(panel.scale));
            text.push_str(&line(&scale, cells(row)));
        }
    }
    text
}

fn cells(row: &Row<'_>) -> [String; HEAD.len()] {
    let measurement = row.measurement;
    let value = |value: Option<f64>| {
        value.map_or(NOTHING.to_owned(), |value| {
            quantity::text(measurement.unit, value)
        })
    };
    let summary = row.summary;
    let ratio = match row.ratio {
        Some(ratio) => ratio.to_string(),
        None => NOTHING.to_owned(),
    };
    let peer = escaped(&measurement.peer);
    [
        escaped(&measurement.metric),
        if measurement.peer == BASELINE {
            format!("**{peer}**")
        } else {
            peer
        },
        value(summary.map(|s| s.median)),
        value(summary.map(|s| s.spread)),
        value(summary.map(|s| s.p90)),
        value(summary.map(|s| s.p99)),
        summary.map_or(0, |s| s.rounds).to_string(),
        ratio,
    ]
}

fn remarks(phase: &Phase<'_>) -> String {
    let rows = phase
        .panels
        .iter()
        .flat_map(|panel| panel.rows.iter().map(move |row| (panel, row)));
    let lines = rows.flat_map(|(panel, row)| {
        let scale = quantity::scale(panel.scale);
        let names = [&row.measurement.peer, panel.metric, &scale].map(escaped);
        let names: Vec<_> = names.into_iter().filter(|name| !name.is_empty()).collect();
        let names = names.join(", ");
        let remarks = row.remarks.iter();
        remarks
            .map(move |remark| format!("* {names}: {remark}\n"))
            .collect::<Vec<_>>()
    });
    let lines: String = lines.collect();
    match lines.is_empty() {
        true => lines,
        false => format!("\n{lines}"),
    }
}

/// A text that stays within its line and cell and means nothing to GitHub.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => escaped.push(' '),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_part_a_table_is_escaped() {
        assert_eq!(escaped("a|b\nc <i> *d*"), "a\\|b c &lt;i> \\*d\\*");
    }
}
