//! Sockets in namespaces, and what comes out of them.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::sockopt::{
    Timeout, set_socket_broadcast, set_socket_reuseaddr, set_socket_timeout,
};
use rustix::net::{
    AddressFamily, RecvFlags, SocketFlags, SocketType, bind, connect, getsockname, ipproto, recv,
    socket_with,
};

use super::layout::Stop;
use super::namespace::within;
use super::packet;
use crate::net::Protocol;

/// A socket to connect from, and its port.
pub(super) fn tcp(stop: &Stop, patience: Duration) -> io::Result<(OwnedFd, u16)> {
    within(&stop.namespace, || {
        let socket = opened(stop.address, SocketType::STREAM, None)?;
        bind(&socket, &SocketAddr::new(stop.address, 0))?;
        set_socket_timeout(&socket, Timeout::Send, Some(patience))?;
        let port = SocketAddr::try_from(getsockname(&socket)?)?.port();
        Ok((socket, port))
    })
}

/// A socket for datagrams; port 0 is any.
pub(super) fn udp(stop: &Stop, port: u16, patience: Duration) -> io::Result<UdpSocket> {
    within(&stop.namespace, || {
        let socket = opened(stop.address, SocketType::DGRAM, None)?;
        set_socket_reuseaddr(&socket, true)?;
        set_socket_broadcast(&socket, true)?;
        bind(&socket, &SocketAddr::new(stop.address, port))?;
        let socket = UdpSocket::from(socket);
        socket.set_read_timeout(Some(patience))?;
        Ok(socket)
    })
}

/// A socket that sees every packet of a protocol between two addresses.
pub(super) fn raw(
    stop: &Stop,
    protocol: Protocol,
    peer: IpAddr,
    patience: Duration,
) -> io::Result<OwnedFd> {
    let kind = match protocol {
        Protocol::ICMP => ipproto::ICMP,
        Protocol::ICMPV6 => ipproto::ICMPV6,
        _ => ipproto::TCP,
    };
    within(&stop.namespace, || {
        let socket = opened(stop.address, SocketType::RAW, Some(kind))?;
        bind(&socket, &SocketAddr::new(stop.address, 0))?;
        connect(&socket, &SocketAddr::new(peer, 0))?;
        set_socket_timeout(&socket, Timeout::Recv, Some(patience))?;
        Ok(socket)
    })
}

/// A socket for packets that are whole, their source included; it only sends (`raw(7)`).
pub(super) fn forger(stop: &Stop) -> io::Result<OwnedFd> {
    within(&stop.namespace, || {
        opened(stop.address, SocketType::RAW, Some(ipproto::RAW))
    })
}

fn opened(
    address: IpAddr,
    kind: SocketType,
    protocol: Option<rustix::net::Protocol>,
) -> io::Result<OwnedFd> {
    let domain = if address.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    Ok(socket_with(domain, kind, SocketFlags::CLOEXEC, protocol)?)
}

/// Reads until the bytes come or the time is over.
pub(super) fn receives(socket: &UdpSocket, token: &[u8]) -> io::Result<bool> {
    let mut buffer = [0; 512];
    loop {
        match quiet(socket.recv(&mut buffer))? {
            Some(length) if buffer.get(..length) == Some(token) => return Ok(true),
            Some(_) => {}
            None => return Ok(false),
        }
    }
}

pub(super) fn sees(
    socket: &OwnedFd,
    address: IpAddr,
    is_ours: impl Fn(&[u8]) -> bool,
) -> io::Result<bool> {
    let mut buffer = [0; 2048];
    loop {
        let received = recv(socket, &mut buffer, RecvFlags::empty()).map(|(length, _)| length);
        match quiet(received.map_err(io::Error::from))? {
            Some(length) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                if is_ours(packet::payload(address, bytes)) {
                    return Ok(true);
                }
            }
            None => return Ok(false),
        }
    }
}

/// What was received; `None` where nothing came in time.
fn quiet(received: io::Result<usize>) -> io::Result<Option<usize>> {
    match received {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) if is_unreachable(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A neighbour that was not found is reported at the next call: the packet did not arrive.
pub(super) fn tolerated(sent: io::Result<usize>) -> io::Result<()> {
    match sent {
        Err(error) if !is_unreachable(&error) => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

fn is_unreachable(error: &io::Error) -> bool {
    error.kind() == ErrorKind::HostUnreachable
}
