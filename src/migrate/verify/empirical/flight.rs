//! The packets that are made for one rule, some of them in a row.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "tests of what is no part of a connection or rate make no row"
)]

use super::element::elements;
use super::inside::{inside, satisfy};
use super::outside::outside;
use super::packet::above;
use super::probe::Probe;
use crate::migrate::ipset::Set;
use crate::migrate::iptables::{
    ConnectionStates, Match, RateUnit, Recent, Sense, Statistic, Target, Test,
};

/// No row is longer.
const ROW_MAX: u64 = 1000;

/// As much as a device takes at once.
const LARGE: u16 = 1500;

/// Packets that follow each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Flight {
    pub(super) probes: Vec<Probe>,
    /// Whether all are of one connection.
    pub(super) together: bool,
}

impl Flight {
    fn alone(probe: Probe) -> Self {
        Self {
            probes: vec![probe],
            together: false,
        }
    }

    /// The same packet, each time of another connection.
    fn row(probe: &Probe, count: u64) -> Self {
        let count = usize::try_from(count.min(ROW_MAX)).unwrap_or(1);
        Self {
            probes: vec![probe.clone(); count],
            together: false,
        }
    }

    /// A connection.
    fn talk<const N: usize>(probes: [&Probe; N]) -> Self {
        Self {
            probes: probes.into_iter().cloned().collect(),
            together: true,
        }
    }
}

/// What is sent for a rule to whose chain `start` gets.
pub(super) fn flights(
    start: &Probe,
    matches: &[Match],
    target: &Target,
    sets: &[Set],
) -> Vec<Flight> {
    let mut inside = inside(start, matches);
    let mut found = vec![Flight::alone(inside.clone())];
    if matches!(target, Target::TcpMss(_)) && !inside.tcp_options.contains(&2) {
        inside.tcp_options.push(2);
        found.push(Flight::alone(inside.clone()));
    }
    found.extend(changed(&inside, target).into_iter().map(Flight::alone));
    for one in matches {
        let mut base = inside.clone();
        if one.sense == Sense::IsNot {
            satisfy(&mut base, &one.test);
            found.push(Flight::alone(base.clone()));
        }
        found.extend(outside(&base, &one.test).into_iter().map(Flight::alone));
        if let Test::Set(sought) = &one.test {
            let probes = elements(&inside, sought, sets);
            found.extend(probes.into_iter().map(Flight::alone));
        }
        found.extend(rows(&inside, &one.test));
        found.extend(talks(&inside, &one.test));
    }
    found
}

/// Packets for which a target that changes them has something to change, and something to keep.
fn changed(inside: &Probe, target: &Target) -> Vec<Probe> {
    let mut probes = vec![inside.clone(), inside.clone()];
    let [one, other] = probes.as_mut_slice() else {
        return probes;
    };
    match target {
        Target::Mark(_) | Target::Connmark(_) => {
            (one.state.mark, one.state.connection_mark) = (0xa5a5_a5a5, 0x3c3c_3c3c);
            (other.state.mark, other.state.connection_mark) = (0x5a5a_5a5a, 0xc3c3_c3c3);
        }
        Target::Dscp(_) | Target::Tos(_) => {
            one.octet = 0x57;
            other.octet = 0xab;
        }
        Target::Ttl(_) | Target::Hl(_) => {
            one.hops = 255;
            other.hops = 3;
        }
        // No segment is made larger.
        Target::TcpMss(_) => {
            one.segment = 536;
            other.segment = 1400;
        }
        _ => probes.clear(),
    }
    probes
}

/// Rows for what counts packets of many connections.
fn rows(inside: &Probe, test: &Test) -> Vec<Flight> {
    match test {
        Test::Statistic(Statistic::Nth { every, .. }) => {
            vec![Flight::row(inside, u64::from(*every) * 2)]
        }
        Test::Limit { burst, .. } => vec![Flight::row(inside, u64::from(*burst) + 3)],
        // A row of as many bytes takes longer than the clock stands still.
        Test::HashLimit(limit) if limit.rate.unit == RateUnit::Bytes => Vec::new(),
        Test::HashLimit(limit) => {
            let mut others = [inside.clone(), inside.clone()];
            others[0].source = above(above(inside.source));
            others[1].destination = above(above(inside.destination));
            let mut rows = vec![Flight::row(inside, limit.burst.unwrap_or(5) + 3)];
            rows.extend(others.map(Flight::alone));
            rows
        }
        Test::ConnLimit { above: most, .. } => {
            let mut other = inside.clone();
            other.source = above(above(inside.source));
            vec![
                Flight::row(inside, u64::from(*most) + 3),
                Flight::row(&other, 2),
            ]
        }
        Test::Quota(bytes) => {
            let mut large = inside.clone();
            large.length = Some(LARGE);
            vec![Flight::row(&large, bytes / u64::from(LARGE) + 3)]
        }
        Test::Recent(Recent {
            hit_count: Some(count),
            ..
        }) => vec![Flight::row(inside, u64::from(*count) + 3)],
        _ => Vec::new(),
    }
}

/// Connections for what asks for their state.
fn talks(inside: &Probe, test: &Test) -> Vec<Flight> {
    let answer = inside.reversed();
    match test {
        Test::SocketExists => {
            // What the host answers to a packet for it has none.
            let mut asked = answer.clone();
            asked.protocol = 6;
            vec![Flight::alone(asked)]
        }
        Test::State(states) => {
            let mut talks = vec![answered(inside, &answer)];
            if states.contains(ConnectionStates::RELATED) {
                talks.push(Flight::talk([&answer, &inside.complaint(&answer)]));
            }
            talks
        }
        Test::Status(_) | Test::ConnectionDirection(_) | Test::ConnectionExpiry(_) => vec![
            answered(inside, &answer),
            Flight::talk([inside, inside, &answer, inside, inside]),
        ],
        Test::ConnBytes { mode, range, .. } => {
            let (size, count) = match mode.as_str() {
                "packets" => (None, range.first + 3),
                _ => (Some(700), 4 + range.first / 700),
            };
            let mut sized = inside.clone();
            sized.length = size;
            let mut row = Flight::row(&sized, count);
            row.together = true;
            vec![row, answered(inside, &answer)]
        }
        _ => Vec::new(),
    }
}

/// A connection that the other end began, as both sides of TCP would.
fn answered(inside: &Probe, answer: &Probe) -> Flight {
    let mut packets = [answer, inside, answer, inside].map(Clone::clone);
    if inside.protocol == 6 {
        for (packet, flags) in packets.iter_mut().zip([0x02, 0x12, 0x10, 0x18]) {
            packet.tcp_flags = flags;
        }
    }
    Flight {
        probes: packets.to_vec(),
        together: true,
    }
}
