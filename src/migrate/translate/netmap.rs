//! `NETMAP`.

use super::action::Ends;
use super::case::Outcome;
use super::class::Obstacle;
use super::condition::{address_field, prefix_item};
use super::draft::Draft;
use crate::migrate::iptables::{Address, Hook, Rule, Sense, Side, Test};
use crate::migrate::nft::{Data, MapSource, Nat, NatKind, NatTarget, Statement};
use crate::net::{Cidr, octets};

/// A prefix in the place of another of the same length.
pub(super) fn ends(draft: &mut Draft<'_>, rule: &Rule, to: Cidr) -> Outcome<Ends> {
    let destination = |hook: &Hook| matches!(hook, Hook::Prerouting | Hook::Output);
    let hooks = &draft.rule.hooks;
    let (kind, side) = match (hooks.iter().any(destination), hooks.iter().all(destination)) {
        (true, true) => (NatKind::Dnat, Side::Destination),
        (false, false) => (NatKind::Snat, Side::Source),
        _ => {
            return Err(Obstacle::new(
                "NETMAP changes sources or destinations, which depends on where its chain is called from",
                "call the chain from PREROUTING and OUTPUT, or from POSTROUTING and INPUT",
            ));
        }
    };
    let from = rule
        .matches
        .iter()
        .find_map(|one| match (&one.test, one.sense) {
            (Test::Address(asked, Address::Prefix(prefix)), Sense::Is) if *asked == side => {
                Some(*prefix)
            }
            _ => None,
        });
    let from = from
        .filter(|from| from.prefix_len() >= to.prefix_len())
        .ok_or_else(|| {
            Obstacle::new(
                "NETMAP of addresses that the rule does not name by a prefix as long as its own",
                "compare that prefix in the rule, with -d for destinations and -s for sources",
            )
        })?;
    draft.equivalent("NETMAP is a map from prefix to prefix");
    let pair = (
        vec![prefix_item(from)],
        Data::Items(vec![prefix_item(inside(to, from))]),
    );
    Ok(vec![vec![Statement::Nat(Nat {
        kind,
        family: None,
        to: Some(NatTarget::Map {
            form: "prefix".to_owned(),
            key: vec![address_field(draft.family, side).into()],
            map: MapSource::Anonymous(vec![pair]),
        }),
        random: false,
        fully_random: false,
        persistent: false,
    })]])
}

/// The part of `to` that `from` is mapped to.
fn inside(to: Cidr, from: Cidr) -> Cidr {
    let kept = usize::from(to.prefix_len());
    let (to_bytes, from_bytes) = (octets(to.network()), octets(from.network()));
    let bytes: Vec<u8> = (0..to_bytes.len())
        .map(|at| {
            let bits = kept.saturating_sub(at * 8).min(8);
            let mask = u8::MAX
                .checked_shl(8 - u32::try_from(bits).unwrap_or(0))
                .unwrap_or(0);
            to_bytes[at] & mask | from_bytes[at] & !mask
        })
        .collect();
    let address = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(four) => std::net::IpAddr::from(four),
        Err(_) => <[u8; 16]>::try_from(bytes.as_slice())
            .map_or_else(|_| to.network(), std::net::IpAddr::from),
    };
    format!("{address}/{}", from.prefix_len())
        .parse()
        .unwrap_or(to)
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn a_longer_prefix_keeps_its_own_bits() {
        let of =
            |to: &str, from: &str| inside(to.parse().unwrap(), from.parse().unwrap()).to_string();
        assert_eq!(of("192.168.0.0/16", "10.0.5.0/24"), "192.168.5.0/24");
        assert_eq!(of("10.1.0.0/24", "10.0.0.0/24"), "10.1.0.0/24");
        assert_eq!(of("fd00::/64", "fd01::5/128"), "fd00::5/128");
    }
}
