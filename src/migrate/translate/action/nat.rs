//! Translation of addresses.

use std::net::IpAddr;

use super::super::case::Outcome;
use super::super::class::Obstacle;
use super::super::draft::Draft;
use super::{Ends, mark};
use crate::migrate::iptables::{Bits, Nat};
use crate::migrate::nft::{Field, Nat as Translated, NatKind, NatTarget, Statement, Verdict};

/// `DNAT`.
pub(super) fn dnat(draft: &Draft<'_>, nat: &Nat) -> Outcome<Ends> {
    translated(draft, NatKind::Dnat, nat)
}

/// `SNAT`.
pub(super) fn snat(draft: &Draft<'_>, nat: &Nat) -> Outcome<Ends> {
    translated(draft, NatKind::Snat, nat)
}

/// `MASQUERADE`.
pub(super) fn masquerade(draft: &Draft<'_>, nat: &Nat) -> Outcome<Ends> {
    translated(draft, NatKind::Masquerade, nat)
}

/// `REDIRECT`.
pub(super) fn redirect(draft: &Draft<'_>, nat: &Nat) -> Outcome<Ends> {
    translated(draft, NatKind::Redirect, nat)
}

fn translated(draft: &Draft<'_>, kind: NatKind, nat: &Nat) -> Outcome<Ends> {
    if nat.base.is_some() {
        return Err(Obstacle::new(
            "a range of ports that is shifted",
            "write a map from port to port",
        ));
    }
    if nat.ports.is_some() {
        draft.port_protocol()?;
    }
    let addresses = nat.range.map(|range| (range.first, range.last));
    let ports = nat.ports.map(|ports| (ports.first(), ports.last()));
    let to =
        (addresses.is_some() || ports.is_some()).then_some(NatTarget::Fixed { addresses, ports });
    Ok(vec![vec![Statement::Nat(Translated {
        kind,
        family: None,
        to,
        random: nat.random,
        fully_random: nat.random_fully,
        persistent: nat.persistent,
    })]])
}

/// `TPROXY`: a packet with a socket is marked and accepted, any other is dropped.
pub(super) fn tproxy(
    draft: &mut Draft<'_>,
    address: Option<IpAddr>,
    port: u16,
    bits: Option<Bits>,
) -> Outcome<Ends> {
    if port == 0 {
        return Err(Obstacle::new(
            "TPROXY --on-port 0 keeps the port of the packet",
            "name the port",
        ));
    }
    draft.equivalent("a packet that finds no socket is dropped by a rule of its own");
    let mut found = vec![Statement::Tproxy {
        family: None,
        address,
        port: Some(port),
    }];
    found.extend(bits.map(|bits| mark::mark(Field::Mark, bits)));
    found.push(Statement::Verdict(Verdict::Accept));
    Ok(vec![found, vec![Statement::Verdict(Verdict::Drop)]])
}
