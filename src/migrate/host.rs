//! A host, as far as it was read.

use super::ipset::{self, Set};
use super::iptables::{self, Dump};
use crate::net::Family;

/// What was read of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// Its rules, one dump for each family.
    pub dumps: Vec<Dump>,
    /// Its sets.
    pub sets: Vec<Set>,
}

/// What the programs of a host printed; what is not there was not asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Texts {
    /// `iptables-save`.
    pub v4: Option<String>,
    /// `ip6tables-save`.
    pub v6: Option<String>,
    /// `ipset save`.
    pub sets: Option<String>,
}

/// Why a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// `iptables-save`.
    #[error("iptables-save, {0}")]
    V4(iptables::ReadError),
    /// `ip6tables-save`.
    #[error("ip6tables-save, {0}")]
    V6(iptables::ReadError),
    /// `ipset save`.
    #[error("ipset save, {0}")]
    Sets(ipset::ReadError),
}

impl Host {
    /// Reads what the programs printed.
    pub fn read(texts: &Texts) -> Result<Self, HostError> {
        let mut host = Self::default();
        if let Some(text) = &texts.v4 {
            host.dumps
                .push(iptables::read(text, Family::V4).map_err(HostError::V4)?);
        }
        if let Some(text) = &texts.v6 {
            host.dumps
                .push(iptables::read(text, Family::V6).map_err(HostError::V6)?);
        }
        if let Some(text) = &texts.sets {
            host.sets = ipset::read(text).map_err(HostError::Sets)?;
        }
        Ok(host)
    }
}
