//! What `nft -j -f` makes of our JSON, against what `nft -f` makes of our text.

use std::fs;
use std::path::Path;

use margay::ruleset::{json, parse};

use crate::support::netns::{in_netns, nft};

/// Everything that the JSON of nft 1.0.6 can say: it knows no comments of sets and
/// chains and not the flag `dynamic`.
const TABLE: &str = r#"
table inet t {
	counter cc {
		comment "c"
		packets 0 bytes 0
	}
	limit ll {
		rate 10/second burst 7 packets
	}
	set a {
		type ipv4_addr . inet_service
		size 100
		flags interval
		elements = { 10.0.0.0/8 . 80-90, 1.2.3.4 . 5 }
	}
	set i {
		type ifname
		flags interval
		elements = { "cali*", "tap*" }
	}
	set cs {
		type ipv6_addr
		elements = { fd00::1 comment "el" }
	}
	set r {
		type ipv6_addr
		flags interval
		elements = { ::/0 }
	}
	map m {
		type ifname : verdict
		elements = { "tap1" : goto c, "tap2" : accept }
	}
	map cm {
		type ipv4_addr : counter
		elements = { 1.2.3.4 : "cc" }
	}
	map mk {
		type ipv4_addr : mark
		elements = { 1.2.3.4 : 0x10 }
	}
	chain c {
	}
	chain b {
		type filter hook forward priority filter - 5; policy drop;
		ct state vmap { established : goto c, related : goto c, invalid : drop }
		iifname vmap @m
		ip saddr . meta l4proto . th dport { 10.0.0.1 . 6 . 80 } accept
		ip saddr . tcp dport @a counter name "cc" goto c
		meta mark set meta mark & 0xffffdfff
		meta mark set meta mark | 0x2000
		meta mark set 5
		meta mark set ip saddr map @mk
		meta mark & 0xff == 0x1 accept
		iifname "tap1" oif 0 accept
		icmpv6 type { 130-133, 135, 143 } goto c
		ct state established,related accept
		tcp flags & (syn | ack) == syn accept
		counter name ip saddr map @cm
		limit rate over 10/minute burst 6 packets drop
		limit name "ll" accept
		log prefix "hi" group 3
		log prefix "hi"
		reject
		reject with icmpx admin-prohibited
		meta l4proto tcp reject with tcp reset
		ip saddr != 10.0.0.0/8 tcp dport 80-90 accept
		ip saddr 10.0.0.5-10.0.0.9 accept
		fib daddr type local accept
		ip6 saddr fe80::/10 ip6 daddr { fe80::/10, ff02::/16 } accept
		counter comment "digest"
		udp sport 68 udp dport 67 meta nfproto ipv4 meta pkttype multicast accept
		ether saddr 02:00:00:00:00:01 continue
		ct mark 0x1 return
		iif "lo" jump c
		iifname . ip saddr . ether saddr != { "tap1" . 1.2.3.4 . 02:00:00:00:00:01 } drop
	}
	chain p {
		type filter hook prerouting priority raw; policy accept;
		notrack
	}
}
"#;

/// Loads both forms, each into a namespace of its own, and compares the listings.
fn loads_alike(test: &str, text: &str) {
    let ruleset = parse::parse(test, text).unwrap();
    let mut document = json::document(&ruleset);
    document["longest_path"] = serde_json::json!({"rules": 1});
    let document = document.to_string();
    let mut listings = Vec::new();
    for (arguments, source) in [
        (&["-f", "-"][..], &ruleset.to_string()),
        (&["-j", "-f", "-"], &document),
    ] {
        in_netns(test, || {
            nft(arguments, source);
            listings.push(nft(&["-n", "list", "ruleset"], ""));
        });
    }
    if let [from_text, from_json] = &listings[..] {
        assert_eq!(from_text, from_json);
        assert!(from_text.contains("chain"));
    }
}

#[test]
fn json_loads_as_the_text_does() {
    loads_alike("json_loads_as_the_text_does", TABLE);
}

#[test]
fn the_templates_load_from_json() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("nft-templates");
    let files = ["slots.nft", "source.nft", "filter.nft"];
    let text: String = files
        .map(|file| fs::read_to_string(folder.join(file)).unwrap())
        .concat();
    loads_alike("the_templates_load_from_json", &text);
}
