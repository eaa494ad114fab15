//! The daemon: its table kept to what is known, driven by stores.

mod dataplane;
