//! One side: a network namespace with devices, rules, and a table that watches.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::thread;

use super::probe::{Plan, Probe};
use super::{Original, ReplayError, tally};
use crate::netlink::socket::{attach_tun, enter_new_network};
use crate::ruleset::key::interface_bytes;

/// What is loaded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Side<'a> {
    Iptables(&'a Original<'a>),
    Nft(&'a str),
}

/// What was seen on one side.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The hook, the identification, and what the packet was there.
    pub(super) arrivals: BTreeSet<String>,
    /// Packets by the line of the rule in the dump.
    pub(super) counters: BTreeMap<usize, u64>,
}

/// Settings under which every address may come from everywhere.
const SETTINGS: [(&str, &str); 5] = [
    ("net/ipv4/ip_forward", "1"),
    ("net/ipv4/conf/all/rp_filter", "0"),
    ("net/ipv4/conf/default/rp_filter", "0"),
    ("net/ipv4/conf/all/accept_local", "1"),
    ("net/ipv4/conf/default/accept_local", "1"),
];

/// Loads a side in a namespace of its own, and sends it all packets.
pub(super) fn run(plan: &Plan, side: Side<'_>) -> Result<Outcome, ReplayError> {
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            enter_new_network().map_err(ReplayError::NoLane)?;
            stand(plan, side)
        });
        let ended = || Err(ReplayError::NoLane(io::ErrorKind::Interrupted.into()));
        inside.join().unwrap_or_else(|_| ended())
    })
}

fn stand(plan: &Plan, side: Side<'_>) -> Result<Outcome, ReplayError> {
    let devices = devices(plan).map_err(ReplayError::NoLane)?;
    ip("link set lo up\n")?;
    for name in devices.keys() {
        ip(&format!("link set {name} up\n"))?;
    }
    ip("route add local default dev lo table 100\nrule add pref 1 iif lo lookup main\n")?;
    load(side)?;
    feed("nft", &["-f", "-"], &tally::watcher())?;
    // A translation begins with the counts that the dump has.
    let saved = counters(side)?;
    send(plan, &devices)?;
    let mut counters = counters(side)?;
    for (line, count) in &mut counters {
        *count = count.saturating_sub(saved.get(line).copied().unwrap_or(0));
    }
    let mut sightings = tally::Sightings::new();
    let views = || tally::VIEWS.into_iter().map(|(view, _)| view);
    for hook in tally::HOOKS {
        for view in views().filter(|view| !plan.by_chance.contains(view)) {
            let map = format!("{hook}-{view}");
            let listed = feed("nft", &["-j", "list", "map", "ip", tally::TABLE, &map], "")?;
            tally::see(&mut sightings, hook, view, &listed);
        }
    }
    let arrivals = sightings
        .into_iter()
        .map(|((hook, id), seen)| format!("{hook} {id}{seen}"))
        .collect();
    Ok(Outcome { arrivals, counters })
}

fn load(side: Side<'_>) -> Result<(), ReplayError> {
    match side {
        Side::Iptables(original) => {
            if let Some(sets) = original.sets {
                feed("ipset", &["restore"], sets)?;
            }
            feed("iptables-legacy-restore", &[], original.text)?;
        }
        Side::Nft(text) => {
            feed("nft", &["-f", "-"], text)?;
        }
    }
    Ok(())
}

fn counters(side: Side<'_>) -> Result<BTreeMap<usize, u64>, ReplayError> {
    Ok(match side {
        Side::Iptables(original) => {
            let saved = feed("iptables-legacy-save", &["-c"], "")?;
            tally::of_iptables(original.dump, &saved)
        }
        Side::Nft(_) => tally::of_nft(&feed("nft", &["-j", "list", "ruleset"], "")?),
    })
}

fn devices(plan: &Plan) -> io::Result<BTreeMap<String, File>> {
    for (path, value) in SETTINGS {
        fs::write(format!("/proc/sys/{path}"), value)?;
    }
    let mut devices = BTreeMap::new();
    for name in &plan.devices {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/net/tun")?;
        attach_tun(&file, interface_bytes(name))?;
        devices.insert(name.clone(), file);
    }
    Ok(devices)
}

/// Packets come sorted by where they are to go; routes change in between.
fn send(plan: &Plan, devices: &BTreeMap<String, File>) -> Result<(), ReplayError> {
    let mut routed: Option<&Option<String>> = None;
    for (at, probe) in plan.probes.iter().enumerate() {
        if routed != Some(&probe.output) {
            route(probe)?;
            routed = Some(&probe.output);
        }
        let identification = u16::try_from(at + 1).unwrap_or(0);
        if let Some(mut device) = devices.get(&probe.input) {
            device
                .write_all(&probe.bytes(identification))
                .map_err(ReplayError::NoLane)?;
        }
    }
    Ok(())
}

fn route(probe: &Probe) -> Result<(), ReplayError> {
    match &probe.output {
        None => ip("rule add pref 2 lookup 100\n"),
        Some(device) => {
            // There is no such rule before the first packet that is for this host.
            let _gone = ip("rule del pref 2\n");
            ip(&format!("route replace default dev {device}\n"))
        }
    }
}

fn ip(batch: &str) -> Result<(), ReplayError> {
    feed("ip", &["-batch", "-"], batch).map(drop)
}

/// Runs a program, and gives what it prints.
fn feed(program: &str, arguments: &[&str], input: &str) -> Result<String, ReplayError> {
    let refused = |message: String| ReplayError::Refused {
        program: program.to_owned(),
        message,
    };
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| refused(error.to_string()))?;
    let stdin = child.stdin.take();
    let output = thread::scope(|scope| {
        // A program that ends early closes its end; what it says is its complaint.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
        child.wait_with_output()
    });
    let output = output.map_err(|error| refused(error.to_string()))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(refused(text(&output.stderr).trim().to_owned())),
    }
}
