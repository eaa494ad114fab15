//! The kinds of update: two states each, and between them packets whose answer must not waver.

use std::sync::LazyLock;

use margay::model::State;
use margay::scenario::Random;

use super::labelled;
use super::script::Script;

/// One kind of update: back and forth between two states.
#[derive(Debug)]
pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) size: Size,
    pub(crate) states: States,
}

/// Two states, made when they are asked for: there are large ones, and most tests take a few kinds of all.
pub(crate) type States = LazyLock<[State; 2], Box<dyn FnOnce() -> [State; 2] + Send>>;

/// How much an update changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// A few rules or elements.
    Small,
    /// A thousand and more.
    Large,
}

/// What every client may send, and the server answer.
const EGRESS: [&str; 1] = ["to all"];

/// All kinds, of which none may show a packet half a policy.
pub(crate) fn all() -> Vec<Kind> {
    [
        of_rules(),
        of_members(),
        of_endpoints(),
        of_several(),
        labelled::all(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_rules() -> Vec<Kind> {
    vec![
        kind("a rule added and removed", Size::Small, move || {
            [
                server(&["udp 100 from group client"]),
                server(&["udp 100 from group client", "udp 200-220 from slot 0"]),
            ]
        }),
        kind("a rule's ranges edited", Size::Small, move || {
            [
                server(&[
                    "udp 100-200 from slot 0",
                    "udp 300-400 from slot 2",
                    "tcp 1-9 from slot 3",
                ]),
                server(&[
                    "udp 150-250 from slot 0",
                    "udp 290-390 from slot 2",
                    "tcp 1-9 from slot 3",
                ]),
            ]
        }),
        kind("boxes among others come and go", Size::Small, move || {
            let more = ["udp 100-200 from slot 0", "udp 300-400 from slot 2"];
            let most = [
                more[0],
                more[1],
                "udp 250-290 from slot 0",
                "udp 110-190 from slot 3",
            ];
            [server(&more), server(&most)]
        }),
        replaced("10 rules replaced", Size::Small, 10),
        replaced("1,000 rules replaced", Size::Large, 1_000),
        replaced("10,000 rules replaced", Size::Large, 10_000),
        prefixes("1,000 prefixes replaced", 1_000),
    ]
}

fn of_members() -> Vec<Kind> {
    let one = || server(&["udp 100 from group client"]).remote(1, "client");
    vec![
        kind("members added and removed", Size::Small, move || {
            [one().remote(2, "other"), one().remote(2, "client")]
        }),
        kind("members swapped between groups", Size::Small, move || {
            [
                swapped().remote(1, "client").remote(2, "other"),
                swapped().remote(1, "other").remote(2, "client"),
            ]
        }),
        grown(),
    ]
}

/// Changes of which more than one thing is true at once.
fn of_several() -> Vec<Kind> {
    vec![
        kind(
            "an endpoint of two large groups changes both",
            Size::Small,
            move || {
                [
                    crowded().endpoint("c", 2, 2, "open, more"),
                    crowded().endpoint("c", 2, 2, "closed, most"),
                ]
            },
        ),
        kind(
            "members here and elsewhere change at once",
            Size::Small,
            move || {
                [
                    crossed().remote(1, "near").endpoint("c", 2, 2, "far"),
                    crossed().remote(1, "far").endpoint("c", 2, 2, "near"),
                ]
            },
        ),
    ]
}

fn of_endpoints() -> Vec<Kind> {
    let one = || server(&["udp 100 from group client"]);
    let two = move || {
        one()
            .endpoint("c", 2, 2, "client")
            .endpoint("d", 3, 3, "other")
    };
    vec![
        kind("an endpoint changes groups", Size::Small, move || {
            [
                changing().endpoint("c", 2, 2, "open"),
                changing().endpoint("c", 2, 2, "closed"),
            ]
        }),
        moved(),
        kind(
            "an endpoint appears and disappears",
            Size::Small,
            move || [one(), one().endpoint("c", 2, 2, "client")],
        ),
        kind(
            "an address reused by another endpoint",
            Size::Small,
            move || {
                [
                    two(),
                    one()
                        .endpoint("c", 2, 4, "client")
                        .endpoint("d", 3, 2, "other"),
                ]
            },
        ),
    ]
}

fn kind(
    name: &'static str,
    size: Size,
    scripts: impl FnOnce() -> [Script; 2] + Send + 'static,
) -> Kind {
    let states = States::new(Box::new(|| scripts().map(|script| script.state())));
    Kind { name, size, states }
}

/// A client in slot 0 and a server in slot 1, with what the server lets in.
fn server<R: AsRef<str>>(ingress: &[R]) -> Script {
    let ingress: Vec<&str> = ingress.iter().map(AsRef::as_ref).collect();
    Script::default()
        .group("client", &[], &EGRESS)
        .group("other", &["udp 100 from group client"], &EGRESS)
        .group("server", &ingress, &EGRESS)
        .endpoint("a", 0, 0, "client")
        .endpoint("b", 1, 1, "server")
}

/// As many rules as wanted, half of them anew; who comes from slot 0 may use port 100 in both.
fn replaced(name: &'static str, size: Size, rules: usize) -> Kind {
    let half = move |stable: &str| {
        let mut random = Random::new(u64::try_from(stable.len()).unwrap());
        let mut all = vec![stable.to_owned()];
        all.extend((1..rules).map(|n| rule(&mut random, n)));
        server(&all)
    };
    kind(name, size, move || {
        ["udp 100-199 from slot 0", "udp 50-150 from slot 0"].map(half)
    })
}

/// Ports that no probe uses, from as many places as such a long list has: every fourth is a range of
/// ports, from where probes come from.
fn rule(random: &mut Random, n: usize) -> String {
    let first = 1_000 + n * 6 + random.below(3);
    match n % 4 {
        0 => {
            let (last, slot) = (first + 1 + random.below(3), random.below(4));
            format!("udp {first}-{last} from slot {slot}")
        }
        _ => format!("udp {first} from far {}", n + random.below(2)),
    }
}

/// Both groups may use port 300 at any time.
fn swapped() -> Script {
    server(&[
        "udp 100 from group client",
        "udp 200 from group other",
        "udp 300 from group client",
        "udp 300 from group other",
    ])
}

/// In the one group an endpoint may send on port 100 and is not let in, in the other the reverse.
/// Port 300 is allowed in both, so it must never be lost.
fn changing() -> Script {
    server(&[
        "udp 100 from group closed",
        "udp 300 from group open",
        "udp 300 from group closed",
    ])
    .group("open", &[], &["udp 100-300 to all"])
    .group(
        "closed",
        &["udp 100 from group client"],
        &["udp 300 to all"],
    )
}

/// The same for groups of rules of every protocol in both families, of which an endpoint has two.
fn crowded() -> Script {
    let many = |rule: &'static str| {
        let others = ["tcp 1-9", "tcp 20-29", "icmp 8", "sctp 5-6", "udp 1-2"];
        let far = (0_usize..)
            .zip(others)
            .map(|(n, service)| format!("{service} from far {n}"));
        [rule.to_owned()].into_iter().chain(far).collect::<Vec<_>>()
    };
    let sent = |rule: &'static str| -> Vec<String> {
        let received = many(rule).into_iter();
        received
            .map(|rule| rule.replace("from far", "to far"))
            .collect()
    };
    server(&[
        "udp 100 from group closed",
        "udp 200 from group more",
        "udp 300 from group open",
        "udp 300 from group closed",
    ])
    .group(
        "open",
        &many("udp 170 from group client"),
        &sent("udp 100-300 to all"),
    )
    .group(
        "more",
        &many("udp 240 from group client"),
        &sent("udp 120-240 to all"),
    )
    .group(
        "closed",
        &many("udp 100 from group client"),
        &sent("udp 300 to all"),
    )
    .group(
        "most",
        &many("udp 240 from group client"),
        &sent("udp 200-395 to all"),
    )
}

/// Near ones answer far ones and far ones near ones, so that of two who change sides neither may ever
/// reach the other.
fn crossed() -> Script {
    server(&["udp 100-395 from group near", "udp 300 from group far"])
        .group(
            "near",
            &["udp 100-395 from group far"],
            &["udp 100-395 to group far", "udp 300 to all"],
        )
        .group(
            "far",
            &["udp 100-395 from group near"],
            &["udp 100-395 to group near", "udp 300 to all"],
        )
}

/// The second group takes nothing away from what the first allows.
fn moving() -> Script {
    server(&["udp 100 from group client", "udp 200 from group other"])
}

fn members(count: u16) -> Script {
    let script = server(&["udp 100 from group client"]);
    (1..=count).fold(script, |script, n| script.remote(n, "client"))
}

/// A new interval set under the same rule: prefixes from which everything is allowed.
fn prefixes(name: &'static str, count: usize) -> Kind {
    let half = move |half: usize| {
        let far = (0..count).map(|n| format!("from far {}", 3 * n + half));
        let all: Vec<String> = ["from slot 0".to_owned()].into_iter().chain(far).collect();
        server(&all)
    };
    kind(name, Size::Large, move || [0, 1].map(half))
}

/// What must show wrong verdicts in one transaction.
pub(crate) fn squashed() -> Vec<Kind> {
    vec![
        prefixes("a new interval set of 1,000", 1_000),
        replaced("a new set of 1,000 boxes", Size::Large, 1_000),
        replaced("a new set of 10,000 boxes", Size::Large, 10_000),
        moved(),
    ]
}

/// What a process is killed in the midst of.
pub(crate) fn killed() -> Vec<Kind> {
    vec![
        replaced("100 rules replaced", Size::Large, 100),
        moved(),
        grown(),
    ]
}

fn moved() -> Kind {
    kind(
        "an endpoint moves to a new bundle",
        Size::Small,
        move || {
            [
                moving().endpoint("c", 2, 2, "client"),
                moving().endpoint("c", 2, 2, "client, other"),
            ]
        },
    )
}

fn grown() -> Kind {
    kind("a set grows past its size", Size::Large, move || {
        [members(10), members(3_000)]
    })
}
