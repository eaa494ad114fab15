//! The same through iptables and ipset: every world has the same verdicts there. Each is written as a
//! change of the one before, by the backend itself.

use margay::backend::xtables::Variant;
use margay::compile::skeleton::table_key;
use margay::ruleset::{Ruleset, Tracked};
use margay::scenario::{Probe, Transport, World};

use super::{Enforce, Enforced, PACKETS, Tally, obeyed_by};
use crate::support::netns::in_netns;
use crate::support::programs::Programs;
use crate::support::reference::Field;

/// How many worlds of groups, and how many of labels with how many packets in each; of the second variant
/// a sample, since both are written by the same code.
const GROUPS: [u64; 2] = [300, 100];
const LABELLED: [u64; 2] = [100, 50];
const LABELLED_PACKETS: usize = 250;

impl Enforce for Programs {
    /// Chains of nf_tables lead into one another 16 times at the most, those of `iptables-nft` among them.
    fn enforce(&mut self, ruleset: &Ruleset) -> Enforced {
        let table = &ruleset.tables[&table_key()];
        match self.try_to_bring(&mut Tracked::from(table.clone())) {
            Ok(_) => {
                assert!(self.holds(table), "the ruleset is not in force");
                Enforced::Yes
            }
            Err(error) => {
                let is_deep = error.to_string().contains("more than 16 chains");
                assert!(is_deep, "{error}");
                Enforced::Refused
            }
        }
    }

    /// A test of iptables for ports or messages drops what ends before them (`hotdrop`,
    /// net/netfilter/xt_tcpudp.c): `docs/xtables.md` says so.
    fn may_lose(probe: &Probe) -> bool {
        matches!(probe.packet.transport, Transport::Cut(_))
    }
}

fn obeyed(variant: Variant, worlds: u64, packets: usize, make: fn(u64) -> World) -> Tally {
    obeyed_by(&|| Programs::new(variant), (worlds, 2), packets, make)
}

#[test]
fn legacy_iptables_agrees_with_policy_read_literally() {
    in_netns("legacy_iptables_agrees_with_policy_read_literally", || {
        let tally = obeyed(Variant::Legacy, GROUPS[0], PACKETS, World::random);
        tally.check(30_000, &Field::OF_GROUPS, 100);
    });
}

#[test]
fn legacy_iptables_agrees_with_calico_policy_read_literally() {
    in_netns(
        "legacy_iptables_agrees_with_calico_policy_read_literally",
        || {
            let tally = obeyed(
                Variant::Legacy,
                LABELLED[0],
                LABELLED_PACKETS,
                World::labelled,
            );
            tally.check(20_000, &Field::of_policies(), 200);
        },
    );
}

#[test]
fn iptables_over_nf_tables_agrees_with_policy_read_literally() {
    in_netns(
        "iptables_over_nf_tables_agrees_with_policy_read_literally",
        || {
            let tally = obeyed(Variant::Nft, GROUPS[1], PACKETS, World::random);
            tally.check(10_000, &Field::OF_GROUPS, 150);
        },
    );
}

#[test]
fn iptables_over_nf_tables_agrees_with_calico_policy_read_literally() {
    in_netns(
        "iptables_over_nf_tables_agrees_with_calico_policy_read_literally",
        || {
            let tally = obeyed(Variant::Nft, LABELLED[1], LABELLED_PACKETS, World::labelled);
            tally.check(10_000, &Field::of_policies(), 400);
        },
    );
}
