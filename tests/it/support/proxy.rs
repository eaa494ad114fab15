//! A TCP proxy that can stop passing anything on, with every connection left open.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// How often a connection looks whether it may go on.
const TICK: Duration = Duration::from_millis(10);

/// A proxy on loopback, ended with the test.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    stalled: AtomicBool,
    ended: AtomicBool,
    accepted: AtomicUsize,
    /// How many bytes it passes on before it stalls by itself; below zero it does not.
    budget: AtomicI64,
}

impl Proxy {
    /// A proxy to a port.
    pub(crate) fn to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            budget: AtomicI64::new(-1),
            ..State::default()
        });
        let shared = state.clone();
        thread::spawn(move || {
            for near in listener.incoming() {
                if shared.ended.load(Ordering::Relaxed) {
                    return;
                }
                shared.accepted.fetch_add(1, Ordering::Relaxed);
                let (Ok(near), Ok(far)) = (near, TcpStream::connect(("127.0.0.1", target))) else {
                    continue;
                };
                pass(&near, &far, &shared);
                pass(&far, &near, &shared);
            }
        });
        Self { port, state }
    }

    /// Where it listens.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Whether it passes nothing on.
    pub(crate) fn stall(&self, stalled: bool) {
        self.state.stalled.store(stalled, Ordering::Relaxed);
    }

    /// Whether it passes nothing on at present.
    pub(crate) fn is_stalled(&self) -> bool {
        self.state.stalled.load(Ordering::Relaxed)
    }

    /// Passes on so many bytes, and then nothing.
    pub(crate) fn stall_after(&self, bytes: i64) {
        self.state.budget.store(bytes, Ordering::Relaxed);
        self.stall(false);
    }

    /// How many connections there were.
    pub(crate) fn accepted(&self) -> usize {
        self.state.accepted.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.state.ended.store(true, Ordering::Relaxed);
        // The thread that accepts sees it with the next connection.
        let _last = TcpStream::connect(("127.0.0.1", self.port));
    }
}

impl State {
    fn spend(&self, bytes: usize) {
        let bytes = i64::try_from(bytes).unwrap();
        let left = self.budget.load(Ordering::Relaxed);
        if left >= 0 && self.budget.fetch_sub(bytes, Ordering::Relaxed) <= bytes {
            self.stalled.store(true, Ordering::Relaxed);
            self.budget.store(-1, Ordering::Relaxed);
        }
    }
}

/// Passes on what comes from one side, until that ends.
fn pass(from: &TcpStream, to: &TcpStream, state: &Arc<State>) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    let state = state.clone();
    from.set_read_timeout(Some(TICK)).unwrap();
    thread::spawn(move || {
        let mut bytes = vec![0; 64 << 10];
        while !state.ended.load(Ordering::Relaxed) {
            if state.stalled.load(Ordering::Relaxed) {
                thread::sleep(TICK);
                continue;
            }
            match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) if to.write_all(&bytes[..read]).is_ok() => state.spend(read),
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Ok(_) | Err(_) => break,
            }
        }
        let _closed = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}
