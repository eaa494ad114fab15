//! Targets that change bits: of marks, and of the type of service.

use super::{has, needed, value};
use crate::migrate::iptables::read::module::{class, code_point, tos};
use crate::migrate::iptables::read::number::{masked, required};
use crate::migrate::iptables::read::option::Given;
use crate::migrate::iptables::{Bits, Connmark, Masked, Target};
use crate::net::Family;

/// What a target changes.
pub(super) fn read(name: &str, given: &[Given], family: Family) -> Result<Target, String> {
    match name {
        "MARK" => Ok(Target::Mark(
            bits(given)?.ok_or("--set-mark or its like is missing")?,
        )),
        "CONNMARK" => connmark(given).map(Target::Connmark),
        "TOS" => service(given).map(Target::Tos),
        "DSCP" => match value(given, "--set-dscp") {
            Some(point) => code_point(point).map(Target::Dscp),
            None => class(needed(given, "--set-dscp-class")?).map(Target::Dscp),
        },
        _ => transparent(given, family),
    }
}

/// A change of a mark. `--set-mark` clears the bits of its value, too.
fn bits(given: &[Given]) -> Result<Option<Bits>, String> {
    let changes = given.iter().find(|given| given.name.ends_with("mark"));
    let Some(change) = changes else {
        return Ok(None);
    };
    let Masked { value, mask } = masked(change.value(), u32::MAX)?;
    Ok(match change.name {
        "--set-xmark" => Some(Bits {
            clear: mask,
            toggle: value,
        }),
        "--set-mark" => Some(Bits {
            clear: mask | value,
            toggle: value,
        }),
        "--and-mark" => Some(Bits {
            clear: !value,
            toggle: 0,
        }),
        "--or-mark" => Some(Bits {
            clear: value,
            toggle: value,
        }),
        "--xor-mark" => Some(Bits {
            clear: 0,
            toggle: value,
        }),
        _ => None,
    })
}

fn connmark(given: &[Given]) -> Result<Connmark, String> {
    let number = |name: &str| value(given, name).map(|text| required::<u32>("mask", text));
    let both = number("--mask").transpose()?;
    let nfmask = number("--nfmask").transpose()?.or(both).unwrap_or(u32::MAX);
    let ctmask = number("--ctmask").transpose()?.or(both).unwrap_or(u32::MAX);
    if has(given, "--save-mark") {
        return Ok(Connmark::Save { nfmask, ctmask });
    }
    if has(given, "--restore-mark") {
        return Ok(Connmark::Restore { nfmask, ctmask });
    }
    let change = bits(given)?.ok_or("--set-mark or its like is missing")?;
    Ok(Connmark::Set(change))
}

fn service(given: &[Given]) -> Result<Bits, String> {
    let change = given.first().ok_or("--set-tos or its like is missing")?;
    let octet = || required::<u8>("octet", change.value()).map(u32::from);
    Ok(match change.name {
        "--set-tos" => {
            let Masked { value, mask } = tos(change.value())?;
            Bits {
                clear: mask,
                toggle: value,
            }
        }
        "--and-tos" => Bits {
            clear: !octet()? & 0xff,
            toggle: 0,
        },
        "--or-tos" => Bits {
            clear: octet()?,
            toggle: octet()?,
        },
        _ => Bits {
            clear: 0,
            toggle: octet()?,
        },
    })
}

fn transparent(given: &[Given], family: Family) -> Result<Target, String> {
    let address = match value(given, "--on-ip") {
        None => None,
        Some(text) => Some(
            text.parse()
                .ok()
                .filter(|address| Family::of(*address) == family)
                .ok_or_else(|| format!("{text:?} is no {family} address"))?,
        ),
    };
    let mark = value(given, "--tproxy-mark").map(|text| masked(text, u32::MAX));
    Ok(Target::Tproxy {
        address: address.filter(|address: &std::net::IpAddr| !address.is_unspecified()),
        port: value(given, "--on-port").map_or(Ok(0), |text| required("port", text))?,
        mark: mark.transpose()?.map(|Masked { value, mask }| Bits {
            clear: mask,
            toggle: value,
        }),
    })
}
