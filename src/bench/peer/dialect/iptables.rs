//! Layouts as iptables-restore and ipset say them.

use std::collections::BTreeMap;

use super::{Adornment, felix_hash};
use crate::bench::peer::layout::{Dispatch, Item, Layer, Layout, Spot};
use crate::bench::peer::line::{Act, End, Interfaces, Line, Port, Test, Tracking};
use crate::bench::peer::program::{Chain, Place, Program, Set, SetKind};
use crate::model::Service;
use crate::net::{Family, Protocol};

/// The table of sets in a program.
pub(in crate::bench::peer) const SETS: &str = "ipset";
/// The most members that a set may have.
const SET_SIZE: u32 = 1_048_576;

/// How the tables of one family are written.
#[derive(Debug, Clone, Copy)]
pub(in crate::bench::peer) struct Iptables {
    pub(in crate::bench::peer) family: Family,
    pub(in crate::bench::peer) adornment: Adornment,
}

/// The table of a program that is a family's table in iptables.
pub(in crate::bench::peer) fn table(family: Family, layer: &str) -> String {
    let number = match family {
        Family::V4 => 4,
        Family::V6 => 6,
    };
    format!("{number} {layer}")
}

impl Iptables {
    /// Adds what a layout says to a program.
    ///
    /// # Errors
    /// The first thing that iptables has no words for.
    pub(in crate::bench::peer) fn write(
        self,
        layout: &Layout<'_>,
        program: &mut Program,
    ) -> Result<(), String> {
        for (name, (family, members)) in &layout.sets {
            let family = match family {
                Family::V4 => "inet",
                Family::V6 => "inet6",
            };
            let set = Set {
                declaration: format!("hash:ip family {family} maxelem {SET_SIZE}"),
                kind: SetKind::Set,
                elements: members
                    .iter()
                    .map(|a| (a.to_string(), String::new()))
                    .collect(),
            };
            let place = Place {
                table: SETS.to_owned(),
                name: name.clone(),
            };
            program.sets.insert(place, set);
        }
        for (spot, items) in &layout.chains {
            self.chain(spot, items, program)?;
        }
        Ok(())
    }

    fn chain(self, spot: &Spot, items: &[Item<'_>], program: &mut Program) -> Result<(), String> {
        let mut lines = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Item::Line(line) => lines.push(self.line(&spot.name, line)?),
                Item::Dispatch(dispatch) => self.dispatch(spot, dispatch, &mut lines, program)?,
                Item::Exact(_) => return Err("it has no maps".to_owned()),
            }
        }
        let builtin = ["PREROUTING", "INPUT", "FORWARD"].contains(&spot.name.as_str());
        let hook = builtin.then(|| spot.name.clone());
        let place = self.place(spot.layer, &spot.name);
        program.chains.insert(place, Chain { hook, lines });
        Ok(())
    }

    fn place(self, layer: Layer, name: &str) -> Place {
        Place {
            table: table(self.family, layer.name()),
            name: name.to_owned(),
        }
    }

    fn line(self, chain: &str, line: &Line<'_>) -> Result<String, String> {
        let mut words = Vec::new();
        for test in &line.tests {
            words.extend(test_words(test)?);
        }
        let act = act(&line.act);
        if self.adornment == Adornment::Felix {
            let rule = format!("{} {act}", words.join(" "));
            let hash = felix_hash(chain, &rule);
            words.push(format!("-m comment --comment \"{hash}\""));
        }
        words.push(act);
        Ok(words.join(" "))
    }

    /// Felix's tree: by the first character in which interfaces differ, then one after the other.
    fn dispatch(
        self,
        spot: &Spot,
        dispatch: &Dispatch<'_>,
        lines: &mut Vec<String>,
        program: &mut Program,
    ) -> Result<(), String> {
        let common = common_beginning(dispatch.chains.keys().copied());
        let mut branches: BTreeMap<&str, Vec<(&str, &String)>> = BTreeMap::new();
        for (interface, chain) in &dispatch.chains {
            let end = (common + 1).min(interface.len());
            let branch = interface.get(..end).unwrap_or(interface);
            branches.entry(branch).or_default().push((interface, chain));
        }
        let leaf = |interface: &str, chain: &String, of: &str| {
            let test = Test::By(dispatch.port, Interfaces::One(interface));
            self.line(of, &Line::new(vec![test], dispatch.how.to(chain.clone())))
        };
        for (beginning, leaves) in branches {
            if let [(interface, chain)] = leaves[..] {
                lines.push(leaf(interface, chain, &spot.name)?);
                continue;
            }
            let name = format!(
                "{}-{}",
                spot.name,
                beginning.get(common..).unwrap_or_default()
            );
            let test = Test::By(dispatch.port, Interfaces::Beginning(beginning));
            let branch = Line::new(vec![test], Act::Goto(name.clone()));
            lines.push(self.line(&spot.name, &branch)?);
            let leaves = leaves.iter();
            let mut own: Vec<String> = leaves
                .map(|(interface, chain)| leaf(interface, chain, &name))
                .collect::<Result<_, _>>()?;
            own.push(self.line(&name, &Line::always(Act::Drop))?);
            let chain = Chain {
                hook: None,
                lines: own,
            };
            program.chains.insert(self.place(spot.layer, &name), chain);
        }
        Ok(())
    }
}

/// How many bytes all names begin with.
fn common_beginning<'a>(mut names: impl Iterator<Item = &'a str>) -> usize {
    let first = names.next().unwrap_or_default();
    names.fold(first.len(), |common, name| {
        let pairs = first.bytes().zip(name.bytes());
        common.min(pairs.take_while(|(a, b)| a == b).count())
    })
}

fn test_words(test: &Test<'_>) -> Result<Option<String>, String> {
    Ok(Some(match test {
        Test::By(port, Interfaces::One(name)) => format!("{} {name}", interface(*port)),
        Test::By(port, Interfaces::Beginning(name)) => format!("{} {name}+", interface(*port)),
        Test::Tracked(Tracking::Known) => "-m conntrack --ctstate RELATED,ESTABLISHED".to_owned(),
        Test::Tracked(Tracking::Invalid) => "-m conntrack --ctstate INVALID".to_owned(),
        Test::Marked(bits) => format!("-m mark --mark {bits:#x}/{bits:#x}"),
        Test::Unmarked(bits) => format!("-m mark --mark 0/{bits:#x}"),
        Test::Family(_) => return Ok(None),
        Test::Within(End::Source, cidr) => format!("-s {cidr}"),
        Test::Within(End::Destination, cidr) => format!("-d {cidr}"),
        Test::Member(End::Source, _, set) => format!("-m set --match-set {set} src"),
        Test::Member(End::Destination, _, set) => format!("-m set --match-set {set} dst"),
        Test::Service(family, service) => return self::service(*family, *service),
        Test::Astray => "-m rpfilter --validmark --invert".to_owned(),
    }))
}

fn interface(port: Port) -> &'static str {
    match port {
        Port::In => "-i",
        Port::Out => "-o",
    }
}

fn service(family: Family, service: Service) -> Result<Option<String>, String> {
    Ok(Some(match service {
        Service::Any => return Ok(None),
        Service::Protocol(Protocol(0)) => {
            return Err("protocol 0 is every protocol to it".to_owned());
        }
        Service::Protocol(protocol) => format!("-p {}", protocol.0),
        Service::Ports(protocol, ports) => format!(
            "-p {} -m multiport --dports {}",
            protocol.0,
            colons(ports.first(), ports.last())
        ),
        Service::Icmp(255, _) => {
            return Err(format!(
                "ICMP type 255 of a rule for {family} is every type to it"
            ));
        }
        Service::Icmp(kind, code) => {
            let code = code.map(|code| format!("/{code}")).unwrap_or_default();
            match family {
                Family::V4 => format!("-p 1 -m icmp --icmp-type {kind}{code}"),
                Family::V6 => format!("-p 58 -m icmp6 --icmpv6-type {kind}{code}"),
            }
        }
    }))
}

fn colons(first: u16, last: u16) -> String {
    match first == last {
        true => first.to_string(),
        false => format!("{first}:{last}"),
    }
}

fn act(act: &Act) -> String {
    match act {
        Act::Accept => "-j ACCEPT".to_owned(),
        Act::Drop => "-j DROP".to_owned(),
        Act::Return => "-j RETURN".to_owned(),
        Act::Jump(chain) => format!("-j {chain}"),
        Act::Goto(chain) => format!("-g {chain}"),
        Act::Mark(bits) => format!("-j MARK --set-xmark {bits:#x}/{bits:#x}"),
        Act::Unmark(bits) => format!("-j MARK --set-xmark 0x0/{bits:#x}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_share_what_all_begin_with() {
        let common = |names: &[&str]| common_beginning(names.iter().copied());
        assert_eq!(common(&["tap0", "tap1", "tap10"]), 3);
        assert_eq!(common(&["tap1", "tap10"]), 4);
        assert_eq!(common(&["tap1"]), 4);
        assert_eq!(common(&[]), 0);
    }

    #[test]
    fn what_iptables_takes_for_everything_is_refused() {
        let of = |service| self::service(Family::V4, service);
        assert!(of(Service::Icmp(255, None)).is_err());
        assert!(of(Service::Protocol(Protocol(0))).is_err());
        assert!(of(Service::Icmp(254, Some(0))).is_ok());
    }
}
