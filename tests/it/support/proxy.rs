//! A TCP proxy that can stop passing anything on, with every connection left open, or lose an answer.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
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
    /// What the next frame of HTTP/2 to be lost has in it.
    marker: Mutex<Option<Vec<u8>>>,
}

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ToServer,
    ToClient,
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
                pass(Way::ToServer, &near, &far, &shared);
                pass(Way::ToClient, &far, &near, &shared);
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

    /// Loses the next frame of HTTP/2 from the server that has this in it.
    pub(crate) fn lose(&self, marker: &str) {
        *self.state.marker.lock().unwrap() = Some(marker.as_bytes().to_vec());
    }

    /// Whether what was to be lost was.
    pub(crate) fn has_lost(&self) -> bool {
        self.state.marker.lock().unwrap().is_none()
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

/// The bytes of the head of a frame: its length in three, its type, flags, and the stream.
const FRAME_HEAD: usize = 9;

/// Takes the whole frames from the front of what came, without the one that is to be lost.
fn whole_frames(came: &mut Vec<u8>, state: &State) -> Vec<u8> {
    let mut passed = Vec::new();
    while let Some(&[high, middle, low, kind]) = came.first_chunk() {
        let length =
            FRAME_HEAD + usize::try_from(u32::from_be_bytes([0, high, middle, low])).unwrap();
        if came.len() < length {
            break;
        }
        let frame: Vec<u8> = came.drain(..length).collect();
        let mut marker = state.marker.lock().unwrap();
        let has = |marker: &Vec<u8>| frame.windows(marker.len()).any(|part| part == marker);
        // 0 is DATA; in a frame of its own here is one whole message.
        if kind == 0 && marker.take_if(|marker| has(marker)).is_some() {
            continue;
        }
        passed.extend(frame);
    }
    passed
}

/// Passes on what comes from one side, until that ends.
fn pass(way: Way, from: &TcpStream, to: &TcpStream, state: &Arc<State>) {
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    let state = state.clone();
    from.set_read_timeout(Some(TICK)).unwrap();
    thread::spawn(move || {
        let mut bytes = vec![0; 64 << 10];
        let mut came = Vec::new();
        while !state.ended.load(Ordering::Relaxed) {
            if state.stalled.load(Ordering::Relaxed) {
                thread::sleep(TICK);
                continue;
            }
            match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => {
                    came.extend_from_slice(&bytes[..read]);
                    let passed = match way {
                        Way::ToServer => std::mem::take(&mut came),
                        Way::ToClient => whole_frames(&mut came, &state),
                    };
                    if to.write_all(&passed).is_err() {
                        break;
                    }
                    state.spend(read);
                }
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        let _closed = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    });
}
