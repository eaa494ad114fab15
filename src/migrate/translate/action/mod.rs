//! Targets of iptables, each as the ends of rules of nft.

mod connection;
mod log;
mod mark;
mod nat;
mod packet;
mod set;

use super::case::Outcome;
use super::class::Obstacle;
use super::draft::Draft;
use crate::migrate::iptables::{Reject, Target};
use crate::migrate::nft::{Field, RejectWith, Statement, Value, Verdict};
use crate::net::Family;

pub(super) use packet::takes_a_chain;

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
        Target::Jump(chain) => verdict(Verdict::Jump(draft.chain(chain))),
        Target::Goto(chain) => verdict(Verdict::Goto(draft.chain(chain))),
        Target::Reject(answer) => single(Statement::Reject(reject(*answer))),
        Target::Log(log) => single(log::log(draft, log)?),
        Target::NetfilterLog(log) => single(log::netfilter_log(draft, log)?),
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
        Target::Tee { gateway, interface } => single(Statement::Dup {
            to: *gateway,
            device: interface.clone(),
        }),
        Target::Tproxy {
            address,
            port,
            mark,
        } => nat::tproxy(draft, *address, *port, *mark),
        Target::Queue(queue) => single(Statement::Queue {
            first: queue.numbers.first,
            last: queue.numbers.last,
            bypass: queue.bypass,
            fanout: queue.fanout,
        }),
        Target::TcpMss(_)
        | Target::TcpOptStrip(_)
        | Target::Dscp(_)
        | Target::Tos(_)
        | Target::EcnRemove
        | Target::Ttl(_)
        | Target::Hl(_)
        | Target::Classify { .. }
        | Target::Checksum => packet::ends(draft, target),
        Target::Synproxy(synproxy) => single(Statement::Synproxy {
            mss: synproxy.mss,
            wscale: synproxy.window_scale,
            timestamp: synproxy.timestamp,
            sack_perm: synproxy.sack,
        }),
        Target::Audit(_) => single(log::audit(draft)),
        Target::Trace => single(Statement::set(Field::Nftrace, Value::Number(1))),
        Target::Set(target) => set::target(draft, target),
        Target::Unknown { text, reason } => Err(Obstacle::unknown(text, reason)),
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
