//! The same through legacy iptables and ipset: every world has the same verdicts there.

use margay::ruleset::Ruleset;
use margay::scenario::{Probe, Transport, World};

use super::{Enforce, PACKETS, obeyed_by};
use crate::support::legacy::Legacy;
use crate::support::netns::in_netns;
use crate::support::reference::Field;

/// How many worlds of groups, and how many of labels with how many packets in each.
const GROUPS: u64 = 600;
const LABELLED: (u64, usize) = (200, 250);

impl Enforce for Legacy {
    fn new() -> Self {
        Self::new()
    }

    fn enforce(&mut self, ruleset: &Ruleset) {
        self.replace(ruleset.tables.values().next().unwrap());
    }

    /// A test of iptables for ports or messages drops what ends before them (`hotdrop`,
    /// net/netfilter/xt_tcpudp.c): `docs/xtables.md` says so.
    fn may_lose(probe: &Probe) -> bool {
        matches!(probe.packet.transport, Transport::Cut(_))
    }
}

#[test]
fn legacy_iptables_agrees_with_policy_read_literally() {
    in_netns("legacy_iptables_agrees_with_policy_read_literally", || {
        let tally = obeyed_by::<Legacy>(GROUPS, 2, PACKETS, World::random);
        tally.check(60_000, &Field::OF_GROUPS, 100);
    });
}

#[test]
fn legacy_iptables_agrees_with_calico_policy_read_literally() {
    in_netns(
        "legacy_iptables_agrees_with_calico_policy_read_literally",
        || {
            let (worlds, packets) = LABELLED;
            let tally = obeyed_by::<Legacy>(worlds, 2, packets, World::labelled);
            tally.check(40_000, &Field::of_policies(), 200);
        },
    );
}
