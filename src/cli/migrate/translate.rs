//! `margay migrate translate`: the rules in nft, all of them or nothing.

use clap::Args;

use super::files::{Ack, Files};
use crate::cli::exit::{Exit, Failure};
use crate::cli::screen::Screen;
use crate::migrate::acknowledged::counted;
use crate::migrate::nft::print;
use crate::migrate::translate::{self, Judgement};

/// Print the rules in nft, all of them or nothing; exit 4 while one stands in the way
#[derive(Debug, Args)]
pub(super) struct Translate {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    ack: Ack,
    /// Chain for chain, with the line of each rule in its comment; this is what is done if nothing is said
    #[arg(long)]
    faithful: bool,
    /// Shorter, as somebody would write it who knows nft: sets, verdict maps, one table for both families
    #[arg(long, conflicts_with = "faithful")]
    idiomatic: bool,
}

impl Translate {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let acknowledged = self.ack.read()?;
        let translation = translate::translate_known(&self.files.host(screen)?, self.ack.known());
        let open = acknowledged.open(&translation.judgements);
        if open.is_empty() {
            for note in &translation.notes {
                screen.diagnostic(&format!("note: {note}\n"));
            }
            let translation = match self.idiomatic {
                true => translation.idiomatic(),
                false => translation,
            };
            screen.result(&print::print(&translation.ruleset))?;
            return Ok(Exit::Done);
        }
        for judgement in &open {
            screen.diagnostic(&complaint(judgement));
        }
        Err(Failure::Unsafe(format!(
            "{} in the way, so nothing is printed; see `margay migrate plan`",
            counted(open.len(), ["stands", "stand"])
        )))
    }
}

fn complaint(judgement: &Judgement) -> String {
    let Judgement {
        family,
        table,
        line,
        class,
        text,
        reasons,
        ..
    } = judgement;
    let reasons = reasons.join("; ");
    format!("{class}: {family} {table}, line {line}: {text}: {reasons}\n")
}
