//! A process killed at a step of its own that is counted, and not at some instant.
//!
//! What it writes by programs is counted by scripts that stand in their place; they kill who called them.
//! What it writes to nf_tables is counted by what the kernel says of it. Whoever hears that runs before
//! all others on the core of the process, and so kills it before it takes another step.

use std::fs::Permissions;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};
use tempfile::TempDir;

use super::netns::run;

/// Where a process is killed: at the first, the second... of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// When half the lines that `ipset restore` is to write are written.
    Half(usize),
    /// When a program has written all that it was to.
    Written(usize),
    /// When nf_tables has taken a transaction.
    Committed(usize),
}

/// Scripts in the place of programs.
#[derive(Debug)]
pub(crate) struct Assassin {
    folder: TempDir,
}

/// What became of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Killed,
    /// It came to its end, without that step.
    Ended,
}

/// The programs that write.
const WRITERS: [&str; 5] = [
    "iptables-legacy-restore",
    "ip6tables-legacy-restore",
    "iptables-nft-restore",
    "ip6tables-nft-restore",
    "ipset",
];

/// The group `NFNLGRP_NFTABLES`, number 7 (linux/netfilter/nfnetlink.h), in the mask of an address.
const NFTABLES_GROUP: u32 = 1 << 6;

/// What the kernel says of a large transaction is to fit, and how long nothing is waited for.
const ROOM: usize = 32 << 20;
const PAUSE: Duration = Duration::from_millis(20);

/// `NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN` (linux/netfilter/nf_tables.h): the last word on a transaction.
const NEWGEN: u16 = 10 << 8 | 15;

impl Assassin {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in WRITERS {
            let real = run("sh", &["-c", "command -v \"$0\"", name], "").unwrap();
            let file = folder.path().join(name);
            let here = folder.path().display().to_string();
            std::fs::write(&file, script(&here, real.trim())).unwrap();
            std::fs::set_permissions(&file, Permissions::from_mode(0o755)).unwrap();
        }
        Self { folder }
    }

    /// Runs a process to a step of it.
    pub(crate) fn send(&self, command: &mut Command, step: Step) -> Fate {
        let (which, number) = match step {
            Step::Half(number) => ("half", number),
            Step::Written(number) => ("written", number),
            Step::Committed(_) => ("none", 0),
        };
        let write = |name: &str, text: &str| {
            std::fs::write(self.folder.path().join(name), text).unwrap();
        };
        write("step", &format!("{which} {number}\n"));
        write("count", "");
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{}:{path}", self.folder.path().display()));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let status = match step {
            Step::Half(_) | Step::Written(_) => command.status().unwrap(),
            Step::Committed(number) => killed_at(number, command),
        };
        match status.signal() {
            Some(9) => Fate::Killed,
            Some(_) | None => {
                assert!(status.success(), "{step:?}: {status}");
                Fate::Ended
            }
        }
    }
}

/// Does what the program does, and counts what it writes.
fn script(here: &str, real: &str) -> String {
    format!(
        r#"#!/bin/sh
[ "$1" = save ] && exec {real} "$@"
read which number < {here}/step
case "$which ${{0##*/}}" in
    written*|"half ipset") echo >> {here}/count;;
    *) exec {real} "$@";;
esac
[ "$(wc -l < {here}/count)" = "$number" ] || exec {real} "$@"
if [ "$which" = half ]; then
    cat > {here}/input
    head -n $(($(wc -l < {here}/input) / 2)) {here}/input | {real} "$@"
else
    {real} "$@"
fi
kill -KILL $PPID
"#
    )
}

/// Kills a process when nf_tables has taken so many of its transactions.
fn killed_at(number: usize, command: &mut Command) -> ExitStatus {
    let listener = Listener::new();
    let _first = First::here();
    let mut child = command.spawn().unwrap();
    let mut taken = 0;
    loop {
        taken += listener.heard();
        if taken >= number {
            child.kill().unwrap();
            let status = child.wait().unwrap();
            assert_eq!(taken + listener.heard(), number, "it went on");
            return status;
        }
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
    }
}

/// Has the calling thread go before all others on its core, until it is dropped (`SCHED_FIFO`). What it
/// starts does not.
struct First(String);

impl First {
    fn here() -> Self {
        let thread = rustix::thread::gettid().as_raw_pid().to_string();
        run(
            "chrt",
            &["--reset-on-fork", "--fifo", "--pid", "1", &thread],
            "",
        )
        .unwrap();
        Self(thread)
    }
}

impl Drop for First {
    fn drop(&mut self) {
        _ = run("chrt", &["--other", "--pid", "0", &self.0], "");
    }
}

/// Hears what the kernel says of nf_tables in the calling thread's namespace.
struct Listener(OwnedFd);

impl Listener {
    fn new() -> Self {
        let protocol = Some(netlink::NETFILTER);
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            protocol,
        );
        let socket = socket.unwrap();
        bind(&socket, &SocketAddrNetlink::new(0, NFTABLES_GROUP)).unwrap();
        sockopt::set_socket_recv_buffer_size_force(&socket, ROOM).unwrap();
        sockopt::set_socket_timeout(&socket, Timeout::Recv, Some(PAUSE)).unwrap();
        Self(socket)
    }

    /// How many transactions were taken, as far as that is said before long.
    fn heard(&self) -> usize {
        let mut buffer = vec![0; 1 << 16];
        match recv(&self.0, buffer.as_mut_slice(), RecvFlags::empty()) {
            Ok((bytes, _)) => newgens(&buffer[..bytes]),
            Err(error) => {
                assert_eq!(error, Errno::AGAIN);
                0
            }
        }
    }
}

/// How many of the messages (`struct nlmsghdr`, linux/netlink.h) end a transaction.
fn newgens(mut messages: &[u8]) -> usize {
    let mut count = 0;
    while let Some((header, _)) = messages.split_first_chunk::<16>() {
        let length = u32::from_ne_bytes(header[..4].try_into().unwrap());
        let kind = u16::from_ne_bytes(header[4..6].try_into().unwrap());
        count += usize::from(kind == NEWGEN);
        let aligned = usize::try_from(length).unwrap().next_multiple_of(4);
        messages = messages.get(aligned..).unwrap_or_default();
    }
    count
}
