//! Services as kube-proxy programs them: a chain for each, and one for each of their endpoints.

use super::text::{Text, hashed};
use crate::scenario::Random;

/// So many services.
pub(super) fn services(text: &mut Text, count: usize, random: &mut Random) {
    for (chain, rule) in [
        (
            "PREROUTING",
            "-m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES",
        ),
        (
            "OUTPUT",
            "-m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES",
        ),
        (
            "POSTROUTING",
            "-m comment --comment \"kubernetes postrouting rules\" -j KUBE-POSTROUTING",
        ),
        ("KUBE-MARK-MASQ", "-j MARK --set-xmark 0x4000/0x4000"),
        (
            "KUBE-POSTROUTING",
            "-m mark ! --mark 0x4000/0x4000 -j RETURN",
        ),
        ("KUBE-POSTROUTING", "-j MARK --set-xmark 0x4000/0x0"),
        (
            "KUBE-POSTROUTING",
            "-m comment --comment \"kubernetes service traffic requiring SNAT\" -j MASQUERADE --random-fully",
        ),
    ] {
        text.rule("nat", chain, rule, random);
    }
    for (chain, states) in [("INPUT", "NEW"), ("FORWARD", "NEW")] {
        let rule = format!(
            "-m conntrack --ctstate {states} -m comment --comment \"kubernetes service portals\" -j KUBE-SERVICES"
        );
        text.rule("filter", chain, &rule, random);
    }
    for number in 0..count {
        service(text, number, random);
    }
    let local = "-m comment --comment \"kubernetes service nodeports; NOTE: this must be the last rule in this chain\" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS";
    text.rule("nat", "KUBE-SERVICES", local, random);
}

fn service(text: &mut Text, number: usize, random: &mut Random) {
    let protocol = random.pick(&["tcp", "tcp", "udp"]);
    let port = random.pick(&[53, 80, 443, 5432, 6379, 8080, 9090]);
    let named = format!("-m comment --comment \"ns{}/svc{number}", number % 23);
    let to = format!(
        "-d 10.96.{}.{}/32 -p {protocol}",
        number / 250,
        1 + number % 250
    );
    let asked = format!("-m {protocol} --dport {port}");
    if random.percent(6) {
        let rule = format!(
            "{to} {named} has no endpoints\" {asked} -j REJECT --reject-with icmp-port-unreachable"
        );
        text.rule("filter", "KUBE-SERVICES", &rule, random);
        return;
    }
    let chain = format!("KUBE-SVC-{}", hashed(16, random));
    text.rule(
        "nat",
        "KUBE-SERVICES",
        &format!("{to} {named} cluster IP\" {asked} -j {chain}"),
        random,
    );
    if random.percent(20) {
        let node_port = 30_000 + number;
        let rule = format!("-p {protocol} {named}\" -m {protocol} --dport {node_port} -j {chain}");
        text.rule("nat", "KUBE-NODEPORTS", &rule, random);
    }
    let from_outside =
        format!("! -s 10.16.0.0/12 {to} {named} cluster IP\" {asked} -j KUBE-MARK-MASQ");
    text.rule("nat", &chain, &from_outside, random);
    let endpoints = 1 + random.below(3);
    for left in (1..=endpoints).rev() {
        let of = format!("KUBE-SEP-{}", hashed(16, random));
        // Each takes its share of what those before it left.
        let share = match left {
            1 => String::new(),
            left => format!("-m statistic --mode nth --every {left} --packet 0 "),
        };
        text.rule("nat", &chain, &format!("{named}\" {share}-j {of}"), random);
        let address = format!(
            "10.{}.{}.{}",
            16 + random.below(16),
            random.below(256),
            1 + random.below(250)
        );
        text.rule(
            "nat",
            &of,
            &format!("-s {address}/32 {named}\" -j KUBE-MARK-MASQ"),
            random,
        );
        let target = format!(
            "-p {protocol} {named}\" -m {protocol} -j DNAT --to-destination {address}:{port}"
        );
        text.rule("nat", &of, &target, random);
    }
}
