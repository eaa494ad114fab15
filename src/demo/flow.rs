//! One flow: a packet sent from one namespace, looked for in another, and its answer.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{SendFlags, connect, send, sendto};

use super::layout::Stop;
use super::packet;
use super::socket::{self, receives, sees, tolerated};
use crate::net::Protocol;

/// How often a packet is sent before it counts as lost, and how long each is waited for.
pub(super) const ATTEMPTS: u32 = 5;

/// How long the packet of a connection is looked for that was already given its time.
const WITNESS_PATIENCE: Duration = Duration::from_millis(1);

/// The source port of packets with a false source.
const FORGED_PORT: u16 = 40_000;

/// A flow with its places.
#[derive(Debug)]
pub(super) struct Trip {
    /// Where it starts.
    pub(super) from: Stop,
    /// Where it should arrive.
    pub(super) to: Stop,
    /// What is sent.
    pub(super) load: Load,
    /// Whether an answer can come back.
    pub(super) answer: Answer,
    /// A number that no other flow of the run has.
    pub(super) id: u16,
    /// How long each attempt is waited for.
    pub(super) patience: Duration,
}

/// What is sent.
#[derive(Debug, Clone, Copy)]
pub(super) enum Load {
    /// A connection to a port.
    Tcp(u16),
    /// A datagram from a port (0 for any) to a port.
    Udp(u16, u16),
    /// An echo request.
    Echo,
}

/// What counts as success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// The packet arrives and the answer comes back.
    Expected,
    /// The packet arrives; its answer goes to the interface's owner, not to who pretended.
    Elsewhere,
    /// The same, and the source address is false, so that the whole packet is written by us.
    Forged,
}

/// What became of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It arrived, and the answer where one was looked for.
    Allow,
    /// It did not arrive.
    Deny,
    /// It arrived; its answer did not.
    Unanswered,
    /// It could not be sent or looked for.
    Failed(String),
}

/// Sends a packet and looks what becomes of it.
pub(super) fn send_and_see(trip: &Trip) -> Seen {
    let outcome = match (trip.load, trip.answer) {
        (Load::Tcp(port), _) => tcp(trip, port),
        (Load::Udp(_, port), Answer::Forged) => forged_udp(trip, port),
        (Load::Udp(source, port), Answer::Expected | Answer::Elsewhere) => udp(trip, source, port),
        (Load::Echo, _) => echo(trip),
    };
    match outcome {
        Ok(seen) => seen,
        Err(error) => Seen::Failed(error.to_string()),
    }
}

impl Trip {
    fn token(&self) -> Vec<u8> {
        format!("margay demo, flow {}", self.id).into_bytes()
    }

    fn seen(&self, arrived: bool, answered: bool) -> Seen {
        match (
            arrived || answered,
            answered || self.answer != Answer::Expected,
        ) {
            (true, true) => Seen::Allow,
            (true, false) => Seen::Unanswered,
            (false, _) => Seen::Deny,
        }
    }
}

/// The listeners are there already; a raw socket sees the first packet even if no answer gets back.
fn tcp(trip: &Trip, port: u16) -> io::Result<Seen> {
    let (client, source) = socket::tcp(&trip.from, trip.patience * ATTEMPTS)?;
    let witness = socket::raw(&trip.to, Protocol::TCP, trip.from.address, WITNESS_PATIENCE)?;
    let answered = match connect(&client, &SocketAddr::new(trip.to.address, port)) {
        Ok(()) => true,
        Err(Errno::INPROGRESS | Errno::TIMEDOUT | Errno::HOSTUNREACH) => false,
        Err(error) => return Err(error.into()),
    };
    let [a, b] = source.to_be_bytes();
    let [c, d] = port.to_be_bytes();
    let arrived = sees(&witness, trip.to.address, |message| {
        message.starts_with(&[a, b, c, d])
    })?;
    Ok(trip.seen(arrived, answered))
}

fn udp(trip: &Trip, source: u16, port: u16) -> io::Result<Seen> {
    let client = socket::udp(&trip.from, source, trip.patience)?;
    let server = udp_receiver(trip, client.local_addr()?, port)?;
    let target = SocketAddr::new(trip.to.address, port);
    let arrived = repeated(|| {
        // An unreachable neighbour is reported here, an attempt late.
        tolerated(client.send_to(&trip.token(), target))?;
        receives(&server, &trip.token())
    })?;
    if !arrived || trip.answer != Answer::Expected {
        return Ok(trip.seen(arrived, false));
    }
    let answered = repeated(|| {
        tolerated(server.send(&trip.token()))?;
        receives(&client, &trip.token())
    })?;
    Ok(trip.seen(true, answered))
}

fn forged_udp(trip: &Trip, port: u16) -> io::Result<Seen> {
    let source = SocketAddr::new(trip.from.address, FORGED_PORT.wrapping_add(trip.id));
    let server = udp_receiver(trip, source, port)?;
    let message = packet::datagram(source.port(), port, &trip.token());
    let arrived = forged(trip, Protocol::UDP, message, || {
        receives(&server, &trip.token())
    })?;
    Ok(trip.seen(arrived, false))
}

/// The receiver belongs to the flow alone: of the sockets on a port, the kernel prefers the one that
/// is connected to the sender.
fn udp_receiver(trip: &Trip, source: SocketAddr, port: u16) -> io::Result<UdpSocket> {
    let everybody = trip.to.address == IpAddr::V4(Ipv4Addr::BROADCAST);
    if everybody {
        let to = Stop {
            address: Ipv4Addr::UNSPECIFIED.into(),
            ..trip.to.clone()
        };
        return socket::udp(&to, port, trip.patience);
    }
    let server = socket::udp(&trip.to, port, trip.patience)?;
    server.connect(source)?;
    Ok(server)
}

fn echo(trip: &Trip) -> io::Result<Seen> {
    let (address, patience) = (trip.to.address, trip.patience);
    let protocol = if address.is_ipv4() {
        Protocol::ICMP
    } else {
        Protocol::ICMPV6
    };
    let message = packet::echo(protocol, trip.id, &trip.token());
    let is_ours = |received: &[u8]| received.get(4..) == message.get(4..);
    let server = socket::raw(&trip.to, protocol, trip.from.address, patience)?;
    if trip.answer == Answer::Forged {
        let arrived = forged(trip, protocol, message.clone(), || {
            sees(&server, address, is_ours)
        })?;
        return Ok(trip.seen(arrived, false));
    }
    let client = socket::raw(&trip.from, protocol, address, patience)?;
    let request = packet::sealed(protocol, trip.from.address, address, message.clone());
    let is_reply = |received: &[u8]| {
        is_ours(received) && received.first().is_some_and(|kind| [0, 129].contains(kind))
    };
    let mut arrived = false;
    let answered = repeated(|| {
        tolerated(send(&client, &request, SendFlags::empty()).map_err(io::Error::from))?;
        arrived |= sees(&server, address, is_ours)?;
        Ok(arrived && sees(&client, address, is_reply)?)
    })?;
    Ok(trip.seen(arrived, answered))
}

/// Sends a packet that is ours down to its source address.
fn forged(
    trip: &Trip,
    protocol: Protocol,
    message: Vec<u8>,
    mut arrives: impl FnMut() -> io::Result<bool>,
) -> io::Result<bool> {
    let sender = socket::forger(&trip.from)?;
    let bytes = packet::packet(protocol, trip.from.address, trip.to.address, message);
    let target = SocketAddr::new(trip.to.address, 0);
    repeated(|| {
        sendto(&sender, &bytes, SendFlags::empty(), &target)?;
        arrives()
    })
}

fn repeated(mut attempt: impl FnMut() -> io::Result<bool>) -> io::Result<bool> {
    for _ in 0..ATTEMPTS {
        if attempt()? {
            return Ok(true);
        }
    }
    Ok(false)
}
