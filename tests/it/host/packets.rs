//! What routes, neighbours and settings are for: packets from one workload to another.

use std::io::ErrorKind;
use std::net::UdpSocket;
use std::time::Duration;

use super::{open, plan, routed, settle, veth};
use crate::support::netns::{in_netns, ip, ip_json};
use crate::support::pod::Pod;

fn socket(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(700)))
        .unwrap();
    socket
}

/// Whether what a workload sends from an address of its own arrives at another.
fn arrives(from: (&Pod, &'static str), to: (&Pod, &'static str)) -> bool {
    let receiver = to.0.run(move || socket(to.1));
    let target = receiver.local_addr().unwrap();
    from.0
        .run(move || socket(from.1).send_to(b"hello", target).unwrap());
    let mut buffer = [0; 16];
    match receiver.recv_from(&mut buffer) {
        Ok((length, source)) => {
            assert_eq!(
                (&buffer[..length], source.ip().to_string()),
                (&b"hello"[..], from.1.to_owned())
            );
            true
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => false,
        Err(error) => panic!("receiving: {error}"),
    }
}

#[test]
fn workloads_reach_each_other_through_the_host_alone() {
    in_netns("workloads_reach_each_other_through_the_host_alone", || {
        let [a, b] = [Pod::new(), Pod::new()];
        veth("tap1");
        veth("tap2");
        a.wire("w1", &["10.65.0.2", "10.65.0.99"]);
        b.wire("w2", &["10.65.0.3"]);
        let mac = b.run(|| {
            ip_json("link show w2")[0]["address"]
                .as_str()
                .unwrap()
                .to_owned()
        });
        assert!(
            !arrives((&a, "10.65.0.2"), (&b, "10.65.0.3")),
            "nothing is programmed yet"
        );

        let mut host = open();
        settle(
            &mut host,
            &plan(&[
                ("a", "tap1", "-", "10.65.0.2"),
                ("b", "tap2", &mac, "10.65.0.3"),
            ]),
        );
        // A workload may have asked before the host began to answer, and remembers that nobody did.
        a.run(|| ip("neigh flush dev w1\n"));
        assert!(arrives((&a, "10.65.0.2"), (&b, "10.65.0.3")));
        assert!(arrives((&b, "10.65.0.3"), (&a, "10.65.0.2")));
        assert!(
            !arrives((&a, "10.65.0.99"), (&b, "10.65.0.3")),
            "a source of nobody's"
        );

        settle(&mut host, &plan(&[("b", "tap2", &mac, "10.65.0.3")]));
        assert!(
            !arrives((&b, "10.65.0.3"), (&a, "10.65.0.2")),
            "there is no route any more"
        );
    });
}

#[test]
fn workloads_reach_each_other_over_ipv6_through_a_router_that_is_none() {
    let test = "workloads_reach_each_other_over_ipv6_through_a_router_that_is_none";
    in_netns(test, || {
        let at_once = || std::fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0").unwrap();
        let [a, b] = [Pod::new(), Pod::new()];
        at_once();
        std::fs::write("/proc/sys/net/ipv6/conf/all/forwarding", "1").unwrap();
        veth("tap1");
        veth("tap2");
        for (pod, peer, address) in [(&a, "w1", "fd00::2"), (&b, "w2", "fd00::3")] {
            pod.run(at_once);
            pod.wire(peer, &[]);
            pod.run(move || {
                ip(&format!(
                    "addr add {address}/128 dev {peer} nodad\nroute add fd00::1 dev {peer}\n\
                     route add default via fd00::1 dev {peer}\n"
                ));
            });
        }
        let mut host = open();
        let without = plan(&[("a", "tap1", "-", "fd00::2"), ("b", "tap2", "-", "fd00::3")]);
        settle(&mut host, &without);
        assert!(
            !arrives((&a, "fd00::2"), (&b, "fd00::3")),
            "nobody is the router"
        );
        settle(
            &mut host,
            &routed(&[
                ("tap1", "fd00::2", "fd00::1"),
                ("tap2", "fd00::3", "fd00::1"),
            ]),
        );
        a.run(|| ip("neigh flush dev w1\n"));
        assert!(arrives((&a, "fd00::2"), (&b, "fd00::3")));
    });
}

#[test]
fn a_wrong_mac_keeps_packets_from_who_has_the_address() {
    in_netns("a_wrong_mac_keeps_packets_from_who_has_the_address", || {
        let [a, b] = [Pod::new(), Pod::new()];
        veth("tap1");
        veth("tap2");
        a.wire("w1", &["10.65.0.2"]);
        b.wire("w2", &["10.65.0.3"]);
        let wrong = "02:00:00:00:00:77";
        settle(
            &mut open(),
            &plan(&[
                ("a", "tap1", "-", "10.65.0.2"),
                ("b", "tap2", wrong, "10.65.0.3"),
            ]),
        );
        assert!(
            !arrives((&a, "10.65.0.2"), (&b, "10.65.0.3")),
            "the host asked for the address"
        );
        settle(
            &mut open(),
            &plan(&[
                ("a", "tap1", "-", "10.65.0.2"),
                ("b", "tap2", "-", "10.65.0.3"),
            ]),
        );
        assert!(arrives((&a, "10.65.0.2"), (&b, "10.65.0.3")));
    });
}
