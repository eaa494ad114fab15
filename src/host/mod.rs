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

use difference::{Effect, Order, Present};
use route::Existing;
use sysctl::{Outcome, Sysctls};

pub use conntrack::{Conntrack, FlowFilter};
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
    /// What is in the kernel; nothing, where that has to be found out.
    present: Option<Present>,
    /// What lay behind each interface by the last plan.
    placed: BTreeMap<InterfaceName, BTreeSet<IpAddr>>,
    /// Interfaces that are or were in a plan: what is ours there is also without a prefix.
    planned: BTreeSet<InterfaceName>,
    /// Interfaces whose settings were made, with their index and what they were set to.
    configured: BTreeMap<InterfaceName, (u32, [Setting; 9])>,
    /// Addresses that went, and whose connections may still be there.
    lost: BTreeSet<IpAddr>,
}

/// How far to trust what was found before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Look {
    /// Nothing happened but that these interfaces are planned differently: no other is looked at, and
    /// nothing is listed.
    Planned(BTreeSet<InterfaceName>),
    /// Interfaces changed. They, routes and neighbours are listed; those that were set up keep their
    /// settings.
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
            present: None,
            placed: BTreeMap::new(),
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
    /// The kernel cannot be asked what there is, or told what there should be.
    pub fn reconcile(&mut self, plan: &HostPlan, look: &Look) -> Result<Report, HostError> {
        let mut report = Report::default();
        // Whatever fails on the way, what is there then is not known.
        let (mut present, scope) = match (self.present.take(), look) {
            (Some(present), Look::Planned(interfaces)) if self.follows(plan, interfaces) => {
                (present, interfaces.clone())
            }
            (Some(_) | None, Look::Planned(_) | Look::Changed | Look::Everything) => {
                let present = self.list()?;
                let scope = self.scope(plan, &present);
                (present, scope)
            }
        };
        let named = scope
            .iter()
            .filter(|name| plan.interfaces().contains_key(name));
        self.planned.extend(named.cloned());
        self.configure(plan, &scope, &present, look, &mut report);
        let stale = self.stale(plan, &scope, &present);
        self.lose(plan, &scope, &stale);
        self.perform(stale, &mut present, &mut report)?;
        self.forget(&mut report);
        let missing = self.missing(plan, &scope, &present, &mut report);
        self.perform(missing, &mut present, &mut report)?;
        self.present = report.is_expected().then_some(present);
        report.interfaces = scope;
        Ok(report)
    }

    /// Whether what happens to interfaces was followed: nobody says anything of one that was no
    /// workload's.
    fn follows(&self, plan: &HostPlan, interfaces: &BTreeSet<InterfaceName>) -> bool {
        let planned = |name: &InterfaceName| plan.interfaces().contains_key(name);
        let mut new = interfaces.iter().filter(|name| planned(name));
        new.all(|name| self.planned.contains(name) || plan.has_prefix(name))
    }

    /// Lists what is in the kernel.
    fn list(&mut self) -> Result<Present, HostError> {
        let links = self.links()?;
        let routes = route::list(&mut self.client, self.protocol);
        let neighbours = neighbour::list(&mut self.client);
        let proxies = neighbour::proxies(&mut self.client);
        Ok(Present::new(
            links,
            routes.map_err(failed("list routes"))?,
            neighbours.map_err(failed("list neighbours"))?,
            proxies.map_err(failed("list addresses that are answered for"))?,
        ))
    }

    /// Every interface that is in the plan, or was, or is a workload's.
    fn scope(&mut self, plan: &HostPlan, present: &Present) -> BTreeSet<InterfaceName> {
        self.planned.retain(|name| present.link(name).is_some());
        let links = present.links().map(|link| &link.name);
        let ours = links.filter(|name| plan.is_workload(name));
        let known = self.planned.iter().chain(self.placed.keys());
        let all = plan.interfaces().keys().chain(ours).chain(known);
        all.chain(self.configured.keys()).cloned().collect()
    }

    fn configure(
        &mut self,
        plan: &HostPlan,
        scope: &BTreeSet<InterfaceName>,
        present: &Present,
        look: &Look,
        report: &mut Report,
    ) {
        for name in scope {
            let before = self.configured.remove(name);
            let Some(plan) = plan.interfaces().get(name) else {
                continue;
            };
            let Some(link) = up(present, name) else {
                report.waiting.insert(name.clone());
                continue;
            };
            let wanted = (link.index, plan.settings());
            let trusted = *look != Look::Everything && before.as_ref() == Some(&wanted);
            if trusted || self.set(name, &wanted.1, report) {
                self.configured.insert(name.clone(), wanted);
            }
        }
    }

    /// What is ours at interfaces of workloads and in nobody's plan.
    fn stale(
        &self,
        plan: &HostPlan,
        scope: &BTreeSet<InterfaceName>,
        present: &Present,
    ) -> Vec<Order> {
        let ours = |name: &&InterfaceName| self.planned.contains(*name) || plan.is_workload(name);
        let stale = scope.iter().filter(ours).filter_map(|name| {
            let (link, plan) = (present.link(name)?, plan.interfaces().get(name));
            Some(present.stale(link, plan, self.protocol))
        });
        stale.flatten().collect()
    }

    /// What interfaces that are up lack.
    fn missing(
        &self,
        plan: &HostPlan,
        scope: &BTreeSet<InterfaceName>,
        present: &Present,
        report: &mut Report,
    ) -> Vec<Order> {
        let mut all = Vec::new();
        for name in scope {
            let plan = plan.interfaces().get(name);
            let Some((link, plan)) = up(present, name).zip(plan) else {
                continue;
            };
            let mut missing = present.missing(link, plan, self.protocol);
            let ipv6 = |order: &Order| order.subject.family() == Some(Family::V6);
            if missing.iter().any(ipv6) && self.sysctls.is_ipv6_off(name) {
                missing.retain(|order| !ipv6(order));
                report.without_ipv6.insert(name.clone());
            }
            all.extend(missing);
        }
        all
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
    fn lose(&mut self, plan: &HostPlan, scope: &BTreeSet<InterfaceName>, stale: &[Order]) {
        for name in scope {
            let now = plan.interfaces().get(name).map(|plan| &plan.addresses);
            let before = match now {
                Some(now) => self.placed.insert(name.clone(), now.clone()),
                None => self.placed.remove(name),
            };
            let before = before.into_iter().flatten();
            let gone = before.filter(|a| now.is_none_or(|now| !now.contains(a)));
            self.lost.extend(gone);
        }
        let routes = stale.iter().filter_map(|order| match order.effect {
            Effect::RouteGone(route) => Some(route.address),
            Effect::Route(_)
            | Effect::Neighbour(..)
            | Effect::NeighbourGone(_)
            | Effect::Proxy(..)
            | Effect::ProxyGone(_) => None,
        });
        self.lost.extend(routes);
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

    fn perform(
        &mut self,
        orders: Vec<Order>,
        present: &mut Present,
        report: &mut Report,
    ) -> Result<(), HostError> {
        let requests: Vec<Request> = orders.iter().map(|order| order.request.clone()).collect();
        let answers = self.client.perform(&requests);
        let answers = answers.map_err(failed("program routes and neighbours"))?;
        for (order, answer) in orders.into_iter().zip(answers) {
            let errno = match (answer.errno, order.effect) {
                (libc::EEXIST, Effect::Route(route)) => self.adopt(route)?,
                (errno, _) => errno,
            };
            match errno {
                0 => {
                    report.writes += 1;
                    present.apply(order.effect);
                }
                // The interface went away or down, and with it what was to be removed.
                libc::ENODEV | libc::ENETDOWN => {
                    report.waiting.extend(order.subject.interface().cloned());
                    report.surprises += 1;
                }
                // What was to be removed is not there.
                libc::ESRCH | libc::ENOENT => present.apply(order.effect),
                errno => report.failures.push(Failure {
                    subject: order.subject,
                    reason: io::Error::from_raw_os_error(errno),
                }),
            }
        }
        Ok(())
    }

    /// Takes over a route to the same address by the same interface, whoever made it; one that
    /// leads elsewhere stays, and so does one that leads nowhere (`blackhole`), which the kernel
    /// answers with an error.
    fn adopt(&mut self, route: route::Route) -> Result<i32, HostError> {
        match route::interface_to(&mut self.client, route.address) {
            Ok(Some(index)) if index == route.index => {}
            Ok(_) => return Ok(libc::EEXIST),
            Err(error) if error.raw_os_error().is_some() => return Ok(libc::EEXIST),
            Err(error) => return Err(failed("look a route up")(error)),
        }
        let order = route.add(self.protocol, Existing::Replace);
        let answers = self.client.perform(&[order]);
        let answers = answers.map_err(failed("replace a route"))?;
        Ok(answers.first().map_or(libc::EIO, |answer| answer.errno))
    }
}

/// An interface, if packets pass it.
fn up<'p>(present: &'p Present, name: &InterfaceName) -> Option<&'p Link> {
    let link = present.link(name)?;
    (link.state == LinkState::Up).then_some(link)
}

fn failed(doing: &'static str) -> impl Fn(io::Error) -> HostError {
    move |error| HostError { doing, error }
}
