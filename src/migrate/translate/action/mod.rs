//! Targets of iptables, each as the ends of rules of nft.

mod connection;
mod log;
mod mark;
mod nat;
mod set;

use super::case::Outcome;
use super::class::Obstacle;
use super::condition::{dscp_field, ecn_field};
use super::draft::Draft;
use crate::migrate::iptables::{Bits, HopLimit, Reject, SegmentSize, Target};
use crate::migrate::nft::{Expression, Field, RejectWith, Statement, Value, Verdict};
use crate::net::Family;

/// Ends of rules, each for the same packets: the first that has a verdict is the last that a packet meets.
pub(super) type Ends = Vec<Vec<Statement>>;

/// Says a target in nft.
pub(super) fn ends(draft: &mut Draft<'_>, target: &Target) -> Outcome<Ends> {
    let verdict = |verdict| Ok(vec![vec![Statement::Verdict(verdict)]]);
    match target {
        Target::Continue => Ok(vec![Vec::new()]),
        Target::Accept => verdict(Verdict::Accept),
        Target::Drop => verdict(Verdict::Drop),
        Target::Return => verdict(Verdict::Return),
        Target::Jump(chain) => verdict(Verdict::Jump(draft.names.of(chain))),
        Target::Goto(chain) => verdict(Verdict::Goto(draft.names.of(chain))),
        Target::Reject(answer) => single(Statement::Reject(reject(*answer))),
        Target::Log(log) => Ok(vec![vec![log::log(draft, log)]]),
        Target::NetfilterLog(log) => Ok(vec![vec![log::netfilter_log(draft, log)]]),
        Target::Dnat(nat) => nat::dnat(draft, nat),
        Target::Snat(nat) => nat::snat(draft, nat),
        Target::Masquerade(nat) => nat::masquerade(draft, nat),
        Target::Redirect(nat) => nat::redirect(draft, nat),
        Target::Netmap(_) => Err(Obstacle::new(
            "NETMAP maps a prefix, which -d or -s has to name in nft",
            "compare the prefix in the rule",
        )),
        Target::Mark(bits) => single(mark::mark(Field::Mark, *bits)),
        Target::Connmark(change) => mark::connmark(draft, *change),
        Target::NoTrack => single(Statement::Notrack),
        Target::Ct(target) => connection::ct(draft, target),
        Target::TcpMss(size) => single(segment(draft, *size)),
        Target::TcpOptStrip(_) => Err(Obstacle::new(
            "nft 1.0.6 cannot take options out of a TCP header that it has no name for",
            "write `reset tcp option` by hand where nft has it",
        )),
        Target::Tee { gateway, interface } => single(Statement::Dup {
            to: *gateway,
            device: interface.clone(),
        }),
        Target::Tproxy {
            address,
            port,
            mark,
        } => Ok(nat::tproxy(draft, *address, *port, *mark)),
        Target::Queue(queue) => single(Statement::Queue {
            first: queue.numbers.first,
            last: queue.numbers.last,
            bypass: queue.bypass,
            fanout: queue.fanout,
        }),
        Target::Dscp(point) => single(Statement::set(
            dscp_field(draft.family),
            Value::Hex((*point).into()),
        )),
        Target::Tos(bits) => tos(draft, *bits),
        Target::EcnRemove => Err(Obstacle::new(
            "nft has no words for ECN --ecn-tcp-remove",
            "set net.ipv4.tcp_ecn on the host that asks for it",
        )),
        Target::Ttl(change) => hops(Field::IpTtl, *change),
        Target::Hl(change) => hops(Field::Ip6Hoplimit, *change),
        Target::Classify { major, minor } => single(Statement::set(
            Field::Priority,
            Value::word(&format!("{major:x}:{minor:x}")),
        )),
        Target::Synproxy(synproxy) => single(Statement::Synproxy {
            mss: synproxy.mss,
            wscale: synproxy.window_scale,
            timestamp: synproxy.timestamp,
            sack_perm: synproxy.sack,
        }),
        Target::Audit(_) => single(log::audit(draft)),
        Target::Trace => single(Statement::set(Field::Nftrace, Value::Number(1))),
        Target::Checksum => {
            draft.approximate(
                "CHECKSUM has no form in nft: old DHCP clients behind virtual interfaces may drop \
                 packets whose checksum the hardware would fill in",
            );
            Ok(vec![Vec::new()])
        }
        Target::Set(target) => set::target(draft, target),
        Target::Unknown { text, reason } => Err(Obstacle::new(
            format!("{text}: {reason}"),
            "say it in nft by hand, or take the rule out",
        )),
    }
}

fn single(statement: Statement) -> Outcome<Ends> {
    Ok(vec![vec![statement]])
}

fn reject(answer: Reject) -> RejectWith {
    let (family, code) = match answer {
        Reject::TcpReset => return RejectWith::TcpReset,
        Reject::Unreachable { code, family } => (family, code),
    };
    let icmp = |word: &str| RejectWith::Icmp("icmp".to_owned(), word.to_owned());
    let icmpv6 = |word: &str| RejectWith::Icmp("icmpv6".to_owned(), word.to_owned());
    match (family, code) {
        (Family::V4, 0) => icmp("net-unreachable"),
        (Family::V4, 1) => icmp("host-unreachable"),
        (Family::V4, 2) => icmp("prot-unreachable"),
        (Family::V4, 9) => icmp("net-prohibited"),
        (Family::V4, 10) => icmp("host-prohibited"),
        (Family::V4, 13) => icmp("admin-prohibited"),
        (Family::V4, _) => icmp("port-unreachable"),
        (Family::V6, 0) => icmpv6("no-route"),
        (Family::V6, 1) => icmpv6("admin-prohibited"),
        (Family::V6, 3) => icmpv6("addr-unreachable"),
        (Family::V6, 5) => icmpv6("policy-fail"),
        (Family::V6, 6) => icmpv6("reject-route"),
        (Family::V6, _) => icmpv6("port-unreachable"),
    }
}

fn segment(draft: &mut Draft<'_>, size: SegmentSize) -> Statement {
    draft.equivalent(
        "a segment size is set where the option is there; TCPMSS adds it to a SYN without one",
    );
    let field = Expression::TcpOption {
        kind: "maxseg".to_owned(),
        field: Some("size".to_owned()),
    };
    Statement::Set {
        field,
        value: match size {
            SegmentSize::Set(size) => Expression::Value(Value::Number(size.into())),
            SegmentSize::ClampToPathMtu => Field::RtMtu.into(),
        },
    }
}

/// The octet of TOS, which nft writes in halves.
fn tos(draft: &mut Draft<'_>, bits: Bits) -> Outcome<Ends> {
    const DSCP: u32 = 0xfc;
    const ECN: u32 = 0x03;
    let touched = bits.clear | bits.toggle;
    let whole = |half: u32| bits.clear & half == half;
    let dscp = touched & DSCP != 0;
    let ecn = touched & ECN != 0;
    if (dscp && !whole(DSCP)) || (ecn && !whole(ECN)) {
        return Err(Obstacle::new(
            "TOS changes some bits of a field that nft 1.0.6 writes whole",
            "set the whole octet, or use DSCP",
        ));
    }
    draft.equivalent("the octet of TOS is written in its halves, dscp and ecn");
    let mut statements = Vec::new();
    if dscp {
        let value = Value::Hex(u64::from(bits.toggle >> 2 & 0x3f));
        statements.push(Statement::set(dscp_field(draft.family), value));
    }
    if ecn {
        let value = Value::Number(u64::from(bits.toggle & ECN));
        statements.push(Statement::set(ecn_field(draft.family), value));
    }
    Ok(vec![statements])
}

fn hops(field: Field, change: HopLimit) -> Outcome<Ends> {
    match change {
        HopLimit::Set(number) => single(Statement::set(field, Value::Number(number.into()))),
        HopLimit::Increase(_) | HopLimit::Decrease(_) => Err(Obstacle::new(
            "nft cannot count a hop limit up or down",
            "set it to a number",
        )),
    }
}
