//! What is heard of interfaces and addresses.

use std::collections::BTreeSet;

use margay::host::{LinkEvent, LinkWatch};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::veth;
use crate::support::netns::{in_netns, ip};

/// What happened, in words, once there is something.
fn heard(watch: &mut LinkWatch) -> Vec<String> {
    let mut wait = [PollFd::new(&*watch, PollFlags::IN)];
    let limit = Timespec {
        tv_sec: 5,
        tv_nsec: 0,
    };
    assert_eq!(
        poll(&mut wait, Some(&limit)).unwrap(),
        1,
        "nothing is heard"
    );
    watch.read().unwrap().into_iter().map(words).collect()
}

fn words(event: LinkEvent) -> String {
    match event {
        LinkEvent::Up { name, .. } => format!("{name} up"),
        LinkEvent::Down { name, .. } => format!("{name} down"),
        LinkEvent::Renamed { from, to, .. } => format!("{from} is {to}"),
        LinkEvent::Gone { name, .. } => format!("{name} gone"),
        LinkEvent::AddressAdded(address) => format!("{} added", address.address),
        LinkEvent::AddressRemoved(address) => format!("{} removed", address.address),
        LinkEvent::Resync => "resync".to_owned(),
    }
}

/// Whether something that happened is not about the link-local addresses that come with an interface.
fn of_interest(event: &str) -> bool {
    !event.contains("::")
}

#[test]
fn interfaces_come_go_flap_and_change_their_names() {
    in_netns("interfaces_come_go_flap_and_change_their_names", || {
        let mut watch = LinkWatch::open().unwrap();
        let step = |batch: &str, watch: &mut LinkWatch| {
            ip(batch);
            heard(watch)
                .into_iter()
                .filter(|event| of_interest(event))
                .collect::<Vec<_>>()
        };
        let steps = [
            (
                "link add tap1 type veth peer name w1\n",
                vec!["w1 down", "tap1 down"],
            ),
            (
                "link set w1 up\nlink set tap1 up\n",
                vec!["w1 up", "tap1 up"],
            ),
            ("link set tap1 alias something\n", vec![]),
            ("addr add 192.0.2.1/24 dev tap1\n", vec!["192.0.2.1 added"]),
            (
                "addr del 192.0.2.1/24 dev tap1\n",
                vec!["192.0.2.1 removed"],
            ),
            ("link set tap1 down\n", vec!["tap1 down", "w1 down"]),
            ("link set tap1 name tap2\n", vec!["tap1 is tap2"]),
            ("link set tap2 up\n", vec!["tap2 up", "w1 up"]),
            ("link del tap2\n", vec!["w1 gone", "tap2 gone"]),
        ];
        for (batch, expected) in steps {
            let sorted = |all: Vec<String>| all.into_iter().collect::<BTreeSet<_>>();
            let mut events = sorted(step(batch, &mut watch));
            // The two ends of a pair are told of one after the other.
            while events.len() < expected.len() {
                events.extend(
                    heard(&mut watch)
                        .into_iter()
                        .filter(|event| of_interest(event)),
                );
            }
            let down_on_the_way =
                |event: &String| batch.contains("link del") && event.ends_with("down");
            events.retain(|event| !down_on_the_way(event));
            assert_eq!(
                events,
                expected.iter().map(|&e| e.to_owned()).collect(),
                "{batch}"
            );
        }
        assert!(watch.read().unwrap().is_empty());
    });
}

#[test]
fn a_port_that_leaves_its_bridge_is_not_gone() {
    in_netns("a_port_that_leaves_its_bridge_is_not_gone", || {
        veth("tap1");
        ip("link add br0 type bridge\nlink set tap1 master br0\n");
        let mut watch = LinkWatch::open().unwrap();
        ip("link set tap1 nomaster\n");
        ip("link set tap1 name tap9\n");
        let mut events = Vec::new();
        while !events.iter().any(|event| event == "tap1 is tap9") {
            events.extend(heard(&mut watch));
        }
        assert!(
            events.iter().all(|event| !event.ends_with("gone")),
            "{events:?}"
        );
    });
}

#[test]
fn too_much_at_once_is_told_as_such() {
    in_netns("too_much_at_once_is_told_as_such", || {
        veth("tap1");
        let mut watch = LinkWatch::open().unwrap();
        let many: String = (0..20_000)
            .map(|n| format!("link set w1 alias a{n}\n"))
            .collect();
        ip(&many);
        ip("link set tap1 down\nlink set tap1 name tap2\n");
        assert_eq!(heard(&mut watch), ["resync"]);
        ip("link set tap2 name tap3\n");
        assert_eq!(heard(&mut watch), ["tap2 is tap3"]);
    });
}
