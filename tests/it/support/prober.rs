//! Real packets through the kernel: one device per interface, all in one namespace. A write runs
//! the packet to its verdict, so a read that finds nothing *is* the verdict: no sleep, no timeout.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::os::fd::OwnedFd;

use margay::net::{Family, InterfaceName, MacAddress};
use margay::scenario::{Packet, Probe, place};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, recv, socket_with};

use super::netns::{ip, tc};
use super::packet::{self, HOST_MAC, Part};
use super::tun::{Device, Link};

/// One interface: its name, what travels on it, the prefixes that routes lead to it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) link: Link,
    pub(crate) prefixes: Vec<String>,
}

/// A namespace full of devices.
#[derive(Debug)]
pub(crate) struct Wiring {
    devices: BTreeMap<String, Device>,
    sockets: BTreeMap<(bool, u8), OwnedFd>,
    serial: u32,
}

/// A way through the namespace, from device to device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'a> {
    from: &'a Device,
    to: &'a Device,
}

impl Path<'_> {
    /// Sends bytes made before; whether they arrived at the other end, judged by their end.
    pub(crate) fn shoot(&self, frame: &[u8], transport: &[u8]) -> bool {
        self.from.send(frame).unwrap();
        arrived(self.to, transport)
    }
}

/// Protocols that the host listens to besides the known ones: no part of the kernel takes them.
pub(crate) const OTHER_PROTOCOLS: [u8; 4] = [89, 112, 253, 254];

impl Wiring {
    /// Builds the devices in the calling thread's namespace; `host` are the host's own addresses.
    pub(crate) fn new(lines: &[Line], host: &[IpAddr]) -> std::io::Result<Self> {
        let mut devices = BTreeMap::new();
        for line in lines {
            devices.insert(line.name.clone(), Device::new(&line.name, line.link)?);
            quiet(&line.name)?;
        }
        for key in ["ipv4/ip_forward 1", "ipv6/conf/all/forwarding 1"] {
            set_sysctl(key)?;
        }
        // conntrack sums UDPLite as if it were UDP (udplite_error, nf_conntrack_proto_udp.c), so a
        // right checksum is wrong to it.
        set_sysctl("netfilter/nf_conntrack_checksum 0")?;
        let mut batch = String::new();
        for address in host {
            batch += &format!("address add {address} dev lo\n");
        }
        for line in lines {
            batch += &routes(line);
        }
        ip(&batch);
        unqueue(lines);
        let sockets = raw_sockets()?;
        Ok(Self {
            devices,
            sockets,
            serial: 0,
        })
    }

    /// Sends the packet and says whether it arrived where the probe says it would.
    pub(crate) fn probe(&mut self, probe: &Probe, part: Part) -> bool {
        let serial = match part {
            Part::Opening => self.serial.wrapping_add(1),
            Part::Answer => self.serial,
        };
        self.serial = serial;
        if serial % 64 == 0 {
            self.drain();
        }
        let transport = packet::transport(&probe.packet, serial, part);
        let from = &self.devices[probe.from.as_str()];
        from.send(&frame(from.link, probe, &transport)).unwrap();
        match &probe.to {
            Some(interface) => arrived(&self.devices[interface.as_str()], &transport),
            None => self.reached_host(&probe.packet, &transport),
        }
    }

    /// The bytes of a probe on the device that it comes in by.
    pub(crate) fn frame(&self, probe: &Probe, transport: &[u8]) -> Vec<u8> {
        frame(self.devices[probe.from.as_str()].link, probe, transport)
    }

    /// Where a probe goes in and where it would come out, when that is another device.
    pub(crate) fn path(&self, probe: &Probe) -> Path<'_> {
        let device = |name: &InterfaceName| &self.devices[name.as_str()];
        Path {
            from: device(&probe.from),
            to: device(probe.to.as_ref().unwrap()),
        }
    }

    /// Throws away what came out so far: answers of the host, and what the kernel sends by itself.
    pub(crate) fn drain(&self) {
        let mut buffer = [0; 2048];
        for device in self.devices.values() {
            while device.receive(&mut buffer).is_some() {}
        }
        for socket in self.sockets.values() {
            while recv(socket, &mut buffer[..], RecvFlags::DONTWAIT).is_ok() {}
        }
    }

    /// A raw socket sees what the input hook let pass.
    fn reached_host(&self, packet: &Packet, transport: &[u8]) -> bool {
        let mut buffer = [0; 2048];
        let socket = &self.sockets[&(packet.source.is_ipv4(), packet.protocol().0)];
        while let Ok((length, _)) = recv(socket, &mut buffer[..], RecvFlags::DONTWAIT) {
            if buffer[..length].ends_with(transport) {
                return true;
            }
        }
        false
    }
}

/// The devices of the places that random worlds share.
pub(crate) fn places() -> Vec<Line> {
    let slots = place::SLOTS.iter().enumerate().map(|(slot, name)| Line {
        name: (*name).to_owned(),
        link: link(slot),
        prefixes: Family::ALL
            .map(|family| place::prefix(slot, family))
            .to_vec(),
    });
    let uplink = Line {
        name: place::UPLINK.to_owned(),
        link: Link::Ip,
        prefixes: vec!["0.0.0.0/0".to_owned(), "::/0".to_owned()],
    };
    slots.chain([uplink]).collect()
}

/// What travels on a slot's interface.
fn link(slot: usize) -> Link {
    if place::is_ethernet(slot) {
        Link::Ethernet
    } else {
        Link::Ip
    }
}

/// The bytes to write on a device.
fn frame(link: Link, probe: &Probe, transport: &[u8]) -> Vec<u8> {
    let packet = packet::ip(&probe.packet, transport);
    match link {
        Link::Ip => packet,
        Link::Ethernet => packet::ethernet(probe.mac.unwrap_or(MacAddress([2; 6])), &packet),
    }
}

/// Whether a packet with this transport part is among those that came out. What refuses a packet quotes
/// it, after headers of its own.
fn arrived(device: &Device, transport: &[u8]) -> bool {
    let mut buffer = [0; 2048];
    let link = match device.link {
        Link::Ip => 0,
        Link::Ethernet => 14,
    };
    while let Some(frame) = device.receive(&mut buffer) {
        let header = match frame.get(link).map(|byte| byte >> 4) {
            Some(4) => 20,
            Some(_) | None => 40,
        };
        if frame.ends_with(transport) && frame.len() == link + header + transport.len() {
            return true;
        }
    }
    false
}

/// Keeps the kernel's own packets off the devices, and lets any source in.
fn quiet(interface: &str) -> std::io::Result<()> {
    for key in [
        "addr_gen_mode 1",
        "router_solicitations 0",
        "accept_ra 0",
        "accept_dad 0",
    ] {
        set_sysctl(&format!("ipv6/conf/{interface}/{key}"))?;
    }
    for interface in ["all", interface] {
        set_sysctl(&format!("ipv4/conf/{interface}/rp_filter 0"))?;
        set_sysctl(&format!("ipv4/conf/{interface}/send_redirects 0"))?;
    }
    Ok(())
}

/// Takes the queues away that devices get. With a queue, whoever is sending by a device also sends
/// what another core puts there meanwhile (`qdisc_run_begin`, include/net/sch_generic.h): while the
/// kernel sent an MLD report from there, a probe would arrive only after its write had returned.
fn unqueue(lines: &[Line]) {
    // Not by `txqueuelen 0`, which is also the length of what a reader finds.
    let lines = lines.iter();
    tc(&lines
        .map(|line| format!("qdisc replace dev {} root noqueue\n", line.name))
        .collect::<String>());
}

/// `key value`, below `net/`, in the calling thread's namespace.
fn set_sysctl(line: &str) -> std::io::Result<()> {
    let (key, value) = line.split_once(' ').unwrap_or((line, ""));
    std::fs::write(format!("/proc/sys/net/{key}"), value)
}

/// One gateway per line and family, so that the neighbour table stays small.
fn routes(line: &Line) -> String {
    let name = &line.name;
    let ethernet = match line.link {
        Link::Ip => String::new(),
        Link::Ethernet => format!("address {HOST_MAC} arp off "),
    };
    let mut batch = format!("link set {name} {ethernet}mtu 1500 up\n");
    for prefix in &line.prefixes {
        let gateway = if prefix.contains(':') {
            "fe80::1"
        } else {
            "169.254.0.1"
        };
        batch += &format!("route add {prefix} via {gateway} dev {name} onlink\n");
    }
    batch
}

/// One socket for each family and protocol that a probe may carry to the host.
fn raw_sockets() -> std::io::Result<BTreeMap<(bool, u8), OwnedFd>> {
    let known = [1, 6, 17, 58, 132, 136];
    let mut sockets = BTreeMap::new();
    for (is_v4, family) in [(true, AddressFamily::INET), (false, AddressFamily::INET6)] {
        for number in known.into_iter().chain(OTHER_PROTOCOLS) {
            let protocol =
                std::num::NonZeroU32::new(u32::from(number)).map(rustix::net::Protocol::from_raw);
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            let socket = socket_with(family, SocketType::RAW, flags, protocol)?;
            sockets.insert((is_v4, number), socket);
        }
    }
    Ok(sockets)
}

mod tests {
    use std::net::UdpSocket;
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

    use margay::net::Protocol;
    use margay::scenario::Transport;

    use super::super::netns::{in_netns, nft};
    use super::*;

    /// Packets that race with some of another core's.
    const ROUNDS: u32 = 20_000;

    fn line(name: &str, link: Link, prefixes: &[&str]) -> Line {
        Line {
            name: name.to_owned(),
            link,
            prefixes: prefixes.iter().map(|&p| p.to_owned()).collect(),
        }
    }

    fn probe(to: Option<&str>, source: &str, destination: &str, transport: Transport) -> Probe {
        Probe {
            from: "tap0".parse().unwrap(),
            to: to.map(|name| name.parse().unwrap()),
            mac: Some(MacAddress([2, 0, 0, 0, 0, 1])),
            packet: Packet {
                source: source.parse().unwrap(),
                destination: destination.parse().unwrap(),
                transport,
            },
        }
    }

    fn transports(family: usize) -> Vec<Transport> {
        let ports = |protocol| Transport::Ports {
            protocol,
            source: 1024,
            destination: 80,
        };
        let kind = [8, 128][family];
        let mut all = vec![Transport::Icmp { kind, code: 3 }];
        all.extend(OTHER_PROTOCOLS.map(|number| Transport::Other(Protocol(number))));
        all.extend([Protocol::TCP, Protocol::UDP, Protocol::SCTP].map(ports));
        all.push(ports(Protocol::UDPLITE));
        all
    }

    fn wiring() -> Wiring {
        let lines = [
            line("tap0", Link::Ethernet, &["10.0.0.0/24", "fd00::/64"]),
            line("tun1", Link::Ip, &["10.0.1.0/24", "fd00:0:0:1::/64"]),
        ];
        let host = ["192.0.2.1", "2001:db8::1"].map(|a| a.parse().unwrap());
        Wiring::new(&lines, &host).unwrap()
    }

    fn load(chain: &str) {
        nft(&["-f", "-"], &format!("table inet t {{\n{chain}\n}}\n"));
    }

    #[test]
    fn what_passes_is_told_from_what_does_not() {
        in_netns("what_passes_is_told_from_what_does_not", || {
            let mut wiring = wiring();
            let mut all = Vec::new();
            for (family, [from, to, host]) in [
                ["10.0.0.2", "10.0.1.2", "192.0.2.1"],
                ["fd00::2", "fd00:0:0:1::2", "2001:db8::1"],
            ]
            .into_iter()
            .enumerate()
            {
                for transport in transports(family) {
                    all.push(probe(Some("tun1"), from, to, transport));
                    all.push(probe(None, from, host, transport));
                }
            }
            // What conntrack takes for invalid would be a wrong checksum here.
            load("chain p { type filter hook prerouting priority 0; ct state invalid drop; }");
            for probe in &all {
                assert!(wiring.probe(probe, Part::Opening), "lost: {probe:?}");
            }
            load("chain f { type filter hook forward priority 0; drop; }");
            load("chain i { type filter hook input priority 0; drop; }");
            for probe in &all {
                assert!(!wiring.probe(probe, Part::Opening), "passed: {probe:?}");
            }
        });
    }

    #[test]
    fn what_another_core_sends_makes_no_packet_late() {
        in_netns("what_another_core_sends_makes_no_packet_late", || {
            let mut wiring = wiring();
            let udp = transports(0)[6];
            let probe = probe(Some("tun1"), "10.0.0.2", "10.0.1.2", udp);
            let (round, over) = (AtomicU32::new(0), AtomicBool::new(false));
            let late = std::thread::scope(|scope| {
                scope.spawn(|| sending_along(&round, &over));
                let late = (1..=ROUNDS).filter(|n| {
                    round.store(*n, Ordering::SeqCst);
                    !wiring.probe(&probe, Part::Opening)
                });
                let late = late.count();
                over.store(true, Ordering::SeqCst);
                late
            });
            assert_eq!(late, 0, "of {ROUNDS} packets that must pass");
        });
    }

    /// A few packets of the host's own a round, by the device that the probe goes out by.
    fn sending_along(round: &AtomicU32, over: &AtomicBool) {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        let mut sent = 0;
        while !over.load(Ordering::SeqCst) {
            let now = round.load(Ordering::SeqCst);
            if now != sent {
                for _ in 0..8 {
                    socket.send_to(&[], "10.0.1.9:9").unwrap();
                }
                sent = now;
            }
            std::hint::spin_loop();
        }
    }

    #[test]
    fn an_answer_belongs_to_its_opening() {
        in_netns("an_answer_belongs_to_its_opening", || {
            let mut wiring = wiring();
            load(
                "chain f { type filter hook forward priority 0; policy drop;
                iifname tap0 accept; ct state established accept; }",
            );
            for transport in &transports(0)[5..7] {
                let opening = probe(Some("tun1"), "10.0.0.2", "10.0.1.2", *transport);
                let answer = Probe {
                    from: "tun1".parse().unwrap(),
                    to: Some(opening.from.clone()),
                    mac: None,
                    packet: opening.packet.reply(),
                };
                assert!(!wiring.probe(&answer, Part::Answer));
                assert!(wiring.probe(&opening, Part::Opening));
                assert!(wiring.probe(&answer, Part::Answer), "lost: {answer:?}");
            }
        });
    }
}
