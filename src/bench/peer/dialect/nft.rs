//! Layouts as nft says them.

use std::collections::BTreeMap;

use super::{Adornment, felix_hash};
use crate::bench::peer::layout::{Dispatch, Exact, Item, Layer, Layout, Spot};
use crate::bench::peer::line::{Act, End, Interfaces, Line, Port, Test, Tracking};
use crate::bench::peer::program::{Chain, Place, Program, Set, SetKind};
use crate::model::Service;
use crate::net::Family;

/// How one table is written.
#[derive(Debug, Clone, Copy)]
pub(in crate::bench::peer) struct Nft {
    /// Family and name: `ip calico`.
    pub(in crate::bench::peer) table: &'static str,
    pub(in crate::bench::peer) adornment: Adornment,
    pub(in crate::bench::peer) layers: Layers,
    pub(in crate::bench::peer) members: Members,
    /// The priority of the chains that filter.
    pub(in crate::bench::peer) priority: i32,
    /// Which families are in the table. Where it is one, rules do not ask for it.
    pub(in crate::bench::peer) families: &'static [Family],
}

/// Whether names say in which of iptables' tables a chain would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bench::peer) enum Layers {
    Named,
    Unnamed,
}

/// The kind of set that members are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::bench::peer) enum Members {
    /// Addresses: a hash.
    Hashed,
    /// Prefixes: intervals in a tree.
    Intervals,
}

impl Nft {
    /// Adds what a layout says to a program.
    pub(in crate::bench::peer) fn write(self, layout: &Layout<'_>, program: &mut Program) {
        for (name, (family, members)) in &layout.sets {
            let flags = match self.members {
                Members::Hashed => "",
                Members::Intervals => " flags interval;",
            };
            let set = Set {
                declaration: format!("type {};{flags}", address_type(*family)),
                kind: SetKind::Set,
                elements: members
                    .iter()
                    .map(|a| (a.to_string(), String::new()))
                    .collect(),
            };
            program.sets.insert(self.place(name.clone()), set);
        }
        for (spot, items) in &layout.chains {
            self.chain(spot, items, program);
        }
    }

    fn chain(self, spot: &Spot, items: &[Item<'_>], program: &mut Program) {
        let name = self.named(spot.layer, &spot.name);
        let mut lines = Vec::with_capacity(items.len());
        for item in items {
            let (tests, act) = match item {
                Item::Line(line) => (self.tests(line), self.act(spot.layer, &line.act)),
                Item::Dispatch(dispatch) => self.dispatch(&name, spot.layer, dispatch, program),
                Item::Exact(exact) => self.exact(&name, spot.layer, exact, program),
            };
            lines.push(self.adorned(&name, tests, &act));
        }
        let hook = hook(spot, self.priority);
        let chain = Chain { hook, lines };
        program.chains.insert(self.place(name), chain);
    }

    fn place(self, name: String) -> Place {
        Place {
            table: self.table.to_owned(),
            name,
        }
    }

    fn named(self, layer: Layer, name: &str) -> String {
        match self.layers {
            Layers::Named => format!("{}-{name}", layer.name()),
            Layers::Unnamed => name.to_owned(),
        }
    }

    fn adorned(self, chain: &str, mut tests: Vec<String>, act: &str) -> String {
        match self.adornment {
            Adornment::Nothing => {
                tests.push(act.to_owned());
                tests.join(" ")
            }
            Adornment::Felix => {
                tests.push("counter".to_owned());
                tests.push(act.to_owned());
                let rule = tests.join(" ");
                let hash = felix_hash(chain, &rule);
                format!("{rule} comment \"{hash}\"")
            }
        }
    }

    fn tests(self, line: &Line<'_>) -> Vec<String> {
        let tests = line.tests.iter();
        tests.filter_map(|test| self.test(test)).collect()
    }

    fn test(self, test: &Test<'_>) -> Option<String> {
        Some(match test {
            Test::By(port, Interfaces::One(name)) => format!("{} \"{name}\"", interface(*port)),
            Test::By(port, Interfaces::Beginning(name)) => {
                format!("{} \"{name}*\"", interface(*port))
            }
            Test::Tracked(Tracking::Known) => "ct state established,related".to_owned(),
            Test::Tracked(Tracking::Invalid) => "ct state invalid".to_owned(),
            Test::Marked(bits) => format!("meta mark & {bits:#x} == {bits:#x}"),
            Test::Unmarked(bits) => format!("meta mark & {bits:#x} == 0"),
            Test::Family(_) if self.families.len() == 1 => return None,
            Test::Family(Family::V4) => "meta nfproto ipv4".to_owned(),
            Test::Family(Family::V6) => "meta nfproto ipv6".to_owned(),
            Test::Within(end, cidr) => format!("{} {cidr}", address(*end, cidr.family())),
            Test::Member(end, family, set) => format!("{} @{set}", address(*end, *family)),
            Test::Service(family, service) => return self::service(*family, *service),
            Test::Astray => "fib saddr . mark . iif oif 0".to_owned(),
        })
    }

    fn act(self, layer: Layer, act: &Act) -> String {
        match act {
            Act::Accept => "accept".to_owned(),
            Act::Drop => "drop".to_owned(),
            Act::Return => "return".to_owned(),
            Act::Jump(chain) => format!("jump {}", self.named(layer, chain)),
            Act::Goto(chain) => format!("goto {}", self.named(layer, chain)),
            Act::Mark(bits) => format!("meta mark set meta mark | {bits:#x}"),
            Act::Unmark(bits) => format!("meta mark set meta mark & {:#x}", !bits),
        }
    }

    /// One map, and the rule that looks it up.
    fn dispatch(
        self,
        chain: &str,
        layer: Layer,
        dispatch: &Dispatch<'_>,
        program: &mut Program,
    ) -> (Vec<String>, String) {
        let elements = dispatch.chains.iter().map(|(interface, target)| {
            let act = dispatch.how.to(target.clone());
            (format!("\"{interface}\""), self.act(layer, &act))
        });
        let map = map("ifname", elements.collect());
        program.sets.insert(self.place(chain.to_owned()), map);
        let lookup = format!("{} vmap @{chain}", interface(dispatch.port));
        (Vec::new(), lookup)
    }

    fn exact(
        self,
        chain: &str,
        layer: Layer,
        exact: &Exact,
        program: &mut Program,
    ) -> (Vec<String>, String) {
        let act = self.act(layer, &exact.act);
        let keys = exact.keys.iter();
        let elements = keys.map(|(address, protocol, port)| {
            (format!("{address} . {} . {port}", protocol.0), act.clone())
        });
        let family = exact.family;
        let name = match family {
            Family::V4 => format!("{chain}-4"),
            Family::V6 => format!("{chain}-6"),
        };
        let key = format!("{} . inet_proto . inet_service", address_type(family));
        let map = map(&key, elements.collect());
        let lookup = format!(
            "{} . meta l4proto . th dport vmap @{name}",
            address(exact.end, family)
        );
        program.sets.insert(self.place(name), map);
        (Vec::new(), lookup)
    }
}

fn map(key: &str, elements: BTreeMap<String, String>) -> Set {
    Set {
        declaration: format!("type {key} : verdict;"),
        kind: SetKind::Map,
        elements,
    }
}

/// What a chain with the name of a hook is declared with.
fn hook(spot: &Spot, filter: i32) -> Option<String> {
    let hook = match spot.name.as_str() {
        "PREROUTING" => "prerouting",
        "INPUT" => "input",
        "FORWARD" => "forward",
        _ => return None,
    };
    let priority = match spot.layer {
        Layer::Raw => -300,
        Layer::Filter => filter,
    };
    Some(format!(
        "type filter hook {hook} priority {priority}; policy accept;"
    ))
}

fn interface(port: Port) -> &'static str {
    match port {
        Port::In => "iifname",
        Port::Out => "oifname",
    }
}

fn address(end: End, family: Family) -> &'static str {
    match (family, end) {
        (Family::V4, End::Source) => "ip saddr",
        (Family::V4, End::Destination) => "ip daddr",
        (Family::V6, End::Source) => "ip6 saddr",
        (Family::V6, End::Destination) => "ip6 daddr",
    }
}

fn address_type(family: Family) -> &'static str {
    match family {
        Family::V4 => "ipv4_addr",
        Family::V6 => "ipv6_addr",
    }
}

fn service(family: Family, service: Service) -> Option<String> {
    let icmp = match family {
        Family::V4 => "icmp",
        Family::V6 => "icmpv6",
    };
    Some(match service {
        Service::Any => return None,
        Service::Protocol(protocol) => format!("meta l4proto {}", protocol.0),
        Service::Ports(protocol, ports) => {
            format!("meta l4proto {} th dport {ports}", protocol.0)
        }
        Service::Icmp(kind, None) => format!("{icmp} type {kind}"),
        Service::Icmp(kind, Some(code)) => format!("{icmp} type {kind} {icmp} code {code}"),
    })
}
