//! Targets that change a packet.

use super::super::case::Outcome;
use super::super::class::Obstacle;
use super::super::condition::{dscp_field, ecn_field};
use super::super::draft::Draft;
use super::{Ends, single};
use crate::migrate::iptables::{Bits, HopLimit, SegmentSize, Target};
use crate::migrate::nft::{Expression, Field, Statement, Value};

/// Says a change of the packet.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only such targets are handed here"
)]
pub(super) fn ends(draft: &mut Draft<'_>, target: &Target) -> Outcome<Ends> {
    match target {
        Target::TcpMss(size) => single(segment(draft, *size)),
        Target::TcpOptStrip(_) => Err(Obstacle::new(
            "nft 1.0.6 cannot take options out of a TCP header that it has no name for",
            "write `reset tcp option` by hand where nft has it",
        )),
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
        Target::Checksum => {
            draft.approximate(
                "CHECKSUM has no form in nft: old DHCP clients behind virtual interfaces may drop \
                 packets whose checksum the hardware would fill in",
            );
            Ok(vec![Vec::new()])
        }
        _ => Err(Obstacle::new(
            "nft has no words for this target",
            "do without it",
        )),
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
