//! Routes and neighbours: made, taken away, made again, and nobody else's touched.

use margay::host::{HostPlan, Look, Subject};

use std::collections::BTreeSet;

use super::{open, plan, routed, routes, set, settle, state, veth};
use crate::support::netns::{in_another_netns, in_netns, ip, ip_json};

const MAC: &str = "02:00:00:00:00:01";

#[test]
fn addresses_get_routes_and_lose_them() {
    in_netns("addresses_get_routes_and_lose_them", || {
        veth("tap1");
        let mut host = open();
        settle(
            &mut host,
            &plan(&[("a", "tap1", "-", "10.65.0.2, 10.65.0.3, fd00::2")]),
        );
        assert_eq!(routes("tap1"), set(["10.65.0.2", "10.65.0.3", "fd00::2"]));
        let route = &ip_json("-4 route show dev tap1")[0];
        assert_eq!(route["scope"], "link");
        assert_eq!(route["protocol"], "boot");
        settle(&mut host, &plan(&[("a", "tap1", "-", "10.65.0.3")]));
        assert_eq!(routes("tap1"), set(["10.65.0.3"]));
        settle(&mut host, &plan(&[]));
        assert_eq!(routes("tap1"), set([]));
    });
}

#[test]
fn a_new_process_takes_away_what_an_old_one_left() {
    in_netns("a_new_process_takes_away_what_an_old_one_left", || {
        veth("tap1");
        settle(
            &mut open(),
            &plan(&[("a", "tap1", MAC, "10.65.0.2, fd00::2")]),
        );
        settle(&mut open(), &plan(&[]));
        assert_eq!(routes("tap1"), set([]));
        assert_eq!(permanent("tap1"), set([]));
    });
}

#[test]
fn an_interface_without_a_prefix_is_cleared_when_its_endpoint_goes() {
    in_netns(
        "an_interface_without_a_prefix_is_cleared_when_its_endpoint_goes",
        || {
            ip("link add pod7 type veth peer name w7\nlink set pod7 up\nlink set w7 up\n");
            let mut host = open();
            settle(&mut host, &plan(&[("a", "pod7", "-", "10.65.0.2")]));
            assert_eq!(routes("pod7"), set(["10.65.0.2"]));
            settle(&mut host, &plan(&[]));
            assert_eq!(routes("pod7"), set([]));
        },
    );
}

#[test]
fn an_interface_is_waited_for() {
    in_netns("an_interface_is_waited_for", || {
        let plan = plan(&[("a", "tap1", MAC, "10.65.0.2")]);
        let mut host = open();
        let report = settle(&mut host, &plan);
        assert_eq!((report.writes, report.waiting.len()), (0, 1));
        ip("link add tap1 type veth peer name w1\n");
        assert_eq!(settle(&mut host, &plan).waiting.len(), 1);
        ip("link set tap1 up\nlink set w1 up\n");
        assert!(settle(&mut host, &plan).waiting.is_empty());
        assert_eq!(routes("tap1"), set(["10.65.0.2"]));
    });
}

#[test]
fn a_flap_a_rename_and_a_new_interface_of_the_same_index_keep_the_routes() {
    let test = "a_flap_a_rename_and_a_new_interface_of_the_same_index_keep_the_routes";
    in_netns(test, || {
        let one = plan(&[("a", "tap1", MAC, "10.65.0.2, fd00::2")]);
        veth("tap1");
        let mut host = open();
        settle(&mut host, &one);
        ip("link set tap1 down\n");
        assert_eq!(routes("tap1"), set([]));
        assert_eq!(settle(&mut host, &one).waiting.len(), 1);
        ip("link set tap1 up\n");
        settle(&mut host, &one);
        assert_eq!(routes("tap1"), set(["10.65.0.2", "fd00::2"]));
        assert_eq!(permanent("tap1"), set(["10.65.0.2", "fd00::2"]));

        // The kernel keeps routes over a rename: they are the old endpoint's and must go.
        ip("link set tap1 down\nlink set tap1 name tap2\nlink set tap2 up\n");
        ip("route add 10.65.0.2 dev tap2\n");
        settle(&mut host, &one);
        assert_eq!(routes("tap2"), set([]));
        settle(
            &mut host,
            &plan(&[("a", "tap2", MAC, "10.65.0.2, fd00::2")]),
        );
        assert_eq!(routes("tap2"), set(["10.65.0.2", "fd00::2"]));

        let index = ip_json("link show tap2")[0]["ifindex"].clone();
        ip("link del tap2\n");
        ip(&format!(
            "link add tap3 index {index} type veth peer name w3\nlink set tap3 up\nlink set w3 up\n"
        ));
        let other = plan(&[("b", "tap3", "-", "10.65.0.3")]);
        settle(&mut host, &other);
        assert_eq!(ip_json("link show tap3")[0]["ifindex"], index);
        assert_eq!(routes("tap3"), set(["10.65.0.3"]));
        assert_eq!(permanent("tap3"), set([]));
    });
}

#[test]
fn an_address_moves_between_interfaces() {
    in_netns("an_address_moves_between_interfaces", || {
        veth("tap1");
        veth("tap2");
        let mut host = open();
        settle(
            &mut host,
            &plan(&[("a", "tap1", MAC, "10.65.0.2, fd00::2")]),
        );
        settle(
            &mut host,
            &plan(&[("a", "tap2", MAC, "10.65.0.2, fd00::2")]),
        );
        assert_eq!(routes("tap1"), set([]));
        assert_eq!(routes("tap2"), set(["10.65.0.2", "fd00::2"]));
        assert_eq!(permanent("tap1"), set([]));
    });
}

#[test]
fn what_others_made_stays() {
    in_netns("what_others_made_stays", || {
        veth("tap1");
        ip("link add eth9 type veth peer name w9\nlink set eth9 up\nlink set w9 up\n");
        let foreign = "route add 10.9.0.1 dev eth9\n\
                       route add 10.9.0.2 dev tap1 proto static\n\
                       route add 10.9.1.0/24 dev tap1\n\
                       route add 10.9.0.3 via 10.9.1.1 dev tap1\n\
                       route add 10.9.0.4 dev tap1 metric 5\n\
                       route add 10.9.0.5 dev tap1 table 7\n\
                       route add blackhole 10.9.0.6\n\
                       neigh add 10.9.0.1 lladdr 02:00:00:00:00:09 dev tap1\n\
                       neigh add 10.9.0.1 lladdr 02:00:00:00:00:09 dev eth9\n";
        ip(foreign);
        let shown = || {
            let tables = [
                "-4 route show table all",
                "-6 route show table all",
                "neigh show",
            ];
            tables.map(|what| ip_json(what).to_string())
        };
        let before = shown();
        let mut host = open();
        settle(&mut host, &plan(&[]));
        assert_eq!(shown(), before);
        settle(
            &mut host,
            &plan(&[("a", "tap1", MAC, "10.65.0.2, fd00::2")]),
        );
        settle(&mut host, &plan(&[]));
        assert_eq!(shown(), before);
    });
}

#[test]
fn a_route_of_another_number_by_the_same_interface_is_taken_over() {
    in_netns(
        "a_route_of_another_number_by_the_same_interface_is_taken_over",
        || {
            veth("tap1");
            ip("route add 10.65.0.2 dev tap1 proto 80\nroute add fd00::2 dev tap1 proto 80\n");
            let mut host = open();
            settle(
                &mut host,
                &plan(&[("a", "tap1", "-", "10.65.0.2, fd00::2")]),
            );
            for family in ["-4", "-6"] {
                let all = ip_json(&format!("{family} route show dev tap1"));
                let mut of = all.as_array().unwrap().iter();
                let route = of
                    .find(|r| r["dst"] == "10.65.0.2" || r["dst"] == "fd00::2")
                    .unwrap();
                assert_eq!(route["protocol"], "boot", "{all}");
            }
            settle(&mut host, &plan(&[]));
            assert_eq!(routes("tap1"), set([]));
        },
    );
}

#[test]
fn what_fails_for_one_interface_keeps_nothing_else_back() {
    in_netns(
        "what_fails_for_one_interface_keeps_nothing_else_back",
        || {
            veth("tap1");
            veth("tap2");
            ip("link add eth9 type veth peer name w9\nlink set eth9 up\nlink set w9 up\n");
            ip("route add 10.65.0.2 dev eth9\nroute add fd00::2 dev eth9\n");
            let all = plan(&[
                ("a", "tap1", "-", "10.65.0.2, fd00::2, 10.65.0.3"),
                ("b", "tap2", "-", "10.65.0.4"),
            ]);
            let mut host = open();
            let report = host.reconcile(&all, &Look::Everything).unwrap();
            let failed: Vec<_> = report.failures.iter().map(|f| f.subject.clone()).collect();
            let route = |to: &str| Subject::Route("tap1".parse().unwrap(), to.parse().unwrap());
            assert_eq!(failed, [route("10.65.0.2"), route("fd00::2")]);
            let said = report.failures[0].to_string();
            assert_eq!(said, "tap1: route to 10.65.0.2: File exists (os error 17)");
            assert_eq!(routes("tap1"), set(["10.65.0.3"]));
            assert_eq!(routes("tap2"), set(["10.65.0.4"]));
            ip("route del 10.65.0.2 dev eth9\nroute del fd00::2 dev eth9\n");
            settle(&mut host, &all);
            assert_eq!(routes("tap1"), set(["10.65.0.2", "10.65.0.3", "fd00::2"]));
        },
    );
}

#[test]
fn a_route_that_leads_nowhere_fails_for_its_address_alone() {
    let test = "a_route_that_leads_nowhere_fails_for_its_address_alone";
    in_netns(test, || {
        veth("tap1");
        ip("route add blackhole 10.65.0.2\nroute add unreachable fd00::2 metric 1024\n");
        let all = plan(&[
            ("a", "tap1", "-", "10.65.0.2, fd00::2, 10.65.0.3"),
            ("b", "tap2", "-", "10.65.0.4"),
        ]);
        let mut host = open();
        let report = host.reconcile(&all, &Look::Everything).unwrap();
        let failed = report.failures.iter().map(|f| f.subject.clone());
        let route = |to: &str| Subject::Route("tap1".parse().unwrap(), to.parse().unwrap());
        assert_eq!(
            failed.collect::<Vec<_>>(),
            [route("10.65.0.2"), route("fd00::2")]
        );
        assert_eq!(report.waiting, ["tap2".parse().unwrap()].into());
        assert_eq!(routes("tap1"), set(["10.65.0.3"]));
    });
}

#[test]
fn where_ipv6_is_off_its_addresses_are_left_out() {
    in_netns("where_ipv6_is_off_its_addresses_are_left_out", || {
        veth("tap1");
        let off = |value: &str| {
            std::fs::write("/proc/sys/net/ipv6/conf/tap1/disable_ipv6", value).unwrap();
        };
        off("1");
        let mut all = routed(&[("tap1", "fd00::2", "fd00::1")]);
        let other = state(&[("b", "tap1", MAC, "10.65.0.2, fd00::2")]);
        let both = HostPlan::of(&other, "node1");
        let mut host = open();
        for plan in [&both, &all] {
            let report = settle(&mut host, plan);
            assert_eq!(report.without_ipv6, ["tap1".parse().unwrap()].into());
        }
        settle(&mut host, &both);
        assert_eq!(routes("tap1"), set(["10.65.0.2"]));
        assert_eq!(permanent("tap1"), set(["10.65.0.2"]));
        off("0");
        let report = settle(&mut host, &both);
        assert!(report.without_ipv6.is_empty());
        assert_eq!(routes("tap1"), set(["10.65.0.2", "fd00::2"]));
        all = HostPlan::new("node1");
        settle(&mut host, &all);
        assert_eq!(routes("tap1"), set([]));
    });
}

#[test]
fn a_changed_plan_is_carried_out_without_looking_at_others() {
    let test = "a_changed_plan_is_carried_out_without_looking_at_others";
    in_netns(test, || {
        for name in ["tap1", "tap2", "tap3"] {
            veth(name);
        }
        let mut host = open();
        let before = state(&[
            ("a", "tap1", MAC, "10.65.0.2, fd00::2"),
            ("b", "tap2", "-", "10.65.0.3"),
            ("c", "tap3", "-", "10.65.0.4"),
        ]);
        let mut plan = HostPlan::of(&before, "node1");
        settle(&mut host, &plan);
        // Nobody says that this happened, so it is seen only where all is listed.
        ip("route del 10.65.0.4 dev tap3\n");
        let after = state(&[
            ("a", "tap2", "-", "10.65.0.9"),
            ("d", "tap1", MAC, "10.65.0.2"),
        ]);
        let mut touched = BTreeSet::new();
        for name in ["a", "b", "d"].map(|name| name.parse().unwrap()) {
            touched.extend(plan.put(&name, after.endpoints.get(&name)));
        }
        assert_eq!(
            touched,
            ["tap1", "tap2"].map(|name| name.parse().unwrap()).into()
        );
        let report = host
            .reconcile(&plan, &Look::Planned(touched.clone()))
            .unwrap();
        assert!(report.failures.is_empty(), "{:?}", report.failures);
        assert_eq!(report.interfaces, touched);
        assert_eq!(routes("tap1"), set(["10.65.0.2"]));
        assert_eq!(permanent("tap1"), set(["10.65.0.2"]));
        assert_eq!(routes("tap2"), set(["10.65.0.9"]));
        assert_eq!(routes("tap3"), set([]));
        let again = host.reconcile(&plan, &Look::Planned(touched)).unwrap();
        assert_eq!(again.writes, 0);
        settle(&mut host, &plan);
        assert_eq!(routes("tap3"), set(["10.65.0.4"]));
        // An interface that is not what it was is found out, and everything is listed then.
        ip("link del tap1\n");
        veth("tap1");
        let gone = plan.put(&"d".parse().unwrap(), None);
        host.reconcile(&plan, &Look::Planned(gone)).unwrap();
        let one = plan.put(
            &"d".parse().unwrap(),
            after.endpoints.get(&"d".parse().unwrap()),
        );
        host.reconcile(&plan, &Look::Planned(one.clone())).unwrap();
        host.reconcile(&plan, &Look::Planned(one)).unwrap();
        assert_eq!(routes("tap1"), set(["10.65.0.2"]));
    });
}

#[test]
fn neighbours_are_permanent_and_follow_the_mac() {
    in_netns("neighbours_are_permanent_and_follow_the_mac", || {
        veth("tap1");
        let mut host = open();
        settle(
            &mut host,
            &plan(&[("a", "tap1", MAC, "10.65.0.2, fd00::2")]),
        );
        assert_eq!(permanent("tap1"), set(["10.65.0.2", "fd00::2"]));
        let other = "02:00:00:00:00:0f";
        settle(&mut host, &plan(&[("a", "tap1", other, "10.65.0.2")]));
        let all = ip_json("-4 neigh show dev tap1");
        assert_eq!(all[0]["lladdr"], other, "{all}");
        assert_eq!(permanent("tap1"), set(["10.65.0.2"]));
        settle(&mut host, &plan(&[("a", "tap1", "-", "10.65.0.2")]));
        assert_eq!(permanent("tap1"), set([]));
    });
}

#[test]
fn the_host_answers_for_the_routers_of_workloads() {
    in_netns("the_host_answers_for_the_routers_of_workloads", || {
        veth("tap1");
        ip("neigh add proxy fd00::77 dev tap1\n");
        let proxies = || {
            let all = ip_json("-6 neigh show proxy");
            let all = all.as_array().unwrap().iter();
            let words = all.map(|entry| format!("{} {}", entry["dst"], entry["dev"]));
            words.collect::<BTreeSet<_>>()
        };
        let foreign = "\"fd00::77\" \"tap1\"".to_owned();
        let mut host = open();
        settle(&mut host, &routed(&[("tap1", "fd00::2", "fd00::1")]));
        let one = "\"fd00::1\" \"tap1\"".to_owned();
        assert_eq!(proxies(), [one.clone(), foreign.clone()].into());
        ip("link set tap1 down\nlink set tap1 up\n");
        settle(&mut host, &routed(&[("tap1", "fd00::2", "fd00::1")]));
        assert!(proxies().contains(&one));
        ip("neigh replace proxy fd00::77 dev tap1\n");
        settle(&mut host, &plan(&[]));
        assert_eq!(proxies(), [foreign].into());
    });
}

#[test]
fn a_host_stays_in_the_namespace_it_was_opened_in() {
    in_netns("a_host_stays_in_the_namespace_it_was_opened_in", || {
        veth("tap1");
        let mut host = open();
        let plan = plan(&[("a", "tap1", MAC, "10.65.0.2, fd00::2")]);
        in_another_netns(|| {
            veth("tap1");
            let report = host.reconcile(&plan, &Look::Everything).unwrap();
            assert!(report.failures.is_empty(), "{:?}", report.failures);
            assert_eq!(routes("tap1"), set([]));
            assert_eq!(setting("ipv4/conf/tap1/proxy_arp"), "0");
            assert_eq!(setting("ipv6/conf/tap1/proxy_ndp"), "0");
        });
        assert_eq!(routes("tap1"), set(["10.65.0.2", "fd00::2"]));
        assert_eq!(setting("ipv4/conf/tap1/proxy_arp"), "1");
        assert_eq!(setting("ipv6/conf/tap1/proxy_ndp"), "1");
    });
}

#[test]
fn settings_are_made_and_made_again() {
    in_netns("settings_are_made_and_made_again", || {
        veth("tap1");
        let mut host = open();
        let plan = plan(&[("a", "tap1", "-", "10.65.0.2")]);
        let all = || {
            [
                ("ipv4/conf/tap1/rp_filter", "1"),
                ("ipv4/conf/tap1/route_localnet", "1"),
                ("ipv4/conf/tap1/proxy_arp", "1"),
                ("ipv4/conf/tap1/forwarding", "1"),
                ("ipv4/neigh/tap1/proxy_delay", "0"),
                ("ipv6/neigh/tap1/proxy_delay", "0"),
                ("ipv6/conf/tap1/accept_ra", "0"),
                ("ipv6/conf/tap1/proxy_ndp", "1"),
                ("ipv6/conf/tap1/forwarding", "1"),
            ]
            .map(|(path, value)| (path, value, setting(path)))
        };
        for round in ["first", "again"] {
            settle(&mut host, &plan);
            for (path, value, found) in all() {
                assert_eq!(found, value, "{round}: {path}");
            }
            std::fs::write("/proc/sys/net/ipv4/conf/tap1/rp_filter", "0").unwrap();
            let report = host.reconcile(&plan, &Look::Changed).unwrap();
            assert_eq!(report.writes, 0, "what was set is trusted");
            ip("link set tap1 down\nlink set tap1 up\n");
        }
    });
}

fn setting(path: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/sys/net/{path}")).unwrap();
    text.trim_end().to_owned()
}

/// The addresses of the permanent neighbours of an interface.
fn permanent(interface: &str) -> BTreeSet<String> {
    let all =
        ["-4", "-6"].map(|f| ip_json(&format!("{f} neigh show dev {interface} nud permanent")));
    let all = all.iter().flat_map(|all| all.as_array().unwrap());
    all.map(|entry| entry["dst"].as_str().unwrap().to_owned())
        .collect()
}
