//! Worlds made from a seed, for tests and benchmarks: random ones, and large regular ones.

pub mod packet;
pub mod random;

pub use packet::{Packet, Probe, Transport};
pub use random::Random;
