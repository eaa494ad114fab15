//! Packets whose verdict is known for a world and for each of its changes.
//!
//! They prove that a peer does what the policy says before anything of it is timed, and they show whether
//! a packet gets a verdict that neither the old nor the new policy gives.

use std::net::{IpAddr, Ipv4Addr};

use super::lane::{FRAME_BYTES_MIN, Opening};
use super::mover;
use super::world::{Altered, CROWD, Flow, World};
use crate::model::{Direction, Peer, Service};
use crate::net::{Family, Protocol};

/// The interface that leads outside.
pub(crate) const UPLINK: &str = "uplink";
/// The interface of the endpoint that [`Altered::Endpoint`] adds.
const NEWCOMER: &str = "tap-new";
/// Source ports of trials begin here, one for each; what is timed uses those below.
const PORTS_FROM: u16 = 60_000;

/// What is sent through a world.
#[derive(Debug, Clone)]
pub(crate) struct Trials {
    /// What the last rule alone allows.
    pub(crate) flow: Flow,
    /// Bytes of a packet.
    pub(crate) frame: usize,
    /// What is tried, the flow among it.
    pub(crate) list: Vec<Trial>,
    /// Addresses that routes lead to, each with its interface.
    pub(crate) routes: Vec<(IpAddr, String)>,
}

/// One packet and when it passes.
#[derive(Debug, Clone)]
pub(crate) struct Trial {
    /// What it is, for whoever must find out why it went wrong.
    pub(crate) what: &'static str,
    /// Where it comes in.
    pub(crate) from: String,
    /// Where it would go out.
    pub(crate) to: String,
    /// Its headers.
    pub(crate) opening: Opening,
    /// When it passes.
    pub(crate) passes: Passes,
}

/// In which of the states of a world a packet passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passes {
    /// In all.
    Always,
    /// In none.
    Never,
    /// After this change alone.
    OnlyAfter(Altered),
    /// In all but this one.
    ExceptAfter(Altered),
}

impl Passes {
    /// Whether it passes in the world as it was loaded, or after a change.
    pub(crate) fn after(self, change: Option<Altered>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::OnlyAfter(altered) => change == Some(altered),
            Self::ExceptAfter(altered) => change != Some(altered),
        }
    }
}

impl Trials {
    /// What is sent through this world, in packets of so many bytes.
    pub(crate) fn of(world: &World, frame: usize) -> Self {
        let flow = world.flow.clone();
        let routes = vec![
            (flow.source, flow.from.clone()),
            (flow.destination, flow.to.clone()),
            (world.newcomer(2), NEWCOMER.to_owned()),
        ];
        let mut trials = Self {
            flow,
            frame: frame.max(FRAME_BYTES_MIN),
            list: Vec::new(),
            routes,
        };
        trials.between_endpoints(world);
        trials.between_outside_and_endpoints(world);
        trials.of_mover(world);
        trials
    }

    /// The packet that opens the flow, from a port of its sender.
    pub(crate) fn opening(&self, port: u16) -> Opening {
        Opening {
            source: self.flow.source,
            destination: self.flow.destination,
            protocol: Protocol::UDP,
            from: port,
            to: self.flow.port,
        }
    }

    fn between_endpoints(&mut self, world: &World) {
        let flow = self.flow.clone();
        let right = self.opening(0);
        let (from, to) = (flow.from.as_str(), flow.to.as_str());
        self.add("what the last rule allows", from, to, right, Passes::Always);
        let elsewhere = Opening {
            to: right.to + 1,
            ..right
        };
        let what = "a port that no rule allows";
        self.add(what, from, to, elsewhere, Passes::Never);
        let stranger = Opening {
            source: world.newcomer(3),
            ..right
        };
        let what = "an address that no rule allows";
        self.add(what, from, to, stranger, Passes::Never);
        let backwards = Opening {
            to: flow.port,
            ..right.reply()
        };
        let what = "the flow in the other direction";
        self.add(what, to, from, backwards, Passes::Never);
    }

    fn between_outside_and_endpoints(&mut self, world: &World) {
        let to = self.flow.to.clone();
        let by_rule = self.towards(outsider(world), Protocol::TCP, 9_001);
        let only = Passes::OnlyAfter;
        let what = "what the rule that comes allows";
        self.add(what, UPLINK, &to, by_rule, only(Altered::Rule));
        let Some((protocol, port, old)) = Self::grown(world) else {
            return;
        };
        let member = self.towards(world.newcomer(1), protocol, port);
        let what = "from the member that comes";
        self.add(what, UPLINK, &to, member, only(Altered::Member));
        let member = self.towards(old, protocol, port);
        let stays = match world.members {
            0 => Passes::Always,
            1.. => Passes::ExceptAfter(Altered::Crowd),
        };
        self.add("from a member", UPLINK, &to, member, stays);
        let endpoint = Opening {
            destination: world.newcomer(2),
            ..member
        };
        let what = "to the endpoint that comes";
        let after = only(Altered::Endpoint);
        self.add(what, UPLINK, NEWCOMER, endpoint, after);
        if let Some(other) = world.other_of_crowd(old) {
            let other = self.towards(other, protocol, port);
            let what = "from the crowd that comes";
            self.add(what, UPLINK, &to, other, only(Altered::Crowd));
        }
    }

    /// To and from the endpoint that changes groups.
    fn of_mover(&mut self, world: &World) {
        let Some(mover) = world.mover() else {
            return;
        };
        self.routes.push((mover, mover::INTERFACE.to_owned()));
        let towards = |to| Opening {
            destination: mover,
            ..self.towards(outsider(world), Protocol::UDP, to)
        };
        let sent = self.towards(mover, Protocol::UDP, mover::SENDS);
        let moved = Altered::Membership;
        let received = [
            ("what both groups allow", mover::COMMON, Passes::Always),
            (
                "what the old group allows",
                mover::FIRST,
                Passes::ExceptAfter(moved),
            ),
            (
                "what the new group allows",
                mover::SECOND,
                Passes::OnlyAfter(moved),
            ),
            ("what neither group allows", mover::SENDS, Passes::Never),
        ]
        .map(|(what, port, passes)| (what, towards(port), passes));
        for (what, opening, passes) in received {
            self.add(what, UPLINK, mover::INTERFACE, opening, passes);
        }
        let to = self.flow.to.clone();
        let what = "what both groups may send";
        self.add(what, mover::INTERFACE, &to, sent, Passes::Always);
    }

    /// What members of the group that grows may send, and one of them.
    fn grown(world: &World) -> Option<(Protocol, u16, IpAddr)> {
        let family = Family::of(world.flow.source);
        let name = world.grown();
        let of_group = |peer: &Peer| matches!(peer, Peer::Group(group) if group.as_str() == name);
        let rules = world.rules(Direction::Ingress).iter();
        let mut rules = rules.filter(|rule| rule.family == family && of_group(&rule.peer));
        let (protocol, port) = match (rules.next()?.service, name) {
            (Service::Ports(protocol, ports), _) => (protocol, ports.first()),
            (Service::Any, CROWD) => (Protocol::UDP, 7),
            (Service::Any | Service::Protocol(_) | Service::Icmp(..), _) => return None,
        };
        let members = World::members(&world.state, &name.parse().ok()?, family);
        Some((protocol, port, *members.first()?))
    }

    /// From an address to the receiver of the flow.
    fn towards(&self, source: IpAddr, protocol: Protocol, port: u16) -> Opening {
        Opening {
            source,
            destination: self.flow.destination,
            protocol,
            from: 0,
            to: port,
        }
    }

    fn add(&mut self, what: &'static str, from: &str, to: &str, opening: Opening, passes: Passes) {
        let number = u16::try_from(self.list.len()).unwrap_or(u16::MAX);
        self.list.push(Trial {
            what,
            from: from.to_owned(),
            to: to.to_owned(),
            opening: Opening {
                from: PORTS_FROM.saturating_add(number),
                ..opening
            },
            passes,
        });
    }
}

/// An address in the prefix of [`Altered::Rule`].
fn outsider(world: &World) -> IpAddr {
    match Family::of(world.flow.source) {
        Family::V4 => Ipv4Addr::new(198, 51, 100, 7).into(),
        Family::V6 => std::net::Ipv6Addr::new(0x2001, 0xdb8, 0x51, 0, 0, 0, 0, 7).into(),
    }
}
