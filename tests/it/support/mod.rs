//! What several tests share: network namespaces, devices, packets and what they prove.

pub(crate) mod cases;
pub(crate) mod connection;
pub(crate) mod engine;
pub(crate) mod netns;
pub(crate) mod packet;
pub(crate) mod probe;
pub(crate) mod prober;
pub(crate) mod reference;
pub(crate) mod rulesets;
pub(crate) mod tun;
