//! TUN devices: a write runs a packet to its verdict, so what a read finds after it *is* the verdict.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;

use crate::netlink::socket::{Carries, attach_tun};
use crate::ruleset::key::interface_bytes;

/// A device that is gone when it is dropped.
#[derive(Debug)]
pub(super) struct Device {
    file: File,
}

impl Device {
    /// Makes one in the calling thread's namespace.
    pub(super) fn new(name: &str) -> io::Result<Self> {
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(nonblocking);
        let file = options.open("/dev/net/tun")?;
        attach_tun(&file, interface_bytes(name), Carries::Packets)?;
        Ok(Self { file })
    }

    /// Puts a packet on the wire. The kernel takes it to its verdict before this returns.
    pub(super) fn send(&self, packet: &[u8]) -> io::Result<()> {
        (&self.file).write_all(packet)
    }

    /// The length of the next packet that came out, if there is one.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Option<usize> {
        (&self.file).read(buffer).ok()
    }

    /// Throws away what came out so far.
    pub(super) fn drain(&self) {
        let mut buffer = [0; 64];
        while self.receive(&mut buffer).is_some() {}
    }
}
