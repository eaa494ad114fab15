//! What on this host makes figures worse, or impossible.

use std::path::Path;

use super::lane::processors;
use super::machine::{file, governor, turbo};
use super::peer;
use super::scenario::Point;
use super::world::World;

/// Above this load others take a processor away often enough to be seen.
const LOAD_MAX: f64 = 0.3;
/// What looks at reports.
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// How bad something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// As it should be.
    Fine,
    /// Figures are worth less.
    Warns,
    /// There can be none.
    Hinders,
}

impl Weight {
    /// The same in a word, as reports have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Warns => "warn",
            Self::Hinders => "fail",
        }
    }
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub name: String,
    /// How bad it is.
    pub weight: Weight,
    /// What was found, and what to do.
    pub what: String,
}

impl Finding {
    fn new(name: &str, weight: Weight, what: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            weight,
            what: what.into(),
        }
    }
}

/// Looks at the host.
pub fn examine() -> Vec<Finding> {
    let mut findings = vec![
        rights(),
        device(),
        of_processors(),
        load(),
        of_governor(),
        of_turbo(),
        mitigations(),
        build(),
    ];
    findings.extend(peers());
    findings.push(browser());
    findings
}

/// Why nothing can be measured here, if so.
pub fn hindrance() -> Option<String> {
    let found = [rights(), device()].into_iter();
    let mut found = found.filter(|finding| finding.weight == Weight::Hinders);
    found.next().map(|finding| finding.what)
}

fn rights() -> Finding {
    match rustix::process::geteuid().is_root() {
        true => Finding::new("rights", Weight::Fine, "root"),
        false => Finding::new(
            "rights",
            Weight::Hinders,
            "not root: bench makes network namespaces and devices; run it as root",
        ),
    }
}

fn device() -> Finding {
    match Path::new("/dev/net/tun").exists() {
        true => Finding::new("devices", Weight::Fine, "/dev/net/tun"),
        false => Finding::new(
            "devices",
            Weight::Hinders,
            "there is no /dev/net/tun: load the module tun",
        ),
    }
}

fn of_processors() -> Finding {
    let (weight, what) = match processors() {
        1 => (
            Weight::Warns,
            "1: what packets see of updates cannot be measured, and everything else shares it"
                .into(),
        ),
        2 => (
            Weight::Warns,
            "2: one sends and one programs, and whatever else runs is in the way".into(),
        ),
        more => (Weight::Fine, more.to_string()),
    };
    Finding::new("processors", weight, what)
}

fn load() -> Finding {
    let text = file("/proc/loadavg");
    let one_minute = text.split(' ').next().unwrap_or_default();
    match one_minute.parse::<f64>() {
        Ok(load) if load <= LOAD_MAX => Finding::new("load", Weight::Fine, one_minute),
        Ok(_) | Err(_) => Finding::new(
            "load",
            Weight::Warns,
            format!("{one_minute}: something else runs; wait until it is below {LOAD_MAX}"),
        ),
    }
}

fn of_governor() -> Finding {
    match governor().as_str() {
        "performance" => Finding::new("governor", Weight::Fine, "performance"),
        "unknown" => Finding::new(
            "governor",
            Weight::Warns,
            "unknown: a virtual machine, or a kernel that does not say; its host decides how fast it is",
        ),
        other => Finding::new(
            "governor",
            Weight::Warns,
            format!("{other}: the processor slows down between bursts; set it to performance"),
        ),
    }
}

fn of_turbo() -> Finding {
    match turbo() {
        "off" => Finding::new("turbo", Weight::Fine, "off"),
        other => Finding::new(
            "turbo",
            Weight::Warns,
            format!("{other}: how fast the processor is may depend on how warm it is"),
        ),
    }
}

/// They are no fault; but figures with and without them cannot be compared.
fn mitigations() -> Finding {
    Finding::new("mitigations", Weight::Fine, super::machine::mitigations())
}

fn build() -> Finding {
    match cfg!(debug_assertions) {
        true => Finding::new(
            "build",
            Weight::Warns,
            "with debug assertions: margay is slower than its release",
        ),
        false => Finding::new("build", Weight::Fine, "release"),
    }
}

/// Who cannot take part here, tried with the smallest world.
fn peers() -> Vec<Finding> {
    let Some(world) = World::new(Point::default().size(1)) else {
        return Vec::new();
    };
    let all = peer::all().into_iter();
    all.map(|peer| {
        let name = format!("peer {}", peer.name());
        match peer.prepare(&world) {
            Ok(_) => Finding::new(&name, Weight::Fine, peer.about()),
            Err(why) => Finding::new(&name, Weight::Warns, format!("left out: {why}")),
        }
    })
    .collect()
}

fn browser() -> Finding {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = BROWSERS.iter().find(|name| {
        let mut folders = std::env::split_paths(&path);
        folders.any(|folder| folder.join(name).exists())
    });
    match found {
        Some(name) => Finding::new("browser", Weight::Fine, *name),
        None => Finding::new(
            "browser",
            Weight::Warns,
            "no chromium: the tests do not look at report.html",
        ),
    }
}
