//! The devices of a lane, and what is sent by them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::device::Device;
use super::frame::Opening;
use crate::bench::trial::{Trial, Trials, UPLINK};
use crate::host::Conntrack;
use crate::net::Family;

/// Packets sent between two readings of the clock: fewer than a device queues.
const BURST: u16 = 50;
/// Source ports of what is timed end here.
const PORTS_TO: u16 = 50_000;
/// Bursts of a measurement at least, however long one takes.
const BURSTS_MIN: usize = 3;

/// The devices of a namespace.
#[derive(Debug)]
pub(crate) struct Road {
    devices: BTreeMap<String, Device>,
    next_port: u16,
}

/// What is sent when the cost of a packet is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Each packet opens a flow, which is allowed.
    New,
    /// Packets of one flow that was answered.
    Established,
    /// Each packet opens a flow, which is not allowed.
    Dropped,
    /// Each packet opens a flow, and is answered.
    Answered,
}

/// A packet that did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Lost {
    /// The device took no more.
    #[error("a device refuses a packet: {0}")]
    Refused(String),
    /// Not as many came out as should.
    #[error("{arrived} of {sent} packets came out where {expected} should")]
    Miscounted {
        /// How many were sent.
        sent: usize,
        /// How many came out.
        arrived: usize,
        /// How many should have.
        expected: usize,
    },
}

impl Road {
    pub(super) fn new(trials: &Trials) -> io::Result<Self> {
        let flow = &trials.flow;
        let ends = trials.routes.iter().map(|(_, device)| device.as_str());
        let names: BTreeSet<&str> = ends.chain([UPLINK]).collect();
        let names: Vec<&str> = names.into_iter().collect();
        let mut devices = BTreeMap::new();
        for &name in &names {
            devices.insert(name.to_owned(), Device::new(name)?);
        }
        settings(&names, Family::of(flow.source))?;
        configure(&names, trials)?;
        Ok(Self {
            devices,
            next_port: 1,
        })
    }

    /// Sends one packet and says whether it came out where it would go.
    pub(crate) fn passes(&self, trial: &Trial, bytes: &[u8]) -> Result<bool, Lost> {
        let (from, to) = (self.device(&trial.from)?, self.device(&trial.to)?);
        from.send(bytes)
            .map_err(|error| Lost::Refused(error.to_string()))?;
        let mut buffer = [0; 2_048];
        while let Some(length) = to.receive(&mut buffer) {
            if is_same(buffer.get(..length).unwrap_or_default(), bytes) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Nanoseconds that one packet takes: the median of bursts for a while, after one that warms caches.
    pub(crate) fn cost(
        &mut self,
        trials: &Trials,
        sent: Sent,
        budget: Duration,
    ) -> Result<f64, Lost> {
        self.forget_flows()?;
        self.burst(trials, sent)?;
        let begun = Instant::now();
        let mut times = Vec::new();
        while times.len() < BURSTS_MIN || begun.elapsed() < budget {
            times.push(self.burst(trials, sent)?);
        }
        // The kernel has one table of connections for all namespaces: what is left in it, others pay for.
        self.forget_flows()?;
        Ok(median(times))
    }

    /// Nanoseconds that each of many packets takes which open an allowed flow, of those that count: what is
    /// asked before and after a packet must say so.
    pub(crate) fn latencies(
        &mut self,
        trials: &Trials,
        budget: Duration,
        goes_on: &dyn Fn() -> bool,
        counts: &dyn Fn() -> bool,
    ) -> Result<Vec<f64>, Lost> {
        self.forget_flows()?;
        let begun = Instant::now();
        let mut times = Vec::new();
        while begun.elapsed() < budget || goes_on() {
            for bytes in self.packets(trials, Sent::New) {
                let (counted, start) = (counts(), Instant::now());
                self.send(&trials.flow.from, &bytes)?;
                let time = nanoseconds(start.elapsed());
                if counted || counts() {
                    times.push(time);
                }
            }
            self.device(&trials.flow.to)?.drain();
            self.next_port += BURST;
            if self.next_port > PORTS_TO {
                self.forget_flows()?;
            }
        }
        self.forget_flows()?;
        Ok(times)
    }

    /// Empties the namespace's table of connections.
    pub(crate) fn forget_flows(&mut self) -> Result<(), Lost> {
        self.next_port = 1;
        let emptied = Conntrack::open().and_then(|mut table| table.empty());
        emptied.map_err(|error| Lost::Refused(error.to_string()))
    }

    fn burst(&mut self, trials: &Trials, sent: Sent) -> Result<f64, Lost> {
        if self.next_port > PORTS_TO {
            self.forget_flows()?;
        }
        if sent == Sent::Established {
            self.establish(trials)?;
        }
        let packets = self.packets(trials, sent);
        let answers = match sent {
            Sent::Answered => self.answers(trials),
            Sent::New | Sent::Established | Sent::Dropped => Vec::new(),
        };
        let flow = &trials.flow;
        let start = Instant::now();
        for bytes in &packets {
            self.send(&flow.from, bytes)?;
        }
        for bytes in &answers {
            self.send(&flow.to, bytes)?;
        }
        let time = start.elapsed();
        self.next_port += BURST;
        let length = packets.first().map_or(0, Vec::len);
        let expected = match sent {
            Sent::New | Sent::Established | Sent::Answered => packets.len(),
            Sent::Dropped => 0,
        };
        self.count(&flow.to, length, packets.len(), expected)?;
        self.count(&flow.from, length, answers.len(), answers.len())?;
        Ok(nanoseconds(time) / f64::from(BURST))
    }

    fn packets(&self, trials: &Trials, sent: Sent) -> Vec<Vec<u8>> {
        let ports = self.next_port..self.next_port.saturating_add(BURST);
        let packet = |port| {
            let opening = trials.opening(port);
            let opening = match sent {
                Sent::New | Sent::Answered => opening,
                Sent::Established => trials.opening(PORTS_TO + 100),
                Sent::Dropped => Opening {
                    to: opening.to + 1,
                    ..opening
                },
            };
            opening.bytes(trials.frame)
        };
        ports.map(packet).collect()
    }

    fn answers(&self, trials: &Trials) -> Vec<Vec<u8>> {
        let ports = self.next_port..self.next_port.saturating_add(BURST);
        let answer = |port| trials.opening(port).reply().bytes(trials.frame);
        ports.map(answer).collect()
    }

    /// Opens a flow and answers it.
    fn establish(&self, trials: &Trials) -> Result<(), Lost> {
        let opening = trials.opening(PORTS_TO + 100);
        let flow = &trials.flow;
        self.send(&flow.from, &opening.bytes(trials.frame))?;
        self.send(&flow.to, &opening.reply().bytes(trials.frame))?;
        self.device(&flow.from)?.drain();
        self.device(&flow.to)?.drain();
        Ok(())
    }

    fn send(&self, from: &str, bytes: &[u8]) -> Result<(), Lost> {
        let sent = self.device(from)?.send(bytes);
        sent.map_err(|error| Lost::Refused(error.to_string()))
    }

    fn count(&self, at: &str, length: usize, sent: usize, expected: usize) -> Result<(), Lost> {
        let device = self.device(at)?;
        let mut buffer = [0; 2_048];
        let out = std::iter::from_fn(|| device.receive(&mut buffer));
        let arrived = out.filter(|found| *found == length).count();
        match arrived == expected {
            true => Ok(()),
            false => Err(Lost::Miscounted {
                sent,
                arrived,
                expected,
            }),
        }
    }

    fn device(&self, name: &str) -> Result<&Device, Lost> {
        let device = self.devices.get(name);
        device.ok_or_else(|| Lost::Refused(format!("there is no {name}")))
    }
}

/// Whether a packet that came out is one that was sent: the hop limit and a sum are all that changes.
fn is_same(out: &[u8], sent: &[u8]) -> bool {
    // Addresses and all that follows; IPv6 has one hop more that it counts, before byte 8.
    let from = match sent.first().map(|byte| byte >> 4) {
        Some(4) => 12,
        Some(_) | None => 8,
    };
    out.len() == sent.len() && out.get(from..) == sent.get(from..)
}

/// Nanoseconds of a duration.
pub(crate) fn nanoseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Forwarding, and nothing that the kernel sends by itself.
fn settings(interfaces: &[&str], family: Family) -> io::Result<()> {
    let mut lines = vec![
        "ipv4/ip_forward 1".to_owned(),
        "ipv6/conf/all/forwarding 1".to_owned(),
        "ipv4/conf/all/rp_filter 0".to_owned(),
        "ipv4/conf/all/send_redirects 0".to_owned(),
    ];
    if family == Family::V4 {
        lines.push("ipv6/conf/all/disable_ipv6 1".to_owned());
    }
    for name in interfaces {
        lines.push(format!("ipv4/conf/{name}/rp_filter 0"));
        lines.push(format!("ipv4/conf/{name}/send_redirects 0"));
        for setting in [
            "addr_gen_mode 1",
            "router_solicitations 0",
            "accept_ra 0",
            "accept_dad 0",
        ] {
            lines.push(format!("ipv6/conf/{name}/{setting}"));
        }
    }
    for line in lines {
        let (key, value) = line.split_once(' ').unwrap_or((&line, ""));
        let path = format!("/proc/sys/net/{key}");
        if std::path::Path::new(&path).exists() {
            std::fs::write(path, value)?;
        }
    }
    Ok(())
}

/// Raises the devices, and leads addresses to them. Without queues no packet is sent by another core.
fn configure(interfaces: &[&str], trials: &Trials) -> io::Result<()> {
    let mut text = String::from("link set lo up\n");
    for name in interfaces {
        text.push_str(&format!("link set {name} mtu 1500 up\n"));
    }
    for (address, device) in &trials.routes {
        text.push_str(&format!("route add {address} dev {device}\n"));
    }
    batch("ip", &text)?;
    let queues = interfaces.iter();
    let queues = queues.map(|name| format!("qdisc replace dev {name} root noqueue\n"));
    batch("tc", &queues.collect::<String>())
}

fn batch(program: &str, text: &str) -> io::Result<()> {
    let mut child = Command::new(program)
        .args(["-batch", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| io::Error::new(error.kind(), format!("{program}: {error}")))?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text.as_bytes())?;
    }
    let output = child.wait_with_output()?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        ))),
    }
}
