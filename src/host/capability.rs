//! The capabilities that programming a host takes, and giving up all others.

use std::io;

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};

/// nftables, routes and settings of interfaces; sockets that send whole packets.
const KEPT: CapabilitySet = CapabilitySet::NET_ADMIN.union(CapabilitySet::NET_RAW);

/// Gives up every capability but `CAP_NET_ADMIN` and `CAP_NET_RAW`, and the way to get any back: of
/// the calling thread and of what it starts from now on. So it is called before there are others.
///
/// What of the two the thread does not have it does not get.
///
/// # Errors
/// The kernel refuses; some may be given up by then.
pub fn keep_network_capabilities() -> io::Result<()> {
    set_no_new_privs(true)?;
    let held = capabilities(None)?;
    // Taking from the bounding set takes CAP_SETPCAP: it comes before that is given up.
    if held.effective.contains(CapabilitySet::SETPCAP) {
        bound()?;
    }
    match clear_ambient_capability_set() {
        // Linux before 4.3 has none.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    let kept = held.permitted.intersection(KEPT);
    set_capabilities(
        None,
        CapabilitySets {
            effective: kept,
            permitted: kept,
            inheritable: CapabilitySet::empty(),
        },
    )?;
    Ok(())
}

fn bound() -> io::Result<()> {
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        if KEPT.contains(capability) {
            continue;
        }
        match remove_capability_from_bounding_set(capability) {
            Ok(()) => {}
            // The kernel knows no higher ones.
            Err(Errno::INVAL) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}
