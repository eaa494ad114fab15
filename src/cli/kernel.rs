//! The kernel that a command touches.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;

use clap::Args;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::exit::Failure;

/// Which network namespace is meant.
#[derive(Debug, Args)]
pub(super) struct Kernel {
    /// A named network namespace, as of `ip netns`, instead of the current one
    #[arg(long, value_name = "NAME", value_parser = namespace)]
    netns: Option<String>,
}

/// A name that stays below the folder of namespaces.
fn namespace(text: &str) -> Result<String, &'static str> {
    match text {
        "" | "." | ".." => Err("expected the name of a network namespace"),
        _ if text.contains('/') => Err("expected a name without /"),
        _ => Ok(text.to_owned()),
    }
}

impl Kernel {
    /// The current one.
    pub(super) const HERE: Self = Self { netns: None };

    /// Whether one was named.
    pub(super) fn is_named(&self) -> bool {
        self.netns.is_some()
    }

    /// Enters the namespace; this thread stays there.
    pub(super) fn enter(&self) -> Result<(), Failure> {
        match &self.netns {
            Some(name) => enter(name).map_err(|error| Failure::NoNamespace(name.clone(), error)),
            None => Ok(()),
        }
    }
}

fn enter(name: &str) -> std::io::Result<()> {
    let namespace = File::open(Path::new("/run/netns").join(name))?;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
    Ok(())
}
