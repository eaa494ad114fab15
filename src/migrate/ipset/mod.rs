//! What `ipset save` prints, as values.

mod element;
mod set;

pub use element::{Element, Field, PortProtocol};
pub use set::{Kind, Options, Set, Type};
