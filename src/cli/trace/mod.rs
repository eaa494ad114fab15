//! `margay trace`: what becomes of a packet, and which rule of which document decided.

mod told;

use std::net::IpAddr;

use clap::{Args, ValueEnum};

use super::exit::{Exit, Failure};
use super::options::{Form, Output};
use super::policy::Policy;
use super::screen::Screen;
use crate::compile::explain;
use crate::compile::inquiry::{self, HOST_ADDRESSES, Inquiry, Who};
use crate::net::{InterfaceName, Protocol, decimal};
use crate::ruleset::CtState;
use crate::ruleset::trace as walk;
use told::Told;

/// Say what becomes of a packet, and which policy, rule and line of a document decide
#[derive(Debug, Args)]
pub(super) struct Trace {
    #[command(flatten)]
    policy: Policy,
    /// The sender: an endpoint, the word host or an address
    #[arg(long, value_name = "WHO")]
    from: Who,
    /// The receiver: an endpoint, the word host or an address
    #[arg(long, value_name = "WHO")]
    to: Who,
    /// tcp, udp, sctp, udplite, icmp, icmpv6 or a number; icmp is the ICMP of either family
    #[arg(long = "proto", value_name = "P")]
    protocol: Protocol,
    /// The source port
    #[arg(long, value_name = "N", default_value_t = 40_000)]
    sport: u16,
    /// The destination port
    #[arg(long, value_name = "N", default_value_t = 0)]
    dport: u16,
    /// ICMP type and code, an echo request if not given
    #[arg(long, value_name = "T/C", value_parser = message)]
    icmp: Option<(u8, u8)>,
    /// What connection tracking says of the packet
    #[arg(long, value_enum, default_value = "new")]
    state: Conntrack,
    /// The interface by which packets from outside come in
    #[arg(long, value_name = "NAME", default_value = "uplink")]
    iif: InterfaceName,
    /// The interface by which packets to the outside leave
    #[arg(long, value_name = "NAME", default_value = "uplink")]
    oif: InterfaceName,
    /// Addresses of the host, one of each family
    #[arg(long, value_name = "ADDRESS", default_values_t = HOST_ADDRESSES)]
    host_address: Vec<IpAddr>,
    #[command(flatten)]
    output: Output,
}

/// States of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Conntrack {
    /// The first packet of a connection
    New,
    /// A later packet, or an answer
    Established,
    /// Not tracked
    Untracked,
}

/// `T/C`, or `T` with code 0.
fn message(text: &str) -> Result<(u8, u8), &'static str> {
    let (kind, code) = text.split_once('/').unwrap_or((text, "0"));
    match (decimal(kind), decimal(code)) {
        (Some(kind), Some(code)) => Ok((kind, code)),
        (_, None) | (None, _) => Err("expected type or type/code, each 0-255"),
    }
}

impl Trace {
    pub(super) fn run(&self, screen: &Screen) -> Result<Exit, Failure> {
        let state = self.policy.state(screen)?;
        let ruleset = self.policy.ruleset(&state)?;
        let packet = inquiry::packet(&state, &self.policy.host, &self.inquiry())?;
        let trace = walk::trace(&ruleset, &packet);
        let asked = explain::asked(&state, &packet, &trace);
        let told = Told {
            ruleset: &ruleset,
            packet: &packet,
            trace: &trace,
            asked: &asked,
        };
        let text = match self.output.form {
            Form::Text => told.text(screen),
            Form::Json => format!("{:#}\n", told.json()),
        };
        screen.result(&text)?;
        Ok(Exit::Done)
    }

    fn inquiry(&self) -> Inquiry {
        Inquiry {
            from: self.from.clone(),
            to: self.to.clone(),
            protocol: self.protocol,
            source_port: self.sport,
            destination_port: self.dport,
            message: self.icmp,
            state: match self.state {
                Conntrack::New => CtState::NEW,
                Conntrack::Established => CtState::ESTABLISHED,
                Conntrack::Untracked => CtState::UNTRACKED,
            },
            outside_in: self.iif.clone(),
            outside_out: self.oif.clone(),
            host_addresses: self.host_address.clone(),
        }
    }
}
