//! What happens to packets, in one wording for both sides.

use std::net::IpAddr;
use std::time::Duration;

use super::{Source, Step, Variable};

/// What a translation does.
#[derive(Debug, Default)]
pub(super) struct Translation<'a> {
    pub(super) kind: &'a str,
    pub(super) addresses: Option<(IpAddr, IpAddr)>,
    pub(super) ports: Option<(u16, u16)>,
    pub(super) random: bool,
    pub(super) fully_random: bool,
    pub(super) persistent: bool,
}

impl Translation<'_> {
    pub(super) fn label(&self) -> String {
        let addresses = self
            .addresses
            .map(|(first, last)| format!("to {first}-{last}"));
        let ports = self
            .ports
            .map(|(first, last)| format!("ports {first}-{last}"));
        let words = [
            Some(self.kind.to_owned()),
            addresses,
            ports,
            self.random.then(|| "random".to_owned()),
            self.fully_random.then(|| "fully random".to_owned()),
            self.persistent.then(|| "persistent".to_owned()),
        ];
        words.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// A rate that is kept; what is above it says no.
pub(super) fn rate(amount: u64, unit: &str, burst: u64) -> String {
    format!("no more than {amount}/{unit}, burst {burst}")
}

/// The same for each of some keys, which a set keeps: what two rules take from one of it, one of two sets has twice.
pub(super) fn rate_for_each(rate: &str, key: &str, set: &str, kept: Kept) -> String {
    let change = kept.change.word();
    let set = set_name(set);
    format!("{rate}, for each {key} of {set} ({change}{})", kept.text())
}

/// How packets come into a set, and how long it keeps them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kept {
    pub(super) change: Change,
    /// So long each stays; nothing is for ever.
    pub(super) time: Option<Duration>,
    /// The most elements, where it says so.
    pub(super) size: Option<u32>,
    /// How often what is no longer in the set is cleared away, where it says so.
    pub(super) cleared: Option<Duration>,
}

/// What happens to an element that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It stays as it is.
    Add,
    /// It stays for its whole time from now on.
    Update,
}

impl Change {
    fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Update => "update",
        }
    }
}

impl Kept {
    /// For so many seconds, in a set that is as large as they are made, and cleared as often as the kernel does by itself.
    pub(super) fn for_seconds(change: Change, seconds: Option<u32>) -> Self {
        Self {
            change,
            time: seconds.map(|seconds| Duration::from_secs(seconds.into())),
            size: None,
            cleared: None,
        }
    }

    fn text(self) -> String {
        let usual = [USUAL_SIZE, USUAL_SIZE + 1];
        let size = self.size.filter(|size| !usual.contains(size));
        let cleared = self.cleared.filter(|every| *every > CLEARED_AT_LEAST);
        [
            self.time.map(|time| format!(" for {}", span(time))),
            size.map(|size| format!(", {size} at most")),
            cleared.map(|every| format!(", cleared every {}", span(every))),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// So many elements has a set of which nothing says it, in nft; in ipset it is one more.
pub(super) const USUAL_SIZE: u32 = 65_535;

/// So often the kernel clears sets by itself.
pub(super) const CLEARED_AT_LEAST: Duration = Duration::from_secs(1);

fn span(time: Duration) -> String {
    match time.subsec_nanos() {
        0 => format!("{} s", time.as_secs()),
        _ => format!("{} ms", time.as_millis()),
    }
}

/// More connections than these.
pub(super) fn connections(count: u32, key: &str) -> String {
    format!("more than {count} connections for each {key}")
}

/// Variables side by side, with a mask where not all bits count.
pub(super) fn key(parts: &[(Variable, u128)]) -> String {
    let parts: Vec<_> = parts.iter().filter(|(_, mask)| *mask != 0).collect();
    if parts.is_empty() {
        return "nothing".to_owned();
    }
    let words = parts.iter().map(|(variable, mask)| {
        if *mask == variable.largest() {
            variable.name.clone()
        } else {
            format!("{} & {mask:#x}", variable.name)
        }
    });
    words.collect::<Vec<_>>().join(" . ")
}

/// One line to the kernel's log.
pub(super) fn log(level: u64, prefix: &str, flags: u64) -> String {
    format!("log level {level} flags {flags:#x} \"{prefix}\"")
}

/// One message to a group.
pub(super) fn group_log(group: u16, prefix: &str, size: u32, threshold: u16) -> String {
    format!("log to group {group} size {size} threshold {threshold} \"{prefix}\"")
}

/// A refusal with an unreachable message.
pub(super) fn reject(code: u64) -> String {
    format!("reject with unreachable {code}")
}

/// A refusal with a reset.
pub(super) const REJECT_RESET: &str = "reject with tcp reset";

/// Packets go to a program.
pub(super) fn queue(first: u16, last: u16, bypass: bool, fanout: bool) -> String {
    let bypass = if bypass { " bypass" } else { "" };
    let fanout = if fanout { " fanout" } else { "" };
    format!("queue {first}-{last}{bypass}{fanout}")
}

/// The option of TCP that says how large a segment may be.
pub(super) const SEGMENT_OPTION: &str = "tcp option 2";

/// The size that the path of a packet bears.
pub(super) const OF_THE_ROUTE: &str = "of the route";

/// A segment size is written.
pub(super) fn segment(size: &str) -> String {
    format!("tcp mss {size}")
}

/// A prefix is put in the place of the address's own.
pub(super) const NETMAP: &str = "netmap";

/// The handshake is made for the receiver.
pub(super) fn synproxy(
    mss: Option<u16>,
    wscale: Option<u8>,
    timestamp: bool,
    sack: bool,
) -> String {
    let mss = mss.map_or(String::new(), |mss| format!(" mss {mss}"));
    let wscale = wscale.map_or(String::new(), |scale| format!(" wscale {scale}"));
    let timestamp = if timestamp { " timestamp" } else { "" };
    let sack = if sack { " sack" } else { "" };
    format!("synproxy{mss}{wscale}{timestamp}{sack}")
}

/// An element that goes at some time.
pub(super) fn alive(seconds: u64) -> String {
    format!("an element with {seconds} seconds left is still there")
}

/// Whether packets put a key into a set: this one, or one before it.
pub(super) fn learned(set: &str, key: &str) -> Variable {
    Variable::new(&format!("{PUT} {key} into {}", set_name(set)), 1)
}

/// Whether a variable is such a one.
pub(super) fn is_learned(variable: &Variable) -> bool {
    variable.name.starts_with(PUT)
}

const PUT: &str = "packets put";

/// What a packet puts into a set it finds there, and what it takes out it does not.
pub(super) fn learn(set: &str, key: &str, is_there: Is) -> Step {
    Step::Write {
        variable: learned(set, key),
        keep: 0,
        source: Source::Constant(match is_there {
            Is::There => 1,
            Is::Gone => 0,
        }),
    }
}

/// Whether a key is in a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    There,
    Gone,
}

/// Packets put something into a set.
pub(super) fn added(key: &str, set: &str, kept: Kept) -> String {
    let change = kept.change.word();
    format!("{change} {key} in {}{}", set_name(set), kept.text())
}

/// More connections than these, in a set that keeps them for each key.
pub(super) fn kept_connections(count: u32, key: &str, kept: Kept) -> String {
    let change = kept.change.word();
    format!("{} ({change}{})", connections(count, key), kept.text())
}

/// More bytes than these.
pub(super) fn bytes(most: u64) -> String {
    format!("no more than {most} bytes")
}

/// Packets take something out of a set.
pub(super) fn deleted(key: &str, set: &str) -> String {
    format!("delete {key} from {}", set_name(set))
}

/// A ring of sets has so many packets of a key.
pub(super) fn seen_often(ring: &str, key: &str, times: u32, seconds: Option<u32>) -> String {
    format!("{ring} has {times} packets of {key}{}", within(seconds))
}

/// A packet goes into a ring of so many sets.
pub(super) fn noted(ring: &str, key: &str, sets: u32, seconds: Option<u32>) -> String {
    format!("note {key} in {ring} of {sets} sets{}", within(seconds))
}

/// All packets of a key go out of a ring of so many sets.
pub(super) fn forgotten(ring: &str, key: &str, sets: u32) -> String {
    format!("forget {key} in {ring} of {sets} sets")
}

fn within(seconds: Option<u32>) -> String {
    seconds.map_or(String::new(), |seconds| format!(" within {seconds} s"))
}

/// A set by the name that both sides have for it: nft has fewer characters, and the translation a word in front.
fn set_name(name: &str) -> String {
    let own = name.strip_prefix("x-set_").unwrap_or(name);
    let legal = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '_'
        }
    };
    own.chars().map(legal).collect()
}
