//! A small world of network namespaces: a host, its workloads, and everybody else.

use std::io;
use std::net::IpAddr;

use super::layout::{Layout, Link, Mask, PREFIX};
use super::namespace::{self, IpError};
use crate::net::{Cidr, Family};

/// Where a workload sends what is not for itself; the host answers for it on every interface.
const GATEWAY4: &str = "169.254.1.1";
const GATEWAY6: &str = "fe80::1";

/// The Ethernet address of the host's side of every link.
const HOST_MAC: &str = "ee:ee:ee:ee:ee:ee";

/// The first of the routing tables of a namespace with several interfaces.
const FIRST_TABLE: usize = 100;

/// What the host is told before anything is attached to it.
const HOST_SETTINGS: &[(&str, &str)] = &[
    ("ipv4/ip_forward", "1"),
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv6/conf/all/forwarding", "1"),
    ("ipv6/conf/default/accept_dad", "0"),
];

/// What the others are told.
const SETTINGS: &[(&str, &str)] = &[
    ("ipv4/conf/all/rp_filter", "0"),
    ("ipv4/conf/default/rp_filter", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/default/accept_ra", "0"),
];

/// Why the world could not be built.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// `ip` did not do as it was told.
    #[error(transparent)]
    Ip(#[from] IpError),
    /// A namespace could not be entered or set up.
    #[error(transparent)]
    Setting(#[from] io::Error),
}

/// Builds the world; what an interrupted run left over is removed first.
pub(super) fn build(layout: &Layout) -> Result<(), WorldError> {
    remove()?;
    let names = layout.namespaces();
    namespace::make(&names)?;
    for name in names {
        let host = name == layout.host;
        namespace::set(name, if host { HOST_SETTINGS } else { SETTINGS })?;
    }
    namespace::ip(&layout.host, &host_side(layout))?;
    for (index, link) in layout.links.iter().enumerate() {
        namespace::ip(&link.namespace, &other_side(index, link))?;
        for family in Family::ALL {
            let rules = source_rules(index, link, family);
            namespace::ip_of_family(family, &link.namespace, &rules)?;
        }
    }
    for mask in layout.masks.values() {
        let link = &layout.links[mask.link];
        namespace::ip(&link.namespace, &masked_wire(link, mask))?;
        namespace::ip(&mask.namespace, &masked_side(mask))?;
    }
    Ok(())
}

/// Removes every namespace of ours, and nothing else.
pub(super) fn remove() -> Result<(), IpError> {
    namespace::remove_all(PREFIX)
}

/// Makes the host forget which neighbours did not answer while everything was denied.
pub(super) fn forget_neighbours(layout: &Layout) -> Result<(), IpError> {
    for name in layout.namespaces() {
        let masked = layout.masks.values().any(|mask| mask.namespace == name);
        // Neighbours of a mask are written down, because it must not ask for them.
        if !masked {
            namespace::ip(name, "neigh flush all\n")?;
        }
    }
    Ok(())
}

fn host_side(layout: &Layout) -> String {
    let mut text = format!("link set lo up\naddr add {GATEWAY4}/32 dev lo\n");
    for address in &layout.host_addresses {
        text += &address_line(*address, "lo");
    }
    for link in &layout.links {
        text += &format!(
            "link add {0} address {HOST_MAC} type veth peer name {1}{2} netns {3}\n\
             link set {0} up\naddr add {GATEWAY6}/64 dev {0} nodad\n",
            link.interface,
            link.device,
            link.mac
                .map(|mac| format!(" address {mac}"))
                .unwrap_or_default(),
            link.namespace,
        );
        for &address in &link.addresses {
            text += &format!("route add {} dev {}\n", Cidr::host(address), link.interface);
        }
    }
    for address in &layout.outside {
        let any = Cidr::any(Family::of(*address));
        text += &format!("route add {any} via {address} dev uplink onlink\n");
    }
    text
}

fn other_side(index: usize, link: &Link) -> String {
    let device = &link.device;
    let mut text = format!("link set lo up\nlink set {device} up\n");
    for &address in &link.addresses {
        text += &address_line(address, device);
    }
    text += &gateways(device, &format!("metric {}", index + 1));
    text + &gateways(device, &format!("table {}", FIRST_TABLE + index))
}

/// Each endpoint of a workload answers through its own interface.
fn source_rules(index: usize, link: &Link, family: Family) -> String {
    let addresses = link
        .addresses
        .iter()
        .filter(|address| Family::of(**address) == family);
    let table = FIRST_TABLE + index;
    addresses
        .map(|address| format!("rule add from {address} lookup {table}\n"))
        .collect()
}

fn gateways(device: &str, rest: &str) -> String {
    format!(
        "route add default via {GATEWAY4} dev {device} onlink {rest}\n\
         route add default via {GATEWAY6} dev {device} {rest}\n"
    )
}

/// Makes a second interface on the wire of a link, which the host cannot tell from the first.
fn masked_wire(link: &Link, mask: &Mask) -> String {
    format!(
        "link add mask link {} netns {}{} type macvlan mode private\n",
        link.device,
        mask.namespace,
        mask.mac
            .map(|mac| format!(" address {mac}"))
            .unwrap_or_default(),
    )
}

fn masked_side(mask: &Mask) -> String {
    let mut text = "link set lo up\nlink set mask addrgenmode none up\n".to_owned();
    if mask.addresses.is_empty() {
        return text + "route add 255.255.255.255/32 dev mask\n";
    }
    // To ask, or to answer for the endpoint's addresses, would lead its own packets astray.
    text += "link set mask arp off\n";
    for gateway in [GATEWAY4, GATEWAY6] {
        text += &format!("neigh add {gateway} lladdr {HOST_MAC} dev mask nud permanent\n");
    }
    for &address in &mask.addresses {
        text += &address_line(address, "mask");
    }
    text + &gateways("mask", "")
}

fn address_line(address: IpAddr, device: &str) -> String {
    let nodad = if address.is_ipv6() { " nodad" } else { "" };
    format!("addr add {} dev {device}{nodad}\n", Cidr::host(address))
}
