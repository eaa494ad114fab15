//! What a host does for its workloads beside policy: routes, neighbours, settings, connections.
//!
//! ```text
//! State --HostPlan::of--> HostPlan --Host::reconcile--> rtnetlink, /proc/sys, ctnetlink
//! ```
//!
//! Nothing here waits: where an interface is not there yet, the plan is tried again when
//! [`LinkWatch`] says that it is.

pub mod capability;
pub mod check;
mod conntrack;
mod difference;
mod flow;
mod link;
mod neighbour;
mod plan;
mod report;
mod route;
mod sysctl;
mod watch;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::IpAddr;

use crate::net::{Family, InterfaceName};
use crate::netlink::client::{Client, Request};
use crate::netlink::socket::Protocol;

use difference::{Order, Present};
use route::Existing;
use sysctl::{Outcome, Sysctls};

pub use conntrack::{Conntrack, FlowFilter, Judgement};
pub use flow::{Flow, FlowStatus, Tuple, TupleKey};
pub use link::{Link, LinkAddress, LinkState};
pub use plan::{Claim, Contest, HostPlan, InterfacePlan, ReversePath};
pub use report::{Failure, HostError, Report, Subject};
pub use route::RouteProtocol;
pub use sysctl::{Setting, Tree};
pub use watch::{LinkEvent, LinkWatch};

/// The host, in the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct Host {
    client: Client,
    conntrack: Conntrack,
    sysctls: Sysctls,
    protocol: RouteProtocol,
    /// Where the last plan had each address.
    owners: BTreeMap<IpAddr, InterfaceName>,
    /// Interfaces that are or were in a plan: what is ours there is also without a prefix.
    planned: BTreeSet<InterfaceName>,
    /// Interfaces whose settings were made, with their index and what they were set to.
    configured: BTreeMap<InterfaceName, (u32, [Setting; 9])>,
    /// Addresses that went, and whose connections may still be there.
    lost: BTreeSet<IpAddr>,
}

/// How far to trust what was found before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Interfaces that were set up keep their settings. Routes and neighbours are always looked at.
    Changed,
    /// Somebody may have changed settings: each is read again.
    Everything,
}

impl Host {
    /// Opens what it takes to program the calling thread's network namespace.
    ///
    /// # Errors
    /// The kernel gives no socket, or `/proc/sys` is not there.
    pub fn open(protocol: RouteProtocol) -> Result<Self, HostError> {
        Ok(Self {
            client: Client::open(Protocol::Route).map_err(failed("open a netlink socket"))?,
            conntrack: Conntrack::open().map_err(failed("open a netlink socket"))?,
            sysctls: Sysctls::open().map_err(failed("open /proc/sys/net"))?,
            protocol,
            owners: BTreeMap::new(),
            planned: BTreeSet::new(),
            configured: BTreeMap::new(),
            lost: BTreeSet::new(),
        })
    }

    /// The connections that the kernel tracks.
    pub fn conntrack(&mut self) -> &mut Conntrack {
        &mut self.conntrack
    }

    /// The interfaces of the host.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn links(&mut self) -> Result<Vec<Link>, HostError> {
        link::links(&mut self.client).map_err(failed("list interfaces"))
    }

    /// The addresses of the host.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn addresses(&mut self) -> Result<Vec<LinkAddress>, HostError> {
        let mut all = Vec::new();
        for family in Family::ALL {
            let found = link::addresses(&mut self.client, family);
            all.extend(found.map_err(failed("list addresses"))?);
        }
        Ok(all)
    }

    /// Makes the host as planned, as far as its interfaces are there and up.
    ///
    /// What does not work for one interface is in the report and keeps nothing else back. An address
    /// that leaves an interface has its route taken away, then its connections, before it has a
    /// route elsewhere.
    ///
    /// # Errors
    /// The kernel cannot be asked what there is.
    pub fn reconcile(&mut self, plan: &HostPlan, look: Look) -> Result<Report, HostError> {
        let mut report = Report::default();
        self.planned.extend(plan.interfaces.keys().cloned());
        let present = self.present(plan)?;
        let up = usable(&present);
        self.configure(plan, &up, look, &mut report);
        let stale = present.stale(&plan.interfaces, self.protocol);
        self.lose(plan, &stale);
        self.perform(stale, &mut report)?;
        self.forget(&mut report);
        let missing = plan
            .interfaces
            .iter()
            .filter_map(|(name, plan)| Some(present.missing(up.get(name)?, plan, self.protocol)));
        let missing: Vec<Order> = missing.flatten().collect();
        self.perform(missing, &mut report)?;
        let absent = plan.interfaces.keys().filter(|name| !up.contains_key(name));
        report.waiting.extend(absent.cloned());
        Ok(report)
    }

    fn present(&mut self, plan: &HostPlan) -> Result<Present, HostError> {
        let links = self.links()?;
        let there: BTreeSet<&InterfaceName> = links.iter().map(|link| &link.name).collect();
        self.planned.retain(|name| there.contains(name));
        let ours = links
            .into_iter()
            .filter(|link| self.planned.contains(&link.name) || plan.is_workload(&link.name));
        let routes = route::list(&mut self.client, self.protocol);
        let neighbours = neighbour::list(&mut self.client);
        let proxies = neighbour::proxies(&mut self.client);
        Ok(Present {
            links: ours.map(|link| (link.index, link)).collect(),
            routes: routes.map_err(failed("list routes"))?,
            neighbours: neighbours.map_err(failed("list neighbours"))?,
            proxies: proxies.map_err(failed("list addresses that are answered for"))?,
        })
    }

    fn configure(
        &mut self,
        plan: &HostPlan,
        up: &BTreeMap<InterfaceName, Link>,
        look: Look,
        report: &mut Report,
    ) {
        let mut configured = BTreeMap::new();
        for (name, plan) in &plan.interfaces {
            let Some(link) = up.get(name) else { continue };
            let wanted = (link.index, plan.settings());
            let trusted = look == Look::Changed && self.configured.get(name) == Some(&wanted);
            if trusted || self.set(name, &wanted.1, report) {
                configured.insert(name.clone(), wanted);
            }
        }
        self.configured = configured;
    }

    /// Makes the settings of an interface, and says whether all of them were possible.
    fn set(&self, name: &InterfaceName, settings: &[Setting], report: &mut Report) -> bool {
        let before = report.failures.len();
        for &setting in settings {
            match self.sysctls.set(name, setting) {
                Ok(Outcome::Written) => report.writes += 1,
                Ok(Outcome::Kept | Outcome::Absent) => {}
                Err(reason) => report.failures.push(Failure {
                    subject: Subject::Setting(name.clone(), setting),
                    reason,
                }),
            }
        }
        report.failures.len() == before
    }

    /// Takes note of the addresses that are not where they were.
    fn lose(&mut self, plan: &HostPlan, stale: &[Order]) {
        let owners: BTreeMap<_, _> = plan
            .addresses()
            .map(|(a, name)| (a, name.clone()))
            .collect();
        let moved = self
            .owners
            .iter()
            .filter(|(a, name)| owners.get(a) != Some(name));
        self.lost.extend(moved.map(|(&address, _)| address));
        self.lost
            .extend(stale.iter().filter_map(|order| match order.subject {
                Subject::Route(_, address) => Some(address),
                Subject::Setting(..)
                | Subject::Neighbour(..)
                | Subject::Proxy(..)
                | Subject::Connections(_) => None,
            }));
        self.owners = owners;
    }

    fn forget(&mut self, report: &mut Report) {
        match self.conntrack.forget(&self.lost) {
            Ok(forgotten) => {
                report.forgotten += forgotten;
                self.lost.clear();
            }
            Err(reason) => report.failures.push(Failure {
                subject: Subject::Connections(self.lost.clone()),
                reason,
            }),
        }
    }

    fn perform(&mut self, orders: Vec<Order>, report: &mut Report) -> Result<(), HostError> {
        let requests: Vec<Request> = orders.iter().map(|order| order.request.clone()).collect();
        let answers = self.client.perform(&requests);
        let answers = answers.map_err(failed("program routes and neighbours"))?;
        for (order, answer) in orders.into_iter().zip(answers) {
            let errno = match (answer.errno, order.route) {
                (libc::EEXIST, Some(route)) => self.adopt(route)?,
                (errno, _) => errno,
            };
            match errno {
                0 => report.writes += 1,
                // The interface went away or down, and with it what was to be removed.
                libc::ENODEV | libc::ENETDOWN => {
                    report.waiting.extend(order.subject.interface().cloned());
                }
                libc::ESRCH | libc::ENOENT => {}
                errno => report.failures.push(Failure {
                    subject: order.subject,
                    reason: io::Error::from_raw_os_error(errno),
                }),
            }
        }
        Ok(())
    }

    /// Takes over a route to the same address by the same interface, whoever made it; one that
    /// leads elsewhere stays.
    fn adopt(&mut self, route: route::Route) -> Result<i32, HostError> {
        let found = route::interface_to(&mut self.client, route.address);
        if found.map_err(failed("look a route up"))? != Some(route.index) {
            return Ok(libc::EEXIST);
        }
        let order = route.add(self.protocol, Existing::Replace);
        let answers = self.client.perform(&[order]);
        let answers = answers.map_err(failed("replace a route"))?;
        Ok(answers.first().map_or(libc::EIO, |answer| answer.errno))
    }
}

/// The interfaces that are up, by name.
fn usable(present: &Present) -> BTreeMap<InterfaceName, Link> {
    let up = present
        .links
        .values()
        .filter(|link| link.state == LinkState::Up);
    up.map(|link| (link.name.clone(), link.clone())).collect()
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> HostError {
    move |error| HostError { doing, error }
}
