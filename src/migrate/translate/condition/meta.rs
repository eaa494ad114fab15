//! What is known of a packet beside its headers.

use super::super::case::{Cases, Outcome, always, among, compared, constant, masked, one, ordered};
use super::super::class::Obstacle;
use super::super::draft::Draft;
use super::header::{numbers, presence};
use super::{unnegatable, unsayable};
use crate::migrate::iptables::{
    Direction, LoopbackRoute, Match, PacketType, PolicyElement, Sense, SocketOption, Span,
    Statistic, Test,
};
use crate::migrate::nft::{Expression, Fib, Field, Item, Operator, Statement, Value};
use crate::net::Family;

/// Says a match on what the kernel knows of a packet.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "only such tests are handed here"
)]
pub(super) fn cases(draft: &mut Draft<'_>, asked: &Match) -> Outcome<Cases> {
    let sense = asked.sense;
    Ok(match &asked.test {
        Test::Mark(mark) => masked(sense, Field::Mark, mark.value, mark.mask),
        Test::Mac(mac) => one(compared(sense, Field::EtherSaddr, Value::Mac(mac.0))),
        Test::User(span) => owner(draft, sense, Field::Skuid, *span),
        Test::Group(span) => owner(draft, sense, Field::Skgid, *span),
        Test::SocketExists => {
            unnegatable("that there is a socket", sense)?;
            draft.equivalent("a packet has a socket where it has an owner");
            one(ordered(
                Field::Skuid,
                Operator::GreaterOrEqual,
                Value::Number(0),
            ))
        }
        Test::PacketType(kind) => one(compared(
            sense,
            Field::Pkttype,
            Value::word(match kind {
                PacketType::Unicast => "unicast",
                PacketType::Broadcast => "broadcast",
                PacketType::Multicast => "multicast",
            }),
        )),
        Test::Statistic(statistic) => self::statistic(draft, sense, *statistic),
        Test::Socket(options) => socket(draft, options),
        Test::CgroupClass(class) => one(compared(
            sense,
            Field::Cgroup,
            Value::Number((*class).into()),
        )),
        Test::CgroupPath(path) => cgroup(draft, sense, path)?,
        Test::ReversePath(options) => reverse_path(draft, sense, options)?,
        Test::Ipsec {
            direction,
            elements,
            strict,
        } => ipsec(draft, *direction, elements.as_deref(), *strict)?,
        Test::Realm(realm) => masked(sense, Field::RtClassid, realm.value, realm.mask),
        Test::DeviceGroup(direction, group) => {
            let field = match direction {
                Direction::In => Field::Iifgroup,
                Direction::Out => Field::Oifgroup,
            };
            masked(sense, field, group.value, group.mask)
        }
        Test::Cpu(cpu) => one(compared(sense, Field::Cpu, Value::Number((*cpu).into()))),
        Test::System(name) => {
            unnegatable("the system of a sender", sense)?;
            if name == "unknown" || name.len() > SYSTEM_MAX {
                return Err(Obstacle::new(
                    "a system that nft has another word for, or none as long",
                    "name a system of pf.os",
                ));
            }
            draft.approximate(
                "a packet that fits fingerprints of several systems is of the first of them in nft, of each in iptables",
            );
            one(compared(sense, Field::OsfName, Value::text(name)))
        }
        Test::Quota(bytes) => vec![vec![Statement::Quota {
            over: sense == Sense::IsNot,
            bytes: *bytes,
        }]],
        _ => return Err(unsayable("this match")),
    })
}

/// Bytes that nft compares of the name of a system (`NFT_OSF_MAXGENRELEN`).
const SYSTEM_MAX: usize = 15;

fn owner(draft: &mut Draft<'_>, sense: Sense, field: Field, span: Span<u32>) -> Cases {
    if sense == Sense::IsNot {
        draft.approximate(
            "a packet without a socket has another owner in iptables, and none in nft",
        );
    }
    one(compared(sense, field, numbers(span)))
}

fn statistic(draft: &mut Draft<'_>, sense: Sense, statistic: Statistic) -> Cases {
    const WHOLE: u32 = 1 << 31;
    draft.equivalent("statistic is numgen");
    match statistic {
        Statistic::Random { probability: WHOLE } => constant(sense, true),
        Statistic::Random { probability } => {
            let left = Expression::Numgen {
                random: true,
                modulus: WHOLE,
                offset: 0,
            };
            let operator = match sense {
                Sense::Is => Operator::Less,
                Sense::IsNot => Operator::GreaterOrEqual,
            };
            one(ordered(left, operator, Value::Number(probability.into())))
        }
        Statistic::Nth { every: 1, .. } => constant(sense, true),
        Statistic::Nth { every, packet } => {
            let left = Expression::Numgen {
                random: false,
                modulus: every,
                offset: 0,
            };
            // iptables has the kernel begin at `every - 1 - packet` and match at the turn (libxt_statistic): the
            // packets before the first match are as many as `packet`, and numgen counts packets from 0.
            let number = Value::Number(packet.into());
            one(compared(sense, left, number))
        }
    }
}

fn socket(draft: &mut Draft<'_>, options: &[SocketOption]) -> Cases {
    let has = |option| options.contains(&option);
    draft.equivalent("socket is told by its properties");
    let mut statements = Vec::new();
    // Of every socket that is found it is known whether it is transparent, of whole ones alone to what they are bound.
    if has(SocketOption::Transparent) {
        statements.push(compared(Sense::Is, Field::SocketTransparent, Value::Number(1)).into());
    } else if has(SocketOption::NoWildcard) {
        let either = Value::Number(1);
        statements.push(ordered(Field::SocketTransparent, Operator::LessOrEqual, either).into());
    }
    if !has(SocketOption::NoWildcard) {
        draft.approximate(
            "a socket in time-wait, or of a connection that is half open, is found by iptables, and by nft with \
             --nowildcard alone",
        );
        statements.push(compared(Sense::Is, Field::SocketWildcard, Value::Number(0)).into());
    }
    if has(SocketOption::RestoreMark) {
        draft.approximate(
            "a socket in time-wait, or of a connection that is half open, has no mark: the rule does not match it",
        );
        statements.push(Statement::Set {
            field: Field::Mark.into(),
            value: Field::SocketMark.into(),
        });
    }
    vec![statements]
}

fn cgroup(draft: &mut Draft<'_>, sense: Sense, path: &str) -> Outcome<Cases> {
    let path = path.trim_matches('/');
    let level = path.split('/').filter(|part| !part.is_empty()).count();
    let level = u8::try_from(level)
        .ok()
        .filter(|level| *level > 0)
        .ok_or_else(|| {
            Obstacle::new("the root of all cgroups is no cgroup", "take the match out")
        })?;
    draft.equivalent("the cgroup must exist where the rule is loaded");
    Ok(one(compared(
        sense,
        Expression::Cgroupv2(level),
        Value::text(path),
    )))
}

fn reverse_path(draft: &mut Draft<'_>, sense: Sense, options: &[LoopbackRoute]) -> Outcome<Cases> {
    let has = |option| options.contains(&option);
    let local = has(LoopbackRoute::AcceptLocal);
    if local && has(LoopbackRoute::ValidMark) {
        return Err(Obstacle::new(
            "rpfilter --accept-local with --validmark: nft does not ask for the type of an address by mark",
            "accept `fib saddr type local` before this rule, and leave --accept-local out",
        ));
    }
    draft.equivalent("rpfilter is fib");
    let fib = Expression::Fib(Fib {
        flags: fib_flags(options),
        result: "oif".to_owned(),
    });
    let route = |sense| Statement::from(compared(Sense::Is, fib.clone(), presence(sense)));
    // ip6t_rpfilter takes an address of any interface, ipt_rpfilter looks at the one that a packet came by.
    let looked_up = match draft.family {
        Family::V4 => fib_flags(options),
        Family::V6 => vec!["saddr".to_owned()],
    };
    let unmarked = looked_up.into_iter().filter(|flag| flag != "mark");
    let kind = Expression::Fib(Fib {
        flags: unmarked.collect(),
        result: "type".to_owned(),
    });
    let is_local = |sense| Statement::from(compared(sense, kind.clone(), Value::word("local")));
    let broadcast = match draft.family {
        Family::V4 => broadcast(&kind),
        Family::V6 => Vec::new(),
    };
    let missing = |sense| {
        let own = local.then(|| is_local(sense));
        [route(Sense::IsNot)].into_iter().chain(own).collect()
    };
    let with_route = |tests| [route(Sense::Is)].into_iter().chain(tests).collect();
    let mut cases: Cases = match sense {
        Sense::Is => none_of_all(&broadcast)
            .into_iter()
            .map(with_route)
            .collect(),
        Sense::IsNot => vec![missing(Sense::IsNot)],
    };
    match sense {
        Sense::Is => cases.extend(local.then(|| missing(Sense::Is))),
        Sense::IsNot if broadcast.is_empty() => {}
        Sense::IsNot => {
            let all = broadcast.into_iter().map(|[is, _]| is).collect();
            cases.push(with_route(all));
        }
    }
    Ok(cases)
}

/// Tests, each with its contrary, that hold together where a route back leads to a broadcast or anycast address: iptables takes none
/// of that kind, and `fib oif` does. The kernel looks neither at what comes from itself, nor are these sources such in its routes.
fn broadcast(kind: &Expression) -> Vec<[Statement; 2]> {
    let senses = [Sense::Is, Sense::IsNot];
    let contrary = |sense| match sense {
        Sense::Is => Sense::IsNot,
        Sense::IsNot => Sense::Is,
    };
    let zero = Item::Prefix(std::net::Ipv4Addr::UNSPECIFIED.into(), 8);
    let all = Item::One(Value::Address(std::net::Ipv4Addr::BROADCAST.into()));
    let nowhere = vec![zero, all];
    let kinds = ["broadcast", "anycast"].map(|word| Item::One(Value::word(word)));
    [
        senses.map(|sense| compared(contrary(sense), Field::Iifname, Value::text("lo"))),
        senses.map(|sense| among(contrary(sense), Field::IpSaddr, nowhere.clone())),
        senses.map(|sense| among(sense, kind.clone(), kinds.to_vec())),
    ]
    .map(|pair| pair.map(Statement::from))
    .into()
}

/// The ways in which not all of some tests hold, of which no two hold for one packet; where there is no test, all is well.
fn none_of_all(tests: &[[Statement; 2]]) -> Cases {
    if tests.is_empty() {
        return always();
    }
    let way = |(at, [_, fails]): (usize, &[Statement; 2])| {
        let before = tests.iter().take(at).map(|[holds, _]| holds);
        before.chain([fails]).cloned().collect()
    };
    tests.iter().enumerate().map(way).collect()
}

/// What of a packet the route back is looked up by.
fn fib_flags(options: &[LoopbackRoute]) -> Vec<String> {
    let has = |option| options.contains(&option);
    let marked = has(LoopbackRoute::ValidMark).then_some("mark");
    let input = (!has(LoopbackRoute::Loose)).then_some("iif");
    let all = ["saddr"].into_iter().chain(marked).chain(input);
    all.map(str::to_owned).collect()
}

fn ipsec(
    draft: &mut Draft<'_>,
    direction: Direction,
    elements: Option<&[PolicyElement]>,
    strict: bool,
) -> Outcome<Cases> {
    let path = match direction {
        Direction::In => Field::Secpath,
        Direction::Out => Field::RtIpsec,
    };
    draft.equivalent("policy is meta secpath and rt ipsec");
    let there = |sense| Statement::from(compared(Sense::Is, path, presence(sense)));
    let Some(elements) = elements else {
        return Ok(vec![vec![there(Sense::IsNot)]]);
    };
    let mut statements = vec![there(Sense::Is)];
    for (number, element) in (0_u8..).zip(elements) {
        for (sense, name, value) in &element.options {
            let (key, value) = property(name, value)?;
            let left = Expression::Ipsec {
                input: direction == Direction::In,
                number,
                key: key.to_owned(),
            };
            statements.push(compared(*sense, left, value).into());
        }
    }
    if statements.len() > 1 && !strict {
        draft.approximate("without --strict any transformation may match, in nft the first must");
    }
    Ok(vec![statements])
}

fn property(name: &str, value: &str) -> Outcome<(&'static str, Value)> {
    let number = || {
        let hex = value.strip_prefix("0x");
        let read = hex.map_or_else(
            || value.parse().ok(),
            |hex| u64::from_str_radix(hex, 16).ok(),
        );
        read.map(Value::Number)
            .ok_or_else(|| unsayable(&format!("{name} {value}")))
    };
    match name {
        "--reqid" => Ok(("reqid", number()?)),
        "--spi" => Ok(("spi", number()?)),
        "--tunnel-src" | "--tunnel-dst" => {
            let address: std::net::IpAddr = value
                .split('/')
                .next()
                .unwrap_or_default()
                .parse()
                .map_err(|_| unsayable(&format!("{name} {value}")))?;
            Ok((
                match (name, address.is_ipv4()) {
                    ("--tunnel-src", true) => "ip saddr",
                    ("--tunnel-src", false) => "ip6 saddr",
                    (_, true) => "ip daddr",
                    (_, false) => "ip6 daddr",
                },
                Value::Address(address),
            ))
        }
        _ => Err(Obstacle::new(
            format!("nft has no words for {name} of an IPsec policy"),
            "compare reqid or spi instead",
        )),
    }
}
