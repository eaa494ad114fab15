//! What programs the kernel.

/// Whether the kernel is programmed by `nf_tables` itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NftablesMode {
    /// It is.
    Enabled,
    /// It is not: by iptables and ipset.
    Disabled,
    /// Where the host has it.
    Auto,
}

/// Which iptables there is, where the kernel is programmed by iptables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IptablesBackend {
    /// The one with tables of its own.
    Legacy,
    /// The one that writes into `nf_tables`.
    Nft,
    /// The first of these that works.
    Auto,
}

/// Where our jumps stand in chains of iptables that are everybody's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChainInsertMode {
    /// Before all that others have there.
    Insert,
    /// Behind it: others decide first.
    Append,
}
