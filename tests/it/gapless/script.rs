//! Small worlds written down: documents for both families from rules that name neither.

use std::fmt::Write;

use margay::codec;
use margay::model::State;
use margay::net::Family;
use margay::scenario::place;

/// Documents that grow line by line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script(String);

impl Script {
    /// A group; a rule is `udp 100-200 from group client`, `udp from slot 0` or `udp to all`, and
    /// is written once for each family.
    #[must_use]
    pub(crate) fn group<R: AsRef<str>>(mut self, name: &str, ingress: &[R], egress: &[R]) -> Self {
        self.0 +=
            &format!("---\napiVersion: margay/v1\nkind: SecurityGroup\nname: {name}\nrules:\n");
        for (direction, rules) in [("ingress", ingress), ("egress", egress)] {
            let _ = writeln!(
                self.0,
                "  {direction}:{}",
                if rules.is_empty() { " []" } else { "" }
            );
            for rule in rules {
                for family in Family::ALL {
                    let _ = writeln!(self.0, "    - {}", in_family(rule.as_ref(), family));
                }
            }
        }
        self
    }

    /// An endpoint of this host in a slot, with the addresses of a slot, which may be another.
    #[must_use]
    pub(crate) fn endpoint(self, name: &str, slot: usize, address: usize, groups: &str) -> Self {
        let addresses = Family::ALL.map(|family| place::in_slot(address, family, 2).to_string());
        let place = format!("{}\ninterface: {}", place::HOST, place::SLOTS[slot]);
        self.workload(name, &place, &addresses.join(", "), groups)
    }

    /// An endpoint of another host: the n-th of 65,536.
    #[must_use]
    pub(crate) fn remote(self, n: u16, groups: &str) -> Self {
        let addresses = Family::ALL.map(|family| remote_address(n, family));
        let place = "node2\ninterface: tap0";
        self.workload(&format!("remote{n}"), place, &addresses.join(", "), groups)
    }

    /// The same, where each rule counts its packets.
    #[must_use]
    pub(crate) fn counted(mut self) -> Self {
        self.0 += "---\napiVersion: margay/v1\nkind: Settings\npolicyCounters: true\n";
        self
    }

    /// The documents.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }

    /// The state that the documents say.
    pub(crate) fn state(&self) -> State {
        let loaded = codec::parse("script.yaml", &self.0);
        assert!(!loaded.has_errors(), "{:?} in {}", loaded.problems, self.0);
        loaded.state
    }

    fn workload(mut self, name: &str, place: &str, addresses: &str, groups: &str) -> Self {
        self.0 += &format!(
            "---\napiVersion: margay/v1\nkind: Endpoint\nname: {name}\nhost: {place}\n\
             addresses: [\"{}\"]\ngroups: [{groups}]\n",
            addresses.replace(", ", "\", \"")
        );
        self
    }
}

/// The address of a remote endpoint.
pub(crate) fn remote_address(n: u16, family: Family) -> String {
    let [high, low] = n.to_be_bytes();
    match family {
        Family::V4 => format!("10.1.{high}.{low}"),
        Family::V6 => format!("fd01::{n:x}"),
    }
}

/// The n-th of many prefixes that nobody is in.
pub(crate) fn far(n: u16, family: Family) -> String {
    let [high, low] = n.to_be_bytes();
    match family {
        Family::V4 => format!("11.{high}.{low}.0/24"),
        Family::V6 => format!("fd11:{n:x}::/32"),
    }
}

fn in_family(rule: &str, family: Family) -> String {
    let all = match family {
        Family::V4 => "0.0.0.0/0",
        Family::V6 => "::/0",
    };
    let mut text = format!("allow {family} {rule}");
    for slot in 0..place::SLOTS.len() {
        text = text.replace(&format!("slot {slot}"), &place::prefix(slot, family));
    }
    if let Some((before, n)) = text.split_once("far ") {
        text = format!("{before}{}", far(n.parse().unwrap(), family));
    }
    text.replace(" all", &format!(" {all}"))
}
