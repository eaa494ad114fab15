//! What stores say of keys, and what the book makes of it.

mod book;
mod classic;
#[cfg(feature = "etcd")]
mod cluster;
#[cfg(feature = "etcd")]
mod etcd;
mod folder;
mod heard;
#[cfg(feature = "etcd")]
mod missed;
#[cfg(feature = "etcd")]
mod proxied;
#[cfg(feature = "etcd")]
mod reporter;
#[cfg(feature = "etcd")]
mod rights;
#[cfg(feature = "etcd")]
mod security;
