//! Packets at full speed while rules and sets are written: wrong verdicts per update.
//!
//! iptables has no transaction over sets and tables, so it is not promised that there are none; but
//! none is there where members change, and where rules change that use new sets alone.

use std::sync::atomic::Ordering;
use std::time::Duration;

use margay::backend::xtables::Variant;
use margay::scenario::place;

use crate::gapless::kinds::{self, Kind, Size};
use crate::gapless::load::{Clock, Seen, shots};
use crate::gapless::{is_soak, pause, under_load};
use crate::support::netns::{in_netns_alone, report};
use crate::support::prober::{Wiring, places};
use crate::support::programs::Programs;

#[test]
fn no_packet_sees_half_a_change_of_members_or_of_rules_with_new_sets() {
    let name = "no_packet_sees_half_a_change_of_members_or_of_rules_with_new_sets";
    let body = |variant: Variant| {
        let mut wiring = Wiring::new(&places(), &place::host_addresses()).unwrap();
        let mut programs = Programs::new(variant);
        let mut wrong = Vec::new();
        // Both are written by the same code, and large ones take the longest.
        let is_tried =
            |kind: &Kind| variant == Variant::Legacy || kind.size == Size::Small || is_soak();
        for kind in kinds::all().into_iter().filter(is_tried) {
            let (updates, seen) = tried(&mut wiring, &mut programs, &kind);
            report(&format!(
                "{variant}, {}: {updates} updates, {} probes, {} during updates, {} wrong, {:.2} per update",
                kind.name,
                seen.probes,
                seen.during_updates,
                seen.wrong,
                per_update(seen.wrong, updates)
            ));
            assert!(seen.during_updates > 0, "{}: nothing was seen", kind.name);
            let examples = seen.examples.iter();
            wrong.extend(examples.map(|seen| format!("{}: {seen}", kind.name)));
        }
        assert!(wrong.is_empty(), "{variant}: {wrong:#?}");
    };
    for variant in Variant::ALL {
        in_netns_alone(name, || body(variant));
    }
}

fn per_update(wrong: u64, updates: u64) -> f64 {
    f64::from(u32::try_from(wrong).unwrap()) / f64::from(u32::try_from(updates).unwrap())
}

fn tried(wiring: &mut Wiring, programs: &mut Programs, kind: &Kind) -> (u64, Seen) {
    let rulesets = kind.states.each_ref().map(|state| programs.compiled(state));
    programs.update(&rulesets[0]);
    programs.update(&rulesets[1]);
    programs.update(&rulesets[0]);
    let shots = shots(kind, wiring);
    let wanted = match (kind.size, is_soak()) {
        (Size::Small, false) => 5,
        (Size::Large, false) => 2,
        (Size::Small | Size::Large, true) => 200,
    };
    let clock = Clock::default();
    let seen = under_load(wiring, &shots, &clock, || {
        for made in 1..=wanted {
            clock.epoch.fetch_add(1, Ordering::SeqCst);
            programs.update(&rulesets[made % 2]);
            clock.epoch.fetch_add(1, Ordering::SeqCst);
            pause(Duration::from_millis(1));
        }
    });
    (u64::try_from(wanted).unwrap(), seen)
}

#[test]
fn rules_that_are_taken_out_first_are_noticed() {
    in_netns_alone("rules_that_are_taken_out_first_are_noticed", || {
        let mut wiring = Wiring::new(&places(), &place::host_addresses()).unwrap();
        let mut kinds = kinds::all().into_iter();
        let kind = kinds.find(|kind| kind.name == "10 rules replaced").unwrap();
        let mut programs = Programs::new(Variant::Legacy);
        let rulesets = kind.states.each_ref();
        let rulesets = rulesets.map(|state| programs.compiled(state));
        programs.update(&rulesets[0]);
        let shots = shots(&kind, &mut wiring);
        let clock = Clock::default();
        let seen = under_load(&wiring, &shots, &clock, || {
            for made in 1..=8 {
                clock.epoch.fetch_add(1, Ordering::SeqCst);
                programs.update_from_nothing(&rulesets[made % 2]);
                clock.epoch.fetch_add(1, Ordering::SeqCst);
                pause(Duration::from_millis(1));
            }
        });
        report(&format!(
            "all taken out and put back: {} wrong in 8 updates",
            seen.wrong
        ));
        assert!(seen.wrong > 0, "half a policy was not seen");
    });
}
