//! Margay through iptables-legacy and ipset: the same policy, on hosts without `nf_tables`.

use tempfile::TempDir;

use super::events::{self, Told, told};
use super::{Peer, PeerError, Prepared, Task, Traffic};
use crate::backend::reconcile::removal;
use crate::backend::xtables::lower::lower;
use crate::backend::xtables::{Placement, Provider, Spent, Variant, XtablesBackend};
use crate::backend::{Backend, ObserveError};
use crate::bench::world::{Change, World};
use crate::compile::Compiler;
use crate::compile::skeleton::{Skeleton, table_key};
use crate::model::{Event, State};
use crate::ruleset::Tracked;
use crate::ruleset::diff::diff;
use crate::ruleset::transaction::{Commit, Phase};
use crate::scenario::place::HOST;

/// Margay's xtables backend, with the programs of iptables-legacy.
#[derive(Debug, Clone, Copy)]
pub(super) struct MargayXtables;

impl Peer for MargayXtables {
    fn name(&self) -> &'static str {
        "margay-xtables"
    }

    fn about(&self) -> &'static str {
        "margay, from policy to rules of iptables-legacy and ipsets"
    }

    fn prepare(&self, world: &World) -> Result<Box<dyn Prepared>, String> {
        let skeleton = Skeleton::builtin().map_err(|error| error.to_string())?;
        let provider = Provider::of(Variant::Legacy).map_err(|error| error.to_string())?;
        let mut compiler = Compiler::of(world.state.clone(), HOST, &skeleton);
        let said = lower(compiler.table().table());
        said.map_err(|refusal| refusal.to_string())?;
        let run_dir = tempfile::Builder::new().prefix("margay-bench-").tempdir();
        let run_dir = run_dir.map_err(|error| format!("no temporary folder: {error}"))?;
        Ok(Box::new(Ready {
            skeleton,
            provider,
            state: world.state.clone(),
            given: None,
            events: events::all(world),
            coming: Vec::new(),
            compiler: None,
            held: Tracked::default(),
            backend: None,
            run_dir,
            collect: None,
            before: Spent::default(),
        }))
    }
}

/// A world at hand.
#[derive(Debug)]
struct Ready {
    skeleton: Skeleton,
    provider: Provider,
    state: State,
    /// The state that the next load compiles.
    given: Option<State>,
    events: Told,
    /// Those of the next change.
    coming: Vec<Event>,
    compiler: Option<Compiler>,
    held: Tracked,
    backend: Option<XtablesBackend>,
    /// Where the backend keeps what its rules were made of; it goes when this is dropped.
    run_dir: TempDir,
    /// What only clears away.
    collect: Option<Commit>,
    /// What was spent before the last load or change.
    before: Spent,
}

impl Ready {
    fn backend(&mut self) -> Result<&mut XtablesBackend, PeerError> {
        match &mut self.backend {
            Some(backend) => Ok(backend),
            none @ None => {
                let provider = self.provider.clone();
                let backend = XtablesBackend::new(provider, Placement::Insert, self.run_dir.path());
                Ok(none.insert(backend.map_err(|error| refused(&error))?))
            }
        }
    }

    fn spent(&self) -> Spent {
        let backend = self.backend.as_ref();
        backend.map(XtablesBackend::spent).unwrap_or_default()
    }

    fn compiler(&mut self) -> Result<&mut Compiler, PeerError> {
        let compiler = self.compiler.as_mut();
        compiler.ok_or(PeerError::Unable("nothing is loaded"))
    }

    /// Brings what is in force to what is compiled, all but what only clears away.
    fn commit(&mut self) -> Result<(), PeerError> {
        let held = std::mem::take(&mut self.held);
        let commit = diff(Some(&held), self.compiler()?.table(), &table_key());
        self.held = held;
        let (collect, main): (Vec<_>, _) = commit
            .steps
            .into_iter()
            .partition(|step| step.phase == Phase::Collect);
        let [main, collect] = [main, collect].map(|steps| Commit {
            table: table_key(),
            steps,
        });
        self.send(&main)?;
        self.collect = Some(collect);
        Ok(())
    }

    fn send(&mut self, commit: &Commit) -> Result<(), PeerError> {
        let sent = self.backend()?.commit(commit);
        sent.map_err(|error| refused(&error))?;
        self.held.apply(commit);
        Ok(())
    }
}

impl Prepared for Ready {
    fn ready(&mut self, task: &Task) -> Result<(), PeerError> {
        self.before = self.spent();
        match task {
            Task::Load => {
                // Whoever starts has nothing to throw away.
                (self.compiler, self.held) = (None, Tracked::default());
                self.given = Some(self.state.clone());
            }
            Task::Change(change) => {
                self.coming = told(&self.events, change)?;
            }
        }
        Ok(())
    }

    fn load(&mut self) -> Result<(), PeerError> {
        if let Some(state) = self.given.take() {
            self.compiler = Some(Compiler::of(state, HOST, &self.skeleton));
        }
        self.commit()
    }

    fn change(&mut self, _: &Change) -> Result<(), PeerError> {
        let events = std::mem::take(&mut self.coming);
        self.compiler()?.apply_all(events);
        self.commit()
    }

    fn settle(&mut self) -> Result<(), PeerError> {
        if let Some(collect) = self.collect.take() {
            self.send(&collect)?;
        }
        self.held.settle();
        self.compiler()?.table().settle();
        Ok(())
    }

    fn remove(&mut self) -> Result<(), PeerError> {
        self.send(&removal(&table_key()))
    }

    fn verify(&mut self) -> Result<bool, PeerError> {
        match self.backend()?.observe(&table_key()) {
            Ok(Some(table)) => {
                let observed = Tracked::from(table);
                let desired = self.compiler()?.table();
                Ok(diff(Some(&observed), desired, &table_key()).is_empty())
            }
            Ok(None) | Err(ObserveError::Foreign { .. }) => Ok(false),
            Err(error) => Err(refused(&error)),
        }
    }

    fn take_over(&mut self) -> Result<(), PeerError> {
        (self.backend, self.before) = (None, Spent::default());
        let observed = self.backend()?.observe(&table_key());
        let observed = observed.map_err(|error| refused(&error))?;
        self.compiler = Some(Compiler::of(self.state.clone(), HOST, &self.skeleton));
        self.held = observed.map(Tracked::from).unwrap_or_default();
        self.commit()
    }

    fn traffic(&mut self) -> Traffic {
        let (spent, before) = (self.spent(), self.before);
        Traffic {
            bytes: spent.bytes.saturating_sub(before.bytes),
            // Each program is one; a table of each is changed in one piece.
            transactions: spent.programs.saturating_sub(before.programs),
            messages: 0,
        }
    }
}

fn refused(error: &dyn std::error::Error) -> PeerError {
    PeerError::Refused {
        what: "commit".to_owned(),
        complaint: error.to_string(),
    }
}
