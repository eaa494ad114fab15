//! What `margay bench` has no peers for: candidates for a shape, the daemon, labels in a cluster, a translated host.
//! Everything happens in network namespaces that this program makes, so it needs root.
//!
//! `cargo bench --bench kernel -- [flat|shapes|labels|agent|migrate]... [--quick] [--out DIR]`
#![allow(clippy::unwrap_used, reason = "a benchmark reports by panicking")]

mod agent;
mod arguments;
mod batch;
mod clock;
#[allow(dead_code, reason = "shared with tests/it, which uses the rest")]
#[path = "../../tests/it/support/etcd.rs"]
mod etcd;
mod flat;
mod identity;
mod labels;
mod lane;
mod machine;
mod migrate;
#[allow(
    dead_code,
    unused_imports,
    reason = "shared with tests/it, which uses the rest"
)]
#[path = "../../tests/it/support/netns.rs"]
mod netns;
#[allow(dead_code, reason = "shared with tests/it, which uses the rest")]
#[path = "../../tests/it/support/packet.rs"]
mod packet;
mod record;
mod sample;
mod shapes;
#[allow(dead_code, reason = "shared with tests/it, which uses the rest")]
#[path = "../../tests/it/support/tun.rs"]
mod tun;
mod walk;
mod worlds;

use std::process::ExitCode;

use arguments::{Arguments, Topic};
use record::Record;

fn main() -> ExitCode {
    // cargo adds a word of its own.
    let words = std::env::args().skip(1).filter(|word| word != "--bench");
    let words: Vec<String> = words.collect();
    let arguments = match Arguments::read(words.iter().cloned()) {
        Ok(arguments) => arguments,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(2);
        }
    };
    if !rustix::process::geteuid().is_root() {
        eprintln!("*** SKIPPED: network namespaces and large batches need root ***");
        return ExitCode::SUCCESS;
    }
    let mut record = Record::begin();
    for topic in &arguments.topics {
        match topic {
            Topic::Flat => flat::count(&mut record),
            Topic::Shapes => shapes::measure(&mut record, arguments.pace),
            Topic::Labels => labels::measure(&mut record, arguments.pace),
            Topic::Agent => agent::measure(&mut record, arguments.pace),
            Topic::Migrate => migrate::measure(&mut record, arguments.pace),
        }
    }
    if let Some(folder) = &arguments.out {
        let command = format!("cargo bench --bench kernel -- {}", words.join(" "));
        record.write(folder, &command).unwrap();
    }
    ExitCode::from(u8::from(record.broken() > 0))
}
