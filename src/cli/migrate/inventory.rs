//! `margay migrate inventory`: what there is, and whose it is.

use std::path::Path;

use clap::Args;

use super::files::Files;
use crate::cli::exit::{Exit, Failure};
use crate::cli::options::{Form, Output};
use crate::cli::screen::Screen;
use crate::migrate::host::{Host, HostError};
use crate::migrate::inventory::{self, Backend, boot_units};
use crate::migrate::iptables::{self, Dump};
use crate::migrate::{inventory::Inventory as Counted, ipset};
use crate::net::Family;

/// List tables, chains and their owners, sets and what loads them, without changing anything
#[derive(Debug, Args)]
pub(super) struct Inventory {
    #[command(flatten)]
    files: Files,
    #[command(flatten)]
    output: Output,
}

impl Inventory {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let counted = match self.files.are_named() {
            true => of_files(&Host::read(&self.files.texts()?)?),
            false => self.of_host(screen)?,
        };
        screen.result(&match self.output.form {
            Form::Text => counted.text(),
            Form::Json => counted.json(),
        })?;
        Ok(Exit::Done)
    }

    fn of_host(&self, screen: &Screen) -> Result<Counted, Failure> {
        let found = self.files.look(screen)?;
        let mut dumps = Vec::new();
        for (backend, family, text) in &found.dumps {
            let wrap = |error| match family {
                Family::V4 => HostError::V4(error),
                Family::V6 => HostError::V6(error),
            };
            let dump = iptables::read(text, *family).map_err(wrap)?;
            dumps.push((Some(*backend), dump));
        }
        let sets = ipset::read(found.sets.as_deref().unwrap_or_default());
        let sets = sets.map_err(HostError::Sets)?;
        let borrowed: Vec<_> = dumps
            .iter()
            .map(|(backend, dump)| (*backend, dump))
            .collect();
        let mut counted = inventory::inventory(&borrowed, &sets);
        counted.boot = boot_units(Path::new("/"));
        counted.beside = found.beside;
        counted.notes.extend(found.notes);
        Ok(counted)
    }
}

fn of_files(host: &Host) -> Counted {
    let dumps: Vec<(Option<Backend>, &Dump)> = host.dumps.iter().map(|dump| (None, dump)).collect();
    inventory::inventory(&dumps, &host.sets)
}
