//! From iptables to nf_tables and back while packets pass.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Duration;

use margay::backend::Backend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::backend::opening::{Opening, Wish};
use margay::backend::reconcile::reconcile;
use margay::backend::xtables::{Placement, Variant, traces};
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::model::State;
use margay::ruleset::Tracked;
use margay::scenario::place;

use crate::gapless::kinds::{self, Kind, States};
use crate::gapless::load::{Clock, Seen, shots};
use crate::gapless::{is_soak, pause, under_load};
use crate::support::netns::{in_netns_alone, nft, report};
use crate::support::prober::{Wiring, places};

/// A policy with sets of every kind, the same before and after.
pub(super) fn unchanged(of: &str) -> Kind {
    let mut kinds = kinds::all().into_iter();
    let kind = kinds.find(|kind| kind.name == of).unwrap();
    let state = move || kind.states[0].clone();
    Kind {
        name: "unchanged",
        size: kind.size,
        states: States::new(Box::new(move || [state(), state()])),
    }
}

/// Brings a policy in force by a backend, and takes away what another one held.
pub(super) fn switch((wish, variant): (Wish, Variant), state: &State, run_dir: &Path) {
    let opening = Opening {
        wish,
        variant: Some(variant),
        placement: Placement::Insert,
        run_dir,
    };
    let nft = || NftBackend::new(Ownership::Persist);
    let mut host = opening.open(nft, &table_key()).unwrap();
    let ruleset = compile(state, place::HOST, &Skeleton::builtin().unwrap());
    let desired = Tracked::from(ruleset.tables[&table_key()].clone());
    reconcile(&mut host, &table_key(), &desired).unwrap();
    host.supersede(&table_key()).unwrap();
}

/// Which of nf_tables and iptables hold something of ours.
pub(super) fn in_force(run_dir: &Path) -> [bool; 2] {
    let mut nft = NftBackend::new(Ownership::None).unwrap();
    let nft = nft.observe(&table_key()).unwrap().is_some();
    [nft, !traces(run_dir).unwrap().is_empty()]
}

fn told(what: &str, times: usize, seen: &Seen) {
    let (probes, during, wrong) = (seen.probes, seen.during_updates, seen.wrong);
    report(&format!(
        "{what}: {times} times, {probes} probes, {during} meanwhile, {wrong} wrong"
    ));
    assert!(during > 1_000, "{during} probes saw nothing");
    assert!(seen.examples.is_empty(), "{:#?}", seen.examples);
}

/// Others who let nothing pass but what carries our mark, and theirs: both are to be there whoever
/// judges, and when both do.
const OTHERS: &str = "table inet others {
    chain before { type filter hook prerouting priority mangle; meta mark set meta mark | 0x00700000; }
    chain after {
        type filter hook forward priority 10
        meta mark & 0x00702000 != 0x00702000 drop
    }
    chain host {
        type filter hook input priority 10
        meta mark & 0x00702000 != 0x00702000 drop
    }
}";

#[test]
fn no_packet_notices_which_backend_is_in_force() {
    for variant in Variant::ALL {
        in_netns_alone("no_packet_notices_which_backend_is_in_force", || {
            nft(&["-f", "-"], OTHERS);
            switched(variant);
        });
    }
}

fn switched(variant: Variant) {
    let folder = tempfile::tempdir().unwrap();
    let mut wiring = Wiring::new(&places(), &place::host_addresses()).unwrap();
    let kind = unchanged("1,000 rules replaced");
    let bring = |wish| switch((wish, variant), &kind.states[0], folder.path());
    bring(Wish::Xtables);
    let shots = shots(&kind, &mut wiring);
    let clock = Clock::default();
    let times = if is_soak() { 200 } else { 6 };
    let seen = under_load(&wiring, &shots, &clock, || {
        for n in 0..times {
            let (wish, after) = match n % 2 {
                0 => (Wish::Nft, [true, false]),
                _ => (Wish::Xtables, [false, true]),
            };
            clock.epoch.fetch_add(1, Ordering::SeqCst);
            bring(wish);
            clock.epoch.fetch_add(1, Ordering::SeqCst);
            assert_eq!(in_force(folder.path()), after);
            pause(Duration::from_millis(1));
        }
    });
    told(
        &format!("from {variant} to nf_tables and back"),
        times,
        &seen,
    );
}
