//! A ruleset in a network namespace of its own, and a thread that lives there and sends packets.
//!
//! All lanes stand at once and one works at a time, so that pairs can be interleaved without loading
//! anything between two measurements.

use std::net::IpAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Instant;

use margay::net::Protocol;
use margay::scenario::{Packet, Transport};
use rustix::net::{AddressFamily, SendFlags, SocketFlags, SocketType, send, socket_with};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::netns::ip;
use crate::packet::{self, Part};
use crate::tun::{Device, Link, enter_new_network};

/// Packets sent between two readings of the clock: fewer than a device queues.
const BURST: u16 = 50;

/// What a lane sends: the opening packet of a UDP flow, from one workload to another.
#[derive(Debug, Clone)]
pub(crate) struct Flow {
    /// The interface it comes from, and the one that it must come out of.
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) port: u16,
}

type Job = Box<dyn FnOnce(&mut Road) + Send>;

/// A namespace and its thread.
#[derive(Debug)]
pub(crate) struct Lane {
    /// What stands in it.
    pub(crate) name: String,
    jobs: Sender<Job>,
}

/// What the thread of a lane works with.
#[derive(Debug)]
pub(crate) struct Road {
    sender: Device,
    receiver: Device,
    frame: Vec<u8>,
    next_port: u16,
}

impl Lane {
    /// A namespace with two devices, and forwarding between them.
    pub(crate) fn new(name: &str, flow: &Flow) -> Self {
        let (jobs, inbox): (Sender<Job>, Receiver<Job>) = channel();
        let flow = flow.clone();
        std::thread::spawn(move || {
            enter_new_network().unwrap();
            pin();
            let mut road = Road::new(&flow);
            for job in inbox {
                job(&mut road);
            }
        });
        Self {
            name: name.to_owned(),
            jobs,
        }
    }

    /// Runs something in the lane's thread and namespace, and waits for it.
    pub(crate) fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Road) -> T + Send + 'static,
    ) -> T {
        let (answer, outcome) = channel();
        let job: Job = Box::new(move |road| drop(answer.send(job(road))));
        self.jobs.send(job).unwrap();
        outcome.recv().unwrap()
    }

    /// Nanoseconds that one packet takes from the sender's write to its arrival.
    pub(crate) fn cost(&self, bursts: usize) -> f64 {
        self.run(move |road| road.cost(bursts))
    }
}

impl Road {
    fn new(flow: &Flow) -> Self {
        let [sender, receiver] =
            [&flow.from, &flow.to].map(|name| Device::new(name, Link::Ip).unwrap());
        for (key, value) in [
            ("ipv4/ip_forward", "1"),
            ("ipv4/conf/all/rp_filter", "0"),
            ("ipv4/conf/default/rp_filter", "0"),
            ("ipv6/conf/all/disable_ipv6", "1"),
        ] {
            std::fs::write(format!("/proc/sys/net/{key}"), value).unwrap();
        }
        for device in [&flow.from, &flow.to] {
            let _ = std::fs::write(format!("/proc/sys/net/ipv4/conf/{device}/rp_filter"), "0");
        }
        let (from, to) = (&flow.from, &flow.to);
        ip(&format!(
            "link set lo up\nlink set {from} up\nlink set {to} up\n\
             route add {}/32 dev {from}\nroute add {}/32 dev {to}\n",
            flow.source, flow.destination
        ));
        Self {
            sender,
            receiver,
            frame: frame(flow),
            next_port: 0,
        }
    }

    /// The median of bursts, after one that warms the caches. Every packet opens a flow.
    fn cost(&mut self, bursts: usize) -> f64 {
        forget_flows();
        self.next_port = 1;
        self.burst();
        let sample: crate::sample::Sample = (0..bursts).map(|_| self.burst()).collect();
        sample.median()
    }

    fn burst(&mut self) -> f64 {
        let start = Instant::now();
        for port in self.next_port..self.next_port + BURST {
            self.frame[20..22].copy_from_slice(&port.to_be_bytes());
            self.sender.send(&self.frame).unwrap();
        }
        let time = start.elapsed();
        self.next_port += BURST;
        let mut buffer = [0; 2048];
        let arrived = std::iter::from_fn(|| self.receiver.receive(&mut buffer).map(<[u8]>::len));
        let arrived = arrived.filter(|length| *length == self.frame.len()).count();
        assert_eq!(
            arrived,
            usize::from(BURST),
            "packets that must pass were lost"
        );
        time.as_secs_f64() * 1e9 / f64::from(BURST)
    }
}

/// A UDP packet without a checksum (RFC 768), so that its source port can be changed in place.
fn frame(flow: &Flow) -> Vec<u8> {
    let packet = Packet {
        source: flow.source,
        destination: flow.destination,
        transport: Transport::Ports {
            protocol: Protocol::UDP,
            source: 1,
            destination: flow.port,
        },
    };
    let mut frame = packet::ip(&packet, &packet::transport(&packet, 1, Part::Opening));
    frame[26..28].copy_from_slice(&[0, 0]);
    frame
}

/// Empties the connection table of the calling thread's namespace: `IPCTNL_MSG_CT_DELETE` without a
/// tuple (linux/netfilter/nfnetlink_conntrack.h).
fn forget_flows() {
    let netfilter = std::num::NonZeroU32::new(12).map(rustix::net::Protocol::from_raw);
    let (family, kind) = (AddressFamily::NETLINK, SocketType::RAW);
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, netfilter).unwrap();
    let mut message = [0_u8; 20];
    message[0] = 20;
    message[4..8].copy_from_slice(&[2, 1, 1, 0]);
    let sent = send(&socket, &message, SendFlags::empty()).unwrap();
    assert_eq!(sent, message.len());
}

/// Runs something in a thread, pinned, and network namespace of its own.
pub(crate) fn in_namespace<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let run = || {
        enter_new_network().unwrap();
        pin();
        work()
    };
    std::thread::scope(|scope| scope.spawn(run).join()).unwrap()
}

/// Keeps the thread on the last processor.
fn pin() {
    let last = std::thread::available_parallelism().map_or(1, usize::from) - 1;
    let mut set = CpuSet::new();
    set.set(last);
    sched_setaffinity(None, &set).unwrap();
}
