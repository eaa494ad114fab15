//! How packets come to a namespace: its devices and routes, and who writes to them.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::OwnedFd;
use std::thread;
use std::time::Duration;

use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sendto, socket_with,
};

use super::ReplayError;
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_res_gid, set_thread_res_uid};

use super::lane::feed;
use super::plan::Plan;
use super::probe::{Origin, Probe};
use crate::migrate::iptables::PacketType;
use crate::net::{Family, MacAddress, decimal};
use crate::netlink::socket::{Carries, attach_tun};
use crate::ruleset::key::interface_bytes;

/// The address of every device.
const DEVICE: MacAddress = MacAddress([0x02, 0, 0, 0, 0xee, 1]);

/// Settings under which every address may come from everywhere, and the host says nothing that it is not asked for, but
/// that always.
const SETTINGS: [(&str, &str); 15] = [
    ("net/ipv4/ip_forward", "1"),
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv4/conf/all/accept_local", "1"),
    ("net/ipv4/conf/default/accept_local", "1"),
    ("net/ipv4/conf/all/send_redirects", "0"),
    ("net/ipv4/conf/default/send_redirects", "0"),
    ("net/ipv4/icmp_ratelimit", "0"),
    ("net/ipv4/icmp_ratemask", "0"),
    ("net/ipv6/conf/default/addr_gen_mode", "1"),
    ("net/ipv6/conf/default/accept_dad", "0"),
    ("net/ipv6/conf/default/router_solicitations", "0"),
    ("net/ipv6/icmp/ratelimit", "0"),
    // No message that there is, lest the kernel write no more than 50 at once.
    ("net/ipv6/icmp/ratemask", "255"),
    ("net/ipv6/auto_flowlabels", "0"),
];

/// The way into a namespace.
pub(super) struct Road {
    family: Family,
    devices: BTreeMap<String, File>,
    /// What this host sends by.
    host: OwnedFd,
    /// Whether what comes in is for this host, whatever its address.
    local: bool,
    /// Where all else is routed to.
    route: String,
}

impl Road {
    /// Makes all devices of a plan.
    pub(super) fn build(plan: &Plan) -> Result<Self, ReplayError> {
        let made = || -> io::Result<_> {
            settle(plan.family)?;
            if let Some(seconds) = plan.expiry {
                let path = "/proc/sys/net/netfilter/nf_conntrack_udp_timeout";
                fs::write(path, seconds.to_string())?;
            }
            Ok((devices(plan)?, host(plan.family)?))
        };
        let (devices, host) = made().map_err(ReplayError::NoLane)?;
        let mut road = Self {
            family: plan.family,
            devices,
            host,
            local: true,
            route: "probe1".to_owned(),
        };
        let mut batch = "link set lo up\n".to_owned();
        for (at, name) in plan.devices.iter().enumerate() {
            // Nothing is asked of neighbours or told to groups.
            let address = match plan.family {
                Family::V4 => format!("198.18.{at}.1/24 brd +"),
                Family::V6 => format!("2001:db8:ff:{at:x}::1/64 nodad"),
            };
            let group = name.strip_prefix("group").and_then(decimal::<u32>);
            if let Some(group) = group {
                batch.push_str(&format!("link set dev {name} group {group}\n"));
            }
            batch.push_str(&format!(
                "link set dev {name} address {DEVICE} arp off multicast off up\naddr add {address} dev {name}\n"
            ));
        }
        batch.push_str(
            "route add default dev probe1\nroute add local default dev lo table 100\n\
             rule add pref 1 iif lo lookup main\nrule add pref 2 lookup 100\n",
        );
        road.ip(&batch)?;
        if plan.family == Family::V6 {
            // Not before: a router joins groups on devices that have them, and tells so.
            let path = "/proc/sys/net/ipv6/conf/all/forwarding";
            fs::write(path, "1").map_err(ReplayError::NoLane)?;
            settled(plan.devices.len()).map_err(ReplayError::NoLane)?;
        }
        Ok(road)
    }

    /// Sends a packet. That a rule refuses to let the host send it is no failure.
    pub(super) fn send(&mut self, probe: &Probe, identification: u16) -> Result<(), ReplayError> {
        self.turn(probe)?;
        let bytes = probe.bytes(identification);
        match &probe.origin {
            Origin::Host if probe.sender.is_some() => {
                plainly(probe).map_err(ReplayError::NoLane)?
            }
            Origin::Host => {
                let to = SocketAddr::new(probe.destination, 0);
                let _refused = sendto(&self.host, &bytes, SendFlags::empty(), &to);
            }
            Origin::Device(name) => {
                if let Some(device) = self.devices.get_mut(name) {
                    let frame = framed(probe, &bytes);
                    device.write_all(&frame).map_err(ReplayError::NoLane)?;
                }
            }
        }
        Ok(())
    }

    /// Makes the routes that a packet needs.
    fn turn(&mut self, probe: &Probe) -> Result<(), ReplayError> {
        let local = match (&probe.origin, &probe.output) {
            (Origin::Device(_), output) => output.is_none(),
            (Origin::Host, _) => self.local,
        };
        let mut batch = String::new();
        if local != self.local {
            let word = if local { "add" } else { "del" };
            batch.push_str(&format!("rule {word} pref 2 lookup 100\n"));
            self.local = local;
        }
        if let Some(device) = probe.output.as_ref().filter(|name| **name != self.route) {
            batch.push_str(&format!("route replace default dev {device}\n"));
            self.route.clone_from(device);
        }
        match batch.is_empty() {
            true => Ok(()),
            false => self.ip(&batch),
        }
    }

    fn ip(&mut self, batch: &str) -> Result<(), ReplayError> {
        let family = match self.family {
            Family::V4 => "-4",
            Family::V6 => "-6",
        };
        feed("ip", &[family, "-batch", "-"], batch).map(drop)
    }
}

fn settle(family: Family) -> io::Result<()> {
    for (path, value) in SETTINGS {
        let written = fs::write(format!("/proc/sys/{path}"), value);
        // A host may have no IPv6, and older kernels lack some.
        let matters = path.starts_with("net/ipv6") == (family == Family::V6);
        if let Err(error) = written
            && matters
            && !path.contains("icmp")
        {
            return Err(error);
        }
    }
    Ok(())
}

/// Waits until so many addresses are the host's own: of IPv6 the kernel adds them by and by.
fn settled(wanted: usize) -> io::Result<()> {
    for _ in 0..1000 {
        let routes = fs::read_to_string("/proc/thread-self/net/ipv6_route")?;
        let own = routes.lines().filter(|route| {
            // To one address, by a route of the host's own.
            let mut words = route.split_whitespace();
            words
                .next()
                .is_some_and(|to| to.starts_with("20010db800ff"))
                && words.next() == Some("80")
                && route.contains(" 80200001 ")
        });
        if own.count() >= wanted {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(2));
    }
    Err(io::ErrorKind::TimedOut.into())
}

fn devices(plan: &Plan) -> io::Result<BTreeMap<String, File>> {
    let mut devices = BTreeMap::new();
    for name in &plan.devices {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/net/tun")?;
        attach_tun(&file, interface_bytes(name), Carries::Frames)?;
        devices.insert(name.clone(), file);
    }
    Ok(devices)
}

/// Sends as the user and group who are to send it, in a thread that remains theirs.
fn plainly(probe: &Probe) -> io::Result<()> {
    let Some((user, group)) = probe.sender else {
        return Ok(());
    };
    let to = SocketAddr::new(probe.destination, probe.destination_port);
    let any = match to {
        SocketAddr::V4(_) => SocketAddr::from(([0; 4], 0)),
        SocketAddr::V6(_) => SocketAddr::from(([0u16; 8], 0)),
    };
    let send = || -> io::Result<()> {
        let (user, group) = (Uid::from_raw(user), Gid::from_raw(group));
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
        let _refused = UdpSocket::bind(any)?.send_to(&[0; 4], to);
        Ok(())
    };
    thread::scope(|scope| scope.spawn(send).join())
        .unwrap_or_else(|_| Err(io::ErrorKind::Interrupted.into()))
}

/// A socket that takes packets with their header.
fn host(family: Family) -> io::Result<OwnedFd> {
    let family = match family {
        Family::V4 => AddressFamily::INET,
        Family::V6 => AddressFamily::INET6,
    };
    let raw = Some(ipproto::RAW);
    Ok(socket_with(
        family,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        raw,
    )?)
}

fn framed(probe: &Probe, packet: &[u8]) -> Vec<u8> {
    let MacAddress(device) = DEVICE;
    let to = match probe.addressed {
        PacketType::Unicast => device,
        PacketType::Broadcast => [0xff; 6],
        PacketType::Multicast => [0x01, 0, 0x5e, 0, 0, 1],
    };
    let kind: [u8; 2] = match probe.destination {
        IpAddr::V4(_) => [0x08, 0x00],
        IpAddr::V6(_) => [0x86, 0xdd],
    };
    [&to[..], &probe.mac.0, &kind, packet].concat()
}
