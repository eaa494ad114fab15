//! A network namespace that is made for trying, and gone when its thread is.

use std::io;
use std::thread;

use super::{Check, construct, flight};
use crate::netlink::client::{Client, Request};
use crate::netlink::socket::{Protocol, enter_new_network};

/// `RTM_NEWLINK` (linux/rtnetlink.h) and `IFF_UP` (linux/if.h).
const RTM_NEWLINK: u16 = 16;
const IFF_UP: u32 = 1;
/// The loopback is the first interface of every namespace.
const LOOPBACK: u32 = 1;

/// What the kernel can do, tried in a namespace of its own.
pub(super) fn checks() -> Vec<Check> {
    let tried = thread::scope(|scope| scope.spawn(inside).join());
    tried.unwrap_or_else(|_| vec![refused("the attempt ended early")])
}

fn inside() -> Vec<Check> {
    if let Err(error) = enter_new_network() {
        return vec![refused(&error.to_string())];
    }
    let mut checks = construct::checks();
    checks.push(match raise_loopback() {
        Ok(()) => flight::check(),
        Err(error) => flight::untried(&format!("the loopback cannot be set up: {error}")),
    });
    checks
}

fn refused(why: &str) -> Check {
    Check::failure(
        "namespace",
        format!("nothing could be tried: a network namespace is refused ({why})"),
        "run it as root, with CAP_SYS_ADMIN",
    )
}

/// `ip link set lo up`
fn raise_loopback() -> io::Result<()> {
    let mut head = vec![0; 4];
    for number in [LOOPBACK, IFF_UP, IFF_UP] {
        head.extend_from_slice(&number.to_ne_bytes());
    }
    let order = Request::new(RTM_NEWLINK, 0, &head, |_| {});
    let answers = Client::open(Protocol::Route)?.perform(&[order])?;
    match answers.iter().find(|answer| answer.errno != 0) {
        Some(refused) => Err(io::Error::from_raw_os_error(refused.errno)),
        None => Ok(()),
    }
}
