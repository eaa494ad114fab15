//! Where a run is made: what a reader must know to make it again.

use std::fs;
use std::process::Command;

use super::syscalls;

/// Names and values, in the order in which a report lists them.
pub fn facts() -> Vec<(String, String)> {
    let facts = [
        ("date", output("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        ("processor", processor()),
        ("kernel", output("uname", &["-srvm"])),
        ("governor", governor()),
        ("turbo", turbo().to_owned()),
        ("mitigations", mitigations()),
        ("load before", file("/proc/loadavg")),
        ("memory", memory()),
        ("nf_conntrack_max", file(CONNTRACK_MAX)),
        ("nf_conntrack_buckets", file(CONNTRACK_BUCKETS)),
        ("margay", version()),
        ("nft", output("nft", &["--version"])),
        ("iptables", output("iptables", &["--version"])),
        ("ipset", output("ipset", &["--version"])),
        ("syscalls", syscalls::fact()),
        ("command", command_line()),
    ];
    facts.map(|(name, value)| (name.to_owned(), value)).into()
}

const GOVERNOR: &str = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor";
const CONNTRACK_MAX: &str = "/proc/sys/net/netfilter/nf_conntrack_max";
const CONNTRACK_BUCKETS: &str = "/proc/sys/net/netfilter/nf_conntrack_buckets";
const VULNERABILITIES: &str = "/sys/devices/system/cpu/vulnerabilities";

/// The version, and the optimisation of this build: an unoptimised program says nothing of a fast one.
fn version() -> String {
    let build = match cfg!(debug_assertions) {
        true => "a build with debug assertions",
        false => "a release build",
    };
    format!("{}, {build}", env!("CARGO_PKG_VERSION"))
}

fn command_line() -> String {
    let words: Vec<_> = std::env::args().collect();
    words.join(" ")
}

fn processor() -> String {
    let text = file("/proc/cpuinfo");
    let names = text.lines().filter(|line| line.starts_with("model name"));
    let names: Vec<_> = names.filter_map(|line| line.split_once(": ")).collect();
    let name = names.first().map_or("unknown", |(_, name)| name);
    format!("{} x {name}", names.len())
}

fn memory() -> String {
    let text = file("/proc/meminfo");
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    line.map_or("unknown".to_owned(), |size| size.trim().to_owned())
}

/// What the kernel does about flaws of the processor, of those that it has.
pub(super) fn mitigations() -> String {
    let entries = fs::read_dir(VULNERABILITIES)
        .into_iter()
        .flatten()
        .flatten();
    let mut lines: Vec<String> = entries
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            format!("{name}: {}", file(&entry.path().display().to_string()))
        })
        .filter(|line| !line.contains("Not affected"))
        .collect();
    lines.sort_unstable();
    match lines.is_empty() {
        true => "none".to_owned(),
        false => lines.join("; "),
    }
}

/// Who decides how fast the processor is.
pub(super) fn governor() -> String {
    file(GOVERNOR)
}

/// Whether the processor changes its speed by itself.
pub(super) fn turbo() -> &'static str {
    let no_turbo = file("/sys/devices/system/cpu/intel_pstate/no_turbo");
    let boost = file("/sys/devices/system/cpu/cpufreq/boost");
    match (no_turbo.as_str(), boost.as_str()) {
        ("1", _) | (_, "0") => "off",
        ("0", _) | (_, "1") => "on",
        _ => "unknown",
    }
}

/// What a file of the kernel says.
pub(super) fn file(path: &str) -> String {
    let text = fs::read_to_string(path);
    text.map_or("unknown".to_owned(), |text| text.trim().to_owned())
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok()
        .filter(|text| !text.is_empty())
        .unwrap_or("unknown".to_owned())
}
