//! A router as Neutron's L3 agent programs it: floating addresses, and a way to the metadata service.

use super::text::Text;
use crate::scenario::Random;

/// A router with so many floating addresses.
pub(super) fn router(text: &mut Text, floating: usize, random: &mut Random) {
    let outside = "qg-5f1a2b3c-4d";
    let shared = format!("-o {outside} -j SNAT --to-source 172.24.4.10 --random-fully");
    let untouched = format!("! -o {outside} -m conntrack ! --ctstate DNAT -j ACCEPT");
    for (chain, rule) in [
        ("PREROUTING", "-j neutron-l3-agent-PREROUTING"),
        ("OUTPUT", "-j neutron-l3-agent-OUTPUT"),
        ("POSTROUTING", "-j neutron-l3-agent-POSTROUTING"),
        ("POSTROUTING", "-j neutron-postrouting-bottom"),
        ("neutron-l3-agent-POSTROUTING", untouched.as_str()),
        (
            "neutron-l3-agent-PREROUTING",
            "-d 169.254.169.254/32 -i qr-+ -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 9697",
        ),
        (
            "neutron-postrouting-bottom",
            "-m comment --comment \"Perform source NAT on outgoing traffic.\" -j neutron-l3-agent-snat",
        ),
        ("neutron-l3-agent-snat", "-j neutron-l3-agent-float-snat"),
    ] {
        text.rule("nat", chain, rule, random);
    }
    for number in 0..floating {
        let fixed = format!("10.64.{}.{}", number / 200, 10 + number % 200);
        let public = format!("172.24.{}.{}", 5 + number / 250, 1 + number % 250);
        for way in ["PREROUTING", "OUTPUT"] {
            let chain = format!("neutron-l3-agent-{way}");
            let rule = format!("-d {public}/32 -j DNAT --to-destination {fixed}");
            text.rule("nat", &chain, &rule, random);
        }
        let rule = format!("-s {fixed}/32 -j SNAT --to-source {public} --random-fully");
        text.rule("nat", "neutron-l3-agent-float-snat", &rule, random);
    }
    text.rule("nat", "neutron-l3-agent-snat", &shared, random);
}
