//! A host with many workloads.

use std::time::Instant;

use margay::host::{HostPlan, Look};

use super::{open, state};
use crate::support::netns::{in_netns_alone, ip, report};

const INTERFACES: usize = 1_000;

#[test]
fn a_thousand_interfaces_are_programmed_once() {
    in_netns_alone("a_thousand_interfaces_are_programmed_once", || {
        let names: Vec<_> = (0..INTERFACES).map(|n| format!("tap{n}")).collect();
        let links: String = names
            .iter()
            .step_by(2)
            .zip(names.iter().skip(1).step_by(2))
            .map(|(a, b)| {
                format!("link add {a} type veth peer name {b}\nlink set {a} up\nlink set {b} up\n")
            })
            .collect();
        ip(&links);
        let rows: Vec<_> = names
            .iter()
            .enumerate()
            .map(|(n, name)| {
                let [high, low] = [n / 250, n % 250 + 1];
                let mac = format!("02:00:00:00:{high:02x}:{low:02x}");
                (
                    format!("e{n}"),
                    name,
                    mac,
                    format!("10.65.{high}.{low}, fd00::{high}:{low}"),
                )
            })
            .collect();
        let rows: Vec<_> = rows
            .iter()
            .map(|(a, b, c, d)| (a.as_str(), b.as_str(), c.as_str(), d.as_str()))
            .collect();
        let plan = HostPlan::of(&state(&rows), "node1");
        let mut host = open();
        let mut timed = |look| {
            let start = Instant::now();
            let report = host.reconcile(&plan, &look).unwrap();
            assert!(
                report.failures.is_empty() && report.waiting.is_empty(),
                "{report:?}"
            );
            (report.writes, start.elapsed())
        };
        let (writes, first) = timed(Look::Changed);
        let (again, second) = timed(Look::Everything);
        let (trusting, third) = timed(Look::Changed);
        assert!(writes >= INTERFACES * 10, "{writes}");
        assert_eq!([again, trusting], [0, 0]);
        report(&format!(
            "host: {INTERFACES} interfaces, {writes} writes in {first:.1?}; looked at again in {second:.1?}, \
             without settings in {third:.1?}"
        ));
    });
}
