//! Layouts in the words that the peer of rustables reads (`benches/rustables`).

use crate::bench::peer::layout::{Item, Layout};
use crate::bench::peer::line::{Act, End, Interfaces, Line, Port, Test, Tracking};
use crate::bench::peer::program::{Chain, Place, Program, Set, SetKind};
use crate::model::Service;
use crate::net::{Family, Protocol};

/// The only table.
pub(in crate::bench::peer) const TABLE: &str = "rustables";

/// Adds what a layout says to a program.
///
/// # Errors
/// The first thing that the crate has nothing for.
pub(in crate::bench::peer) fn write(
    layout: &Layout<'_>,
    program: &mut Program,
) -> Result<(), String> {
    for (name, (family, members)) in &layout.sets {
        let family = match family {
            Family::V4 => "4",
            Family::V6 => "6",
        };
        let set = Set {
            declaration: family.to_owned(),
            kind: SetKind::Set,
            elements: members
                .iter()
                .map(|a| (a.to_string(), String::new()))
                .collect(),
        };
        program.sets.insert(place(name), set);
    }
    for (spot, items) in &layout.chains {
        let lines = items.iter().map(item).collect::<Result<_, _>>()?;
        let hook = (spot.name == "FORWARD").then(|| "forward 0".to_owned());
        let chain = Chain { hook, lines };
        program.chains.insert(place(&spot.name), chain);
    }
    Ok(())
}

fn place(name: &str) -> Place {
    Place {
        table: TABLE.to_owned(),
        name: name.to_owned(),
    }
}

fn item(item: &Item<'_>) -> Result<String, String> {
    match item {
        Item::Line(line) => self::line(line),
        Item::Dispatch(_) | Item::Exact(_) => Err("it has no maps".to_owned()),
    }
}

fn line(line: &Line<'_>) -> Result<String, String> {
    let mut words = Vec::new();
    for test in &line.tests {
        words.extend(test_words(test)?);
    }
    words.push(match &line.act {
        Act::Accept => "accept".to_owned(),
        Act::Drop => "drop".to_owned(),
        Act::Jump(chain) => format!("jump:{chain}"),
        Act::Goto(chain) => format!("goto:{chain}"),
        Act::Return | Act::Mark(_) | Act::Unmark(_) => {
            return Err("it cannot set marks".to_owned());
        }
    });
    Ok(words.join(" "))
}

fn test_words(test: &Test<'_>) -> Result<Vec<String>, String> {
    Ok(match test {
        Test::By(port, Interfaces::One(name)) => vec![format!("{}={name}", interface(*port))],
        Test::By(port, Interfaces::Beginning(name)) => {
            vec![format!("{}^{name}", interface(*port))]
        }
        // include/uapi/linux/netfilter/nf_conntrack_common.h: NF_CT_STATE_BIT.
        Test::Tracked(Tracking::Known) => vec!["ct=6".to_owned()],
        Test::Tracked(Tracking::Invalid) => vec!["ct=1".to_owned()],
        Test::Family(family) => vec![of(*family)],
        Test::Within(end, cidr) => vec![of(cidr.family()), format!("{}={cidr}", address(*end))],
        Test::Member(end, family, set) => {
            vec![of(*family), format!("{}@{set}", address(*end))]
        }
        Test::Service(family, service) => self::service(*family, *service),
        Test::Marked(_) | Test::Unmarked(_) => return Err("it has no masks of marks".to_owned()),
        Test::Astray => return Err("it has no fib".to_owned()),
    })
}

/// `NFPROTO_*` (linux/netfilter.h).
fn of(family: Family) -> String {
    match family {
        Family::V4 => "nfproto=2".to_owned(),
        Family::V6 => "nfproto=10".to_owned(),
    }
}

fn interface(port: Port) -> &'static str {
    match port {
        Port::In => "iifname",
        Port::Out => "oifname",
    }
}

fn address(end: End) -> &'static str {
    match end {
        End::Source => "saddr",
        End::Destination => "daddr",
    }
}

fn service(family: Family, service: Service) -> Vec<String> {
    let protocol = |protocol: Protocol| format!("l4proto={}", protocol.0);
    let icmp = match family {
        Family::V4 => Protocol::ICMP,
        Family::V6 => Protocol::ICMPV6,
    };
    match service {
        Service::Any => Vec::new(),
        Service::Protocol(other) => vec![protocol(other)],
        Service::Ports(other, ports) => vec![protocol(other), format!("dport={ports}")],
        Service::Icmp(kind, None) => vec![protocol(icmp), format!("icmp={kind}")],
        Service::Icmp(kind, Some(code)) => vec![protocol(icmp), format!("icmp={kind}/{code}")],
    }
}
