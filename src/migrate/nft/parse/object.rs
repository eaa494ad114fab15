//! Named objects, and how chains hang in the kernel.

use super::super::print::priority;
use super::super::{Base, HookPoint, Object, Policy};
use super::cursor::{Cursor, NftError};
use super::statement::{limit, unsigned_bytes};
use crate::ruleset::Name;

/// `filter hook input priority 0; policy drop;`, after `type`.
pub(super) fn base(cursor: &mut Cursor<'_>) -> Result<Base, NftError> {
    let kinds = [("filter", "filter"), ("nat", "nat"), ("route", "route")];
    let kind = cursor.choice("a type", &kinds)?.to_owned();
    cursor.expect("hook")?;
    let hooks = HookPoint::ALL.map(|hook| (hook, hook.text()));
    let hook = cursor.choice("a hook", &hooks)?;
    cursor.expect("priority")?;
    let priority = cursor.read("a priority", |word| {
        priority(word).or_else(|| word.parse().ok())
    })?;
    let mut base = Base {
        kind,
        hook,
        priority,
        policy: Policy::Accept,
    };
    if cursor.ahead(0) == ";" && cursor.ahead(1) == "policy" {
        cursor.skip_ends();
        cursor.expect("policy")?;
        base.policy = cursor.choice("a policy", &Policy::WORDS)?;
    }
    Ok(base)
}

/// `ct helper x { ... }` and the others.
pub(super) fn object(cursor: &mut Cursor<'_>) -> Result<Object, NftError> {
    const KINDS: [&str; 6] = [
        "ct helper",
        "ct timeout",
        "synproxy",
        "counter",
        "quota",
        "limit",
    ];
    let kind = KINDS.into_iter().find(|kind| cursor.eat_words(kind));
    let kind = kind.ok_or_else(|| cursor.unexpected("chain, set, map or an object"))?;
    let name = cursor.name()?;
    cursor.expect("{")?;
    cursor.skip_ends();
    let object = match kind {
        "ct helper" => ct_helper(cursor, name)?,
        "ct timeout" => ct_timeout(cursor, name)?,
        "synproxy" => synproxy(cursor, name)?,
        "counter" => {
            cursor.expect("packets")?;
            let packets = cursor.number()?;
            cursor.expect("bytes")?;
            let counts = (packets, cursor.number()?);
            Object::Counter { name, counts }
        }
        "quota" => {
            let over = cursor.eat("over");
            let bytes = unsigned_bytes(cursor)?;
            let used = if cursor.eat("used") {
                unsigned_bytes(cursor)?
            } else {
                0
            };
            Object::Quota {
                name,
                over,
                bytes,
                used,
            }
        }
        _ => {
            let limit = limit(cursor)?;
            Object::Limit { name, limit }
        }
    };
    cursor.skip_ends();
    cursor.expect("}")?;
    Ok(object)
}

fn ct_helper(cursor: &mut Cursor<'_>, name: Name) -> Result<Object, NftError> {
    cursor.expect("type")?;
    let helper = cursor.quoted()?;
    cursor.expect("protocol")?;
    let protocol = cursor.word("a protocol")?.to_owned();
    cursor.skip_ends();
    let l3proto = layer_three(cursor)?;
    Ok(Object::CtHelper {
        name,
        helper,
        protocol,
        l3proto,
    })
}

fn layer_three(cursor: &mut Cursor<'_>) -> Result<Option<String>, NftError> {
    if !cursor.eat("l3proto") {
        return Ok(None);
    }
    let family = cursor.word("ip or ip6")?.to_owned();
    cursor.skip_ends();
    Ok(Some(family))
}

fn ct_timeout(cursor: &mut Cursor<'_>, name: Name) -> Result<Object, NftError> {
    cursor.expect("protocol")?;
    let protocol = cursor.word("a protocol")?.to_owned();
    cursor.skip_ends();
    let l3proto = layer_three(cursor)?;
    cursor.expect("policy")?;
    cursor.expect("=")?;
    cursor.expect("{")?;
    let mut policy = Vec::new();
    while !cursor.eat("}") {
        let state = cursor.word("the name of a state")?.to_owned();
        cursor.expect(":")?;
        policy.push((state, cursor.number()?));
        cursor.eat(",");
    }
    Ok(Object::CtTimeout {
        name,
        protocol,
        l3proto,
        policy,
    })
}

fn synproxy(cursor: &mut Cursor<'_>, name: Name) -> Result<Object, NftError> {
    cursor.expect("mss")?;
    let mss = cursor.number()?;
    cursor.skip_ends();
    cursor.expect("wscale")?;
    let wscale = cursor.number()?;
    cursor.skip_ends();
    let timestamp = cursor.eat("timestamp");
    let sack_perm = cursor.eat("sack-perm");
    Ok(Object::Synproxy {
        name,
        mss,
        wscale,
        timestamp,
        sack_perm,
    })
}
