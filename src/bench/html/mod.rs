//! `report.html`: a run as a page that stands alone, with a table beside every plot.

mod axis;
mod bars;
mod claims;
pub mod escape;
mod figure;
mod lines;
mod overview;
pub mod page;
mod svg;
mod table;

use std::collections::BTreeSet;

use axis::Kind;
use escape::escape;
use figure::{Figure, Sweep, figures};
use page::{Entry, Page};

use super::markdown::METHOD;
use super::measurement::Run;
use super::outline::{Outline, Panel, Part, Phase, Scenario};
use super::quantity;

/// How plots look, and the tables that only this page has.
const STYLE: &str = include_str!("plots.css");

/// Facts that stand at the head of the page.
const LEAD: [&str; 3] = ["date", "processor", "kernel"];

/// The page of a run.
pub fn render(run: &Run, outline: &Outline<'_>) -> String {
    let palette = Palette(outline.peers());
    let mut figures = 0;
    let mut parts = vec![
        ("claims", "What must hold", claims::section(run)),
        ("overview", "At a glance", overview::section(outline)),
    ];
    parts.retain(|(_, _, section)| section.is_some());
    let mut contents: Vec<_> = parts
        .iter()
        .map(|(anchor, label, _)| entry(anchor, label))
        .collect();
    let mut body: String = parts
        .into_iter()
        .filter_map(|(_, _, section)| section)
        .collect();
    for (at, scenario) in outline.scenarios.iter().enumerate() {
        let anchor = format!("scenario-{at}");
        contents.push(entry(&anchor, scenario.name));
        body.push_str(&section(&anchor, scenario, &palette, &mut figures));
    }
    contents.push(entry("method", "How it was measured"));
    body.push_str(&method(run));
    let page = Page {
        title: "Benchmark report",
        lead: &lead(run),
        style: STYLE,
        contents: &contents,
        summary: &summary(run, outline),
        body: &body,
    };
    page.render()
}

fn entry(anchor: &str, label: &str) -> Entry {
    Entry {
        anchor: anchor.to_owned(),
        label: label.to_owned(),
    }
}

/// Which colour a peer has, the same on the whole page.
#[derive(Debug)]
struct Palette<'r>(Vec<&'r str>);

impl Palette<'_> {
    /// The classes of what is drawn of a peer. Floors have no colour; the ninth peer has that of the first,
    /// and other dashes.
    fn class(&self, peer: &str) -> String {
        let number = self.number(peer);
        match Part::of(peer) {
            Part::Floor => "floor".to_owned(),
            Part::Baseline | Part::Rival => {
                format!("p{} d{}", number % svg::PEERS, number / svg::PEERS)
            }
        }
    }

    /// The sign of a peer, whose form tells it from its neighbours where colours do not.
    fn sign(&self, peer: &str, x: f64, y: f64) -> String {
        svg::sign(&self.class(peer), self.number(peer), x, y)
    }

    fn number(&self, peer: &str) -> usize {
        let place = self.0.iter().position(|known| *known == peer);
        place.unwrap_or_default()
    }
}

fn lead(run: &Run) -> String {
    let named = |name: &str| run.facts.iter().find(|(fact, _)| fact == name);
    let values = LEAD.iter().filter_map(|name| named(name));
    let values: Vec<_> = values.map(|(_, value)| value.as_str()).collect();
    values.join(" · ")
}

/// How much there is, in a few numbers.
fn summary(run: &Run, outline: &Outline<'_>) -> String {
    let held = run.claims.iter().filter(|claim| claim.holds()).count();
    let rounds: usize = run.measurements.iter().map(|m| m.values.len()).sum();
    let count = |number: usize| quantity::whole(number as u64);
    let tile = |value: String, label: &str, class: &str| {
        format!("<li class=\"{class}\"><b>{value}</b> {label}</li>\n")
    };
    let mut tiles = String::new();
    if !run.claims.is_empty() {
        let class = if held == run.claims.len() {
            "holds"
        } else {
            "fails"
        };
        let value = format!("{held}<span class=\"of\"> of {}</span>", run.claims.len());
        tiles.push_str(&tile(value, "claims hold", class));
    }
    tiles.push_str(&tile(count(outline.scenarios.len()), "scenarios", "plain"));
    tiles.push_str(&tile(count(outline.peers().len()), "peers", "plain"));
    tiles.push_str(&tile(count(run.measurements.len()), "quantities", "plain"));
    tiles.push_str(&tile(count(rounds), "rounds", "plain"));
    format!("<ul class=\"tiles\">\n{tiles}</ul>\n")
}

fn section(
    anchor: &str,
    scenario: &Scenario<'_>,
    palette: &Palette<'_>,
    figures: &mut usize,
) -> String {
    let mut text = format!(
        "<section id=\"{anchor}\">\n<h2>{}</h2>\n",
        escape(scenario.name)
    );
    for part in &scenario.phases {
        text.push_str(&phase(part, palette, figures));
    }
    if !scenario.skips.is_empty() {
        text.push_str("<h3>Not measured</h3>\n<dl class=\"facts\">\n");
        for skip in &scenario.skips {
            text.push_str(&term(&skip.peer, &skip.reason));
        }
        text.push_str("</dl>\n");
    }
    text.push_str("</section>\n");
    text
}

fn phase(phase: &Phase<'_>, palette: &Palette<'_>, count: &mut usize) -> String {
    let mut text = format!("<h3>{}</h3>\n", escape(phase.name));
    for drawn in figures(phase) {
        *count += 1;
        let id = format!("figure-{count}");
        text.push_str(&match drawn {
            Figure::Bars(panel) => bars(&id, phase, panel, palette),
            Figure::Lines(sweep) => lines(&id, phase, &sweep, palette),
        });
    }
    text
}

fn bars(id: &str, phase: &Phase<'_>, panel: &Panel<'_>, palette: &Palette<'_>) -> String {
    let title = titled(panel.metric, &quantity::scale(panel.scale));
    let plot = bars::plot(id, &format!("{}: {title}", phase.name), panel, palette);
    let table = table::table(&title, None, &[panel], palette);
    figure(&title, &plot, &table, &[panel])
}

fn lines(id: &str, phase: &Phase<'_>, sweep: &Sweep<'_, '_>, palette: &Palette<'_>) -> String {
    let over = format!("{} over {}", sweep.metric, sweep.axis);
    let title = titled(&over, &quantity::scale(&sweep.rest));
    let plot = lines::plot(id, &format!("{}: {title}", phase.name), sweep, palette);
    let panels: Vec<_> = sweep.panels.iter().map(|(_, panel)| *panel).collect();
    let table = table::table(&title, Some(sweep.axis), &panels, palette);
    figure(&title, &plot, &table, &panels)
}

fn titled(what: &str, scale: &str) -> String {
    match scale.is_empty() {
        true => what.to_owned(),
        false => format!("{what} at {scale}"),
    }
}

fn figure(title: &str, plot: &str, table: &str, panels: &[&Panel<'_>]) -> String {
    let (title, rounds, remarks) = (escape(title), rounds(panels), remarks(panels));
    format!(
        "<figure>\n<figcaption>{title} <span class=\"rounds\">{rounds}</span></figcaption>\n\
         <div class=\"pair\">\n<div><div class=\"drawing\">{plot}</div>\n{remarks}</div>\n\
         <div>{table}</div>\n</div>\n</figure>\n"
    )
}

/// How many there were, which is hardly ever different within a figure.
fn rounds(panels: &[&Panel<'_>]) -> String {
    let rows = panels.iter().flat_map(|panel| &panel.rows);
    let counts: BTreeSet<_> = rows.map(|row| row.measurement.values.len()).collect();
    match (counts.first(), counts.last()) {
        (Some(1), Some(1)) => "1 round".to_owned(),
        (Some(least), Some(most)) if least == most => format!("{most} rounds each"),
        (Some(least), Some(most)) => format!("{least} to {most} rounds"),
        (None, _) | (_, None) => String::new(),
    }
}

/// What is odd about the rounds of these panels.
fn remarks(panels: &[&Panel<'_>]) -> String {
    let mut text = String::new();
    for panel in panels {
        let scale = quantity::scale(panel.scale);
        let at = if panels.len() > 1 {
            format!(" at {scale}")
        } else {
            String::new()
        };
        for row in &panel.rows {
            for remark in &row.remarks {
                let peer = escape(&format!("{}{at}", row.measurement.peer));
                text.push_str(&format!("<li><b>{peer}</b>: {remark}</li>\n"));
            }
        }
    }
    match text.is_empty() {
        true => text,
        false => format!("<ul class=\"remarks\">\n{text}</ul>\n"),
    }
}

/// What a plot of bars says, for a reader who cannot see it.
fn described(panel: &Panel<'_>, kind: Kind) -> String {
    let rows = panel.rows.iter().filter_map(|row| {
        let median = quantity::text(panel.unit, row.summary?.median);
        Some(format!("{} {median}", row.measurement.peer))
    });
    let rows: Vec<_> = rows.collect();
    let scale = match kind {
        Kind::Linear => "",
        Kind::Logarithmic => " on a logarithmic axis",
    };
    format!("Medians{scale}: {}.", rows.join(", "))
}

fn term(name: &str, value: &str) -> String {
    format!("<dt>{}</dt><dd>{}</dd>\n", escape(name), escape(value))
}

/// Where and how, and how to read the figures.
fn method(run: &Run) -> String {
    let facts: String = run
        .facts
        .iter()
        .map(|(name, value)| term(name, value))
        .collect();
    format!(
        "<section id=\"method\">\n<h2>How it was measured</h2>\n<p>{METHOD}</p>\n\
         <p>Bars end at the median; the dark line spans the half of all rounds that is in the middle, every dot is a round, and \
         an arrow is one that lies far beyond all others. Where values span more than a factor of \
         100 the axis is logarithmic: there are stems in place of bars, since only places can be compared, not \
         lengths.</p>\n<dl class=\"facts\">\n{facts}</dl>\n</section>\n"
    )
}
