//! Who hears from the kernel that something is in force.

use std::net::Ipv4Addr;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use neli::consts::socket::{Msg, NlFamily};
use neli::socket::NlSocket;
use neli::utils::Groups;

/// `NFNLGRP_NFTABLES` (linux/netfilter/nfnetlink.h).
const NFNLGRP_NFTABLES: u32 = 7;
/// A notice is no longer than this.
const NOTICE_BYTES: usize = 64 << 10;
/// How long a change may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Hears all that the kernel says of nf_tables in its namespace.
pub(super) struct Witness {
    notices: Receiver<(Instant, Vec<u8>)>,
}

impl Witness {
    /// One for the namespace of the calling thread.
    pub(super) fn new() -> Self {
        let groups = Groups::new_groups(&[NFNLGRP_NFTABLES]);
        let socket = NlSocket::connect(NlFamily::Netfilter, None, groups).unwrap();
        let (say, notices) = channel();
        std::thread::spawn(move || {
            let mut buffer = vec![0; NOTICE_BYTES];
            loop {
                // What did not fit is lost; the change that was in it is then late, which is seen.
                let Ok((length, _)) = socket.recv(buffer.as_mut_slice(), Msg::empty()) else {
                    continue;
                };
                if say
                    .send((Instant::now(), buffer[..length].to_vec()))
                    .is_err()
                {
                    return;
                }
            }
        });
        Self { notices }
    }

    /// Seconds from an instant until the kernel said that something with an address is in force.
    pub(super) fn wait_for(&self, marker: Ipv4Addr, begun: Instant) -> f64 {
        let bytes = marker.octets();
        loop {
            let (at, notice) = self.notices.recv_timeout(PATIENCE).unwrap();
            if notice.windows(bytes.len()).any(|window| window == bytes) {
                return at.duration_since(begun).as_secs_f64();
            }
        }
    }
}
