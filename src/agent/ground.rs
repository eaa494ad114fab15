//! The host's own side: the plan of routes, neighbours and settings, kept up to date by what changes,
//! carried out, tried again, and how each endpoint of this host is by it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use tracing::{info, warn};

use super::need::{Need, Patience};
use super::quarantine::Quarantine;
use super::status::{EndpointState, EndpointStatus, Endpoints};
use crate::host::{Contest, Host, HostPlan, LinkEvent, Look, Report, Subject};
use crate::model::{Endpoint, EndpointName, Event, Object, Settings};
use crate::net::InterfaceName;

/// The host's own side.
#[derive(Debug)]
pub struct Ground {
    host: Host,
    plan: HostPlan,
    /// Interfaces that are planned otherwise than they were programmed.
    touched: BTreeSet<InterfaceName>,
    doubt: Doubt,
    known: Known,
    /// Interfaces that are not there or not up.
    waiting: BTreeSet<InterfaceName>,
    /// What did not work, by interface; `None` is what belongs to none.
    failed: BTreeMap<Option<InterfaceName>, BTreeSet<String>>,
    /// Interfaces without the IPv6 that they should have.
    without_ipv6: BTreeSet<InterfaceName>,
    /// What endpoints claim and others have.
    contests: BTreeMap<EndpointName, Vec<Contest>>,
    /// Endpoints of which the kernel does not take what they need.
    quarantined: BTreeMap<EndpointName, InterfaceName>,
    /// Endpoints that may be in another state than was said.
    unsaid: BTreeSet<EndpointName>,
    /// When what did not work is tried again.
    retry: Need,
    patience: Patience,
    /// Why the kernel could not be asked at all, if it could not.
    deaf: Option<String>,
}

/// How far what was found in the kernel may be wrong, the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Doubt {
    /// It is as we left it.
    None,
    /// Interfaces changed, or something failed.
    Links,
    /// Somebody may have changed settings too.
    Everything,
}

/// Whether the kernel was ever brought to the plan, as far as that was possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    Programmed,
}

impl Ground {
    /// A host of which nothing is known, and for which nothing is planned.
    pub fn new(host: Host, name: &str) -> Self {
        Self {
            host,
            plan: HostPlan::new(name),
            touched: BTreeSet::new(),
            doubt: Doubt::Links,
            known: Known::Nothing,
            waiting: BTreeSet::new(),
            failed: BTreeMap::new(),
            without_ipv6: BTreeSet::new(),
            contests: BTreeMap::new(),
            quarantined: BTreeMap::new(),
            unsaid: BTreeSet::new(),
            retry: Need::None,
            patience: Patience::default(),
            deaf: None,
        }
    }

    /// The host, to ask for what is not planned, and what is.
    pub fn parts(&mut self) -> (&mut Host, &HostPlan) {
        (&mut self.host, &self.plan)
    }

    /// Takes in what is said of an endpoint now.
    pub fn put(&mut self, name: &EndpointName, said: Option<&Endpoint>) {
        let touched = self.plan.put(name, said);
        for interface in &touched {
            self.unsaid.extend(self.plan.claimants(interface).cloned());
        }
        self.unsaid.insert(name.clone());
        self.touched.extend(touched);
    }

    /// Takes in the settings of this host.
    pub fn set(&mut self, settings: &Settings) {
        if let Some(touched) = self.plan.set(settings) {
            // Other interfaces may be workloads' now.
            self.doubt = self.doubt.max(Doubt::Links);
            self.touched.extend(touched);
        }
    }

    /// Takes in what happened to interfaces. Of those that are no workload's nothing is programmed.
    pub fn hear(&mut self, events: &[LinkEvent]) {
        let plan = &self.plan;
        let ours = |name: &InterfaceName| plan.is_workload(name);
        let is_relevant = |event: &LinkEvent| match event {
            LinkEvent::Up { name, .. }
            | LinkEvent::Down { name, .. }
            | LinkEvent::Gone { name, .. } => ours(name),
            LinkEvent::Renamed { from, to, .. } => ours(from) || ours(to),
            LinkEvent::AddressAdded(_) | LinkEvent::AddressRemoved(_) => false,
            LinkEvent::Resync => true,
        };
        if events.iter().any(is_relevant) {
            self.doubt = self.doubt.max(Doubt::Links);
        }
    }

    /// Has everything looked at in the next round.
    pub fn refresh(&mut self) {
        self.doubt = Doubt::Everything;
    }

    /// Whether there is something to do.
    pub fn is_due(&self, now: Instant) -> bool {
        let changed = !self.touched.is_empty() || self.doubt > Doubt::None;
        // Who could not be asked is asked again later, whatever else there is to ask.
        self.retry.is_due(now) || (changed && self.deaf.is_none())
    }

    /// When there is something to do although nothing is heard.
    pub fn next(&self) -> Option<Instant> {
        self.retry.next()
    }

    /// Brings the host to the plan.
    pub fn program(&mut self, now: Instant) {
        let retried = self.retry.is_due(now);
        let look = match self.doubt {
            Doubt::Everything => Look::Everything,
            Doubt::Links => Look::Changed,
            Doubt::None if retried => Look::Changed,
            Doubt::None => Look::Planned(self.touched.clone()),
        };
        match self.host.reconcile(&self.plan, &look) {
            Ok(report) => {
                self.touched.clear();
                self.doubt = Doubt::None;
                self.known = Known::Programmed;
                self.deaf = None;
                self.reported(report);
                let whole = !matches!(look, Look::Planned(_));
                if self.failed.is_empty() {
                    self.retry = Need::None;
                    self.patience.reset();
                } else if whole || self.retry == Need::None {
                    self.retry = self.patience.failed(now);
                }
            }
            Err(error) => {
                let why = error.to_string();
                if self.deaf.as_ref() != Some(&why) {
                    warn!("{why}: routes and interfaces stay as they are until it works");
                }
                self.deaf = Some(why);
                self.doubt = self.doubt.max(Doubt::Links);
                self.retry = self.patience.failed(now);
            }
        }
    }

    /// Says how each endpoint is that may be otherwise than was said.
    pub fn tell(&mut self, quarantine: &Quarantine, endpoints: &mut Endpoints) {
        let aside = quarantine.iter().filter_map(|(object, aside)| {
            let Object::Endpoint(name) = object else {
                return None;
            };
            let Event::Endpoint(wanted) = &aside.wanted else {
                return None;
            };
            Some((name.clone(), wanted.interface.clone()))
        });
        let aside: BTreeMap<_, _> = aside.collect();
        if aside != self.quarantined {
            self.unsaid.extend(aside.keys().cloned());
            self.unsaid.extend(self.quarantined.keys().cloned());
            self.quarantined = aside;
        }
        for name in std::mem::take(&mut self.unsaid) {
            self.contested(&name);
            match self.status(&name) {
                Some(status) if endpoints.get(&name) == Some(&status) => {}
                Some(status) => endpoints.insert(name, status),
                None => endpoints.remove(&name),
            }
        }
    }

    fn status(&self, name: &EndpointName) -> Option<EndpointStatus> {
        let aside = self.quarantined.get(name);
        let interface = self.plan.interface_of(name);
        let interface = interface.or(aside)?.clone();
        let fails = || self.failed.contains_key(&Some(interface.clone()));
        let state = match () {
            () if aside.is_some() || self.contests.contains_key(name) => EndpointState::Error,
            () if self.known == Known::Nothing => EndpointState::Down,
            () if self.waiting.contains(&interface) => EndpointState::Down,
            // Planned, and not programmed yet.
            () if self.touched.contains(&interface) => EndpointState::Down,
            () if fails() => EndpointState::Error,
            () => EndpointState::Up,
        };
        Some(EndpointStatus { interface, state })
    }

    /// Says what an endpoint claims and another has, if that is new.
    fn contested(&mut self, name: &EndpointName) {
        let lost = self.plan.lost(name);
        let before = self.contests.get(name);
        for contest in &lost {
            if before.is_none_or(|before| !before.contains(contest)) {
                warn!("{contest}");
            }
        }
        match lost.is_empty() {
            true => drop(self.contests.remove(name)),
            false => drop(self.contests.insert(name.clone(), lost)),
        }
    }

    /// Takes in what became of the interfaces that were looked at.
    fn reported(&mut self, report: Report) {
        let mut before = BTreeMap::new();
        before.extend(self.failed.remove_entry(&None));
        for name in &report.interfaces {
            self.waiting.remove(name);
            before.extend(self.failed.remove_entry(&Some(name.clone())));
            self.unsaid.extend(self.plan.claimants(name).cloned());
            if self.without_ipv6.contains(name) && !report.without_ipv6.contains(name) {
                self.without_ipv6.remove(name);
            }
        }
        self.waiting.extend(report.waiting);
        for failure in report.failures {
            let said = failure.to_string();
            let interface = match &failure.subject {
                Subject::Connections(_) => None,
                Subject::Setting(name, _)
                | Subject::Route(name, _)
                | Subject::Neighbour(name, _)
                | Subject::Proxy(name, _) => Some(name.clone()),
            };
            if before
                .get(&interface)
                .is_none_or(|old: &BTreeSet<_>| !old.contains(&said))
            {
                warn!("{said}: tried again");
                // What is new is not to wait as long as what fails all the time.
                self.patience.reset();
            }
            self.failed.entry(interface).or_default().insert(said);
        }
        for (interface, _) in before {
            if !self.failed.contains_key(&interface) {
                let interface = interface.map_or_else(String::new, |name| name.to_string());
                info!(%interface, "what failed works again");
            }
        }
        for name in report.without_ipv6 {
            if self.without_ipv6.insert(name.clone()) {
                info!(interface = %name, "IPv6 is off there: its IPv6 addresses get no routes");
            }
        }
    }
}
