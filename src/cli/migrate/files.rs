//! What is migrated: files of another host, or this one.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::exit::Failure;
use crate::cli::kernel::Kernel;
use crate::cli::screen::Screen;
use crate::migrate::acknowledged::Acknowledged;
use crate::migrate::host::{Host, Texts};
use crate::migrate::inventory::live::{self, Backend, Found};
use crate::migrate::translate::Known;
use crate::net::Family;

/// Where rules are read from.
#[derive(Debug, Args)]
pub(super) struct Files {
    /// What iptables-save printed; without any of the three files, the running host is asked
    #[arg(long, value_name = "FILE")]
    iptables_save: Option<PathBuf>,
    /// What ip6tables-save printed
    #[arg(long, value_name = "FILE")]
    ip6tables_save: Option<PathBuf>,
    /// What ipset save printed
    #[arg(long, value_name = "FILE")]
    ipset_save: Option<PathBuf>,
    /// Whose rules are meant, where the running host has some of both programs
    #[arg(long, value_name = "BACKEND")]
    backend: Option<Which>,
    #[command(flatten)]
    kernel: Kernel,
}

/// One of the two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Which {
    /// iptables-legacy
    Legacy,
    /// iptables-nft
    Nft,
}

impl Files {
    /// Whether files were named.
    pub(super) fn are_named(&self) -> bool {
        let files = [&self.iptables_save, &self.ip6tables_save, &self.ipset_save];
        files.iter().any(|file| file.is_some())
    }

    /// Whether sets were named and no rules that could be compared.
    pub(super) fn are_sets_alone(&self) -> bool {
        let rules = [&self.iptables_save, &self.ip6tables_save];
        self.are_named() && rules.iter().all(|file| file.is_none())
    }

    /// What the files say, or one program of the running host.
    pub(super) fn host(&self, screen: &Screen) -> Result<Host, Failure> {
        let texts = match self.are_named() {
            true => self.texts()?,
            false => self.chosen(self.look(screen)?)?,
        };
        Ok(Host::read(&texts)?)
    }

    /// What the running host says.
    pub(super) fn look(&self, screen: &Screen) -> Result<Found, Failure> {
        self.kernel.enter()?;
        let found = live::look();
        for note in &found.notes {
            screen.diagnostic(&format!("note: {note}\n"));
        }
        Ok(found)
    }

    /// What stands in the files.
    pub(super) fn texts(&self) -> Result<Texts, Failure> {
        if self.are_named() && (self.backend.is_some() || self.kernel.is_named()) {
            return Err(Failure::Usage(
                "--backend and --netns choose among the rules of the running host, and files are read here".to_owned(),
            ));
        }
        let text = |file: &Option<PathBuf>| file.as_deref().map(read).transpose();
        Ok(Texts {
            v4: text(&self.iptables_save)?,
            v6: text(&self.ip6tables_save)?,
            sets: text(&self.ipset_save)?,
        })
    }

    fn chosen(&self, found: Found) -> Result<Texts, Failure> {
        let wanted = |backend: Backend| match self.backend {
            None => true,
            Some(Which::Legacy) => backend == Backend::Legacy,
            Some(Which::Nft) => backend == Backend::Nft,
        };
        let mut texts = Texts {
            sets: found.sets,
            ..Texts::default()
        };
        for (backend, family, text) in found.dumps {
            let place = match family {
                Family::V4 => &mut texts.v4,
                Family::V6 => &mut texts.v6,
            };
            if wanted(backend) && place.replace(text).is_some() {
                return Err(Failure::Unsafe(format!(
                    "both iptables-legacy and iptables-nft have {family} rules here: choose by --backend"
                )));
            }
        }
        Ok(texts)
    }
}

/// A file of rules that may be translated as well as it goes, or left out.
#[derive(Debug, Args)]
pub(super) struct Ack {
    /// A file with rules that may be approximate, or left out, a line each as plan prints them
    #[arg(long, value_name = "FILE")]
    ack: Option<PathBuf>,
    /// Bits of the mark that nothing on the host uses, such as 0xff000000, to tell ports of bridges (physdev) by
    #[arg(long, value_name = "BITS", value_parser = bits)]
    free_mark: Option<u32>,
}

/// Bits as a number, in hexadecimal where it begins with 0x.
fn bits(text: &str) -> Result<u32, String> {
    let hex = text.strip_prefix("0x");
    let read = hex.map_or_else(
        || text.parse().ok(),
        |hex| u32::from_str_radix(hex, 16).ok(),
    );
    let read = read.filter(|bits| *bits != 0);
    read.ok_or_else(|| "bits of a mark are a number above 0 such as 0xff000000".to_owned())
}

impl Ack {
    /// What is known of the host beside its rules.
    pub(super) fn known(&self) -> Known {
        Known {
            free_mark: self.free_mark,
        }
    }

    /// What the file says.
    pub(super) fn read(&self) -> Result<Acknowledged, Failure> {
        let text = self.ack.as_deref().map(read).transpose()?;
        Ok(Acknowledged::read(&text.unwrap_or_default()))
    }
}

/// A file as text; what is no text in it stands out as such.
fn read(path: &Path) -> Result<String, Failure> {
    let bytes = fs::read(path).map_err(|source| Failure::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
