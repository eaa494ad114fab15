//! What the end of a daemon leaves alone: running streams, counters, the table.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::UdpSocket;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;

use super::cutting::{Udp, World, script};
use super::daemon::Host;
use crate::support::netns::{in_netns, nft, report};
use crate::support::pod::Pod;

/// How long after a datagram of a stream the next one goes: a receiver that waits for its turn for half a
/// second has room for all that come meanwhile.
const PACE: Duration = Duration::from_millis(2);
/// How long the last one may be under way.
const WAIT: Duration = Duration::from_millis(500);

/// Datagrams of one flow, from workload to workload, without a pause.
struct Stream {
    over: StopOnDrop,
    sender: JoinHandle<u64>,
    receiver: JoinHandle<u64>,
}

/// Lets the threads end also where the test panics.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

impl Stream {
    fn open(from: &Pod, to: &Pod) -> Self {
        let Udp(client, server, target) = Udp::open(from, to, 200);
        let over = Arc::new(AtomicBool::new(false));
        let [until, ended] = [over.clone(), over.clone()];
        let sender = std::thread::spawn(move || {
            let mut sent = 0;
            while !until.load(Ordering::SeqCst) {
                client.send_to(b"x", target).unwrap();
                sent += 1;
                std::thread::sleep(PACE);
            }
            sent
        });
        Self {
            over: StopOnDrop(over),
            sender,
            receiver: std::thread::spawn(move || received(&server, &ended)),
        }
    }

    /// How many were sent, and how many came.
    fn end(self) -> (u64, u64) {
        drop(self.over);
        (self.sender.join().unwrap(), self.receiver.join().unwrap())
    }
}

/// Everything that comes until the stream is over and nothing comes any more.
fn received(socket: &UdpSocket, over: &AtomicBool) -> u64 {
    socket.set_read_timeout(Some(WAIT)).unwrap();
    let mut buffer = [0; 8];
    let mut count = 0;
    loop {
        let was_over = over.load(Ordering::SeqCst);
        match socket.recv(&mut buffer) {
            Ok(_) => count += 1,
            Err(_) if was_over => return count,
            Err(_) => {}
        }
    }
}

/// Packets of every counter that counted any.
fn counted() -> BTreeMap<String, u64> {
    let listing: Value = serde_json::from_str(&nft(&["-j", "list", "counters"], "")).unwrap();
    let objects = listing["nftables"].as_array().unwrap().iter();
    let counters = objects.filter_map(|object| object.get("counter"));
    let counters = counters.map(|counter| {
        let name = counter["name"].as_str().unwrap().to_owned();
        (name, counter["packets"].as_u64().unwrap())
    });
    counters.filter(|(_, packets)| *packets > 0).collect()
}

#[test]
fn a_restart_keeps_counters_and_loses_no_packet_of_a_stream() {
    let test = "a_restart_keeps_counters_and_loses_no_packet_of_a_stream";
    in_netns(test, || {
        let mut world = World::new(&script(&[100, 200], &[]).counted(), &[]);
        let stream = Stream::open(&world.client, &world.server);
        for _ in 0..3 {
            drop(Udp::open(&world.client, &world.server, 100));
        }
        let before = counted();
        assert!(before.values().any(|packets| *packets >= 3), "{before:?}");
        for ends_well in [true, false, true, false] {
            let host = &mut world.host;
            match ends_well {
                true => host.process.stop(),
                false => host.process.kill(),
            }
            host.process.run();
            host.wait(|host| host.status().0 == 0);
        }
        assert_eq!(counted(), before);
        drop(Udp::open(&world.client, &world.server, 100));
        assert_ne!(counted(), before, "they count on");
        let (sent, came) = stream.end();
        assert!(sent > 100, "{sent}");
        assert_eq!(came, sent);
    });
}

/// A group of processes that may take no more memory than so much (`Documentation/admin-guide/cgroup-v1/
/// memory.rst` and `cgroup-v2.rst` of the kernel).
struct MemoryGroup {
    folder: PathBuf,
    controller: Controller,
}

/// A memory controller: where it is, the files of its limits, and the one that counts who was killed.
#[derive(Clone, Copy)]
struct Controller {
    root: &'static str,
    memory: &'static str,
    /// In the first version with memory, in the second without.
    swap: (&'static str, u64),
    killed: &'static str,
}

const LIMIT_BYTES: u64 = 24 << 20;
const CONTROLLERS: [Controller; 2] = [
    Controller {
        root: "/sys/fs/cgroup/memory",
        memory: "memory.limit_in_bytes",
        swap: ("memory.memsw.limit_in_bytes", LIMIT_BYTES),
        killed: "memory.oom_control",
    },
    Controller {
        root: "/sys/fs/cgroup",
        memory: "memory.max",
        swap: ("memory.swap.max", 0),
        killed: "memory.events",
    },
];

impl MemoryGroup {
    /// Under the memory controller that this machine has, if it may be written.
    fn new() -> Option<Self> {
        CONTROLLERS.into_iter().find_map(|controller| {
            let name = format!("margay-{}", std::process::id());
            let folder = PathBuf::from(controller.root).join(name);
            std::fs::create_dir(&folder).ok()?;
            let group = Self { folder, controller };
            group.write(controller.memory, LIMIT_BYTES).ok()?;
            // A kernel without swap has no such file, and nothing to limit.
            let (file, bytes) = controller.swap;
            let _limited = group.write(file, bytes);
            Some(group)
        })
    }

    fn write(&self, file: &str, value: u64) -> std::io::Result<()> {
        std::fs::write(self.folder.join(file), value.to_string())
    }

    fn take(&self, process: u32) {
        self.write("cgroup.procs", process.into()).unwrap();
    }

    /// How many of its processes the kernel killed for their memory.
    fn killed(&self) -> u64 {
        let text = std::fs::read_to_string(self.folder.join(self.controller.killed)).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.unwrap().parse().unwrap()
    }
}

impl Drop for MemoryGroup {
    fn drop(&mut self) {
        // What was never made is not there.
        let _gone = std::fs::remove_dir(&self.folder);
    }
}

/// More documents than fit into the memory that the daemon is left with.
fn flood() -> String {
    (0..60_000).fold(String::new(), |mut text, n| {
        let _ = write!(
            text,
            "---\napiVersion: margay/v1\nkind: SecurityGroup\nname: g{n}\nrules:\n  ingress:\n    \
             - allow IPv4 tcp {} from 10.0.0.0/8\n  egress: []\n",
            n + 1
        );
        text
    })
}

#[test]
fn who_is_killed_for_its_memory_leaves_the_table_in_force() {
    let test = "who_is_killed_for_its_memory_leaves_the_table_in_force";
    in_netns(test, || {
        let Some(group) = MemoryGroup::new() else {
            // A container may have all rights over its network and none over this.
            let why = "no memory controller of cgroups may be written here";
            return report(&format!("*** SKIPPED {test}: {why} ***"));
        };
        let mut host = Host::start(&script(&[100], &[]));
        host.wait(|host| host.status().0 == 0);
        let before = host.held();
        group.take(host.process.id());
        host.write(&flood());
        let status = host.process.wait(Duration::from_secs(60));
        assert_eq!(status.signal(), Some(9), "{status}");
        assert_eq!(group.killed(), 1);
        assert_eq!(host.held(), before);
        let after = script(&[200], &[]);
        host.write(after.text());
        host.process.run();
        host.wait_for(&after.state());
    });
}
