//! The kernel's table of connections: what is in it, and taking single ones out.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

use super::flow::{CTA_TUPLE_ORIG, FAMILY_BYTES, Flow, end_kinds};
use super::wire::{AF_UNSPEC, family_number};
use crate::net::{Family, octets};
use crate::netlink::attribute::Writer;
use crate::netlink::client::{Client, Request};
use crate::netlink::socket::Protocol;

/// `NFNL_SUBSYS_CTNETLINK` (linux/netfilter/nfnetlink.h).
const NFNL_SUBSYS_CTNETLINK: u16 = 1;
/// `enum cntl_msg_types` (linux/netfilter/nfnetlink_conntrack.h).
const IPCTNL_MSG_CT_GET: u16 = (NFNL_SUBSYS_CTNETLINK << 8) | 1;
const IPCTNL_MSG_CT_DELETE: u16 = (NFNL_SUBSYS_CTNETLINK << 8) | 2;
/// linux/netfilter/nfnetlink_conntrack.h
const CTA_TUPLE_REPLY: u16 = 2;
const CTA_TUPLE_IP: u16 = 1;
const CTA_FILTER: u16 = 25;
const CTA_FILTER_ORIG_FLAGS: u16 = 1;
const CTA_FILTER_REPLY_FLAGS: u16 = 2;
/// Which parts of a tuple a filter compares (`CTA_FILTER_F_*`, net/netfilter/nf_internals.h).
const CTA_FILTER_F_CTA_IP_SRC: u32 = 1 << 0;
const CTA_FILTER_F_CTA_IP_DST: u32 = 1 << 1;
/// The id is in nobody's tuple: the connection went while we looked at it.
const GONE: i32 = libc::ENOENT;

/// The connections of the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct Conntrack {
    client: Client,
    /// Who walks through all of them: that takes a socket of its own.
    walker: Client,
}

/// Which connections to look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowFilter {
    /// All.
    All,
    /// Those with an address as one of the ends of either direction.
    Address(IpAddr),
}

impl Conntrack {
    /// Opens the table of the calling thread's network namespace.
    ///
    /// # Errors
    /// The kernel gives no socket.
    pub fn open() -> io::Result<Self> {
        let client = Client::open(Protocol::Netfilter)?;
        let walker = Client::open(Protocol::Netfilter)?;
        Ok(Self { client, walker })
    }

    /// The connections that a filter lets through.
    ///
    /// # Errors
    /// The kernel has no connection tracking, or refuses to tell.
    pub fn flows(&mut self, filter: FlowFilter) -> io::Result<Vec<Flow>> {
        self.matching(filter, &|_| true)
    }

    /// Removes one connection; one that is gone already is none.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn delete(&mut self, flow: &Flow) -> io::Result<usize> {
        self.delete_all(std::slice::from_ref(flow))
    }

    /// Removes all connections.
    ///
    /// # Errors
    /// The kernel has no connection tracking, or refuses.
    pub fn empty(&mut self) -> io::Result<()> {
        // A message without a tuple means every one.
        let head = [AF_UNSPEC, 0, 0, 0];
        let answers =
            self.client
                .perform(&[Request::new(IPCTNL_MSG_CT_DELETE, 0, &head, |_| {})])?;
        match answers.iter().find(|answer| answer.errno != 0) {
            Some(refused) => Err(io::Error::from_raw_os_error(refused.errno)),
            None => Ok(()),
        }
    }

    /// Begins a walk through all connections. A walk that was not ended is given up.
    ///
    /// # Errors
    /// The kernel has no connection tracking, or refuses to tell.
    pub fn begin(&mut self) -> io::Result<()> {
        FlowFilter::All
            .questions()
            .iter()
            .try_for_each(|all| self.walker.begin(all))
    }

    /// The next connections of the walk, some hundred of them; nothing, at its end. In between they
    /// may be removed, and everything else asked.
    ///
    /// # Errors
    /// The kernel refuses to tell.
    pub fn more(&mut self) -> io::Result<Option<Vec<Flow>>> {
        self.walker.part(Flow::read)
    }

    /// Removes every connection that has one of some addresses as an end, of packets as they are
    /// before or after NAT, and says how many.
    ///
    /// # Errors
    /// The kernel refuses; what it had removed by then stays so.
    pub fn forget(&mut self, addresses: &BTreeSet<IpAddr>) -> io::Result<usize> {
        let filter = match (addresses.len(), addresses.first()) {
            (0, _) | (_, None) => return Ok(0),
            (1, Some(&address)) => FlowFilter::Address(address),
            // One walk through the table for all of them.
            (_, Some(_)) => FlowFilter::All,
        };
        let lost = self.matching(filter, &|flow| flow.has(|end| addresses.contains(&end)))?;
        self.delete_all(&lost)
    }

    fn matching(
        &mut self,
        filter: FlowFilter,
        wanted: &dyn Fn(&Flow) -> bool,
    ) -> io::Result<Vec<Flow>> {
        // Linux before 5.8 lists all where less is asked for.
        let asked = |flow: &Flow| match filter {
            FlowFilter::All => true,
            FlowFilter::Address(address) => flow.has(|end| end == address),
        };
        let mut found: Vec<Flow> = Vec::new();
        for question in filter.questions() {
            let flows = self.client.dump(&question, |body| {
                Flow::read(body).filter(|flow| asked(flow) && wanted(flow))
            })?;
            found.extend(flows);
        }
        found.sort_by_key(|flow| flow.id);
        found.dedup();
        Ok(found)
    }

    /// Removes connections, and says how many of them were still there.
    ///
    /// # Errors
    /// The kernel refuses; what it had removed by then stays so.
    pub fn delete_all(&mut self, flows: &[Flow]) -> io::Result<usize> {
        let orders: Vec<_> = flows.iter().map(deletion).collect();
        let mut deleted = 0;
        for answer in self.client.perform(&orders)? {
            match answer.errno {
                0 => deleted += 1,
                GONE => {}
                errno => return Err(io::Error::from_raw_os_error(errno)),
            }
        }
        Ok(deleted)
    }
}

impl FlowFilter {
    /// What to ask the kernel, which joins conditions by "and".
    fn questions(self) -> Vec<Request> {
        let all = |family, filter: &dyn Fn(&mut Writer)| {
            let head: [u8; FAMILY_BYTES] = [family, 0, 0, 0];
            Request::new(IPCTNL_MSG_CT_GET, 0, &head, filter)
        };
        match self {
            Self::All => vec![all(AF_UNSPEC, &|_| {})],
            Self::Address(address) => {
                let family = family_number(Family::of(address));
                let tuples = [CTA_TUPLE_ORIG, CTA_TUPLE_REPLY];
                let ends = [0, 1]
                    .into_iter()
                    .flat_map(|end| tuples.map(|tuple| (tuple, end)));
                ends.map(|(tuple, end)| all(family, &|w| has_end(w, address, tuple, end)))
                    .collect()
            }
        }
    }
}

/// The condition that an end of a tuple, 0 the source and 1 the destination, has an address.
fn has_end(writer: &mut Writer, address: IpAddr, tuple: u16, end: usize) {
    let flags = [CTA_FILTER_F_CTA_IP_SRC, CTA_FILTER_F_CTA_IP_DST][end];
    let kind = end_kinds(Family::of(address))[end];
    writer.nest(tuple, |w| {
        w.nest(CTA_TUPLE_IP, |w| w.raw(kind, &octets(address)));
    });
    writer.nest(CTA_FILTER, |w| {
        for (kind, own) in [
            (CTA_FILTER_ORIG_FLAGS, CTA_TUPLE_ORIG),
            (CTA_FILTER_REPLY_FLAGS, CTA_TUPLE_REPLY),
        ] {
            let flags = if own == tuple { flags } else { 0 };
            w.raw(kind, &flags.to_ne_bytes());
        }
    });
}

/// The order to remove one connection. Without a tuple it would be all of them.
fn deletion(flow: &Flow) -> Request {
    let head: [u8; FAMILY_BYTES] = [family_number(flow.family), 0, 0, 0];
    Request::new(IPCTNL_MSG_CT_DELETE, 0, &head, |w| flow.write(w))
}
