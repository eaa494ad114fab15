//! What systemd is told, read by a socket of the test's own; and what it gives back.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{IoSliceMut, Read, Seek};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use margay::agent::moment::Moment;
use margay::agent::notify::{NETLINK, Notifier, inherited};
use margay::agent::status::{Status, Sync};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::in_force;

fn heard(socket: &UnixDatagram) -> Option<String> {
    socket.set_nonblocking(true).unwrap();
    let mut text = [0; 4096];
    let length = socket.recv(&mut text).ok()?;
    Some(String::from_utf8(text[..length].to_vec()).unwrap())
}

#[test]
fn readiness_is_told_once_when_all_is_in_force() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let mut notifier = Notifier::new(Some(path.as_os_str()), None).unwrap();
    let mut status = Status::new("node1", "files", Moment::now());
    status.sync = Sync::Listing;
    notifier.tell(&status).unwrap();
    let line = "STATUS=listing the store, 0 rules, 0 endpoints";
    assert_eq!(heard(&socket).as_deref(), Some(line));
    notifier.tell(&status).unwrap();
    assert_eq!(heard(&socket), None);
    let mut status = in_force();
    notifier.tell(&status).unwrap();
    let line = "READY=1\nSTATUS=in sync, 0 rules, 0 endpoints";
    assert_eq!(heard(&socket).as_deref(), Some(line));
    notifier.tell(&status).unwrap();
    assert_eq!(heard(&socket), None);
    status.table.rules = 7;
    notifier.tell(&status).unwrap();
    let line = "STATUS=in sync, 7 rules, 0 endpoints";
    assert_eq!(heard(&socket).as_deref(), Some(line));
    notifier.stopping().unwrap();
    assert_eq!(heard(&socket).as_deref(), Some("STOPPING=1"));
}

#[test]
fn the_watchdog_is_fed_at_half_of_its_patience() {
    let name = format!("margay-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    let address = format!("@{name}");
    let patience = Some(Duration::from_secs(10));
    let mut notifier = Notifier::new(Some(OsStr::new(&address)), patience).unwrap();
    let begin = Instant::now();
    assert_eq!(notifier.next(begin), Some(begin));
    for (second, fed) in [
        (0, true),
        (1, false),
        (4, false),
        (5, true),
        (9, false),
        (12, true),
    ] {
        notifier.alive(begin + Duration::from_secs(second)).unwrap();
        let expected = fed.then(|| "WATCHDOG=1".to_owned());
        assert_eq!(heard(&socket), expected, "after {second} s");
    }
    assert_eq!(notifier.next(begin), Some(begin + Duration::from_secs(17)));
}

#[test]
fn a_descriptor_is_handed_over_to_be_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notify");
    let socket = UnixDatagram::bind(&path).unwrap();
    let notifier = Notifier::new(Some(path.as_os_str()), None).unwrap();
    let file = folder.path().join("kept");
    std::fs::write(&file, "kept").unwrap();
    notifier
        .keep(NETLINK, File::open(&file).unwrap().as_fd())
        .unwrap();
    let (text, descriptor) = taken(&socket);
    assert_eq!(text, "FDSTORE=1\nFDNAME=margay-netlink\nFDPOLL=0");
    let mut content = String::new();
    File::from(descriptor.unwrap())
        .read_to_string(&mut content)
        .unwrap();
    assert_eq!(content, "kept");
    notifier.let_go(NETLINK).unwrap();
    let text = "FDSTOREREMOVE=1\nFDNAME=margay-netlink";
    assert_eq!(heard(&socket).as_deref(), Some(text));
}

/// A datagram and the descriptor that came with it.
pub(super) fn taken(socket: &UnixDatagram) -> (String, Option<OwnedFd>) {
    let mut text = [0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let received = {
        let mut parts = [IoSliceMut::new(&mut text)];
        recvmsg(socket, &mut parts, &mut control, RecvFlags::empty()).unwrap()
    };
    let mut descriptor = None;
    for message in control.drain() {
        if let RecvAncillaryMessage::ScmRights(mut descriptors) = message {
            descriptor = descriptors.next();
        }
    }
    let text = String::from_utf8(text[..received.bytes].to_vec()).unwrap();
    (text, descriptor)
}

/// The test runs itself again as systemd would start it: with descriptors from 3 on.
#[test]
fn kept_descriptors_are_taken_back_once() {
    const INSIDE: &str = "MARGAY_TEST_INHERITS";
    const TEST: &str = "agent::notify::kept_descriptors_are_taken_back_once";
    if std::env::var_os(INSIDE).is_some() {
        return inherits();
    }
    let folder = tempfile::tempdir().unwrap();
    let files = ["one", "two"].map(|name| {
        let path = folder.path().join(name);
        std::fs::write(&path, name).unwrap();
        path
    });
    let script = "LISTEN_PID=$$ LISTEN_FDS=3 LISTEN_FDNAMES=margay-netlink:other:closed \
                  exec \"$0\" \"$@\" 3<\"$ONE\" 4<\"$TWO\" 5<&-";
    let status = Command::new("sh")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .args([TEST, "--exact", "--nocapture"])
        .envs([("ONE", &files[0]), ("TWO", &files[1])])
        .env(INSIDE, "1")
        .stdin(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

fn inherits() {
    let found = inherited();
    let names: Vec<_> = found.iter().map(|one| &*one.name).collect();
    assert_eq!(names, [NETLINK, "other"]);
    for (one, expected) in found.into_iter().zip(["one", "two"]) {
        let flags = rustix::io::fcntl_getfd(&one.descriptor).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        let mut file = File::from(one.descriptor);
        file.rewind().unwrap();
        let mut content = String::new();
        file.read_to_string(&mut content).unwrap();
        assert_eq!(content, expected);
    }
    assert!(inherited().is_empty());
}
