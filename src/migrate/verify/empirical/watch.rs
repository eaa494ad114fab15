//! The table that watches, behind all others, and that gives packets before all others what their bytes do not have.

use std::collections::BTreeMap;

use super::plan::Plan;
use super::probe::Probe;
use crate::migrate::iptables::Target;
use crate::net::Family;

/// Its name.
pub(super) const TABLE: &str = "margay-watch";

/// Where it watches.
pub(super) const HOOKS: [&str; 4] = ["input", "forward", "output", "postrouting"];

/// One thing that is written down of a packet, in a map of its own: nft 1.0.6 ends when it lists an identification that
/// stands in a concatenation.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub(super) name: &'static str,
    /// In IPv4 and in IPv6.
    fields: [&'static str; 2],
    /// What it is like, where nft does not know it of the field.
    like: Option<&'static str>,
    /// Watched if a rule has such a target only.
    pub(super) of_target: Option<fn(&Target) -> bool>,
}

const fn view(name: &'static str, v4: &'static str, v6: &'static str) -> View {
    View {
        name,
        fields: [v4, v6],
        like: None,
        of_target: None,
    }
}

impl View {
    pub(super) const ALL: [Self; 11] = [
        view("mark", "meta mark", "meta mark"),
        view("source", "ip saddr", "ip6 saddr"),
        view("destination", "ip daddr", "ip6 daddr"),
        view("sport", "th sport", "th sport"),
        view("dport", "th dport", "th dport"),
        view("hops", "ip ttl", "ip6 hoplimit"),
        // The first sixteen bits of the header have the octet of DSCP and ECN.
        Self {
            like: Some("ip id"),
            ..view("octet", "@nh,0,16", "@nh,0,16")
        },
        Self {
            of_target: Some(|target| matches!(target, Target::Classify { .. })),
            ..view("priority", "meta priority", "meta priority")
        },
        Self {
            of_target: Some(|target| matches!(target, Target::TcpMss(_))),
            ..view(
                "segment",
                "tcp option maxseg size",
                "tcp option maxseg size",
            )
        },
        Self {
            of_target: Some(|target| matches!(target, Target::Connmark(_))),
            ..view("connmark", "ct mark", "ct mark")
        },
        Self {
            of_target: Some(|target| matches!(target, Target::NoTrack | Target::Ct(_))),
            ..view("state", "ct state", "ct state")
        },
    ];

    fn field(self, family: Family) -> &'static str {
        self.fields[usize::from(family == Family::V6)]
    }
}

/// Where the words of both families differ.
struct Words {
    table: &'static str,
    /// Holds for packets of the experiment, and for no answer of the host.
    ours: &'static str,
    id: &'static str,
    /// An error of the host.
    error: &'static str,
    /// The identification of the packet that an error is about.
    quoted: &'static str,
    kind: &'static str,
    code: &'static str,
}

impl Words {
    fn of(family: Family) -> Self {
        match family {
            Family::V4 => Self {
                table: "ip",
                ours: "ip frag-off & 0x8000 == 0x8000",
                id: "ip id",
                error: "icmp type { destination-unreachable, time-exceeded, parameter-problem }",
                quoted: "@th,96,16",
                kind: "icmp type",
                code: "icmp code",
            },
            Family::V6 => Self {
                table: "ip6",
                ours: "@nh,8,8 & 0x0f == 0x0e",
                id: "@nh,16,16",
                error: "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem }",
                quoted: "@th,80,16",
                kind: "icmpv6 type",
                code: "icmpv6 code",
            },
        }
    }
}

/// Its text.
pub(super) fn table(plan: &Plan) -> String {
    let words = Words::of(plan.family);
    let size = plan.probes.len().max(1);
    let mut text = format!("table {} {TABLE} {{\n", words.table);
    for hook in HOOKS {
        let mut rules = String::new();
        for view in &plan.views {
            let name = format!("{hook}-{}", view.name);
            let field = view.field(plan.family);
            text.push_str(&map(&name, view.like.unwrap_or(field), size));
            let entry = format!("{{ {} : {field} }}", words.id);
            rules.push_str(&format!("\t\t{} add @{name} {entry}\n", words.ours));
        }
        text.push_str(&chain(hook, "filter", hook, 1000, &rules));
    }
    text.push_str(&answers(&words, size));
    text.push_str(&beginnings(plan, &words));
    text.push_str("}\n");
    text
}

/// What the host says to packets.
fn answers(words: &Words, size: usize) -> String {
    let Words {
        error,
        quoted,
        kind,
        code,
        ours,
        ..
    } = words;
    let mut text = map("error-type", kind, size);
    text.push_str(&map("error-code", code, size));
    text.push_str(&map_of("th dport", "segment-flags", "tcp flags", size));
    let rules = format!(
        "\t\t{ours} return\n\t\t{error} add @error-type {{ {quoted} : {kind} }}\n\
         \t\t{error} add @error-code {{ {quoted} : {code} }}\n\
         \t\tmeta l4proto tcp add @segment-flags {{ th dport : tcp flags }}\n"
    );
    text.push_str(&chain("answers", "filter", "output", 1001, &rules));
    text
}

/// Before all tables of the host, and again behind connection tracking.
fn beginnings(plan: &Plan, words: &Words) -> String {
    let state = |set: &str, of: &dyn Fn(&Probe) -> Option<String>| {
        let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (at, probe) in plan.probes.iter().enumerate() {
            if let Some(value) = of(probe) {
                ids.entry(value).or_default().push((at + 1).to_string());
            }
        }
        let rules = ids.into_iter().map(|(value, ids)| {
            let Words { ours, id, .. } = words;
            format!("\t\t{ours} {id} {{ {} }} {set}{value}\n", ids.join(", "))
        });
        rules.collect::<String>()
    };
    let translated = state("dnat to ", &|probe| {
        probe.state.translated.then(|| match plan.family {
            Family::V4 => "203.0.113.77".to_owned(),
            Family::V6 => "2001:db8:2::77".to_owned(),
        })
    });
    let number = |number: u32| (number != 0).then(|| number.to_string());
    let mut first = state("meta mark set ", &|probe| number(probe.state.mark));
    first.push_str(&state("notrack", &|probe| {
        probe.state.untracked.then(String::new)
    }));
    let mut tracked = state("ct mark set ", &|probe| number(probe.state.connection_mark));
    tracked.push_str(&state("ct label set ", &|probe| {
        probe.state.label.map(|label| label.to_string())
    }));
    let mut text = String::new();
    // What this host sends to itself has begun once already.
    let again = "\t\tiifname \"lo\" return\n";
    let patience = match plan.patient {
        true => format!(
            "\t\t{} return\n\t\ttcp flags & rst == rst drop\n",
            words.ours
        ),
        false => String::new(),
    };
    if !translated.is_empty() {
        // Before the host's own, which leave a connection alone that is translated already.
        text.push_str(&chain("translated", "nat", "prerouting", -110, &translated));
    }
    for (name, hook, priority, rules) in [
        ("begin-in", "prerouting", -1000, format!("{again}{first}")),
        ("begin-out", "output", -1000, format!("{first}{patience}")),
        (
            "tracked-in",
            "prerouting",
            -190,
            format!("{again}{tracked}"),
        ),
        ("tracked-out", "output", -190, tracked.clone()),
    ] {
        if rules != again && !rules.is_empty() {
            text.push_str(&chain(name, "filter", hook, priority, &rules));
        }
    }
    text
}

fn map(name: &str, like: &str, size: usize) -> String {
    // In both families: an identification is a number of sixteen bits.
    map_of("ip id", name, like, size)
}

fn map_of(key: &str, name: &str, like: &str, size: usize) -> String {
    let kind = format!("typeof {key} : {like}\n\t\tsize {size}\n\t\tflags dynamic");
    format!("\tmap {name} {{\n\t\t{kind}\n\t}}\n")
}

fn chain(name: &str, kind: &str, hook: &str, priority: i32, rules: &str) -> String {
    let base = format!("type {kind} hook {hook} priority {priority}; policy accept;");
    format!("\tchain {name} {{\n\t\t{base}\n{rules}\t}}\n")
}
