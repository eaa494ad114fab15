//! The netlink socket: one for life, one `send` a transaction. And whatever else no crate has without
//! `unsafe`, which may stand in this file alone: namespaces, TUN devices, times of children, memory given back.

use std::fs::File;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};
use std::time::Duration;
use std::{fmt, io};

use neli::consts::socket::{Msg, NlFamily};
use neli::socket::NlSocket;
use neli::utils::Groups;
use rustix::io::Errno;
use rustix::ioctl::{Setter, ioctl, opcode};
use rustix::net::{RecvFlags, recv, sockopt};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use super::inbox::Inbox;

/// What the kernel's answers may take before they are read.
const RECEIVE_BYTES: usize = 8 << 20;
/// Room for the kernel's own bookkeeping beside the bytes of a batch.
const SEND_SLACK_BYTES: usize = 64 << 10;
/// What `netlink_sendmsg` (net/netlink/af_netlink.c) keeps back of the send buffer.
const SEND_RESERVED_BYTES: usize = 32;

/// Whom a socket speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// Links, addresses, routes and neighbours.
    Route,
    /// nf_tables and connection tracking.
    Netfilter,
}

impl Protocol {
    fn family(self) -> NlFamily {
        match self {
            Self::Route => NlFamily::Route,
            Self::Netfilter => NlFamily::Netfilter,
        }
    }
}

/// A netlink socket in the network namespace of the thread that opened it.
pub(crate) struct Socket {
    inner: NlSocket,
    /// The send buffer as last set.
    room: usize,
}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("fd", &self.inner.as_raw_fd())
            .finish()
    }
}

/// Why a batch was not handed to the kernel.
#[derive(Debug)]
pub(crate) enum SendError {
    /// It is larger than the send buffer may become.
    TooLarge { allowed: usize },
    /// The call failed.
    Io(io::Error),
}

impl Socket {
    pub(crate) fn open(protocol: Protocol) -> io::Result<Self> {
        let inner = NlSocket::connect(protocol.family(), None, Groups::empty())?;
        inner.enable_ext_ack(true)?;
        if protocol == Protocol::Route {
            // Linux before 4.20 cannot, and lists all where less is asked for.
            let _: Result<(), io::Error> = inner.enable_strict_checking(true);
        }
        let socket = Self { inner, room: 0 };
        socket.cap_acknowledgements()?;
        // Without CAP_NET_ADMIN in the first user namespace the limit is net.core.rmem_max.
        if sockopt::set_socket_recv_buffer_size_force(socket.fd(), RECEIVE_BYTES).is_err() {
            sockopt::set_socket_recv_buffer_size(socket.fd(), RECEIVE_BYTES)?;
        }
        Ok(socket)
    }

    /// A socket that somebody kept open for us.
    ///
    /// # Errors
    /// It is of another kind, or of another network namespace; or the kernel cannot say.
    pub(crate) fn inherit(descriptor: OwnedFd, protocol: Protocol) -> io::Result<Self> {
        // SAFETY: the descriptor is open, and nobody else owns it.
        let inner = unsafe { NlSocket::from_raw_fd(descriptor.into_raw_fd()) };
        let socket = Self { inner, room: 0 };
        if socket.kind()? != Self::open(protocol)?.kind()? {
            let why = "a kept descriptor is no netlink socket of this network namespace";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        // Answers that nobody read any more.
        socket.discard(&mut Inbox::default())?;
        Ok(socket)
    }

    /// By what number the kernel knows it.
    pub(crate) fn port(&self) -> io::Result<u32> {
        self.inner.pid()
    }

    /// The family, the protocol, and the network namespace by its cookie (Linux 5.14).
    fn kind(&self) -> io::Result<[u64; 3]> {
        Ok([
            u64::from(self.option::<u32>(libc::SO_DOMAIN)?),
            u64::from(self.option::<u32>(libc::SO_PROTOCOL)?),
            self.option::<u64>(libc::SO_NETNS_COOKIE)?,
        ])
    }

    /// Hears from now on what the kernel says to groups (`RTNLGRP_*`, linux/rtnetlink.h).
    pub(crate) fn join(&self, groups: &[u32]) -> io::Result<()> {
        self.inner.add_mcast_membership(Groups::new_groups(groups))
    }

    /// Sends a batch whole.
    pub(crate) fn send(&mut self, batch: &[u8]) -> Result<(), SendError> {
        self.make_room(batch.len()).map_err(SendError::Io)?;
        match self.inner.send(batch, Msg::empty()) {
            Ok(sent) if sent == batch.len() => Ok(()),
            Ok(_) => Err(SendError::Io(io::ErrorKind::WriteZero.into())),
            Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                let room = sockopt::socket_send_buffer_size(self.fd());
                let room = room.map_err(|error| SendError::Io(error.into()))?;
                Err(SendError::TooLarge {
                    allowed: room.saturating_sub(SEND_RESERVED_BYTES),
                })
            }
            Err(error) => Err(SendError::Io(error)),
        }
    }

    /// Reads what is there; nothing is not an error but `None`.
    ///
    /// The kernel has queued every answer to a batch before `send` returns.
    pub(crate) fn receive(&self, into: &mut Inbox, wait: Blocking) -> io::Result<Option<()>> {
        let flags = match wait {
            Blocking::Wait => RecvFlags::empty(),
            Blocking::Return => RecvFlags::DONTWAIT,
        };
        loop {
            match recv(self.fd(), into.room(), flags) {
                Ok((bytes, _)) => {
                    into.fill(bytes);
                    return Ok(Some(()));
                }
                Err(Errno::INTR) => {}
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Throws away what is there: what is left of answers that nobody read to the end.
    pub(crate) fn discard(&self, into: &mut Inbox) -> io::Result<()> {
        loop {
            match self.receive(into, Blocking::Return) {
                Ok(Some(())) => {}
                Ok(None) => return Ok(()),
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn make_room(&mut self, bytes: usize) -> io::Result<()> {
        let needed = bytes + SEND_SLACK_BYTES;
        if needed > self.room {
            // Where both are refused or capped, `send` finds out.
            if sockopt::set_socket_send_buffer_size_force(self.fd(), needed).is_err() {
                sockopt::set_socket_send_buffer_size(self.fd(), needed)?;
            }
            self.room = needed;
        }
        Ok(())
    }

    /// Errors come without a copy of the message that caused them.
    fn cap_acknowledgements(&self) -> io::Result<()> {
        let on: libc::c_int = 1;
        let length = libc::socklen_t::try_from(size_of_val(&on)).unwrap_or(0);
        // SAFETY: the descriptor is open as long as `self.inner`, and the kernel reads `length`
        // bytes of `on`, which outlives the call.
        let status = unsafe {
            libc::setsockopt(
                self.inner.as_raw_fd(),
                libc::SOL_NETLINK,
                libc::NETLINK_CAP_ACK,
                (&raw const on).cast(),
                length,
            )
        };
        if status == 0 {
            Ok(())
        } else {
            Err(io::Error::last_os_error())
        }
    }

    /// A number that the kernel knows of the socket.
    fn option<T: Default>(&self, name: libc::c_int) -> io::Result<T> {
        let mut value = T::default();
        let mut length = libc::socklen_t::try_from(size_of::<T>()).unwrap_or(0);
        // SAFETY: the descriptor is open as long as `self.inner`, and the kernel writes at most
        // `length` bytes to `value`, a number of which all bytes make sense.
        let status = unsafe {
            libc::getsockopt(
                self.inner.as_raw_fd(),
                libc::SOL_SOCKET,
                name,
                (&raw mut value).cast(),
                &raw mut length,
            )
        };
        match status {
            0 => Ok(value),
            _ => Err(io::Error::last_os_error()),
        }
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: `self.inner` owns the descriptor and closes it when it is dropped, which the
        // lifetime of the borrow forbids.
        unsafe { BorrowedFd::borrow_raw(self.inner.as_raw_fd()) }
    }
}

/// Moves the calling thread into a new, empty network namespace.
pub(crate) fn enter_new_network() -> io::Result<()> {
    // SAFETY: NEWNET alone leaves the table of file descriptors shared, which is what the warning on
    // `unshare_unsafe` is about.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
    Ok(())
}

/// `struct ifreq` (linux/if.h), as far as `TUNSETIFF` reads it.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; 16],
    flags: u16,
    padding: [u8; 22],
}

/// What a device carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carries {
    /// IP packets without a header before them.
    Packets,
    /// Frames of Ethernet.
    Frames,
}

/// Makes a TUN or TAP device of `/dev/net/tun`, opened, in the calling thread's network namespace.
pub(crate) fn attach_tun(file: &File, name: [u8; 16], carries: Carries) -> io::Result<()> {
    // linux/if_tun.h
    const TUNSETIFF: u32 = opcode::write::<i32>(b'T', 202);
    const IFF_TUN: u16 = 1;
    const IFF_TAP: u16 = 2;
    const IFF_NO_PI: u16 = 0x1000;
    let kind = match carries {
        Carries::Packets => IFF_TUN,
        Carries::Frames => IFF_TAP,
    };
    let request = InterfaceRequest {
        name,
        flags: kind | IFF_NO_PI,
        padding: [0; 22],
    };
    // SAFETY: TUNSETIFF reads one `struct ifreq`, which `InterfaceRequest` is laid out as.
    unsafe { ioctl(file, Setter::<TUNSETIFF, _>::new(request)) }?;
    Ok(())
}

/// Whose time of the processor is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worker {
    /// The calling thread.
    Thread,
    /// All children of this process that ended and were waited for.
    Children,
}

/// Time that the processor worked for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Worked {
    /// In its own program.
    pub(crate) user: Duration,
    /// In the kernel.
    pub(crate) system: Duration,
}

/// How long the processor worked. Where the kernel looks at each tick of its clock which of both goes on
/// (`CONFIG_TICK_CPU_ACCOUNTING`), the sum is right and the parts are an estimate.
pub(crate) fn worked(worker: Worker) -> io::Result<Worked> {
    let who = match worker {
        Worker::Thread => libc::RUSAGE_THREAD,
        Worker::Children => libc::RUSAGE_CHILDREN,
    };
    // SAFETY: all bytes zero are a `struct rusage`, which is numbers alone.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `struct rusage` to `usage`.
    if unsafe { libc::getrusage(who, &raw mut usage) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let time = |value: libc::timeval| {
        let seconds = u64::try_from(value.tv_sec).unwrap_or(0);
        Duration::from_secs(seconds) + Duration::from_micros(value.tv_usec.unsigned_abs())
    };
    Ok(Worked {
        user: time(usage.ru_utime),
        system: time(usage.ru_stime),
    })
}

/// Gives memory that the allocator keeps for later back to the kernel, where the allocator can.
pub(crate) fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes no pointers, and may be called at any time from any thread.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// What to do where nothing is there to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Blocking {
    /// Wait for it.
    Wait,
    /// Come back at once.
    Return,
}
