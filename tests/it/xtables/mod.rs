//! Iptables and ipset: written, read back, changed under load, and changed for nf_tables and back.

mod again;
mod agent;
mod aside;
mod depth;
mod drift;
mod kill;
mod load;
mod refusals;
mod switch;
mod trouble;
