//! The daemon, driven by an etcd: until all is in force and how much memory that takes; and one change,
//! from the put until the kernel has it.

mod cluster;
mod host;
mod network;
mod witness;

use std::time::{Duration, Instant};

use margay::backend::nft::{NftBackend, Ownership};

use crate::arguments::Pace;
use crate::etcd::Etcd;
use crate::record::Record;
use crate::sample::{Sample, interleaved};
use crate::walk::Walk;
use cluster::{Cluster, Kind, Size, Writer};
use host::Host;
use network::Network;

/// The cluster that the record is about.
const LARGE: Size = Size {
    local: 10_000,
    remote: 100_000,
    policies: 1_000,
};
/// The same policy with few endpoints.
const SMALL: Size = Size {
    local: 100,
    remote: 1_000,
    policies: 1_000,
};
/// How many times what a change costs in the small cluster it may cost in the large one.
const MOST: f64 = 1.5;
/// Changes of which the times are sorted.
const CHANGES: usize = 300;
/// How long after one change the next one comes.
const SPACING: Duration = Duration::from_millis(20);
/// Changes a second that others make meanwhile.
const LOAD: u32 = 500;
/// How often the kernel's walk is measured.
const WALKS: usize = 50;
/// Changes between two readings of the processor's time.
const BATCH: usize = 50;

/// Measures both sizes, one after the other where memory counts and side by side where a change does.
pub(crate) fn measure(record: &mut Record, pace: Pace) {
    record.title("agent: the daemon, driven by an etcd on the same two cores");
    record.note("interfaces of endpoints are not there, so that no route is programmed");
    record.note("time to in force: from the start of the process until it says READY=1");
    let large = match pace {
        Pace::Full => LARGE,
        Pace::Quick => Size {
            local: 1_000,
            remote: 10_000,
            ..LARGE
        },
    };
    let [small, large] = [SMALL, large].map(stood);
    for stand in [&small, &large] {
        let subject = stand.size.to_string();
        record.value(&subject, "time to in force", "s", stand.first);
        record.value(&subject, "again, over a right table", "s", stand.again);
        record.value(&subject, "peak memory", "MiB", stand.memory);
    }
    record.note("put to commit includes BatchDelay, 10 ms as it comes");
    times(record, &large, "idle", pace);
    let load = large.writer().load(LOAD);
    times(record, &large, "at 500 changes a second", pace);
    drop(load);
    costs(record, [small, large], pace);
}

/// A cluster in its etcd, and the daemon of a host of it, in a network of their own.
struct Stand {
    network: Network,
    size: Size,
    etcd: Etcd,
    host: Host,
    first: f64,
    again: f64,
    memory: f64,
}

impl Stand {
    fn writer(&self) -> Writer {
        let (etcd, size) = (self.etcd.endpoint(), self.size);
        self.network.within(|| Writer::new(&etcd, size))
    }

    /// What the kernel needs to walk the table of the daemon, which ends before.
    fn walk(self, rounds: usize) -> Walk {
        let Self { network, host, .. } = self;
        network.within(move || {
            drop(host);
            let mut backend = NftBackend::new(Ownership::None).unwrap();
            Walk::measured(&mut backend, rounds)
        })
    }

    fn restart(&mut self, batch_delay: Duration) {
        let Self { network, host, .. } = self;
        network.within(|| host.restart(batch_delay));
    }
}

/// Fills an etcd and starts the daemon.
fn stood(size: Size) -> Stand {
    let network = Network::new();
    let (etcd, host) = network.within(|| {
        let etcd = Etcd::start();
        Cluster::of(size).fill(&etcd.endpoint());
        let host = Host::start(&etcd.endpoint());
        (etcd, host)
    });
    let mut stand = Stand {
        network,
        size,
        etcd,
        first: host.took(),
        memory: host.peak_mebibytes(),
        again: 0.0,
        host,
    };
    stand.restart(host::BATCH_DELAY);
    stand.again = stand.host.took();
    stand
}

/// How long changes of each kind take to be in the kernel.
fn times(record: &mut Record, stand: &Stand, when: &str, pace: Pace) {
    for kind in Kind::ALL {
        let mut writer = stand.writer();
        let sample: Sample = (0..pace.size(CHANGES, CHANGES / 10))
            .map(|_| {
                std::thread::sleep(SPACING);
                let begun = Instant::now();
                let marker = writer.change(kind);
                stand.host.witness().wait_for(marker, begun) * 1e3
            })
            .collect();
        let subject = format!("{kind}, {when}");
        record.value(&subject, "put to commit, p50", "ms", sample.quantile(0.5));
        record.value(&subject, "put to commit, p99", "ms", sample.quantile(0.99));
    }
}

/// What a change costs the daemon, with no other meanwhile: both sizes in turns.
fn costs(record: &mut Record, mut stands: [Stand; 2], pace: Pace) {
    record
        .note("cost of a change: processor time of the daemon, BatchDelay 0, one change at a time");
    for stand in &mut stands {
        stand.restart(Duration::ZERO);
    }
    for kind in Kind::ALL {
        let mut subjects = stands.each_ref().map(|stand| (stand, stand.writer()));
        let samples = interleaved(pace.rounds(), &mut subjects, |(stand, writer)| {
            let before = stand.host.processor_seconds();
            for _ in 0..BATCH {
                let begun = Instant::now();
                let marker = writer.change(kind);
                stand.host.witness().wait_for(marker, begun);
            }
            (stand.host.processor_seconds() - before) / BATCH as f64 * 1e3
        });
        for (stand, sample) in stands.iter().zip(&samples) {
            let subject = format!("{kind}, {}", stand.size);
            record.sample(&subject, "processor time of a change", "ms", sample);
        }
        let ratio = samples[1].over(&samples[0]);
        let what = format!("times the cost of a change of {kind} with 10,000 endpoints");
        record.sample(&kind.to_string(), "large over small", "x", &ratio);
        record.require(&what, ratio.median(), MOST);
    }
    record.note("floor: what the kernel needs to walk the table when a rule with a verdict comes");
    for stand in stands {
        let subject = stand.size.to_string();
        let walk = stand.walk(pace.size(WALKS, WALKS / 10));
        walk.report(record, &subject);
    }
}
