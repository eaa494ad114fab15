//! Netlink as such: attributes, messages, answers, the socket; what they mean is said elsewhere.

pub(crate) mod answer;
pub(crate) mod attribute;
pub(crate) mod client;
pub(crate) mod inbox;
pub(crate) mod message;
pub(crate) mod socket;
