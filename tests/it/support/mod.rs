//! What several tests share: network namespaces, devices, packets and what they prove.

pub(crate) mod assassin;
pub(crate) mod cases;
#[cfg(feature = "etcd")]
pub(crate) mod cluster;
pub(crate) mod connection;
pub(crate) mod daemon;
pub(crate) mod engine;
#[cfg(feature = "etcd")]
pub(crate) mod etcd;
pub(crate) mod fakes;
pub(crate) mod netns;
pub(crate) mod packet;
pub(crate) mod pod;
pub(crate) mod probe;
pub(crate) mod prober;
pub(crate) mod programs;
#[cfg(feature = "etcd")]
pub(crate) mod proxy;
pub(crate) mod reference;
pub(crate) mod rulesets;
pub(crate) mod tun;
