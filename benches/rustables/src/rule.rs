//! Rules of words: `iifname=tap0`, `iifname^tap`, `ct=6`, `nfproto=2`, `saddr=10.0.0.0/8`, `daddr@set`, `l4proto=17`,
//! `dport=80-90`, `icmp=8/0`, then `accept`, `drop`, `jump:CHAIN` or `goto:CHAIN`.

use std::net::IpAddr;

use rustables::expr::{
    Bitwise, Cmp, CmpOp, Conntrack, ConntrackKey, Immediate, Lookup, Meta, MetaType, Payload,
    Register, VerdictKind,
};
use rustables::sys::{NFT_PAYLOAD_NETWORK_HEADER, NFT_PAYLOAD_TRANSPORT_HEADER};
use rustables::{Rule, Set};

use crate::Outcome;

/// The length of an interface's name in the kernel.
const INTERFACE: usize = 16;

/// A rule with what the words say.
pub fn read(mut rule: Rule, words: &[&str]) -> Outcome<Rule> {
    let mut is_v4 = true;
    for word in words {
        let (what, sign, value) = parts(word);
        rule = match (what, sign) {
            ("nfproto", '=') => {
                is_v4 = value == "2";
                meta(rule, MetaType::NfProto, vec![value.parse()?])
            }
            ("l4proto", '=') => meta(rule, MetaType::L4Proto, vec![value.parse()?]),
            ("iifname", _) => meta(rule, MetaType::IifName, interface(value, sign)),
            ("oifname", _) => meta(rule, MetaType::OifName, interface(value, sign)),
            ("ct", '=') => tracked(rule, value.parse()?)?,
            ("saddr" | "daddr", '@') => member(rule, what, is_v4, value)?,
            ("saddr" | "daddr", _) => within(rule, what, value)?,
            ("dport", '=') => ports(rule, value)?,
            ("icmp", '=') => message(rule, value)?,
            ("accept", _) => verdict(rule, VerdictKind::Accept),
            ("drop", _) => verdict(rule, VerdictKind::Drop),
            ("jump", _) => verdict(
                rule,
                VerdictKind::Jump {
                    chain: value.into(),
                },
            ),
            ("goto", _) => verdict(
                rule,
                VerdictKind::Goto {
                    chain: value.into(),
                },
            ),
            _ => return Err(format!("no such word: {word}").into()),
        };
    }
    Ok(rule)
}

/// What is tested, how, and against what.
fn parts(word: &str) -> (&str, char, &str) {
    let at = word.find(['=', '^', '@', ':']).unwrap_or(word.len());
    let (what, rest) = word.split_at(at);
    let mut rest = rest.chars();
    (what, rest.next().unwrap_or(' '), rest.as_str())
}

fn meta(rule: Rule, of: MetaType, value: Vec<u8>) -> Rule {
    rule.with_expr(Meta::new(of))
        .with_expr(Cmp::new(CmpOp::Eq, value))
}

/// A whole name with all its zeros, or the beginning of one.
fn interface(name: &str, sign: char) -> Vec<u8> {
    let mut bytes = name.as_bytes().to_vec();
    if sign == '=' {
        bytes.resize(INTERFACE, 0);
    }
    bytes
}

fn tracked(rule: Rule, states: u32) -> Outcome<Rule> {
    let [mask, zero] = [states, 0].map(u32::to_ne_bytes);
    Ok(rule
        .with_expr(Conntrack::new(ConntrackKey::State))
        .with_expr(Bitwise::new(mask, zero)?)
        .with_expr(Cmp::new(CmpOp::Neq, zero)))
}

fn payload(base: u32, offset: u32, len: u32) -> Payload {
    Payload::default()
        .with_dreg(Register::Reg1)
        .with_base(base)
        .with_offset(offset)
        .with_len(len)
}

/// An address of the packet: RFC 791 section 3.1, RFC 8200 section 3.
fn address(what: &str, is_v4: bool) -> Payload {
    let (offset, len) = match (is_v4, what) {
        (true, "saddr") => (12, 4),
        (true, _) => (16, 4),
        (false, "saddr") => (8, 16),
        (false, _) => (24, 16),
    };
    payload(NFT_PAYLOAD_NETWORK_HEADER, offset, len)
}

fn member(rule: Rule, what: &str, is_v4: bool, set: &str) -> Outcome<Rule> {
    let set = Set::default().with_name(set);
    Ok(rule
        .with_expr(address(what, is_v4))
        .with_expr(Lookup::new(&set)?))
}

fn within(rule: Rule, what: &str, prefix: &str) -> Outcome<Rule> {
    let (network, length) = prefix.split_once('/').ok_or("a prefix has a length")?;
    let bytes = match network.parse()? {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let length: usize = length.parse()?;
    let rule = rule.with_expr(address(what, bytes.len() == 4));
    let rule = match length == bytes.len() * 8 {
        true => rule,
        false => rule.with_expr(Bitwise::new(
            mask(length, bytes.len()),
            vec![0; bytes.len()],
        )?),
    };
    Ok(rule.with_expr(Cmp::new(CmpOp::Eq, bytes)))
}

/// So many ones, then zeros.
fn mask(ones: usize, bytes: usize) -> Vec<u8> {
    let byte = |n: usize| match ones.saturating_sub(n * 8).min(8) {
        0 => 0,
        some => 0xff_u8 << (8 - some),
    };
    (0..bytes).map(byte).collect()
}

fn ports(rule: Rule, range: &str) -> Outcome<Rule> {
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let [first, last]: [u16; 2] = [first.parse()?, last.parse()?];
    let rule = rule.with_expr(payload(NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2));
    Ok(match first == last {
        true => rule.with_expr(Cmp::new(CmpOp::Eq, first.to_be_bytes())),
        false => rule
            .with_expr(Cmp::new(CmpOp::Gte, first.to_be_bytes()))
            .with_expr(Cmp::new(CmpOp::Lte, last.to_be_bytes())),
    })
}

/// A type, and a code where there is one.
fn message(rule: Rule, message: &str) -> Outcome<Rule> {
    let bytes = message
        .split('/')
        .map(str::parse)
        .collect::<Result<Vec<u8>, _>>()?;
    let length = u32::try_from(bytes.len())?;
    Ok(rule
        .with_expr(payload(NFT_PAYLOAD_TRANSPORT_HEADER, 0, length))
        .with_expr(Cmp::new(CmpOp::Eq, bytes)))
}

fn verdict(rule: Rule, kind: VerdictKind) -> Rule {
    rule.with_expr(Immediate::new_verdict(kind))
}
