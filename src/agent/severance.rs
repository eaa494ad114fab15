//! Cutting connections that policy no longer allows.
//!
//! Packets of a connection pass without being held against policy again. So after each change that may
//! deny something, the connections that it may deny are asked about as if their first packet came now.
//! The kernel's list of them is read in slices between which everything else goes on, and a walk
//! through it begins once a second at most. What a walk did not come to, because the daemon ended or
//! the kernel could not be asked, the next one does: the first one after a start looks at all.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use tracing::warn;

use super::judge::{Judge, Judgement};
use super::need::{Need, Patience};
use super::suspects::{Suspects, Ways};
use crate::compile::skeleton::table_key;
use crate::host::{Host, HostError, HostPlan};
use crate::ruleset::Table;
use crate::ruleset::trace::Shortcuts;

/// How soon after one walk began the next one may.
const EVERY: Duration = Duration::from_secs(1);
/// How long a slice takes at most, but for the part of the list that it is at.
const SLICE: Duration = Duration::from_millis(5);

/// Whether connections end that policy no longer allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cuts {
    /// They do.
    Denied,
    /// They go on, as in Felix.
    Never,
}

/// Who cuts connections that policy no longer allows.
#[derive(Debug)]
pub struct Severance {
    cuts: Cuts,
    /// The connections that the next walk looks for.
    suspects: Suspects,
    need: Need,
    walk: Option<Walk>,
    /// When the last walk began.
    begun: Option<Instant>,
    patience: Patience,
    /// Why the last walk failed, if it did.
    failure: Option<String>,
}

/// A walk through the kernel's list, under way.
#[derive(Debug)]
struct Walk {
    suspects: Suspects,
    /// The host's own addresses.
    own: BTreeSet<IpAddr>,
    cut: usize,
    /// What was worked out of the table, as long as that is the same.
    edition: u64,
    shortcuts: Shortcuts,
    ways: Ways,
}

impl Severance {
    /// Who has not looked at any connection yet: what was there before may have been denied while
    /// nobody looked.
    pub fn new(cuts: Cuts) -> Self {
        Self {
            cuts,
            suspects: Suspects::All,
            need: Need::None,
            walk: None,
            begun: None,
            patience: Patience::default(),
            failure: None,
        }
    }

    /// Takes in which connections may be denied now. What was suspected before is looked for too.
    pub fn suspect(&mut self, suspects: Suspects, now: Instant) {
        self.suspects.extend(suspects);
        if self.cuts == Cuts::Denied && self.need == Need::None && !self.suspects.is_empty() {
            let next = self.begun.map(|begun| begun + EVERY);
            self.need = match next.filter(|next| *next > now) {
                Some(next) => Need::Later(next),
                None => Need::Now,
            };
        }
    }

    /// Whether there is something to do.
    pub fn is_due(&self, now: Instant) -> bool {
        self.walk.is_some() || self.need.is_due(now)
    }

    /// When there is something to do although nothing is heard.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        match self.walk {
            Some(_) => Some(now),
            None => self.need.next(),
        }
    }

    /// Does a slice of a walk, and says how many connections a walk cut that came to its end.
    pub fn step(
        &mut self,
        now: Instant,
        host: &mut Host,
        plan: &HostPlan,
        (edition, table): (u64, &Table),
    ) -> Option<usize> {
        let ended = self.slice(now, host, plan, (edition, table));
        match ended {
            Ok(None) => None,
            Ok(Some(cut)) => {
                self.walk = None;
                self.failure = None;
                self.patience.reset();
                self.suspect(Suspects::default(), now);
                Some(cut)
            }
            Err(error) => {
                let why = error.to_string();
                if self.failure.as_ref() != Some(&why) {
                    warn!("{why}: denied connections go on until it works");
                }
                self.failure = Some(why);
                if let Some(walk) = self.walk.take() {
                    self.suspects.extend(walk.suspects);
                }
                self.need = self.patience.failed(now);
                None
            }
        }
    }

    fn slice(
        &mut self,
        now: Instant,
        host: &mut Host,
        plan: &HostPlan,
        (edition, table): (u64, &Table),
    ) -> Result<Option<usize>, HostError> {
        if self.walk.is_none() {
            // Without the host's own addresses nobody knows who is outside: nothing is cut then.
            let own = host.addresses()?.into_iter().map(|found| found.address);
            let own = own.collect();
            host.conntrack().begin().map_err(failed)?;
            self.begun = Some(now);
            self.need = Need::None;
            self.walk = Some(Walk {
                suspects: std::mem::take(&mut self.suspects),
                own,
                cut: 0,
                edition,
                shortcuts: Shortcuts::default(),
                ways: Ways::default(),
            });
        }
        let Some(walk) = &mut self.walk else {
            return Ok(None);
        };
        if walk.edition != edition {
            walk.edition = edition;
            walk.shortcuts = Shortcuts::default();
            walk.ways = Ways::default();
        }
        let begun = Instant::now();
        while let Some(mut flows) = host.conntrack().more().map_err(failed)? {
            let judge = Judge::new((plan, &walk.own), (table_key(), table), &walk.shortcuts);
            flows.retain(|flow| judge.judge(flow, (&walk.suspects, &walk.ways)) == Judgement::Cut);
            walk.cut += host.conntrack().delete_all(&flows).map_err(failed)?;
            if begun.elapsed() > SLICE {
                return Ok(None);
            }
        }
        Ok(Some(walk.cut))
    }
}

fn failed(error: std::io::Error) -> HostError {
    HostError {
        doing: "look at connections",
        error,
    }
}
