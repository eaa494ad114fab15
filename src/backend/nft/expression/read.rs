//! Attributes back to instructions.

use std::time::Duration;

use super::{
    NFT_BYTEORDER_HTON, NFT_LIMIT_F_INV, NFT_LOOKUP_F_INV, NFT_RANGE_NEQ, NFTA_DATA_VALUE,
    NFTA_DATA_VERDICT, NFTA_EXPR_DATA, NFTA_EXPR_NAME, NFTA_VERDICT_CHAIN, NFTA_VERDICT_CODE,
    object_type, seconds,
};
use crate::backend::nft::instruction::{
    Base, Comparison, Instruction, NFT_REG_VERDICT, SetReference,
};
use crate::netlink::attribute::Reader;
use crate::ruleset::{Bytes, DynamicOperation, Limit, LimitUnit, Name, ObjectKind, Verdict};

/// Reads an expression; `None` is one that Margay never writes.
pub(crate) fn read(expression: Reader<'_>) -> Option<Instruction> {
    let data = expression.inside(NFTA_EXPR_DATA);
    Some(match expression.text(NFTA_EXPR_NAME)? {
        "payload" => read_payload(data)?,
        "meta" => match (data.number(1), data.number(3)) {
            (Some(register), None) => Instruction::Meta {
                register,
                key: data.number(2)?,
            },
            (None, Some(register)) => Instruction::MetaSet {
                register,
                key: data.number(2)?,
            },
            (Some(_), Some(_)) | (None, None) => return None,
        },
        "ct" => Instruction::Ct {
            register: data.number(1)?,
            key: data.number(2)?,
        },
        "fib" => Instruction::Fib {
            register: data.number(1)?,
            flags: data.number(3)?,
            result: data.number(2)?,
        },
        "cmp" => Instruction::Compare {
            register: data.number(1)?,
            comparison: comparison(data.number(2)?)?,
            value: read_value(data.inside(3))?,
        },
        "range" if data.number(2) == Some(NFT_RANGE_NEQ) => Instruction::NotInRange {
            register: data.number(1)?,
            first: read_value(data.inside(3))?,
            last: read_value(data.inside(4))?,
        },
        "bitwise" => read_bitwise(data)?,
        "byteorder" => read_byteorder(data)?,
        "lookup" => Instruction::Lookup {
            register: data.number(2)?,
            set: read_reference(data.text(1)?)?,
            inverted: data.number(5).unwrap_or(0) == NFT_LOOKUP_F_INV,
            destination: data.number(3),
        },
        "immediate" => read_immediate(data)?,
        "counter" => Instruction::Counter,
        "objref" => read_object(data)?,
        "limit" => Instruction::Limit(read_limit(data)?),
        "log" => read_log(data)?,
        "reject" => Instruction::Reject {
            kind: data.number(1)?,
            code: data.byte(2).unwrap_or(0),
        },
        "notrack" => Instruction::Notrack,
        "dynset" => read_dynset(data)?,
        _ => return None,
    })
}

fn read_payload(data: Reader<'_>) -> Option<Instruction> {
    let base = match data.number(2)? {
        0 => Base::Link,
        1 => Base::Network,
        2 => Base::Transport,
        _ => return None,
    };
    Some(Instruction::Payload {
        register: data.number(1)?,
        base,
        offset: data.number(3)?,
        length: data.number(4)?,
    })
}

fn comparison(number: u32) -> Option<Comparison> {
    [
        Comparison::Eq,
        Comparison::Ne,
        Comparison::LessOrEqual,
        Comparison::GreaterOrEqual,
    ]
    .into_iter()
    .find(|known| *known as u32 == number)
}

fn read_bitwise(data: Reader<'_>) -> Option<Instruction> {
    let register = data.number(1)?;
    // Anything but a mask and an exclusive or, operation 0, is foreign.
    let plain = data.number(2) == Some(register) && data.number(6).unwrap_or(0) == 0;
    plain.then_some(Instruction::Bitwise {
        register,
        mask: read_value(data.inside(4))?,
        flip: read_value(data.inside(5))?,
    })
}

fn read_byteorder(data: Reader<'_>) -> Option<Instruction> {
    let register = data.number(1)?;
    let plain = data.number(2) == Some(register) && data.number(3) == Some(NFT_BYTEORDER_HTON);
    plain.then_some(Instruction::Byteorder {
        register,
        length: data.number(4)?,
        size: data.number(5)?,
    })
}

fn read_immediate(data: Reader<'_>) -> Option<Instruction> {
    let register = data.number(1)?;
    if register == NFT_REG_VERDICT {
        return Some(Instruction::Verdict(read_verdict(data.inside(2))?));
    }
    let value = read_value(data.inside(2))?;
    Some(Instruction::Value { register, value })
}

/// The bytes of an `NFTA_DATA_VALUE`.
pub(crate) fn read_value(data: Reader<'_>) -> Option<Bytes> {
    data.find(NFTA_DATA_VALUE).map(Bytes::from_slice)
}

/// The verdict of an `NFTA_DATA_VERDICT`.
pub(crate) fn read_verdict(data: Reader<'_>) -> Option<Verdict> {
    let verdict = data.inside(NFTA_DATA_VERDICT);
    let chain = || Name::new(verdict.text(NFTA_VERDICT_CHAIN)?).ok();
    Some(match verdict.number(NFTA_VERDICT_CODE)?.cast_signed() {
        0 => Verdict::Drop,
        1 => Verdict::Accept,
        -1 => Verdict::Continue,
        -3 => Verdict::Jump(chain()?),
        -4 => Verdict::Goto(chain()?),
        -5 => Verdict::Return,
        _ => return None,
    })
}

fn read_object(data: Reader<'_>) -> Option<Instruction> {
    if let Some(register) = data.number(3) {
        let set = read_reference(data.text(4)?)?;
        return Some(Instruction::ObjectMap { register, set });
    }
    let kind = read_object_type(data.number(1)?)?;
    Some(Instruction::Object(kind, Name::new(data.text(2)?).ok()?))
}

/// `NFT_OBJECT_*` that Margay knows.
pub(crate) fn read_object_type(number: u32) -> Option<ObjectKind> {
    [ObjectKind::Counter, ObjectKind::Limit]
        .into_iter()
        .find(|kind| object_type(*kind) == number)
}

/// The attributes of a limit of packets.
pub(crate) fn read_limit(data: Reader<'_>) -> Option<Limit> {
    let unit = [
        LimitUnit::Second,
        LimitUnit::Minute,
        LimitUnit::Hour,
        LimitUnit::Day,
    ]
    .into_iter()
    .find(|unit| Some(seconds(*unit)) == data.long(2))?;
    let packets = data.number(4).unwrap_or(0) == 0;
    packets.then_some(Limit {
        rate: data.long(1)?,
        unit,
        burst: data.number(3)?,
        over: data.number(5).unwrap_or(0) == NFT_LIMIT_F_INV,
    })
}

fn read_log(data: Reader<'_>) -> Option<Instruction> {
    // nft shows neither level warn (4) nor flags 0; whatever else there is, Margay did not write.
    let plain = data.number(5).unwrap_or(4) == 4 && data.number(6).unwrap_or(0) == 0;
    plain.then(|| Instruction::Log {
        prefix: data.text(2).map(str::to_owned),
        group: data.short(1),
    })
}

fn read_dynset(data: Reader<'_>) -> Option<Instruction> {
    let operation = match data.number(3)? {
        0 => DynamicOperation::Add,
        1 => DynamicOperation::Update,
        _ => return None,
    };
    let limit = match data.find(7).map(|expression| read(Reader(expression))) {
        None => None,
        Some(expression) => {
            let Some(Instruction::Limit(limit)) = expression else {
                return None;
            };
            Some(limit)
        }
    };
    Some(Instruction::Dynset {
        register: data.number(4)?,
        operation,
        set: Name::new(data.text(1)?).ok()?,
        timeout: data.long(6).filter(|ms| *ms > 0).map(Duration::from_millis),
        limit,
    })
}

fn read_reference(name: &str) -> Option<SetReference> {
    if name.starts_with("__") {
        return Some(SetReference::Anonymous {
            name: name.to_owned(),
            id: 0,
        });
    }
    Some(SetReference::Named(Name::new(name).ok()?))
}
