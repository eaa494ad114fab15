//! The phases that are measured, each for itself.

use super::Word;

/// One thing that is done, and measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// A world into an empty namespace.
    ColdLoad,
    /// Looking at a correct state, and finding one element that was altered.
    Resync,
    /// One member more, and less.
    DeltaMember,
    /// One endpoint more, and less.
    DeltaEndpoint,
    /// One rule more, and less.
    DeltaPolicy,
    /// Many changes at a rate.
    BurstChurn,
    /// Everything taken away.
    Teardown,
    /// A new process takes over what is in force.
    RestartTakeover,
    /// A packet that opens a flow, allowed by the last rule.
    PacketNew,
    /// A packet of a flow that was answered.
    PacketEstablished,
    /// A packet that is not allowed.
    PacketDrop,
    /// Flows opened and answered.
    ConnectionRate,
    /// Single packets that open a flow.
    FirstPacket,
    /// The same while a large update commits.
    UpdateLatency,
    /// Verdicts that neither the old nor the new policy gives.
    WrongVerdicts,
}

impl Phase {
    /// Every phase, in the order in which they run.
    pub const ALL: [Self; 15] = [
        Self::PacketNew,
        Self::PacketEstablished,
        Self::PacketDrop,
        Self::ConnectionRate,
        Self::FirstPacket,
        Self::DeltaMember,
        Self::DeltaEndpoint,
        Self::DeltaPolicy,
        Self::BurstChurn,
        Self::UpdateLatency,
        Self::WrongVerdicts,
        Self::RestartTakeover,
        Self::Resync,
        Self::ColdLoad,
        Self::Teardown,
    ];

    /// Whether it takes two processors: one sends while the other programs.
    pub fn takes_two(self) -> bool {
        match self {
            Self::UpdateLatency | Self::WrongVerdicts | Self::RestartTakeover => true,
            Self::ColdLoad
            | Self::Resync
            | Self::DeltaMember
            | Self::DeltaEndpoint
            | Self::DeltaPolicy
            | Self::BurstChurn
            | Self::Teardown
            | Self::PacketNew
            | Self::PacketEstablished
            | Self::PacketDrop
            | Self::ConnectionRate
            | Self::FirstPacket => false,
        }
    }

    /// Whether it says something of a peer that enforces nothing.
    pub fn is_about_packets(self) -> bool {
        match self {
            Self::PacketNew
            | Self::PacketEstablished
            | Self::PacketDrop
            | Self::ConnectionRate
            | Self::FirstPacket => true,
            Self::ColdLoad
            | Self::Resync
            | Self::DeltaMember
            | Self::DeltaEndpoint
            | Self::DeltaPolicy
            | Self::BurstChurn
            | Self::Teardown
            | Self::RestartTakeover
            | Self::UpdateLatency
            | Self::WrongVerdicts => false,
        }
    }
}

impl Word for Phase {
    fn word(self) -> &'static str {
        match self {
            Self::ColdLoad => "cold-load",
            Self::Resync => "resync",
            Self::DeltaMember => "delta-member",
            Self::DeltaEndpoint => "delta-endpoint",
            Self::DeltaPolicy => "delta-policy",
            Self::BurstChurn => "burst-churn",
            Self::Teardown => "teardown",
            Self::RestartTakeover => "restart-takeover",
            Self::PacketNew => "packet-new",
            Self::PacketEstablished => "packet-established",
            Self::PacketDrop => "packet-drop",
            Self::ConnectionRate => "connection-rate",
            Self::FirstPacket => "first-packet",
            Self::UpdateLatency => "update-latency",
            Self::WrongVerdicts => "wrong-verdicts",
        }
    }

    fn about(self) -> &'static str {
        match self {
            Self::ColdLoad => "the whole world into an empty namespace",
            Self::Resync => "a look at a correct state, and whether one altered element is found",
            Self::DeltaMember => "one member of a group added and removed",
            Self::DeltaEndpoint => "one endpoint added and removed",
            Self::DeltaPolicy => "one rule added and removed",
            Self::BurstChurn => "changes at a rate: how many a second, and how late",
            Self::Teardown => "everything taken away",
            Self::RestartTakeover => {
                "a new process takes over what is in force, and packets meanwhile"
            }
            Self::PacketNew => "a packet that opens a flow, allowed by the last rule",
            Self::PacketEstablished => "a packet of a flow that was answered",
            Self::PacketDrop => "a packet that no rule allows",
            Self::ConnectionRate => "flows opened and answered, a second",
            Self::FirstPacket => "single packets that open a flow: the middle and the tail",
            Self::UpdateLatency => "the same while a large update commits",
            Self::WrongVerdicts => "verdicts that neither the old nor the new policy gives",
        }
    }

    fn all() -> &'static [Self] {
        &Self::ALL
    }
}
