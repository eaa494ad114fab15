//! The floor of the data plane: base chains that track connections, and no policy in them.

use super::{Peer, PeerError, Prepared, Role};
use crate::backend::Backend;
use crate::backend::nft::{NftBackend, Ownership};
use crate::backend::reconcile::removal;
use crate::bench::world::{Change, World};
use crate::ruleset::diff::between;
use crate::ruleset::transaction::Commit;
use crate::ruleset::{TableKey, parse};

/// Base chains where Margay has some, and one rule that makes the kernel track connections.
const TEXT: &str = "table inet empty {
	chain prerouting { type filter hook prerouting priority raw; policy accept; }
	chain input { type filter hook input priority filter - 5; policy accept; }
	chain forward { type filter hook forward priority filter - 5; policy accept; ct state invalid drop; }
}
";

/// A table without a policy.
#[derive(Debug, Clone, Copy)]
pub struct Empty;

/// Its commits.
#[derive(Debug)]
struct Ready {
    key: TableKey,
    first: Commit,
}

impl Peer for Empty {
    fn name(&self) -> &'static str {
        "empty"
    }

    fn about(&self) -> &'static str {
        "base chains without a policy: what a packet costs anyway"
    }

    fn role(&self) -> Role {
        Role::Passes
    }

    fn prepare(&self, _world: &World) -> Result<Box<dyn Prepared>, String> {
        let ruleset = parse("empty", TEXT).map_err(|error| error.to_string())?;
        let (key, table) = ruleset.tables.into_iter().next().ok_or("no table")?;
        let first = between(None, &table, &key);
        Ok(Box::new(Ready { key, first }))
    }
}

impl Ready {
    fn commit(&self, commit: &Commit) -> Result<(), PeerError> {
        let refused = |complaint: String| PeerError::Refused {
            what: "commit".to_owned(),
            complaint,
        };
        let backend = NftBackend::new(Ownership::None);
        let mut backend = backend.map_err(|error| refused(error.to_string()))?;
        let done = backend.commit(commit);
        done.map_err(|error| refused(error.to_string()))
    }
}

impl Prepared for Ready {
    fn load(&mut self) -> Result<(), PeerError> {
        self.commit(&self.first)
    }

    fn change(&mut self, _change: &Change) -> Result<(), PeerError> {
        Err(PeerError::Unable("it has no policy"))
    }

    fn remove(&mut self) -> Result<(), PeerError> {
        self.commit(&removal(&self.key))
    }

    fn verify(&mut self) -> Result<bool, PeerError> {
        Err(PeerError::Unable("it has no policy"))
    }
}
