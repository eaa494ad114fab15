//! One round: every flow of a matrix at the same time.

use std::collections::BTreeSet;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use super::DemoError;
use super::flow::{Answer, Load, Seen, Trip, send_and_see};
use super::layout::{Layout, Stop};
use super::matrix::{Disguise, Flow, Matrix, Service};
use super::namespace::within;

/// The flows with their places, and listeners for their connections.
#[derive(Debug)]
pub(super) struct Round {
    trips: Vec<Trip>,
    _listeners: Vec<TcpListener>,
}

impl Round {
    /// Finds the places of all flows and starts the listeners.
    pub(super) fn new(matrix: &Matrix, layout: &Layout) -> Result<Self, DemoError> {
        let trips = (1..)
            .zip(&matrix.flows)
            .map(|(id, flow)| trip(flow, id, layout));
        let trips: Vec<Trip> = trips.collect::<Result<_, _>>().map_err(DemoError::Layout)?;
        let listeners = listeners(&trips)?;
        Ok(Self {
            trips,
            _listeners: listeners,
        })
    }

    /// Sends every flow, and gives what became of each in the order of the matrix.
    pub(super) fn run(&mut self, patience: Duration) -> Vec<Seen> {
        let count = u16::try_from(self.trips.len()).unwrap_or(u16::MAX);
        for trip in &mut self.trips {
            // A straggler of an earlier round must not be taken for this one's.
            trip.id = trip.id.wrapping_add(count);
            trip.patience = patience;
        }
        thread::scope(|scope| {
            let send = |trip| scope.spawn(move || send_and_see(trip));
            let threads: Vec<_> = self.trips.iter().map(send).collect();
            let lost = |_| Seen::Failed("the thread of the flow panicked".to_owned());
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(lost))
                .collect()
        })
    }
}

fn trip(flow: &Flow, id: u16, layout: &Layout) -> Result<Trip, String> {
    let (from, to) = layout
        .stops(flow)
        .map_err(|reason| format!("line {}: {reason}", flow.line))?;
    let load = match flow.service {
        Service::Tcp(port) => Load::Tcp(port),
        Service::Udp {
            source,
            destination,
        } => Load::Udp(source.unwrap_or(0), destination),
        Service::Echo => Load::Echo,
    };
    let answer = match flow.disguise {
        Disguise::None => Answer::Expected,
        Disguise::Unnumbered | Disguise::Mac(_) => Answer::Elsewhere,
        Disguise::Address(_) => Answer::Forged,
    };
    Ok(Trip {
        from,
        to,
        load,
        answer,
        id,
        patience: Duration::ZERO,
    })
}

/// The kernel completes a handshake on its own: nobody needs to accept.
fn listeners(trips: &[Trip]) -> io::Result<Vec<TcpListener>> {
    let wanted: BTreeSet<(&Stop, u16)> = trips
        .iter()
        .filter_map(|trip| match trip.load {
            Load::Tcp(port) => Some((&trip.to, port)),
            Load::Udp(_, _) | Load::Echo => None,
        })
        .collect();
    let listen = |(stop, port): (&Stop, u16)| {
        within(&stop.namespace, || {
            TcpListener::bind(SocketAddr::new(stop.address, port))
        })
    };
    wanted.into_iter().map(listen).collect()
}
