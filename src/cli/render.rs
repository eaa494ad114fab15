//! `margay render`: everything that would be programmed.

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::exit::{Exit, Failure};
use super::options::{Form, Output};
use super::policy::Policy;
use super::screen::Screen;
use crate::backend::nft::notation;
use crate::backend::xtables::lower::{Lowering, Touched};
use crate::compile::remark::Remark;
use crate::compile::words::blamed;
use crate::model::State;
use crate::ruleset::Ruleset;
use crate::ruleset::cost::{LongestPath, longest_path};
use crate::ruleset::json::document;
use crate::ruleset::transaction::Operation;

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
    /// What `ipset restore` and `iptables-restore --noflush` load
    Xtables,
}

impl Render {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let state = self.policy.state(screen)?;
        let text = match self.format() {
            Format::Nft => self.compiled(state, nft)?,
            Format::Netlink => self.compiled(state, |ruleset, _, _| notation::of(ruleset))?,
            Format::Json => self.compiled(state, |ruleset, remarks, longest| {
                format!("{:#}\n", json(ruleset, remarks, longest))
            })?,
            Format::Xtables => self.xtables(&state)?,
        };
        screen.result(&text)?;
        Ok(Exit::Done)
    }

    /// What is made of everything, in a notation of rulesets.
    fn compiled(
        &self,
        state: State,
        notation: impl Fn(&Ruleset, &[Remark], Option<LongestPath>) -> String,
    ) -> Result<String, Failure> {
        let compiler = self.policy.compiler(state)?;
        let remarks: Vec<Remark> = compiler.remarks().into_iter().cloned().collect();
        let ruleset = compiler.into_ruleset();
        let longest = longest_path(&ruleset);
        Ok(notation(&ruleset, &remarks, longest))
    }

    /// The same table for iptables and ipset, which may lack words for it.
    fn xtables(&self, state: &State) -> Result<String, Failure> {
        let (_, table) = self.policy.table(state)?;
        let document = Lowering::default().lower(table.table(), &Touched::All);
        let document = document.map_err(|refusals| {
            let told = refusals.iter().map(|refusal| {
                let chain = refusal.place.chain();
                let made = table.table().chains.get(chain).cloned().unwrap_or_default();
                let operation = Operation::AddChain(chain.clone(), made);
                match blamed(&operation, None, state, &self.policy.host) {
                    Some(about) => format!("{refusal}\nabout {about}"),
                    None => refusal.to_string(),
                }
            });
            Failure::Unsafe(told.collect::<Vec<_>>().join("\n"))
        })?;
        Ok(document.to_string())
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
