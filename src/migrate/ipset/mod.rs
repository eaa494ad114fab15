//! What `ipset save` prints, as values.

mod element;
mod read;
mod set;

pub use element::{Element, Field, PortProtocol};
pub use read::{ReadError, read};
pub use set::{Kind, Options, Set, Type};
