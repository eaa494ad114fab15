//! Base chains of everybody, wherever they hang.

use std::io;

use super::dump::Dump;
use super::encode::{
    NFTA_CHAIN_HOOK, NFTA_CHAIN_NAME, NFTA_CHAIN_POLICY, NFTA_HOOK_HOOKNUM, NFTA_HOOK_PRIORITY,
    NFTA_TABLE,
};
use super::engine::NftBackend;
use super::message::MessageType;
use crate::netlink::attribute::Reader;
use crate::ruleset::{ChainPolicy, HookPoint, Name, TableFamily, TableKey};

/// `NF_DROP` (linux/netfilter.h).
const NF_DROP: u32 = 0;

/// A base chain of any table of a family that sees IP packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseChain {
    /// Its table.
    pub table: TableKey,
    /// Its name.
    pub name: String,
    /// Where it hangs.
    pub hook: HookPoint,
    /// Its place among those that hang there; the lowest comes first.
    pub priority: i32,
    /// What becomes of a packet that it says nothing of.
    pub policy: ChainPolicy,
}

impl NftBackend {
    /// Every base chain of the families `inet`, `ip` and `ip6`.
    ///
    /// # Errors
    /// The kernel cannot be asked, or the list changes all the time.
    pub fn base_chains(&mut self) -> io::Result<Vec<BaseChain>> {
        let mut all = Vec::new();
        for family in [TableFamily::Inet, TableFamily::Ip, TableFamily::Ip6] {
            match self.dump(MessageType::GetChain, family.number(), |_| {})? {
                Dump::Whole(chains) => {
                    all.extend(
                        chains
                            .iter()
                            .filter_map(|chain| read(family, Reader(chain))),
                    );
                }
                Dump::Torn => return Err(io::ErrorKind::ResourceBusy.into()),
            }
        }
        Ok(all)
    }
}

fn read(family: TableFamily, chain: Reader<'_>) -> Option<BaseChain> {
    let hook = Reader(chain.find(NFTA_CHAIN_HOOK)?);
    let name = Name::new(chain.text(NFTA_TABLE)?).ok()?;
    let number = hook.number(NFTA_HOOK_HOOKNUM)?;
    let mut points = HookPoint::ALL.into_iter();
    Some(BaseChain {
        table: TableKey { family, name },
        name: chain.text(NFTA_CHAIN_NAME)?.to_owned(),
        hook: points.find(|point| point.number() == number)?,
        priority: hook.number(NFTA_HOOK_PRIORITY)?.cast_signed(),
        policy: match chain.number(NFTA_CHAIN_POLICY) {
            Some(NF_DROP) => ChainPolicy::Drop,
            Some(_) | None => ChainPolicy::Accept,
        },
    })
}
