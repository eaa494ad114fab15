//! Rules that no set can hold whole: their parts as tests, one after the other.

use std::collections::BTreeSet;

use super::boxes;
use super::objects::Objects;
use super::rules::{self, Side};
use super::selection::{Holder, Selection};
use super::service::icmp;
use super::spelling::spelled;
use crate::model::{EntityMatch, IcmpMatch, PortMatch, Rule};
use crate::net::{Cidr, Family, PortRange, Protocol};
use crate::ruleset::key::KeyBuilder;
use crate::ruleset::{Expression, Key, MetaKey, Name, Operand, Operator, PayloadField, Statement};

/// How rules are made into tests.
#[derive(Debug)]
pub(super) struct Matching<'c> {
    /// The selections that hold prefixes, which are in a set of their own.
    pub(super) prefixed: &'c BTreeSet<Selection>,
}

/// Tests that all must hold.
type Tests = Vec<Statement>;

/// One of the ways in which an end matches.
#[derive(Debug, Clone)]
struct Way {
    tests: Tests,
    protocol: Said,
}

impl Way {
    /// The way with more tests behind it.
    fn and(mut self, tests: &Tests) -> Self {
        self.tests.extend(tests.iter().cloned());
        self
    }
}

/// Whether tests of ports say the protocol of the rule too, so that it needs no test of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Yes,
    No,
}

/// What one rule is made into.
struct Parts<'p> {
    rule: &'p Rule,
    family: Family,
    prefixed: &'p BTreeSet<Selection>,
    /// The name of a set of the rule's own, by what it holds.
    name: &'p dyn Fn(&str) -> Name,
    objects: &'p mut Objects,
}

impl Matching<'_> {
    /// The rule as one list of tests, or as several of which any may hold.
    pub(super) fn alternatives(
        &self,
        rule: &Rule,
        family: Family,
        name: &dyn Fn(&str) -> Name,
        objects: &mut Objects,
    ) -> Vec<Tests> {
        let mut parts = Parts {
            rule,
            family,
            prefixed: self.prefixed,
            name,
            objects,
        };
        let transport = parts.transport();
        let source = parts.end(Side::Source, &rule.source);
        let destination = parts.end(Side::Destination, &rule.destination);
        let both = source
            .iter()
            .flat_map(|from| destination.iter().map(move |to| [from.clone(), to.clone()]));
        both.map(|[from, to]| parts.whole(&transport, from, to))
            .collect()
    }
}

impl Parts<'_> {
    /// All tests of a rule; one that tests nothing asks for the family.
    fn whole(&self, transport: &Tests, from: Way, to: Way) -> Tests {
        let unsaid = [from.protocol, to.protocol] == [Said::No; 2];
        let protocol = self
            .rule
            .protocol
            .filter(|p| unsaid && !self.is_in_message(*p));
        let protocol = protocol.map(rules::protocol).into_iter().collect();
        let tests = [protocol, transport.clone(), from.tests, to.tests].concat();
        match tests.is_empty() {
            true => vec![rules::family(self.family)],
            false => spelled(tests),
        }
    }

    /// What the protocol must not be, and ICMP.
    fn transport(&self) -> Tests {
        let l4proto = Expression::Meta(MetaKey::L4proto);
        let mut tests = Tests::new();
        if let Some(not) = self.rule.not_protocol {
            tests.push(rules::differs(l4proto, Key::value(&[not.0])));
        }
        let [kind, code] = self.icmp_fields();
        if let Some(icmp) = self.rule.icmp {
            tests.push(rules::equal(kind, Key::value(&[icmp.kind])));
            let codes = icmp.code.into_iter();
            tests.extend(codes.map(|number| rules::equal(code, Key::value(&[number]))));
        }
        tests.extend(self.rule.not_icmp.map(|icmp| not_icmp(kind, code, icmp)));
        tests
    }

    /// Whether a test of ICMP messages says the protocol.
    fn is_in_message(&self, protocol: Protocol) -> bool {
        protocol == icmp(self.family) && (self.rule.icmp.is_some() || self.rule.not_icmp.is_some())
    }

    /// Whether numbers of ports are read as those of the rule's protocol.
    fn is_in_ports(&self, ports: &[PortMatch]) -> Said {
        let numeric = |port: &PortMatch| matches!(port, PortMatch::Range(_));
        let has_word = [Some(Protocol::TCP), Some(Protocol::UDP)].contains(&self.rule.protocol);
        match has_word && ports.iter().any(numeric) {
            true => Said::Yes,
            false => Said::No,
        }
    }

    fn icmp_fields(&self) -> [Expression; 2] {
        let [kind, code] = match self.family {
            Family::V4 => [PayloadField::IcmpType, PayloadField::IcmpCode],
            Family::V6 => [PayloadField::Icmpv6Type, PayloadField::Icmpv6Code],
        };
        [kind, code].map(Expression::Payload)
    }

    /// What one end must match, in each of the ways in which it can.
    fn end(&mut self, side: Side, end: &EntityMatch) -> Vec<Way> {
        let common = [self.nets(side, end), self.nots(side, end)].concat();
        let by_not = self.is_in_ports(&end.not_ports);
        let mut ways = Vec::new();
        let numbers = self.port_tests(side, end);
        if end.ports.is_empty() || numbers.is_some() {
            let by_number = self.is_in_ports(&end.ports);
            let ports = numbers.unwrap_or_default();
            for member in self.members(side, end) {
                ways.push(Way {
                    tests: [common.clone(), ports.clone(), member].concat(),
                    protocol: if by_number == Said::Yes {
                        Said::Yes
                    } else {
                        by_not
                    },
                });
            }
        }
        for port in &end.ports {
            if let PortMatch::Named(name) = port {
                let selector = end.selector.clone();
                let selection = Selection::Port(selector, self.rule.protocol, name.clone());
                let named = self.named(side, &selection, Operator::Eq);
                // The protocol is part of what is looked up.
                ways.push(Way {
                    tests: [common.clone(), vec![named]].concat(),
                    protocol: Said::Yes,
                });
            }
        }
        let nots = self.not_ports(side, end);
        let both = ways
            .into_iter()
            .flat_map(|way| nots.iter().map(move |not| way.clone().and(not)));
        both.collect()
    }

    /// The ports that an end must not have, in each of the ways in which it can have none of them. What
    /// has no ports has none of those either, and no test of ports may be asked of it.
    fn not_ports(&self, side: Side, end: &EntityMatch) -> Vec<Tests> {
        let tests: Tests = end
            .not_ports
            .iter()
            .map(|port| self.not_port(side, end, port))
            .collect();
        match self.rule.protocol {
            None if !tests.is_empty() => {
                let with_ports = |operator| {
                    let all = Protocol::WITH_PORTS.map(|protocol| Key::value(&[protocol.0]));
                    let l4proto = vec![Expression::Meta(MetaKey::L4proto)];
                    rules::matching(l4proto, operator, Operand::Anonymous(all.into()))
                };
                let has = [vec![with_ports(Operator::Eq)], tests].concat();
                vec![has, vec![with_ports(Operator::Ne)]]
            }
            None | Some(_) => vec![tests],
        }
    }

    /// Names of ports are those that what the selector means gives them, here as well.
    fn not_port(&self, side: Side, end: &EntityMatch, port: &PortMatch) -> Statement {
        match port {
            PortMatch::Range(range) => {
                let key = Key::range(&range.first().to_be_bytes(), &range.last().to_be_bytes());
                rules::differs(self.port_field(side), key)
            }
            PortMatch::Named(name) => {
                let selection =
                    Selection::Port(end.selector.clone(), self.rule.protocol, name.clone());
                self.named(side, &selection, Operator::Ne)
            }
        }
    }

    /// The lookups of the selector, any of which may hold; without one, no test.
    fn members(&self, side: Side, end: &EntityMatch) -> Vec<Tests> {
        match &end.selector {
            Some(selector) => self.selected(side, &Selection::Labels(selector.clone())),
            None => vec![Tests::new()],
        }
    }

    /// `ip saddr 10.0.0.0/8`, or a set of several.
    fn nets(&mut self, side: Side, end: &EntityMatch) -> Tests {
        let nets = self.own(&end.nets);
        match nets.is_empty() {
            true => Tests::new(),
            false => vec![self.address(side, &nets, Operator::Eq)],
        }
    }

    /// The addresses that the end must not have.
    fn nots(&mut self, side: Side, end: &EntityMatch) -> Tests {
        let mut tests = Tests::new();
        let nets = self.own(&end.not_nets);
        if !nets.is_empty() {
            tests.push(self.address(side, &nets, Operator::Ne));
        }
        if let Some(selector) = &end.not_selector {
            let selection = Selection::Labels(selector.clone());
            for holder in self.holders(&selection) {
                let set = selection.set(holder, self.family);
                tests.push(rules::misses(vec![side.address(self.family)], set));
            }
        }
        tests
    }

    fn own(&self, nets: &[Cidr]) -> Vec<Cidr> {
        let own = nets.iter().filter(|net| net.family() == self.family);
        own.copied().collect()
    }

    fn address(&mut self, side: Side, nets: &[Cidr], operator: Operator) -> Statement {
        let address = side.address(self.family);
        let keys: Vec<Key> = boxes::merged(nets)
            .iter()
            .map(|(first, last)| Key::range(first, last))
            .collect();
        match keys.as_slice() {
            [one] if one.start.iter().all(|b| *b == 0) && one.last().iter().all(|b| *b == 0xff) => {
                rules::of_family(operator, self.family)
            }
            [one] => rules::matching(vec![address], operator, Operand::Key(one.clone())),
            _ => {
                let word = match operator {
                    Operator::Eq => side.word(),
                    Operator::Ne => side.not_word(),
                };
                let name = (self.name)(word);
                self.objects.set(name.clone(), &[address.datatype()], keys);
                rules::matching(vec![address], operator, Operand::Set(name))
            }
        }
    }

    fn holders(&self, selection: &Selection) -> Vec<Holder> {
        let prefixes = self.prefixed.contains(selection);
        let prefixes = prefixes.then_some(Holder::Prefixes);
        [Holder::Addresses].into_iter().chain(prefixes).collect()
    }

    fn selected(&self, side: Side, selection: &Selection) -> Vec<Tests> {
        let address = side.address(self.family);
        let held = |holder| {
            vec![rules::lookup(
                vec![address],
                selection.set(holder, self.family),
            )]
        };
        self.holders(selection).into_iter().map(held).collect()
    }

    /// The ports that are numbers; `None` where there are none.
    fn port_tests(&mut self, side: Side, end: &EntityMatch) -> Option<Tests> {
        let ranges: Vec<PortRange> = end
            .ports
            .iter()
            .filter_map(|port| match port {
                PortMatch::Range(range) => Some(*range),
                PortMatch::Named(_) => None,
            })
            .collect();
        let field = self.port_field(side);
        let keys = merged_ports(&ranges);
        match keys.as_slice() {
            [] => None,
            [one] => Some(vec![rules::equal(field, one.clone())]),
            _ => {
                let name = (self.name)(side.port_word());
                self.objects.set(name.clone(), &[field.datatype()], keys);
                Some(vec![rules::lookup(vec![field], name)])
            }
        }
    }

    /// `tcp dport`, or `th dport` where nft has no other word.
    fn port_field(&self, side: Side) -> Expression {
        let protocol = self.rule.protocol;
        Expression::Payload(match (side, protocol) {
            (Side::Source, Some(Protocol::TCP)) => PayloadField::TcpSport,
            (Side::Destination, Some(Protocol::TCP)) => PayloadField::TcpDport,
            (Side::Source, Some(Protocol::UDP)) => PayloadField::UdpSport,
            (Side::Destination, Some(Protocol::UDP)) => PayloadField::UdpDport,
            (Side::Source, _) => PayloadField::ThSport,
            (Side::Destination, _) => PayloadField::ThDport,
        })
    }

    /// `ip saddr . meta l4proto . th sport @set`.
    fn named(&self, side: Side, selection: &Selection, operator: Operator) -> Statement {
        let port = match side {
            Side::Source => PayloadField::ThSport,
            Side::Destination => PayloadField::ThDport,
        };
        let left = vec![
            side.address(self.family),
            Expression::Meta(MetaKey::L4proto),
            Expression::Payload(port),
        ];
        let set = selection.set(Holder::Ports, self.family);
        rules::matching(left, operator, Operand::Set(set))
    }
}

/// `icmp type != 8`, or `icmp type . icmp code != { 8 . 0 }`.
fn not_icmp(kind: Expression, code: Expression, icmp: IcmpMatch) -> Statement {
    match icmp.code {
        None => rules::differs(kind, Key::value(&[icmp.kind])),
        Some(number) => {
            let key = KeyBuilder::default().exact(&[icmp.kind]).exact(&[number]);
            let both = Operand::Anonymous(vec![key.build()]);
            rules::matching(vec![kind, code], Operator::Ne, both)
        }
    }
}

/// The ranges as keys, without overlaps.
fn merged_ports(ranges: &[PortRange]) -> Vec<Key> {
    let mut union = super::ranges::RangeSet::default();
    for range in ranges {
        union.insert(range.first().into(), range.last().into());
    }
    let word = |number: u32| number.to_be_bytes()[2..].to_vec();
    union
        .iter()
        .map(|(first, last)| Key::range(&word(first), &word(last)))
        .collect()
}
