//! Which backend a command means.

use std::io;
use std::path::Path;

use clap::{Args, ValueEnum};
use serde_json::Value;

use super::exit::Failure;
use super::kernel::Kernel;
use super::through;
use crate::agent::control::Request;
use crate::backend::carrier::{Carrier, HostBackend};
use crate::backend::nft::{NftBackend, Ownership};
use crate::backend::opening::{Opening, Wish};
use crate::backend::xtables::{Placement, Variant};
use crate::compile::skeleton::table_key;

/// Which backend is meant.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Backend {
    /// What programs the kernel
    #[arg(long, value_enum, default_value = "auto")]
    pub(super) backend: Kind,
    /// Which iptables, where it is iptables and ipset that program the kernel
    #[arg(long, value_enum, default_value = "auto")]
    iptables_backend: Iptables,
    /// Where our jumps stand among the rules of others, where they do
    #[arg(long, value_enum, default_value = "insert")]
    chain_insert_mode: Mode,
}

/// What programs the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// nf_tables, unless the kernel has none
    Auto,
    /// `nf_tables` over netlink
    Nft,
    /// iptables and ipset
    Xtables,
}

/// Which iptables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Iptables {
    /// The one that holds our rules, else the first of these that works
    Auto,
    /// The one with tables of its own
    Legacy,
    /// The one that writes into `nf_tables`
    Nft,
}

/// Where jumps stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Before all others
    Insert,
    /// Behind others
    Append,
}

impl Backend {
    /// Whatever is in force.
    pub(super) const AUTO: Self = Self {
        backend: Kind::Auto,
        iptables_backend: Iptables::Auto,
        chain_insert_mode: Mode::Insert,
    };

    /// Opens it in the namespace that is meant; this thread stays there.
    pub(super) fn open(
        self,
        kernel: &Kernel,
        ownership: Ownership,
        run_dir: &Path,
    ) -> Result<HostBackend, Failure> {
        kernel.enter()?;
        let opening = Opening {
            wish: match self.backend {
                Kind::Auto => Wish::Auto,
                Kind::Nft => Wish::Nft,
                Kind::Xtables => Wish::Xtables,
            },
            variant: match self.iptables_backend {
                Iptables::Auto => None,
                Iptables::Legacy => Some(Variant::Legacy),
                Iptables::Nft => Some(Variant::Nft),
            },
            placement: match self.chain_insert_mode {
                Mode::Insert => Placement::Insert,
                Mode::Append => Placement::Append,
            },
            run_dir,
        };
        let nft = || -> io::Result<NftBackend> { NftBackend::new(ownership) };
        Ok(opening.open(nft, &table_key())?)
    }

    /// Goes on only where an agent, if there is one, programs by what is meant.
    pub(super) fn is_of_agent(self, run_dir: &Path) -> Result<(), Failure> {
        let meant = |by: &str| match self.backend {
            Kind::Auto => true,
            Kind::Nft => by == "nft",
            Kind::Xtables => by != "nft",
        };
        if self.backend == Kind::Auto {
            return Ok(());
        }
        let reply = through::agent(run_dir, &Request::Status)?;
        let by = reply.as_ref().and_then(|reply| {
            let backend = reply.pointer("/status/table/backend");
            backend.and_then(Value::as_str)
        });
        match by {
            Some(by) if !meant(by) => Err(Failure::Unsafe(format!(
                "the agent programs by {by}: its settings NFTablesMode and IptablesBackend say so"
            ))),
            Some(_) | None => Ok(()),
        }
    }

    /// The one that is open, whatever else the host could.
    pub(super) fn exactly(self, carrier: &Carrier) -> Self {
        Self {
            backend: match carrier {
                Carrier::Nft(_) => Kind::Nft,
                Carrier::Xtables(_) => Kind::Xtables,
            },
            iptables_backend: match carrier.variant() {
                None => self.iptables_backend,
                Some(Variant::Legacy) => Iptables::Legacy,
                Some(Variant::Nft) => Iptables::Nft,
            },
            ..self
        }
    }

    /// The options that mean the same.
    pub(super) fn arguments(self) -> Vec<String> {
        let word = |name: &str, value: Option<clap::builder::PossibleValue>| {
            let value = value.map(|value| value.get_name().to_owned());
            [name.to_owned(), value.unwrap_or_default()]
        };
        [
            word("--backend", self.backend.to_possible_value()),
            word(
                "--iptables-backend",
                self.iptables_backend.to_possible_value(),
            ),
            word(
                "--chain-insert-mode",
                self.chain_insert_mode.to_possible_value(),
            ),
        ]
        .concat()
    }
}
