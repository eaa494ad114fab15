//! `margay bench list`: what can be measured.

use clap::Args;
use serde_json::{Value, json};

use super::run::TOGETHER;
use crate::bench::peer;
use crate::bench::scenario::{Axis, MUST_HOLD, Phase, Scenario, Word, builtin};
use crate::cli::exit::{Exit, Failure};
use crate::cli::options::{Form, Output};
use crate::cli::screen::{Paint, Screen, Tint};

/// List the scenarios, and the axes, phases and peers that a scenario file may name
#[derive(Debug, Args)]
pub(super) struct List {
    #[command(flatten)]
    output: Output,
}

impl List {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        screen.result(&match self.output.form {
            Form::Text => text(screen.result),
            Form::Json => json(),
        })?;
        Ok(Exit::Done)
    }
}

fn text(paint: Paint) -> String {
    let mut text = String::new();
    let title = |text: &mut String, word: &str| {
        text.push_str(&format!("{}\n", paint.tinted(Tint::Frame, word)));
    };
    title(&mut text, "scenarios");
    for scenario in builtin() {
        text.push_str(&told(&scenario));
    }
    title(&mut text, "scenarios together");
    let all = MUST_HOLD.join(", ");
    text.push_str(&format!(
        "  {TOGETHER:<20} what margay promises, judged in one run: {all}\n"
    ));
    title(&mut text, "axes");
    for axis in Axis::ALL {
        let allowed = axis.allowed();
        let default = axis.default_value();
        let about = axis.about();
        let word = axis.word();
        text.push_str(&format!(
            "  {word:<20} {about}: {allowed}, else {default}\n"
        ));
    }
    title(&mut text, "phases");
    for phase in Phase::ALL {
        text.push_str(&format!("  {:<20} {}\n", phase.word(), phase.about()));
    }
    title(&mut text, "peers");
    for peer in peer::all() {
        text.push_str(&format!("  {:<20} {}\n", peer.name(), peer.about()));
    }
    text
}

fn told(scenario: &Scenario) -> String {
    let axes = scenario.axes.iter().map(|(axis, values)| {
        let values: Vec<_> = values.iter().map(u64::to_string).collect();
        format!("{} {}", axis.word(), values.join(" "))
    });
    let axes: Vec<_> = axes.collect();
    let phases: Vec<_> = scenario.phases.iter().map(|phase| phase.word()).collect();
    let peers = match scenario.peers.is_empty() {
        true => "all".to_owned(),
        false => scenario.peers.join(", "),
    };
    format!(
        "  {:<20} {}\n{:23}axes: {}\n{:23}phases: {}\n{:23}peers: {peers}\n",
        scenario.name,
        scenario.about,
        "",
        axes.join("; "),
        "",
        phases.join(", "),
        "",
    )
}

fn json() -> String {
    let scenarios = builtin().into_iter().map(|scenario| {
        let axes = scenario.axes.iter();
        let axes: serde_json::Map<String, Value> = axes
            .map(|(axis, values)| (axis.word().to_owned(), json!(values)))
            .collect();
        let phases: Vec<_> = scenario.phases.iter().map(|phase| phase.word()).collect();
        json!({
            "name": scenario.name,
            "about": scenario.about,
            "seed": scenario.seed,
            "axes": axes,
            "phases": phases,
            "peers": scenario.peers,
        })
    });
    let axes = Axis::ALL.map(|axis| {
        json!({
            "name": axis.word(),
            "about": axis.about(),
            "allowed": axis.allowed(),
            "default": axis.default_value(),
        })
    });
    let words = |name: &str, about: &str| json!({ "name": name, "about": about });
    let phases = Phase::ALL.map(|phase| words(phase.word(), phase.about()));
    let peers = peer::all().into_iter();
    let document = json!({
        "schema": "margay.bench.list/1",
        "scenarios": scenarios.collect::<Vec<_>>(),
        "together": { TOGETHER: MUST_HOLD },
        "axes": axes,
        "phases": phases,
        "peers": peers.map(|peer| words(peer.name(), peer.about())).collect::<Vec<_>>(),
    });
    format!("{document:#}\n")
}
