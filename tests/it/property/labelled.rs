//! The same for worlds in the words of Calico: tiers, policies, profiles, network sets, labels.

use margay::scenario::World;

use super::{obeyed, shared, traced_in};
use crate::support::netns::in_netns;
use crate::support::reference::Field;

/// How many worlds are traced, and how many packets in each.
const TRACED: u64 = 4_000;
const PACKETS: usize = 250;

/// How many worlds real packets pass.
const OBEYED: u64 = 400;

#[test]
fn traces_agree_with_calico_policy_read_literally() {
    let tally = shared((0..TRACED).collect(), 2, |seed| {
        traced_in(&World::labelled(seed), seed, PACKETS)
    });
    tally.check(1_000_000, &Field::of_policies(), 100);
}

#[test]
fn real_packets_agree_with_calico_policy_read_literally() {
    in_netns(
        "real_packets_agree_with_calico_policy_read_literally",
        || {
            let tally = obeyed(OBEYED, 4, PACKETS, World::labelled);
            // A tenth of the worlds: what is rare among all varies more among these.
            tally.check(100_000, &Field::of_policies(), 130);
        },
    );
}
