//! What a straight translation would be: one nft rule for each rule of the policy, in order.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use margay::model::{Direction, GroupRule, Peer, Service, State};
use margay::net::Family;

use crate::lane::Flow;
use crate::worlds;

/// Base chains without a policy, which track connections as every other lane does.
pub(crate) const EMPTY: &str = "table inet empty {
	chain prerouting { type filter hook prerouting priority raw; policy accept; }
	chain input { type filter hook input priority filter - 5; policy accept; }
	chain forward { type filter hook forward priority filter - 5; policy accept; ct state invalid drop; }
}
";

/// The receiver's policy as a linear chain, before it what a firewall needs: replies pass.
pub(crate) fn script(state: &State, flow: &Flow) -> String {
    let rules = worlds::policy(state, Direction::Ingress);
    let mut text = String::from("table inet naive {\n");
    let peers: BTreeSet<_> = rules.iter().filter_map(peer).collect();
    for (group, family) in peers {
        let members = worlds::members(state, group, family).join(", ");
        let (name, datatype) = match family {
            Family::V4 => ("v4", "ipv4_addr"),
            Family::V6 => ("v6", "ipv6_addr"),
        };
        let _ = writeln!(
            text,
            "set {group}-{name} {{ type {datatype}; elements = {{ {members} }}; }}"
        );
    }
    text.push_str("chain web {\n");
    for rule in rules {
        let _ = writeln!(text, "{} accept", tests(rule));
    }
    let _ = writeln!(
        text,
        "}}\nchain forward {{ type filter hook forward priority filter - 5; policy drop;\n\
         ct state established,related accept\nct state invalid drop\n\
         oifname \"{}\" goto web\n}}\n}}",
        flow.to
    );
    text
}

fn peer(rule: &GroupRule) -> Option<(&margay::model::GroupName, Family)> {
    match &rule.peer {
        Peer::Group(group) => Some((group, rule.family)),
        Peer::Cidr(_) => None,
    }
}

fn tests(rule: &GroupRule) -> String {
    let (ip, icmp, set) = match rule.family {
        Family::V4 => ("ip", "icmp", "v4"),
        Family::V6 => ("ip6", "icmpv6", "v6"),
    };
    let address = match &rule.peer {
        Peer::Cidr(cidr) if cidr.prefix_len() == 0 => match rule.family {
            Family::V4 => "meta nfproto ipv4".to_owned(),
            Family::V6 => "meta nfproto ipv6".to_owned(),
        },
        Peer::Cidr(cidr) => format!("{ip} saddr {cidr}"),
        Peer::Group(group) => format!("{ip} saddr @{group}-{set}"),
    };
    let service = match rule.service {
        Service::Any => String::new(),
        Service::Protocol(protocol) => format!(" meta l4proto {}", protocol.0),
        Service::Ports(protocol, ports) => format!(" meta l4proto {} th dport {ports}", protocol.0),
        Service::Icmp(kind, None) => format!(" {icmp} type {kind}"),
        Service::Icmp(kind, Some(code)) => format!(" {icmp} type {kind} {icmp} code {code}"),
    };
    format!("{address}{service}")
}
