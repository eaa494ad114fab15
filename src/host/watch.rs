//! What happens to the interfaces of the host, as it happens.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

use super::link::{self, Link, LinkAddress, LinkState};
use crate::net::InterfaceName;
use crate::netlink::client::Client;
use crate::netlink::inbox::Inbox;
use crate::netlink::message::{Message, messages};
use crate::netlink::socket::{Blocking, Protocol, Socket};

/// linux/rtnetlink.h
const RTNLGRP_LINK: u32 = 1;
const RTNLGRP_IPV4_IFADDR: u32 = 5;
const RTNLGRP_IPV6_IFADDR: u32 = 9;
const RTM_NEWLINK: u16 = 16;
const RTM_DELLINK: u16 = 17;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;

/// Hears of interfaces and addresses in the network namespace of the thread that opened it.
///
/// Its descriptor is readable when there is something to [`read`](Self::read).
#[derive(Debug)]
pub struct LinkWatch {
    socket: Socket,
    client: Client,
    inbox: Inbox,
    known: BTreeMap<u32, Link>,
}

/// Something that happened to an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// Packets pass now; also of an interface that is new.
    Up {
        /// Its number.
        index: u32,
        /// Its name.
        name: InterfaceName,
    },
    /// Packets do not pass any more, or not yet.
    Down {
        /// Its number.
        index: u32,
        /// Its name.
        name: InterfaceName,
    },
    /// It is called something else now.
    Renamed {
        /// Its number.
        index: u32,
        /// What it was called.
        from: InterfaceName,
        /// What it is called.
        to: InterfaceName,
    },
    /// It was removed, or went to another namespace.
    Gone {
        /// Its number, which another may get.
        index: u32,
        /// Its name.
        name: InterfaceName,
    },
    /// The host has an address, or something about it changed.
    AddressAdded(LinkAddress),
    /// The host does not have an address any more.
    AddressRemoved(LinkAddress),
    /// More happened than there was room for: everything is to be looked at again.
    Resync,
}

impl LinkWatch {
    /// Begins to listen, then looks at what is there.
    ///
    /// # Errors
    /// The kernel gives no socket or no list of links.
    pub fn open() -> io::Result<Self> {
        let socket = Socket::open(Protocol::Route)?;
        socket.join(&[RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR])?;
        let mut watch = Self {
            socket,
            client: Client::open(Protocol::Route)?,
            inbox: Inbox::default(),
            known: BTreeMap::new(),
        };
        watch.look()?;
        Ok(watch)
    }

    /// What happened since the last time, in order; nothing, if nothing did. Does not wait.
    ///
    /// # Errors
    /// The kernel cannot be asked.
    pub fn read(&mut self) -> io::Result<Vec<LinkEvent>> {
        // Taken out: what is read of it changes what is known.
        let mut inbox = std::mem::take(&mut self.inbox);
        let events = self.read_by(&mut inbox);
        self.inbox = inbox;
        events
    }

    fn read_by(&mut self, inbox: &mut Inbox) -> io::Result<Vec<LinkEvent>> {
        let mut events = Vec::new();
        let mut lost = false;
        loop {
            match self.socket.receive(inbox, Blocking::Return) {
                Ok(Some(())) if lost => {}
                Ok(Some(())) => {
                    for message in messages(inbox.bytes()) {
                        self.take(&message, &mut events);
                    }
                }
                Ok(None) => break,
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => lost = true,
                Err(error) => return Err(error),
            }
        }
        if lost {
            self.look()?;
            return Ok(vec![LinkEvent::Resync]);
        }
        Ok(events)
    }

    fn look(&mut self) -> io::Result<()> {
        let links = link::links(&mut self.client)?;
        self.known = links.into_iter().map(|link| (link.index, link)).collect();
        Ok(())
    }

    fn take(&mut self, message: &Message<'_>, events: &mut Vec<LinkEvent>) {
        match message.kind {
            RTM_NEWLINK => {
                events.extend(Link::read(message.body).map_or(vec![], |l| self.changed(l)))
            }
            RTM_DELLINK => {
                let link = Link::read(message.body);
                let known = link.and_then(|link| self.known.remove(&link.index));
                events
                    .extend(known.map(|Link { index, name, .. }| LinkEvent::Gone { index, name }));
            }
            RTM_NEWADDR => {
                events.extend(LinkAddress::read(message.body).map(LinkEvent::AddressAdded));
            }
            RTM_DELADDR => {
                events.extend(LinkAddress::read(message.body).map(LinkEvent::AddressRemoved));
            }
            _ => {}
        }
    }

    /// The kernel repeats all that it knows of an interface whenever anything of it changes.
    fn changed(&mut self, link: Link) -> Vec<LinkEvent> {
        let old = self.known.insert(link.index, link.clone());
        let Link { index, name, state } = link;
        let renamed = old.as_ref().filter(|old| old.name != name);
        let renamed = renamed.map(|old| LinkEvent::Renamed {
            index,
            from: old.name.clone(),
            to: name.clone(),
        });
        let changed = old.as_ref().is_none_or(|old| old.state != state);
        let changed = changed.then_some(match state {
            LinkState::Up => LinkEvent::Up { index, name },
            LinkState::Down => LinkEvent::Down { index, name },
        });
        renamed.into_iter().chain(changed).collect()
    }
}

impl AsFd for LinkWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.fd()
    }
}

impl AsRawFd for LinkWatch {
    fn as_raw_fd(&self) -> RawFd {
        self.as_fd().as_raw_fd()
    }
}
