//! Connections that policy denies from now on end, and no other does: real packets, real entries.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use margay::host::{Conntrack, FlowFilter, TupleKey};
use margay::net::Protocol;

use super::daemon::Host;
use crate::gapless::script::Script;
use crate::support::netns::{in_netns, ip, nft};
use crate::support::pod::Pod;

/// How long a packet is waited for that may not come.
const WAIT: Duration = Duration::from_millis(400);
/// How long a change may take on a machine that does much else.
const PATIENCE: Duration = Duration::from_secs(20);

const NAT: &str = "table ip n {
    chain pre { type nat hook prerouting priority -100; policy accept;
        ip daddr 203.0.113.9 tcp dport 400 dnat to 10.0.1.2:200
        ip daddr 203.0.113.9 tcp dport 401 dnat to 10.0.1.2:100
    }
    chain post { type nat hook postrouting priority 100; policy accept;
        oifname \"up0\" masquerade
    }
}";

/// A client behind `tap0`, a server behind `tap1`, somebody outside.
pub(super) struct World {
    pub(super) host: Host,
    pub(super) client: Pod,
    pub(super) server: Pod,
    outside: Pod,
    table: Conntrack,
}

impl World {
    pub(super) fn new(script: &Script, settings: &[(&str, &str)]) -> Self {
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        nft(&["-f", "-"], NAT);
        let host = Host::start_with(script, settings);
        let [client, server, outside] = [Pod::new(), Pod::new(), Pod::new()];
        ip(
            "link add up0 type veth peer name wup\naddr add 198.51.100.1/24 dev up0\nlink set up0 up\n\
             route add default via 198.51.100.7 dev up0\n",
        );
        for (pod, peer, address, router) in [
            (&client, "far0", "10.0.0.2", "10.0.0.1"),
            (&server, "far1", "10.0.1.2", "10.0.1.1"),
            (&outside, "wup", "198.51.100.7", "198.51.100.1"),
        ] {
            pod.wire(peer, &[address]);
            pod.run(move || ip(&format!("route add default via {router} dev {peer}\n")));
        }
        host.process.routed(&script.state(), PATIENCE);
        Self {
            host,
            client,
            server,
            outside,
            table: Conntrack::open().unwrap(),
        }
    }

    /// The entries of workloads: the number of each, by protocol and the port that was asked for.
    fn entries(&mut self) -> BTreeMap<(Protocol, u16), u32> {
        let flows = self.table.flows(FlowFilter::All).unwrap();
        let known = flows.iter().filter_map(|flow| match flow.original.key {
            TupleKey::Ports { destination, .. } => Some(((flow.protocol, destination), flow.id)),
            TupleKey::Icmp { .. } | TupleKey::Nothing => None,
        });
        known.collect()
    }

    /// Waits until some entries are gone.
    fn wait_for_cut(&mut self, gone: &[(Protocol, u16)]) {
        let begun = Instant::now();
        loop {
            let entries = self.entries();
            let left: Vec<_> = gone
                .iter()
                .filter(|key| entries.contains_key(key))
                .collect();
            if left.is_empty() {
                return;
            }
            let log = || self.host.process.log();
            assert!(begun.elapsed() < PATIENCE, "{left:?} stay: {}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A connection of TCP: the end of who began it and the other.
struct Tcp(TcpStream, TcpStream);

impl Tcp {
    fn open(from: &Pod, to: &Pod, bound: &str, asked: &str) -> Self {
        let [bound, asked]: [SocketAddr; 2] = [bound, asked].map(|text| text.parse().unwrap());
        let listener = to.run(move || listen(bound));
        let client = from.run(move || TcpStream::connect_timeout(&asked, PATIENCE).unwrap());
        let (server, _) = listener.accept().unwrap();
        for end in [&client, &server] {
            end.set_read_timeout(Some(WAIT)).unwrap();
            end.set_nodelay(true).unwrap();
        }
        let mut tcp = Self(client, server);
        assert!(tcp.forth() && tcp.back(), "{asked}");
        tcp
    }

    /// Whether it goes on, however long that takes on a machine that does much else.
    fn goes_on(&mut self) -> bool {
        for end in [&self.0, &self.1] {
            end.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        self.forth() && self.back()
    }

    /// Whether what its beginner sends arrives.
    fn forth(&mut self) -> bool {
        passes(&mut self.0, &mut self.1)
    }

    /// Whether what is answered arrives.
    fn back(&mut self) -> bool {
        passes(&mut self.1, &mut self.0)
    }
}

/// Listens, even where somebody just did: another test may have forked meanwhile, and its child has a copy of
/// that socket until it executes something else.
fn listen(bound: SocketAddr) -> TcpListener {
    let begun = Instant::now();
    loop {
        match TcpListener::bind(bound) {
            Err(error) if error.kind() == ErrorKind::AddrInUse && begun.elapsed() < PATIENCE => {
                std::thread::sleep(Duration::from_millis(20));
            }
            bind => return bind.unwrap(),
        }
    }
}

fn passes(from: &mut TcpStream, to: &mut TcpStream) -> bool {
    from.write_all(b"x").unwrap();
    to.read(&mut [0; 64]).is_ok_and(|read| read > 0)
}

/// An exchange of UDP.
pub(super) struct Udp(
    pub(super) UdpSocket,
    pub(super) UdpSocket,
    pub(super) SocketAddr,
);

impl Udp {
    pub(super) fn open(from: &Pod, to: &Pod, port: u16) -> Self {
        let bind = |pod: &Pod, address: &'static str, port| {
            let socket = pod.run(move || UdpSocket::bind((address, port)).unwrap());
            socket.set_read_timeout(Some(WAIT)).unwrap();
            socket
        };
        let (client, server) = (bind(from, "10.0.0.2", 0), bind(to, "10.0.1.2", port));
        let target = server.local_addr().unwrap();
        let mut udp = Self(client, server, target);
        assert!(udp.passes(), "{port}");
        udp
    }

    /// Whether it goes on, however long that takes on a machine that does much else.
    fn goes_on(&mut self) -> bool {
        for end in [&self.0, &self.1] {
            end.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        self.passes()
    }

    fn passes(&mut self) -> bool {
        let mut buffer = [0; 8];
        self.0.send_to(b"x", self.2).unwrap();
        let Ok((_, back)) = self.1.recv_from(&mut buffer) else {
            return false;
        };
        self.1.send_to(b"y", back).unwrap();
        self.0.recv_from(&mut buffer).is_ok()
    }
}

/// Policy before, with everything, or after, without what the odd ones use.
pub(super) fn script(ports: &[u16], outside: &[u16]) -> Script {
    let both = |port: &u16| ["tcp", "udp"].map(|p| format!("{p} {port} from group client"));
    let ingress: Vec<String> = ports.iter().flat_map(both).collect();
    let out = |port: &u16| format!("tcp {port} to all");
    let mut egress: Vec<String> = outside.iter().map(out).collect();
    egress.extend(["tcp 100-200 to all", "udp 100-200 to all"].map(str::to_owned));
    Script::default()
        .group("client", &[], &egress)
        .group("server", &ingress, &[])
        .endpoint("a", 0, 0, "client")
        .endpoint("b", 1, 1, "server")
}

#[test]
fn a_change_cuts_what_it_denies_and_nothing_else() {
    in_netns("a_change_cuts_what_it_denies_and_nothing_else", || {
        let mut world = World::new(&script(&[100, 200], &[500, 501]), &[]);
        let (a, b, c) = (&world.client, &world.server, &world.outside);
        let mut keeps = [
            Tcp::open(a, b, "10.0.1.2:100", "10.0.1.2:100"),
            Tcp::open(a, b, "10.0.1.2:100", "203.0.113.9:401"),
            Tcp::open(a, c, "198.51.100.7:500", "198.51.100.7:500"),
        ];
        let mut denied = [
            Tcp::open(a, b, "10.0.1.2:200", "10.0.1.2:200"),
            Tcp::open(a, b, "10.0.1.2:200", "203.0.113.9:400"),
            Tcp::open(a, c, "198.51.100.7:501", "198.51.100.7:501"),
        ];
        let (mut kept, mut cut) = (Udp::open(a, b, 100), Udp::open(a, b, 200));
        let before = world.entries();
        let gone = [
            (Protocol::TCP, 200),
            (Protocol::TCP, 400),
            (Protocol::TCP, 501),
            (Protocol::UDP, 200),
        ];
        assert!(
            gone.iter().all(|key| before.contains_key(key)),
            "{before:?}"
        );
        let after = script(&[100], &[500]);
        world.host.write(after.text());
        world.wait_for_cut(&gone);
        for flow in &mut denied {
            assert!(!flow.forth() && !flow.back());
        }
        assert!(!cut.passes());
        for flow in &mut keeps {
            assert!(flow.goes_on());
        }
        assert!(kept.goes_on());
        // What was cut may have others begin: a router that gets an answer to what it forgot resets it.
        let after = world.entries();
        for (key, id) in before.iter().filter(|(key, _)| !gone.contains(key)) {
            assert_eq!(after.get(key), Some(id), "{key:?}");
        }
        for key in &gone {
            assert!(!after.contains_key(key), "{key:?} came back");
        }
        let log = world.host.process.log();
        assert!(log.contains("cut connections"), "{log}");
    });
}

#[test]
fn who_was_killed_before_it_cut_has_the_next_one_cut() {
    in_netns("who_was_killed_before_it_cut_has_the_next_one_cut", || {
        let off = [("CUTDENIEDFLOWS", "false")];
        let mut world = World::new(&script(&[100, 200], &[]), &off);
        let (a, b) = (&world.client, &world.server);
        let mut keeps = Tcp::open(a, b, "10.0.1.2:100", "10.0.1.2:100");
        let mut denied = Tcp::open(a, b, "10.0.1.2:200", "10.0.1.2:200");
        let before = world.entries();
        let after = script(&[100], &[]);
        world.host.write(after.text());
        world.host.wait_for(&after.state());
        std::thread::sleep(Duration::from_secs(2));
        assert!(denied.forth() && denied.back(), "they go on, as in Felix");
        assert_eq!(world.entries(), before);
        world.host.process.kill();
        world.host.process.set("CUTDENIEDFLOWS", "true");
        world.host.process.run();
        world.wait_for_cut(&[(Protocol::TCP, 200)]);
        assert!(!denied.forth());
        assert!(keeps.forth() && keeps.back());
        let entries = world.entries();
        assert_eq!(
            entries[&(Protocol::TCP, 100)],
            before[&(Protocol::TCP, 100)]
        );
    });
}

/// What policy says of one direction does not end what the other direction may open: the kernel takes
/// a segment in the middle for the first one, unless it is told not to.
#[test]
fn a_cut_connection_comes_back_only_where_its_other_end_may_open_one() {
    let test = "a_cut_connection_comes_back_only_where_its_other_end_may_open_one";
    in_netns(test, || {
        let policy = |forth: &[&str]| {
            Script::default()
                .group("client", &["tcp from group server"], &["tcp to all"])
                .group("server", forth, &["tcp to all"])
                .endpoint("a", 0, 0, "client")
                .endpoint("b", 1, 1, "server")
        };
        let (both, one) = (policy(&["tcp from group client"]), policy(&[]));
        let loose = |value: &str| {
            std::fs::write("/proc/sys/net/netfilter/nf_conntrack_tcp_loose", value).unwrap();
        };
        let mut world = World::new(&both, &[]);
        for (value, comes_back) in [("1", true), ("0", false)] {
            loose(value);
            let mut flow = Tcp::open(&world.client, &world.server, "10.0.1.2:200", "10.0.1.2:200");
            world.host.write(one.text());
            world.wait_for_cut(&[(Protocol::TCP, 200)]);
            assert!(!flow.forth(), "{value}");
            assert_eq!(flow.back(), comes_back, "{value}");
            drop(flow);
            world.host.write(both.text());
            world.host.wait_for(&both.state());
            let flows = world.table.flows(FlowFilter::All).unwrap();
            world.table.delete_all(&flows).unwrap();
        }
    });
}
