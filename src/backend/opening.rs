//! Which backend programs a host: the one that is asked for, or the one that the host can.

use std::io;
use std::path::Path;

use rustix::io::Errno;

use super::carrier::{Carrier, HostBackend};
use super::nft::NftBackend;
use super::xtables::{Placement, Provider, ProviderError, Variant, XtablesBackend, traces};
use super::{Backend, ObserveError};
use crate::ruleset::TableKey;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// nf_tables, unless the kernel has none.
    Auto,
    /// nf_tables.
    Nft,
    /// iptables and ipset.
    Xtables,
}

/// What is asked for, in full.
#[derive(Debug, Clone, Copy)]
pub struct Opening<'a> {
    /// Which backend.
    pub wish: Wish,
    /// Which iptables; nothing is the one that holds our rules, else the first that works.
    pub variant: Option<Variant>,
    /// Where our rules stand among those of others.
    pub placement: Placement,
    /// Where it is kept what rules of iptables were made of.
    pub run_dir: &'a Path,
}

/// Why there is no backend.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// nf_tables cannot be reached.
    #[error("cannot open a netlink socket: {0}")]
    Nft(io::Error),
    /// Neither can iptables.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The network namespace is not known.
    #[error("cannot tell the network namespace: {0}")]
    Namespace(io::Error),
    /// What is in force cannot be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
}

impl Opening<'_> {
    /// Opens it, in the calling thread's network namespace, and finds out what another one left.
    ///
    /// # Errors
    /// It cannot be had, or what is in force cannot be read.
    pub fn open(
        &self,
        nft: impl FnOnce() -> io::Result<NftBackend>,
        table: &TableKey,
    ) -> Result<HostBackend, OpenError> {
        let nft = usable(nft());
        let left = traces(self.run_dir);
        let wish = match (self.wish, &nft) {
            (Wish::Auto, Err(error)) if is_lacking(error) => Wish::Xtables,
            (Wish::Auto, _) => Wish::Nft,
            (wish @ (Wish::Nft | Wish::Xtables), _) => wish,
        };
        let mut others = Vec::new();
        let current = match wish {
            Wish::Auto | Wish::Nft => Carrier::Nft(nft.map_err(OpenError::Nft)?),
            Wish::Xtables => {
                others.extend(nft.ok().map(Carrier::Nft));
                let held = left.as_ref().ok().and_then(|left| left.first().copied());
                let variant = self.variant.or(held);
                Carrier::Xtables(Box::new(self.xtables(Provider::find(variant)?)?))
            }
        };
        for variant in left.map_err(ObserveError::Unreachable)? {
            if current.variant() != Some(variant) {
                let other = self.xtables(Provider::of(variant)?)?;
                others.push(Carrier::Xtables(Box::new(match &current {
                    Carrier::Nft(_) => other,
                    Carrier::Xtables(_) => other.without_sets(),
                })));
            }
        }
        Ok(HostBackend::new(current, others, table)?)
    }

    fn xtables(&self, provider: Provider) -> Result<XtablesBackend, OpenError> {
        let backend = XtablesBackend::new(provider, self.placement, self.run_dir);
        backend.map_err(OpenError::Namespace)
    }
}

/// A backend that the kernel answers.
fn usable(nft: io::Result<NftBackend>) -> io::Result<NftBackend> {
    let mut nft = nft?;
    match nft.generation() {
        Ok(_) | Err(ObserveError::Foreign { .. }) => Ok(nft),
        Err(ObserveError::Unreachable(error)) => Err(error),
    }
}

/// Whether an error says that the kernel has no nf_tables. That it is forbidden says nothing.
fn is_lacking(error: &io::Error) -> bool {
    let lacking = [
        Errno::PROTONOSUPPORT,
        Errno::AFNOSUPPORT,
        Errno::OPNOTSUPP,
        Errno::INVAL,
        Errno::NOENT,
    ];
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| lacking.contains(&errno))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_kernel_does_not_know_is_lacking() {
        for (errno, lacking) in [
            (Errno::PROTONOSUPPORT, true),
            (Errno::INVAL, true),
            (Errno::PERM, false),
            (Errno::NOBUFS, false),
        ] {
            assert_eq!(is_lacking(&errno.into()), lacking, "{errno:?}");
        }
        assert!(!is_lacking(&io::Error::other("words")));
    }
}
