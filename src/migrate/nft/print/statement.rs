//! Statements as text.

use std::fmt;
use std::net::IpAddr;

use super::super::{
    Amount, Expression, Limit, Log, Nat, NatKind, NatTarget, Policy, RejectWith, Statement, Verdict,
};
use super::{concatenation, spaced, time};

impl fmt::Display for Statement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Match(test) => test.fmt(f),
            Self::Verdict(verdict) => verdict.fmt(f),
            Self::VerdictMap { key, map } => {
                concatenation(f, key)?;
                write!(f, " vmap {map}")
            }
            Self::Counter(None) => f.write_str("counter"),
            Self::Counter(Some((packets, bytes))) => {
                write!(f, "counter packets {packets} bytes {bytes}")
            }
            Self::Named { kind, name } => write!(f, "{kind} name \"{name}\""),
            Self::Limit(limit) => write!(f, "limit {limit}"),
            Self::Quota { over, bytes } => write!(f, "quota {}{bytes} bytes", over_word(*over)),
            Self::ConnLimit { over, count } => write!(f, "ct count {}{count}", over_word(*over)),
            Self::Log(log) => log.fmt(f),
            Self::Reject(with) => with.fmt(f),
            Self::Nat(nat) => nat.fmt(f),
            Self::Notrack => f.write_str("notrack"),
            Self::Set { field, value } => write!(f, "{field} set {value}"),
            Self::ResetOption(kind) => write!(f, "reset tcp option {kind}"),
            Self::Dynamic { .. } => dynamic(f, self),
            Self::Dup { to, device } => {
                write!(f, "dup to {to}")?;
                match device {
                    Some(device) => write!(f, " device \"{device}\""),
                    None => Ok(()),
                }
            }
            Self::Tproxy {
                family,
                address,
                port,
            } => tproxy(f, family.as_deref(), *address, *port),
            Self::Queue {
                first,
                last,
                bypass,
                fanout,
            } => {
                f.write_str("queue ")?;
                let flags = [(*bypass, "bypass"), (*fanout, "fanout")];
                let flags: Vec<_> = flags.iter().filter(|(on, _)| *on).map(|f| f.1).collect();
                if !flags.is_empty() {
                    write!(f, "flags {} ", flags.join(","))?;
                }
                write!(f, "to {first}")?;
                if first == last {
                    return Ok(());
                }
                write!(f, "-{last}")
            }
            Self::Synproxy {
                mss,
                wscale,
                timestamp,
                sack_perm,
            } => {
                let words = [
                    Some("synproxy".to_owned()),
                    mss.map(|mss| format!("mss {mss}")),
                    wscale.map(|wscale| format!("wscale {wscale}")),
                    timestamp.then(|| "timestamp".to_owned()),
                    sack_perm.then(|| "sack-perm".to_owned()),
                ];
                spaced(f, words.into_iter().flatten())
            }
        }
    }
}

fn over_word(over: bool) -> &'static str {
    if over { "over " } else { "" }
}

fn dynamic(f: &mut fmt::Formatter<'_>, statement: &Statement) -> fmt::Result {
    let Statement::Dynamic {
        operation,
        set,
        key,
        timeout,
        statements,
        data,
    } = statement
    else {
        return Ok(());
    };
    write!(f, "{operation} @{set} {{ ")?;
    concatenation(f, key)?;
    if let Some(timeout) = timeout {
        write!(f, " timeout {}", time(*timeout))?;
    }
    for statement in statements {
        write!(f, " {statement}")?;
    }
    if let Some(data) = data {
        write!(f, " : {data}")?;
    }
    f.write_str(" }")
}

fn tproxy(
    f: &mut fmt::Formatter<'_>,
    family: Option<&str>,
    address: Option<IpAddr>,
    port: Option<u16>,
) -> fmt::Result {
    f.write_str("tproxy ")?;
    if let Some(family) = family {
        write!(f, "{family} ")?;
    }
    f.write_str("to ")?;
    endpoint(f, address.map(|a| (a, a)), port.map(|p| (p, p)))
}

/// `10.0.0.1-10.0.0.5:80-90`.
fn endpoint(
    f: &mut fmt::Formatter<'_>,
    addresses: Option<(IpAddr, IpAddr)>,
    ports: Option<(u16, u16)>,
) -> fmt::Result {
    if let Some((first, last)) = addresses {
        bracketed(f, first, ports.is_some())?;
        if first != last {
            f.write_str("-")?;
            bracketed(f, last, ports.is_some())?;
        }
    }
    match ports {
        Some((first, last)) if first == last => write!(f, ":{first}"),
        Some((first, last)) => write!(f, ":{first}-{last}"),
        None => Ok(()),
    }
}

fn bracketed(f: &mut fmt::Formatter<'_>, address: IpAddr, port_follows: bool) -> fmt::Result {
    match address {
        IpAddr::V6(address) if port_follows => write!(f, "[{address}]"),
        IpAddr::V4(_) | IpAddr::V6(_) => write!(f, "{address}"),
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accept => f.write_str("accept"),
            Self::Drop => f.write_str("drop"),
            Self::Continue => f.write_str("continue"),
            Self::Return => f.write_str("return"),
            Self::Jump(chain) => write!(f, "jump {chain}"),
            Self::Goto(chain) => write!(f, "goto {chain}"),
        }
    }
}

impl Policy {
    /// Every policy with its word.
    pub const WORDS: [(Self, &str); 2] = [(Self::Accept, "accept"), (Self::Drop, "drop")];

    /// nft's word.
    pub fn text(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Drop => "drop",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (amount, burst) = match self.amount {
            Amount::Packets => ("", "packets"),
            Amount::Bytes => (" bytes", "bytes"),
        };
        let Self { rate, unit, .. } = self;
        write!(f, "rate {}{rate}{amount}/{unit}", over_word(self.over))?;
        match self.burst {
            Some(count) => write!(f, " burst {count} {burst}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [
            Some("log".to_owned()),
            self.prefix
                .as_ref()
                .map(|text| format!("prefix \"{text}\"")),
            self.group.map(|group| format!("group {group}")),
            self.snaplen.map(|bytes| format!("snaplen {bytes}")),
            self.queue_threshold
                .map(|count| format!("queue-threshold {count}")),
            self.level.as_ref().map(|level| format!("level {level}")),
        ];
        spaced(f, words.into_iter().flatten())?;
        for flag in &self.flags {
            write!(f, " flags {flag}")?;
        }
        Ok(())
    }
}

impl fmt::Display for RejectWith {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TcpReset => f.write_str("reject with tcp reset"),
            Self::Icmp(family, code) => write!(f, "reject with {family} {code}"),
        }
    }
}

impl NatKind {
    /// Every kind with its word.
    pub const WORDS: [(Self, &str); 4] = [
        (Self::Snat, "snat"),
        (Self::Dnat, "dnat"),
        (Self::Masquerade, "masquerade"),
        (Self::Redirect, "redirect"),
    ];

    /// nft's word.
    pub fn text(self) -> &'static str {
        match self {
            Self::Snat => "snat",
            Self::Dnat => "dnat",
            Self::Masquerade => "masquerade",
            Self::Redirect => "redirect",
        }
    }
}

impl fmt::Display for Nat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.text())?;
        if let Some(family) = &self.family {
            write!(f, " {family}")?;
        }
        match &self.to {
            None => {}
            Some(NatTarget::Fixed { addresses, ports }) => {
                f.write_str(" to ")?;
                endpoint(f, *addresses, *ports)?;
            }
            Some(NatTarget::Map { form, key, map }) => {
                let blank = if form.is_empty() { "" } else { " " };
                // `prefix` stands before `to`, `addr . port` too.
                write!(
                    f,
                    "{blank}{form} to {}",
                    Expression::Map(key.clone(), map.clone())
                )?;
            }
        }
        let flags = [
            (self.random, "random"),
            (self.fully_random, "fully-random"),
            (self.persistent, "persistent"),
        ];
        let flags: Vec<_> = flags.iter().filter(|(on, _)| *on).map(|f| f.1).collect();
        if flags.is_empty() {
            return Ok(());
        }
        write!(f, " {}", flags.join(","))
    }
}
