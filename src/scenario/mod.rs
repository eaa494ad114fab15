//! Worlds made from a seed, for tests and benchmarks: random ones, of groups or of Calico's policies,
//! and large regular ones.

pub mod flat;
pub mod labelled;
pub mod packet;
pub mod place;
pub mod random;
pub mod saved;
pub mod traffic;
pub mod world;

pub use flat::{Families, Flat, Shapes, flat};
pub use packet::{Packet, Probe, Transport};
pub use random::Random;
pub use saved::{Saved, saved};
pub use traffic::packets;
pub use world::World;
