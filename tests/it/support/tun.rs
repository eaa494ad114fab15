//! The calls that Rust cannot check: the one file of the tests with `unsafe` in it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::OFlags;
use rustix::io::{Errno, retry_on_intr};
use rustix::ioctl::{Setter, ioctl, opcode};
use rustix::thread::{UnshareFlags, unshare_unsafe};

/// Moves the calling thread into a new, empty network namespace.
pub(crate) fn enter_new_network() -> std::io::Result<()> {
    // SAFETY: NEWNET alone leaves the table of file descriptors shared, which is what the warning
    // on `unshare_unsafe` is about.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
    Ok(())
}

/// What travels on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// IP packets: a TUN.
    Ip,
    /// Ethernet frames: a TAP.
    Ethernet,
}

/// `struct ifreq` (linux/if.h), as far as `TUNSETIFF` reads it.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; 16],
    flags: u16,
    padding: [u8; 22],
}

/// A TUN or TAP device, gone when dropped.
#[derive(Debug)]
pub(crate) struct Device {
    file: File,
    /// What travels on it.
    pub(crate) link: Link,
}

impl Device {
    /// Makes a device of this name in the calling thread's namespace.
    pub(crate) fn new(name: &str, link: Link) -> std::io::Result<Self> {
        // linux/if_tun.h
        const TUNSETIFF: u32 = opcode::write::<i32>(b'T', 202);
        const IFF_TUN: u16 = 1;
        const IFF_TAP: u16 = 2;
        const IFF_NO_PI: u16 = 0x1000;
        let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(nonblocking)
            .open("/dev/net/tun")?;
        let kind = match link {
            Link::Ip => IFF_TUN,
            Link::Ethernet => IFF_TAP,
        };
        let request = InterfaceRequest {
            name: margay::ruleset::key::interface_bytes(name),
            flags: kind | IFF_NO_PI,
            padding: [0; 22],
        };
        // SAFETY: TUNSETIFF reads one `struct ifreq`, which `InterfaceRequest` is laid out as.
        unsafe { ioctl(&file, Setter::<TUNSETIFF, _>::new(request)) }?;
        Ok(Self { file, link })
    }

    /// Puts a packet on the wire. The kernel takes it to its verdict before this returns.
    pub(crate) fn send(&self, frame: &[u8]) -> std::io::Result<()> {
        let sent = retry_on_intr(|| rustix::io::write(&self.file, frame))?;
        assert_eq!(sent, frame.len(), "a device takes a packet whole");
        Ok(())
    }

    /// The next packet that came out, if there is one.
    pub(crate) fn receive<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
        match rustix::io::read(&self.file, &mut *buffer) {
            Ok(length) => Some(&buffer[..length]),
            Err(Errno::AGAIN) => None,
            Err(error) => panic!("reading from a device: {error}"),
        }
    }
}
