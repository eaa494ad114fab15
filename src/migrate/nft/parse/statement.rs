//! Statements.

use std::net::{IpAddr, Ipv6Addr};

use super::super::{Amount, Limit, Log, Nat, NatKind, NatTarget, RejectWith, Statement, Verdict};
use super::cursor::{Cursor, NftError};
use super::expression::{concatenation, source};
use super::lookup::{after_key, map_source};

/// One statement.
pub(super) fn statement(cursor: &mut Cursor<'_>) -> Result<Statement, NftError> {
    if let Some(verdict) = verdict(cursor)? {
        return Ok(Statement::Verdict(verdict));
    }
    if let Some(kind) = NatKind::WORDS.iter().find(|(_, word)| cursor.eat(word)) {
        return nat(cursor, kind.0);
    }
    match cursor.ahead(0) {
        "counter" | "quota" | "limit" | "synproxy" => stateful(cursor),
        "ct" if cursor.eat_words("ct count") => {
            let over = cursor.eat("over");
            let count = cursor.number()?;
            Ok(Statement::ConnLimit { over, count })
        }
        "log" => log(cursor),
        "reject" => reject(cursor),
        "notrack" => {
            cursor.expect("notrack")?;
            Ok(Statement::Notrack)
        }
        "add" | "update" | "delete" => dynamic(cursor),
        "reset" if cursor.eat_words("reset tcp option") => {
            let kind = cursor.word("the name of an option")?.to_owned();
            Ok(Statement::ResetOption(kind))
        }
        "dup" => dup(cursor),
        "tproxy" => tproxy(cursor),
        "queue" => queue(cursor),
        _ => match_or_set(cursor),
    }
}

fn match_or_set(cursor: &mut Cursor<'_>) -> Result<Statement, NftError> {
    let mut key = concatenation(cursor)?;
    if cursor.eat("set") {
        let value = source(cursor)?;
        let single = (key.len() == 1).then(|| key.remove(0));
        let field = single.ok_or_else(|| cursor.unexpected("one field before `set`"))?;
        return Ok(Statement::Set { field, value });
    }
    after_key(cursor, key)
}

/// A verdict, if one stands here.
pub(super) fn verdict(cursor: &mut Cursor<'_>) -> Result<Option<Verdict>, NftError> {
    const PLAIN: [(Verdict, &str); 4] = [
        (Verdict::Accept, "accept"),
        (Verdict::Drop, "drop"),
        (Verdict::Continue, "continue"),
        (Verdict::Return, "return"),
    ];
    if let Some((verdict, _)) = PLAIN.iter().find(|(_, word)| cursor.eat(word)) {
        return Ok(Some(verdict.clone()));
    }
    if cursor.eat("jump") {
        return cursor.name().map(Verdict::Jump).map(Some);
    }
    if cursor.eat("goto") {
        return cursor.name().map(Verdict::Goto).map(Some);
    }
    Ok(None)
}

fn stateful(cursor: &mut Cursor<'_>) -> Result<Statement, NftError> {
    let kind = cursor.word("a statement")?;
    if cursor.eat("name") {
        let name = cursor.name()?;
        let kind = kind.to_owned();
        return Ok(Statement::Named { kind, name });
    }
    match kind {
        "counter" if cursor.eat("packets") => {
            let packets = cursor.number()?;
            cursor.expect("bytes")?;
            Ok(Statement::Counter(Some((packets, cursor.number()?))))
        }
        "counter" => Ok(Statement::Counter(None)),
        "quota" => {
            let over = cursor.eat("over");
            let bytes = unsigned_bytes(cursor)?;
            Ok(Statement::Quota { over, bytes })
        }
        "limit" => limit(cursor).map(Statement::Limit),
        _ => synproxy(cursor),
    }
}

/// What bytes are counted in.
const BYTES: [(u64, &str); 3] = [(1, "bytes"), (1 << 10, "kbytes"), (1 << 20, "mbytes")];

/// `100 bytes`, or `2 mbytes`, which is how nft lists many of them.
pub(super) fn unsigned_bytes(cursor: &mut Cursor<'_>) -> Result<u64, NftError> {
    let count: u64 = cursor.number()?;
    let scale = cursor.choice("a unit", &BYTES)?;
    let bytes = count.checked_mul(scale);
    bytes.ok_or_else(|| cursor.unexpected("fewer bytes"))
}

/// `rate over 10/second burst 5 packets`.
pub(super) fn limit(cursor: &mut Cursor<'_>) -> Result<Limit, NftError> {
    cursor.expect("rate")?;
    let over = cursor.eat("over");
    let word = cursor.word("a rate such as 10/second")?;
    let mut scale = 1;
    let (rate, amount, unit) = match word.split_once('/') {
        Some((rate, unit)) => (rate, Amount::Packets, unit),
        None => {
            let unit;
            (scale, unit) = cursor.read("bytes/second", of_bytes)?;
            (word, Amount::Bytes, unit)
        }
    };
    let rate = rate.parse::<u64>().ok();
    let rate = rate.and_then(|rate| rate.checked_mul(scale));
    let rate = rate.ok_or_else(|| cursor.unexpected("a rate such as 10/second"))?;
    let mut burst = None;
    if cursor.eat("burst") {
        burst = Some(match cursor.ahead(1) {
            "packets" => {
                let packets = cursor.number()?;
                cursor.expect("packets")?;
                packets
            }
            _ => unsigned_bytes(cursor)?,
        });
    }
    Ok(Limit {
        over,
        rate,
        amount,
        unit: unit.to_owned(),
        burst,
    })
}

/// `kbytes/second`: so many bytes, and the time.
fn of_bytes(word: &str) -> Option<(u64, &str)> {
    let (amount, unit) = word.split_once('/')?;
    let known = BYTES.iter().find(|(_, name)| *name == amount)?;
    Some((known.0, unit))
}

fn synproxy(cursor: &mut Cursor<'_>) -> Result<Statement, NftError> {
    let mss = if cursor.eat("mss") {
        Some(cursor.number()?)
    } else {
        None
    };
    let wscale = if cursor.eat("wscale") {
        Some(cursor.number()?)
    } else {
        None
    };
    let timestamp = cursor.eat("timestamp");
    let sack_perm = cursor.eat("sack-perm");
    Ok(Statement::Synproxy {
        mss,
        wscale,
        timestamp,
        sack_perm,
    })
}

fn log(cursor: &mut Cursor<'_>) -> Result<Statement, NftError> {
    const FLAGS: [&str; 6] = [
        "tcp sequence",
        "tcp options",
        "ip options",
        "skuid",
        "ether",
        "all",
    ];
    cursor.expect("log")?;
    let mut log = Log::default();
    loop {
        if cursor.eat("prefix") {
            log.prefix = Some(cursor.quoted()?);
        } else if cursor.eat("group") {
            log.group = Some(cursor.number()?);
        } else if cursor.eat("snaplen") {
            log.snaplen = Some(cursor.number()?);
        } else if cursor.eat("queue-threshold") {
            log.queue_threshold = Some(cursor.number()?);
        } else if cursor.eat("level") {
            log.level = Some(cursor.word("a level")?.to_owned());
        } else if cursor.eat("flags") {
            let flag = FLAGS.into_iter().find(|flag| cursor.eat_words(flag));
            let flag = flag.ok_or_else(|| cursor.unexpected(&FLAGS.join(", ")))?;
            log.flags.push(flag.to_owned());
            while flag.starts_with("tcp ") && cursor.eat(",") {
                let both = [("tcp sequence", "sequence"), ("tcp options", "options")];
                let flag = cursor.choice("what of TCP is logged", &both)?;
                log.flags.push(flag.to_owned());
            }
        } else {
            return Ok(Statement::Log(log));
        }
    }
}

fn reject(cursor: &mut Cursor<'_>) -> Result<Statement, NftError> {
    cursor.expect("reject")?;
    if !cursor.eat("with") {
        let port = ("icmpx".to_owned(), "port-unreachable".to_owned());
        return Ok(Statement::Reject(RejectWith::Icmp(port.0, port.1)));
    }
    if cursor.eat_words("tcp reset") {
        return Ok(Statement::Reject(RejectWith::TcpReset));
    }
    let family = cursor.word("tcp reset, icmp, icmpv6 or icmpx")?.to_owned();
    cursor.eat("type");
    let code = cursor.word("a code")?.to_owned();
    Ok(Statement::Reject(RejectWith::Icmp(family, code)))
}

fn dynamic(cursor: &mut Cursor<'_>) -> Result<Statement, NftError> {
    let operation = cursor.word("add, update or delete")?.to_owned();
    cursor.expect("@")?;
    let set = cursor.name()?;
    cursor.expect("{")?;
    let key = concatenation(cursor)?;
    let timeout = if cursor.eat("timeout") {
        Some(cursor.time()?)
    } else {
        None
    };
    let mut statements = Vec::new();
    while !cursor.eat("}") {
        if cursor.eat(":") {
            let data = Some(source(cursor)?);
            cursor.expect("}")?;
            return Ok(Statement::Dynamic {
                operation,
                set,
                key,
                timeout,
                statements,
                data,
            });
        }
        statements.push(cursor.nested(statement)?);
    }
    Ok(Statement::Dynamic {
        operation,
        set,
        key,
        timeout,
        statements,
        data: None,
    })
}

fn dup(cursor: &mut Cursor<'_>) -> Result<Statement, NftError> {
    cursor.expect("dup")?;
    cursor.expect("to")?;
    let to = cursor.read("an address", |word| word.parse().ok())?;
    let device = if cursor.eat("device") {
        Some(cursor.quoted()?)
    } else {
        None
    };
    Ok(Statement::Dup { to, device })
}

fn tproxy(cursor: &mut Cursor<'_>) -> Result<Statement, NftError> {
    cursor.expect("tproxy")?;
    let family = family(cursor);
    cursor.expect("to")?;
    let (addresses, ports) = endpoint(cursor)?;
    Ok(Statement::Tproxy {
        family,
        address: addresses.map(|(first, _)| first),
        port: ports.map(|(first, _)| first),
    })
}

fn queue(cursor: &mut Cursor<'_>) -> Result<Statement, NftError> {
    cursor.expect("queue")?;
    let (mut bypass, mut fanout) = (false, false);
    if cursor.eat("flags") {
        loop {
            bypass |= cursor.eat("bypass");
            fanout |= cursor.eat("fanout");
            if !cursor.eat(",") {
                break;
            }
        }
    }
    let (mut first, mut last) = (0, 0);
    if cursor.eat("to") || cursor.eat("num") {
        (first, last) = cursor.read("a queue", pair)?;
    }
    Ok(Statement::Queue {
        first,
        last,
        bypass,
        fanout,
    })
}

fn nat(cursor: &mut Cursor<'_>, kind: NatKind) -> Result<Statement, NftError> {
    let family = family(cursor);
    let mut form = String::new();
    if cursor.eat("prefix") {
        form = "prefix".to_owned();
    } else if cursor.eat_words("addr . port") {
        form = "addr . port".to_owned();
    }
    let mut nat = Nat {
        kind,
        family,
        to: None,
        random: false,
        fully_random: false,
        persistent: false,
    };
    if cursor.eat("to") {
        nat.to = Some(target(cursor, form)?);
    }
    loop {
        let before = (nat.random, nat.fully_random, nat.persistent);
        nat.random |= cursor.eat("random");
        nat.fully_random |= cursor.eat("fully-random");
        nat.persistent |= cursor.eat("persistent");
        cursor.eat(",");
        if before == (nat.random, nat.fully_random, nat.persistent) {
            return Ok(Statement::Nat(nat));
        }
    }
}

fn family(cursor: &mut Cursor<'_>) -> Option<String> {
    let found = ["ip", "ip6"].into_iter().find(|word| cursor.eat(word));
    found.map(str::to_owned)
}

fn target(cursor: &mut Cursor<'_>, form: String) -> Result<NatTarget, NftError> {
    let here = cursor.ahead(0);
    if read_endpoint(here).is_some() {
        let (addresses, ports) = endpoint(cursor)?;
        return Ok(NatTarget::Fixed { addresses, ports });
    }
    let key = concatenation(cursor)?;
    cursor.expect("map")?;
    let map = map_source(cursor)?;
    Ok(NatTarget::Map { form, key, map })
}

type Endpoint = (Option<(IpAddr, IpAddr)>, Option<(u16, u16)>);

fn endpoint(cursor: &mut Cursor<'_>) -> Result<Endpoint, NftError> {
    cursor.read("an address, [address]:port or :port", read_endpoint)
}

/// `10.0.0.1-10.0.0.5:80-90`, `[fe80::1]:80`, `fe80::1`, `:80`.
fn read_endpoint(word: &str) -> Option<Endpoint> {
    if let Some(ports) = word.strip_prefix(':')
        && let Some(ports) = pair(ports)
    {
        return Some((None, Some(ports)));
    }
    if let Some(addresses) = addresses(word) {
        return Some((Some(addresses), None));
    }
    let (before, after) = word.rsplit_once(':')?;
    Some((Some(addresses(before)?), Some(pair(after)?)))
}

fn addresses(word: &str) -> Option<(IpAddr, IpAddr)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some((address(first)?, address(last)?))
}

fn address(word: &str) -> Option<IpAddr> {
    match word.strip_prefix('[') {
        Some(inside) => inside
            .strip_suffix(']')?
            .parse::<Ipv6Addr>()
            .ok()
            .map(IpAddr::V6),
        None => word.parse().ok(),
    }
}

/// `80-90`, or one number.
fn pair(word: &str) -> Option<(u16, u16)> {
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    Some((first.parse().ok()?, last.parse().ok()?))
}
