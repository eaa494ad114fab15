//! `margay render`: everything that would be programmed.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::options::{Form, Output};
use super::policy::Policy;
use super::screen::Screen;
use crate::backend::nft::notation;
use crate::compile::remark::Remark;
use crate::ruleset::Ruleset;
use crate::ruleset::cost::{LongestPath, longest_path};
use crate::ruleset::json::document;

/// Print everything that would be programmed; no kernel is needed
#[derive(Debug, Args)]
pub(super) struct Render {
    #[command(flatten)]
    policy: Policy,
    /// The notation; nft, or json with -o json, if not given
    #[arg(long, value_enum)]
    format: Option<Format>,
    #[command(flatten)]
    output: Output,
}

/// Notations of a ruleset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// What `nft -f` loads
    Nft,
    /// What `nft --debug=netlink` prints while it loads it
    Netlink,
    /// What `nft -j -f` loads
    Json,
}

impl Render {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let state = self.policy.state(screen)?;
        let compiler = self.policy.compiler(state)?;
        let remarks: Vec<Remark> = compiler.remarks().into_iter().cloned().collect();
        let ruleset = compiler.into_ruleset();
        let longest = longest_path(&ruleset);
        let text = match self.format() {
            Format::Nft => nft(&ruleset, &remarks, longest),
            Format::Netlink => notation::of(&ruleset),
            Format::Json => format!("{:#}\n", json(&ruleset, &remarks, longest)),
        };
        screen.result(&text)?;
        Ok(Exit::Done)
    }

    fn format(&self) -> Format {
        self.format.unwrap_or(match self.output.form {
            Form::Text => Format::Nft,
            Form::Json => Format::Json,
        })
    }
}

fn nft(ruleset: &Ruleset, remarks: &[Remark], longest: Option<LongestPath>) -> String {
    let mut text = ruleset.to_string();
    for remark in remarks {
        text += &format!("# {remark}\n");
    }
    if let Some(LongestPath { cost, .. }) = longest {
        text += &format!(
            "# longest path: {} rules + {} lookups\n",
            cost.rules, cost.lookups
        );
    }
    text
}

/// nft leaves fields alone that it does not know.
fn json(ruleset: &Ruleset, remarks: &[Remark], longest: Option<LongestPath>) -> Value {
    let longest = longest.map(|path| {
        let chains: Vec<_> = path.chains.iter().map(|chain| chain.as_str()).collect();
        json!({ "rules": path.cost.rules, "lookups": path.cost.lookups, "chains": chains })
    });
    let in_order: Vec<Value> = remarks.iter().map(remarked).collect();
    let mut value = json!({
        "schema": "margay.render/1",
        "longest_path": longest,
        "in_order": in_order,
    });
    value["nftables"] = document(ruleset)["nftables"].take();
    value
}

fn remarked(remark: &Remark) -> Value {
    let why: Vec<String> = remark.why.iter().map(ToString::to_string).collect();
    json!({ "chain": remark.chain.as_str(), "steps": remark.steps, "why": why })
}
