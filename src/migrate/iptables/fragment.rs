//! Fragments of IPv6 that are not the first, which have no ports. Connection tracking puts fragments together before any
//! rule sees them. Where no rule asks for it, iptables reads no ports in such a one, and nft takes its IPv6 header for
//! that of the protocol (seen with Linux 6.18): whoever sends it picks by the flow label what rules compare.

use std::collections::BTreeSet;

use super::{Dump, HashMode, Match, Rule, Target, Test};
use crate::migrate::ipset;
use crate::net::Family;

/// Whether rules of a dump see such fragments, where those in some lines are left out.
pub fn sees_later_fragments(dump: &Dump, left_out: &BTreeSet<usize>) -> bool {
    let mut rules = dump
        .rules()
        .filter(|(_, _, rule)| !left_out.contains(&rule.line));
    dump.family == Family::V6 && !rules.any(|(_, _, rule)| defragments(rule))
}

/// Whether a rule reads what stands behind the headers of IPv6.
pub fn reads_payload(rule: &Rule, is_of_ports: impl Fn(&str) -> bool) -> bool {
    let reads = |one: &Match| {
        let in_set = matches!(&one.test, Test::Set(set) if is_of_ports(&set.name));
        in_set || reads_protocol(&one.test)
    };
    if let Target::Set(target) = &rule.target
        && target.actions.iter().any(|(_, set, _)| is_of_ports(set))
    {
        return true;
    }
    rule.matches.iter().any(reads)
}

/// Whether a set has ports in its keys.
pub fn is_of_ports(set: &ipset::Set) -> bool {
    set.kind.to_string().contains("port")
}

/// Whether the kernel puts fragments together because a rule is there.
fn defragments(rule: &Rule) -> bool {
    let asks = |one: &Match| {
        let too = matches!(one.test, Test::State(_) | Test::ConnLimit { .. });
        too || one.test.is_of_connection()
    };
    let acts = matches!(
        rule.target,
        Target::Dnat(_)
            | Target::Snat(_)
            | Target::Masquerade(_)
            | Target::Redirect(_)
            | Target::Netmap(_)
            | Target::Connmark(_)
            | Target::Ct(_)
            | Target::Synproxy(_)
            | Target::Tproxy { .. }
    );
    acts || rule.matches.iter().any(asks)
}

fn reads_protocol(test: &Test) -> bool {
    let ports = [HashMode::SourcePort, HashMode::DestinationPort];
    if let Test::HashLimit(limit) = test {
        return limit.modes.iter().any(|mode| ports.contains(mode));
    }
    matches!(
        test,
        Test::Port(..)
            | Test::Multiport(..)
            | Test::TcpFlags { .. }
            | Test::TcpOption(_)
            | Test::TcpMss(_)
            | Test::Icmpv6(_)
            | Test::SctpChunks(..)
            | Test::DccpTypes(_)
            | Test::EcnTcp(_)
            | Test::EspSpi(_)
            | Test::IpCompSpi(_)
    )
}
