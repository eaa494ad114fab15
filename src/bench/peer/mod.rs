//! Who is measured: Margay, others that program the same policy, and floors that nobody can go below.

mod command;
mod dialect;
mod felix;
mod layout;
mod line;
mod listing;
mod nft;
mod plain;
mod program;
mod scene;
mod script;
mod scripted;
mod xtables;

pub mod empty;
mod events;
pub mod margay;

use std::fmt::Debug;

use self::command::Needed;
use self::script::iptables::Restores;
use self::scripted::Scripted;
use super::world::{Change, World};
use crate::model::State;

/// Everybody who programs a world by commands that read text.
const SCRIPTED: [&Scripted; 7] = [
    &felix::FELIX_NFT,
    &plain::KUBE_PROXY,
    &plain::LINEAR_NFT,
    &felix::IPTABLES_LEGACY_PEER,
    &plain::LINEAR_IPTABLES,
    &felix::IPTABLES_NFT_PEER,
    &plain::RUSTABLES,
];

/// Everybody, in the order in which reports list them.
pub fn all() -> Vec<&'static dyn Peer> {
    let mut all: Vec<&dyn Peer> = vec![
        &margay::FROM_STATE,
        &margay::FROM_COMMIT,
        &margay::FROM_BYTES,
        &xtables::MargayXtables,
        &empty::Empty,
    ];
    all.extend(commands());
    all
}

/// Everybody who programs a world by a command.
pub fn commands() -> Vec<&'static dyn Peer> {
    let others = SCRIPTED.into_iter().map(|peer| peer as &dyn Peer);
    [&nft::NftScript as &dyn Peer]
        .into_iter()
        .chain(others)
        .collect()
}

/// What commands read to load a state, by the names of peers.
///
/// # Errors
/// A peer that has no words for something, and what that is.
pub fn texts(state: &State) -> Result<Vec<(&'static str, String)>, String> {
    let text = |peer: &Scripted| {
        let text = peer.text(state);
        let text = text.map_err(|complaint| format!("{}: {complaint}", peer.name()))?;
        Ok((peer.name(), text))
    };
    SCRIPTED.into_iter().map(text).collect()
}

/// What peers of nft need.
const NFT_NEEDED: &[Needed] = &[Needed {
    program: "nft",
    install: "apt install nftables",
}];
/// What the peer of rustables needs; nft lists what is in force.
const RUSTABLES_NEEDED: &[Needed] = &[
    Needed {
        program: script::words::PROGRAM,
        install: "apt install libclang-dev, then cargo build --release -p margay-bench-rustables",
    },
    Needed {
        program: "nft",
        install: "apt install nftables",
    },
];
/// What peers of iptables-legacy need.
const LEGACY_NEEDED: &[Needed] = &[
    iptables("iptables-legacy-restore"),
    iptables("ip6tables-legacy-restore"),
    IPSET,
];
/// What peers of iptables-nft need.
const XTABLES_NFT_NEEDED: &[Needed] = &[
    iptables("iptables-nft-restore"),
    iptables("ip6tables-nft-restore"),
    IPSET,
];
const LEGACY_RESTORES: Restores = ["iptables-legacy-restore", "ip6tables-legacy-restore"];
const XTABLES_NFT_RESTORES: Restores = ["iptables-nft-restore", "ip6tables-nft-restore"];
const IPSET: Needed = Needed {
    program: "ipset",
    install: "apt install ipset",
};

const fn iptables(program: &'static str) -> Needed {
    Needed {
        program,
        install: "apt install iptables",
    }
}

/// Somebody who can program a world.
pub trait Peer: Debug + Sync {
    /// The name that reports and `--peer` use.
    fn name(&self) -> &'static str;

    /// What it is, in a line.
    fn about(&self) -> &'static str;

    /// What it does with packets.
    fn role(&self) -> Role {
        Role::Enforces
    }

    /// Makes everything that need not be made again at each load: texts, messages. Called outside the
    /// lane; it touches no kernel.
    ///
    /// # Errors
    /// Why it cannot take part: it is not installed, or cannot express this world.
    fn prepare(&self, world: &World) -> Result<Box<dyn Prepared>, String>;
}

/// A peer with a world at hand. Its functions are called in a thread inside the lane's namespace, where
/// commands that it starts are too, and may be called as often as wanted.
pub trait Prepared: Debug + Send {
    /// Makes what the next call needs and nobody should pay for there: clones, texts in files, bytes. It is
    /// called before each `load` and `change`, in the lane, and not measured.
    ///
    /// # Errors
    /// It could not be made.
    fn ready(&mut self, _task: &Task) -> Result<(), PeerError> {
        Ok(())
    }

    /// Does what may wait until a load or change is in force: collects, remembers. It is called after each
    /// of them, and measured for itself.
    ///
    /// # Errors
    /// It was refused.
    fn settle(&mut self) -> Result<(), PeerError> {
        Ok(())
    }

    /// Brings the world into a namespace without it.
    ///
    /// # Errors
    /// It was refused.
    fn load(&mut self) -> Result<(), PeerError>;

    /// Makes or undoes a small change of a world that is loaded.
    ///
    /// # Errors
    /// It was refused, or the peer cannot say it: [`PeerError::Unable`].
    fn change(&mut self, change: &Change) -> Result<(), PeerError>;

    /// Takes everything away again.
    ///
    /// # Errors
    /// It was refused.
    fn remove(&mut self) -> Result<(), PeerError>;

    /// Reads all that is in force and compares it with what should be: whether nothing differs.
    ///
    /// # Errors
    /// It cannot be read, or the peer has no such thing: [`PeerError::Unable`].
    fn verify(&mut self) -> Result<bool, PeerError>;

    /// Looks whether what is in force is still what should be, as it does from time to time: whether nothing
    /// differs. Who can tell without reading that nobody wrote meanwhile need not read.
    ///
    /// # Errors
    /// As for `verify`.
    fn resync(&mut self) -> Result<bool, PeerError> {
        self.verify()
    }

    /// Starts anew, as after the end of its process, with what is in force: reads it, and brings it to what
    /// should be.
    ///
    /// # Errors
    /// It was refused, or the peer has no such thing.
    fn take_over(&mut self) -> Result<(), PeerError> {
        Err(PeerError::Unable("it has nothing that restarts"))
    }

    /// Takes one element out of what is in force, behind the peer's back, which `verify` must find.
    ///
    /// # Errors
    /// It was refused, or the peer has no such thing.
    fn spoil(&mut self) -> Result<(), PeerError> {
        Err(PeerError::Unable("nobody spoils it"))
    }

    /// What its last load or change was, if it knows.
    fn traffic(&mut self) -> Traffic {
        Traffic::default()
    }
}

/// What a peer does with packets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It enforces the policy, which is proven before anything is timed.
    Enforces,
    /// It lets everything pass: a floor for the cost of a packet, and nothing else.
    Passes,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// A load.
    Load,
    /// A change.
    Change(Change),
}

/// What went to the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Netlink bytes or bytes of text; 0 is unknown.
    pub bytes: u64,
    /// Netlink messages; 0 is unknown.
    pub messages: u64,
    /// Transactions; 0 is unknown.
    pub transactions: u64,
}

/// Why a peer did not do something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// It has no such thing. The measurement is left out, and this is said.
    #[error("it cannot: {0}")]
    Unable(&'static str),
    /// It was refused or ended early.
    #[error("{what}: {complaint}")]
    Refused {
        /// What was tried, as a person would type it.
        what: String,
        /// What was said.
        complaint: String,
    },
}
