//! What an operator adds: the services of the host itself, and addresses that are not wanted.

use super::text::{Text, ports};
use crate::scenario::Random;

/// Rules for the host's own services.
pub(super) fn host(text: &mut Text, random: &mut Random) {
    for (table, chain, rule) in [
        (
            "mangle",
            "FORWARD",
            "-o eth0 -p tcp -m tcp --tcp-flags SYN,RST SYN -m tcpmss --mss 1400:1536 -j TCPMSS --clamp-mss-to-pmtu",
        ),
        (
            "mangle",
            "POSTROUTING",
            "-o eth0 -p udp -m udp --dport 5060 -j DSCP --set-dscp 0x2e",
        ),
        ("filter", "INPUT", "-i lo -j ACCEPT"),
        (
            "filter",
            "INPUT",
            "-m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        ),
        ("filter", "INPUT", "-m conntrack --ctstate INVALID -j DROP"),
        ("filter", "INPUT", "-j blocked"),
        ("filter", "FORWARD", "-i eth0 -j blocked"),
        ("filter", "INPUT", "-p icmp -m icmp --icmp-type 8 -j ACCEPT"),
        (
            "filter",
            "INPUT",
            "-p icmp -m icmp --icmp-type 3/4 -j ACCEPT",
        ),
        (
            "filter",
            "INPUT",
            "-s 192.0.2.0/24 -p tcp -m tcp --dport 22 -j ACCEPT",
        ),
        (
            "filter",
            "INPUT",
            "-i eth0 -p tcp -m tcp --dport 113 -j REJECT --reject-with tcp-reset",
        ),
        (
            "filter",
            "INPUT",
            "-m iprange --src-range 198.51.100.10-198.51.100.40 -p udp -m multiport --dports 161,162 -j ACCEPT",
        ),
        (
            "filter",
            "INPUT",
            "-i eth1 -p tcp -m tcp --dport 7:9 -m limit --limit 10/sec --limit-burst 50 -j LOG --log-prefix \"probe \"",
        ),
    ] {
        text.rule(table, chain, rule, random);
    }
    for _ in 0..60 {
        let (interface, protocol) = (random.pick(&["eth0", "eth1"]), random.pick(&["tcp", "udp"]));
        let rule = format!(
            "-s 10.{}.{}.0/24 -i {interface} -p {protocol} -m multiport --dports {} -j ACCEPT",
            random.below(256),
            random.below(256),
            ports(random)
        );
        text.rule("filter", "INPUT", &rule, random);
    }
    text.rule("filter", "INPUT", "-i eth0 -j DROP", random);
}

/// One more address, or network, that is not wanted.
pub(super) fn blocked(text: &mut Text, random: &mut Random) {
    let [second, third, last] = [0; 3].map(|_| random.below(256));
    let (length, low) = *random.pick(&[(32, last), (32, last), (24, 0)]);
    let target = random.pick(&["DROP", "REJECT --reject-with icmp-admin-prohibited"]);
    let rule = format!("-s 203.{second}.{third}.{low}/{length} -j {target}");
    text.rule("filter", "blocked", &rule, random);
}
