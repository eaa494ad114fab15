//! Iptables and ipset: written, read back, changed under load, and changed for nf_tables and back.

mod agent;
mod drift;
mod load;
mod programs;
mod refusals;
mod switch;
