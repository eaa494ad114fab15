//! `margay migrate verify`: whether the translation means the same.

use std::fs;
use std::path::PathBuf;

use clap::Args;

use super::files::{Ack, Files};
use crate::cli::exit::{Exit, Failure};
use crate::cli::options::{Form, Output};
use crate::cli::screen::Screen;
use crate::migrate::acknowledged::counted;
use crate::migrate::host::Host;
use crate::migrate::nft::{self, Parsed, print};
use crate::migrate::translate;
use crate::migrate::verify::empirical::{Original, Replay, replay};
use crate::migrate::verify::{report, symbolic};
use crate::net::Family;

/// Prove that the translation means the same, packet by packet; exit 0 only if it does
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    ack: Ack,
    #[command(flatten)]
    output: Output,
    /// Compare with this nft file instead of what translate prints
    #[arg(long, value_name = "FILE")]
    nft: Option<PathBuf>,
    /// Send packets through both as well, in network namespaces of their own; needs root and files of rules
    #[arg(long)]
    packets: bool,
}

impl Verify {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        if self.files.are_sets_alone() {
            screen.diagnostic(
                "error: --ipset-save alone has no rules to compare: add --iptables-save or --ip6tables-save\n",
            );
            return Ok(Exit::Usage);
        }
        let host = self.files.host(screen)?;
        let text = self.text(&host)?;
        let parsed = nft::parse(&text).map_err(|error| Failure::Refused(self.named(&error)))?;
        let report = self.compare(&host, &parsed)?;
        let replays = match self.packets {
            true => self.replays(&host, &text)?,
            false => Vec::new(),
        };
        screen.result(&match self.output.form {
            Form::Text => {
                let told = replays
                    .iter()
                    .map(|(family, replay)| report::replay_text(*family, replay));
                report::text(&report) + &told.collect::<String>()
            }
            Form::Json => {
                let mut value = report::json(&report);
                if self.packets {
                    let told = replays
                        .iter()
                        .map(|(family, replay)| report::replay_json(*family, replay));
                    value["replays"] = told.collect();
                }
                format!("{value:#}\n")
            }
        })?;
        let replayed = replays
            .iter()
            .all(|(_, replay)| replay.differences.is_empty());
        Ok(match report.is_equal() && replayed {
            true => Exit::Done,
            false => Exit::Failed,
        })
    }

    /// An experiment for each family of which there is a file.
    fn replays(&self, host: &Host, nft: &str) -> Result<Vec<(Family, Replay)>, Failure> {
        let texts = self.files.texts()?;
        let mut replays = Vec::new();
        for dump in &host.dumps {
            let text = match dump.family {
                Family::V4 => &texts.v4,
                Family::V6 => &texts.v6,
            };
            let Some(text) = text else { continue };
            let original = Original {
                text,
                dump,
                sets: texts.sets.as_deref(),
            };
            let replay =
                replay(&original, nft).map_err(|error| Failure::Refused(error.to_string()))?;
            replays.push((dump.family, replay));
        }
        match replays.is_empty() {
            true => Err(Failure::Refused(
                "--packets needs --iptables-save or --ip6tables-save".to_owned(),
            )),
            false => Ok(replays),
        }
    }

    /// The nft text: a file, or what translate prints.
    fn text(&self, host: &Host) -> Result<String, Failure> {
        if let Some(path) = &self.nft {
            return fs::read_to_string(path).map_err(|source| Failure::Unreadable {
                path: path.clone(),
                source,
            });
        }
        let translation = translate::translate_known(host, self.ack.known());
        let open = self.ack.read()?.open(&translation.judgements).len();
        if open > 0 {
            return Err(Failure::Unsafe(format!(
                "{} in the way of a translation; see `margay migrate plan`",
                counted(open, ["stands", "stand"])
            )));
        }
        Ok(print::print(&translation.ruleset))
    }

    fn compare(&self, host: &Host, parsed: &Parsed) -> Result<symbolic::Report, Failure> {
        let report = symbolic::verify(&host.dumps, &host.sets, parsed);
        report.map_err(|error| Failure::Refused(self.named(&error)))
    }

    fn named(&self, error: &dyn std::error::Error) -> String {
        match &self.nft {
            Some(path) => format!("{}: {error}", path.display()),
            None => format!("the translation: {error}"),
        }
    }
}
