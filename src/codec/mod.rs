//! Documents to model values; with `config` the only serde.
