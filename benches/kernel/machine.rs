//! Where a run was made: what a reader must know to make it again.

use std::process::Command;

/// Names and values, in the order in which a record lists them.
pub(crate) fn facts() -> Vec<(&'static str, String)> {
    vec![
        ("date", output("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        ("processor", processor()),
        ("kernel", output("uname", &["-srvm"])),
        ("nft", output("nft", &["--version"])),
        ("rustc", output("rustc", &["--version"])),
        (
            "revision",
            output("git", &["describe", "--always", "--dirty"]),
        ),
        ("load before", file("/proc/loadavg")),
        (
            "mitigations",
            output(
                "cat",
                &["/sys/devices/system/cpu/vulnerabilities/spectre_v2"],
            ),
        ),
        (
            "nf_conntrack_max",
            file("/proc/sys/net/netfilter/nf_conntrack_max"),
        ),
    ]
}

fn processor() -> String {
    let text = file("/proc/cpuinfo");
    let of = |line: &str| line.split_once(": ").map(|(_, value)| value.to_owned());
    let names: Vec<String> = text
        .lines()
        .filter(|line| line.starts_with("model name"))
        .filter_map(of)
        .collect();
    format!(
        "{} x {}",
        names.len(),
        names.first().map_or("?", |name| name)
    )
}

fn file(path: &str) -> String {
    std::fs::read_to_string(path).map_or("unknown".to_owned(), |text| text.trim().to_owned())
}

fn output(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.ok()
        .filter(|text| !text.is_empty())
        .unwrap_or("unknown".to_owned())
}
