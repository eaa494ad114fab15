//! Targets that change a packet.

use super::super::case::{Outcome, compared};
use super::super::class::Obstacle;
use super::super::condition::{dscp_field, ecn_field};
use super::super::draft::Draft;
use super::{Ends, single};
use crate::migrate::iptables::{Bits, Connmark, Hook, HopLimit, SegmentSize, Sense, Target};
use crate::migrate::nft::{Expression, Field, Statement, Value, Verdict};
use crate::net::Family;

/// Says a change of the packet.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only such targets are handed here"
)]
pub(super) fn ends(draft: &mut Draft<'_>, target: &Target) -> Outcome<Ends> {
    match target {
        Target::TcpMss(size) => single(segment(draft, *size)),
        Target::TcpOptStrip(options) => {
            draft.approximate(
                "of several options of one kind nft takes the first out; it drops a packet whose options are longer than its header",
            );
            let each = options.iter();
            let each = each.map(|kind| Statement::ResetOption(kind.to_string()));
            Ok(vec![each.collect()])
        }
        Target::Dscp(point) => single(Statement::set(
            dscp_field(draft.family),
            Value::Hex((*point).into()),
        )),
        Target::Tos(bits) => Ok(tos(draft, *bits)),
        Target::EcnRemove => Err(Obstacle::new(
            "nft has no words for ECN --ecn-tcp-remove",
            "set net.ipv4.tcp_ecn on the host that asks for it",
        )),
        Target::Ttl(change) => Ok(hops(draft, Field::IpTtl, *change)),
        Target::Hl(change) => Ok(hops(draft, Field::Ip6Hoplimit, *change)),
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
    match draft.rule.names_segment_size {
        true => draft.equivalent(
            "TCPMSS is tcp option maxseg size set; where a SYN names two segment sizes, the first in an option that is \
             not of four octets, iptables changes the second, and nft none",
        ),
        false => draft.approximate(
            "TCPMSS adds the option to a SYN without a segment size, with 536 at most (1220 in IPv6), and nft does \
             not; -m tcpmss --mss 1:65535 before it leaves such packets out",
        ),
    }
    let forward_alone = draft.rule.hooks.iter().all(|hook| *hook == Hook::Forward);
    if size == SegmentSize::ClampToPathMtu && !forward_alone {
        draft.approximate(
            "on the loopback interface, whose MTU is above 65535, rt mtu is 536, where iptables leaves the segment size \
             alone",
        );
    }
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

const DSCP: u32 = 0xfc;
const ECN: u32 = 0x03;

/// The octet of TOS, which nft writes in halves, and each half whole: what keeps some bits of one is a rule for each
/// value that the octet may have.
fn tos(draft: &mut Draft<'_>, bits: Bits) -> Ends {
    let touched = bits.clear | bits.toggle;
    if !keeps_some(bits) {
        draft.equivalent("the octet of TOS is written in its halves, dscp and ecn");
        return vec![octet(draft.family, touched, bits.toggle, Statement::set)];
    }
    draft.equivalent(
        "the octet of TOS is written in its halves, for each value in a chain of its own",
    );
    let name = format!("tos-{:x}-{:x}", bits.clear, bits.toggle);
    let family = draft.family;
    let chain = draft.helper_chain(&name, || {
        let halves = [DSCP, ECN].map(|half| if touched & half == 0 { 0 } else { half });
        let mask = halves[0] | halves[1];
        let old = (0..=0xff_u32).filter(|old| old & !mask == 0);
        let changes = old.map(|old| (old, (old & !bits.clear) ^ bits.toggle));
        let changes = changes.filter(|(old, new)| old != new);
        let rule = |(old, new)| {
            let tests = octet(family, mask, old, |field, value| {
                compared(Sense::Is, field, value).into()
            });
            let writes = octet(family, mask, new, Statement::set);
            let end = [Statement::Verdict(Verdict::Return)];
            tests.into_iter().chain(writes).chain(end).collect()
        };
        changes.map(rule).collect()
    });
    vec![vec![Statement::Verdict(Verdict::Jump(chain))]]
}

/// Whether a half that is written keeps some of its bits.
fn keeps_some(bits: Bits) -> bool {
    let touched = bits.clear | bits.toggle;
    let mut halves = [DSCP, ECN].into_iter();
    halves.any(|half| touched & half != 0 && bits.clear & half != half)
}

/// What is said of each half of the octet that a mask touches.
fn octet(
    family: Family,
    mask: u32,
    value: u32,
    say: impl Fn(Field, Value) -> Statement,
) -> Vec<Statement> {
    let dscp = (mask & DSCP != 0)
        .then(|| say(dscp_field(family), Value::Hex(u64::from(value >> 2 & 0x3f))));
    let ecn =
        (mask & ECN != 0).then(|| say(ecn_field(family), Value::Number(u64::from(value & ECN))));
    dscp.into_iter().chain(ecn).collect()
}

/// A hop limit. nft cannot count, so that a change by a number is a rule for each value.
fn hops(draft: &mut Draft<'_>, field: Field, change: HopLimit) -> Ends {
    let (word, by, next): (_, _, fn(u8, u8) -> u8) = match change {
        HopLimit::Set(number) => {
            let value = Value::Number(number.into());
            return vec![vec![Statement::set(field, value)]];
        }
        HopLimit::Increase(by) => ("inc", by, u8::saturating_add),
        HopLimit::Decrease(by) => ("dec", by, u8::saturating_sub),
    };
    draft.equivalent("a hop limit is counted by a rule for each value, in a chain of its own");
    let of = match draft.family {
        Family::V4 => "ttl",
        Family::V6 => "hl",
    };
    let chain = draft.helper_chain(&format!("{of}-{word}-{by}"), || {
        let changes = (0..=u8::MAX).map(|old| (old, next(old, by)));
        let changes = changes.filter(|(old, new)| old != new);
        let rule = |(old, new): (u8, u8)| {
            vec![
                compared(Sense::Is, field, Value::Number(old.into())).into(),
                Statement::set(field, Value::Number(new.into())),
                Statement::Verdict(Verdict::Return),
            ]
        };
        changes.map(rule).collect()
    });
    vec![vec![Statement::Verdict(Verdict::Jump(chain))]]
}

/// Whether a target is a jump to a chain of its own.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "all others are said where they stand"
)]
pub(in crate::migrate::translate) fn takes_a_chain(target: &Target) -> bool {
    match target {
        Target::Tos(bits) => keeps_some(*bits),
        Target::Ttl(change) | Target::Hl(change) => !matches!(change, HopLimit::Set(_)),
        Target::Connmark(
            Connmark::Save {
                ctmask: cleared, ..
            }
            | Connmark::Restore {
                nfmask: cleared, ..
            },
        ) => *cleared != u32::MAX,
        _ => false,
    }
}
