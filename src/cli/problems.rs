//! Problems of documents as people and programs read them.

use std::fmt::Write;

use serde_json::{Value, json};

use super::screen::{Paint, Tint};
use crate::codec::{Loaded, Problem, Severity};

/// All problems with the text around them, then one line that counts.
pub(super) fn text(loaded: &Loaded, paint: Paint) -> String {
    let mut text = String::new();
    for problem in &loaded.problems {
        annotated(&mut text, problem, paint);
    }
    text.push_str(&summary(loaded));
    text
}

fn annotated(text: &mut String, problem: &Problem, paint: Paint) {
    let frame = |part: &str| paint.tinted(Tint::Frame, part);
    let tint = match problem.severity {
        Severity::Error => Tint::Error,
        Severity::Warning => Tint::Warning,
    };
    let severity = paint.tinted(tint, &problem.severity.to_string());
    let colon = if problem.field.is_empty() { "" } else { ": " };
    let (field, message) = (&problem.field, &problem.message);
    let number = problem.line.to_string();
    let margin = " ".repeat(number.len());
    let mut line = |text_of_line: String| {
        text.push_str(&text_of_line);
        text.push('\n');
    };
    line(format!("{severity}: {field}{colon}{message}"));
    line(format!("{margin}{} {}", frame("-->"), position(problem)));
    let allowed = problem.allowed.as_deref().map(|a| format!("allowed: {a}"));
    if let Some(excerpt) = &problem.excerpt {
        line(format!("{margin} {}", frame("|")));
        line(format!(
            "{} {} {}",
            frame(&number),
            frame("|"),
            excerpt.text
        ));
        let mark = paint.tinted(tint, &format!("^ {}", allowed.unwrap_or_default()));
        let indent = " ".repeat(excerpt.before);
        line(format!(
            "{margin} {} {indent}{}",
            frame("|"),
            mark.trim_end()
        ));
    } else if let Some(allowed) = allowed {
        line(format!("{margin} {} {allowed}", frame("=")));
    }
    line(String::new());
}

fn position(problem: &Problem) -> String {
    match problem.line {
        0 => problem.file.to_string(),
        line => format!("{}:{line}:{}", problem.file, problem.column),
    }
}

/// `3 documents: 1 error, 2 warnings`, and what was found in them where they are good.
fn summary(loaded: &Loaded) -> String {
    let count = |number: usize, noun: &str| match (number, noun.strip_suffix('y')) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {noun}s"),
    };
    let mut line = format!(
        "{}: {}, {}",
        count(loaded.documents, "document"),
        count(loaded.count(Severity::Error), "error"),
        count(loaded.count(Severity::Warning), "warning"),
    );
    if !loaded.has_errors() {
        let state = &loaded.state;
        let groups = count(state.groups.len(), "group");
        let endpoints = count(state.endpoints.len(), "endpoint");
        // Writing to a String cannot fail.
        let _ok = write!(line, "; {groups}, {endpoints}");
        for (number, noun) in [
            (state.policies.len(), "policy"),
            (state.tiers.len(), "tier"),
            (state.profiles.len(), "profile"),
            (state.network_sets.len(), "network set"),
        ] {
            if number > 0 {
                let _ok = write!(line, ", {}", count(number, noun));
            }
        }
    }
    line.push('\n');
    line
}

/// The problems as JSON.
pub(super) fn json(problems: &[Problem]) -> Value {
    problems
        .iter()
        .map(|problem| {
            json!({
                "severity": problem.severity.to_string(),
                "file": &*problem.file,
                "line": problem.line,
                "column": problem.column,
                "field": problem.field,
                "message": problem.message,
                "allowed": problem.allowed,
            })
        })
        .collect()
}
