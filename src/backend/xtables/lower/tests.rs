//! Small tables, lowered.

use std::fmt::Write as _;
use std::sync::Arc;

use super::{Lowering, Touched, lower};
use crate::backend::xtables::{ChainName, Document, IpsetType, TableName};
use crate::net::Family;
use crate::ruleset::diff::diff;
use crate::ruleset::{Tracked, fixture, parse};

fn lowered(objects: &str, rules: &str) -> Document {
    let text = format!(
        "table inet margay {{
            {objects}
            chain forward {{ type filter hook forward priority filter; policy accept;
                {rules}
            }}
        }}"
    );
    let ruleset = parse("test", &text).unwrap();
    lower(ruleset.tables.values().next().unwrap()).unwrap()
}

/// The rules of a chain.
fn rules(document: &Document, family: Family, chain: &str) -> Vec<String> {
    let table = &document.tables[&(family, TableName::Filter)];
    let rules = table.chains[&ChainName::of(chain)].iter();
    rules.map(|rule| rule.text(family)).collect()
}

#[test]
fn a_rule_is_there_in_the_family_that_it_is_about() {
    let document = lowered("", "ip saddr 10.0.0.0/8 drop\nip6 saddr fd00::/8 accept");
    assert_eq!(
        rules(&document, Family::V4, "forward"),
        ["-s 10.0.0.0/8 -j DROP"]
    );
    assert_eq!(
        rules(&document, Family::V6, "forward"),
        ["-s fd00::/8 -j ACCEPT"]
    );
}

#[test]
fn two_tests_of_an_address_are_a_prefix_and_a_range() {
    let document = lowered("", "ip saddr 10.0.0.0/8 ip saddr != 10.1.0.0/16 drop");
    let expected = "-s 10.0.0.0/8 -m iprange ! --src-range 10.1.0.0-10.1.255.255 -j DROP";
    assert_eq!(rules(&document, Family::V4, "forward"), [expected]);
}

#[test]
fn ports_of_a_chain_for_one_protocol_are_of_that_protocol() {
    let objects = "chain ports { th dport 53 drop }";
    let one = lowered(objects, "meta l4proto udp goto ports");
    assert_eq!(
        rules(&one, Family::V4, "ports"),
        ["-p 17 -m udp --dport 53 -j DROP"]
    );
    let several = lowered(
        objects,
        "meta l4proto udp goto ports\nmeta l4proto tcp goto ports",
    );
    assert_eq!(rules(&several, Family::V4, "ports").len(), 4);
}

#[test]
fn what_a_rule_does_beside_its_verdict_is_a_chain() {
    let mark = "meta mark set meta mark | 0x00001000";
    let document = lowered(
        "",
        &format!("ip saddr 10.0.0.1 {mark} return\n{mark} accept"),
    );
    let forward = rules(&document, Family::V4, "forward");
    assert_eq!(forward[0], "-s 10.0.0.1/32 -g mgy-forward.1!");
    let all = ["-j MARK --set-xmark 0x1000/0x1000", "-j ACCEPT"];
    assert_eq!(forward[1..], all);
    let first = rules(&document, Family::V4, "forward.1!");
    assert_eq!(first, ["-j MARK --set-xmark 0x1000/0x1000", "-j RETURN"]);
}

#[test]
fn what_is_none_of_several_passes_them_by() {
    let document = lowered("", "meta l4proto != { tcp, udp } drop\naccept");
    let forward = rules(&document, Family::V4, "forward");
    let skips = ["-p 6 -g mgy-forward.1", "-p 17 -g mgy-forward.1", "-j DROP"];
    assert_eq!(forward[..3], skips);
    assert_eq!(rules(&document, Family::V4, "forward.1"), ["-j ACCEPT"]);
}

#[test]
fn many_interfaces_with_one_address_have_several_ipsets() {
    let mut elements = String::new();
    for number in 0..130 {
        let comma = if number == 0 { "" } else { ", " };
        _ = write!(elements, "{comma}\"tap{number}\" . 0.0.0.0/0");
    }
    let set = format!(
        "set spoofed {{ type ifname . ipv4_addr; flags interval; elements = {{ {elements} }} }}"
    );
    let document = lowered(&set, "iifname . ip saddr @spoofed accept");
    assert_eq!(rules(&document, Family::V4, "forward").len(), 5);
    let members: usize = document
        .ipsets
        .values()
        .map(|ipset| ipset.members.len())
        .sum();
    assert_eq!(members, 2 * 130);
    for ipset in document.ipsets.values() {
        assert_eq!(ipset.kind, IpsetType::HashNetIface);
        assert!(ipset.members.len() <= 2 * 32);
    }
}

#[test]
fn two_sets_in_one_rule_are_two_ipsets() {
    let five = |net: u8| {
        let all = (1..6).map(|host| format!("10.{net}.{}.0/24", 2 * host));
        all.collect::<Vec<_>>().join(", ")
    };
    let rule = format!("ip saddr {{ {} }} ip daddr {{ {} }} drop", five(1), five(2));
    let document = lowered("", &rule);
    assert_eq!(document.ipsets.len(), 2);
    assert_eq!(rules(&document, Family::V4, "forward").len(), 1);
}

#[test]
fn it_is_known_whose_a_chain_and_an_ipset_are() {
    let text = "table inet margay {
        set a-rather-long-name-of-a-set { type ipv4_addr . inet_service; elements = { 10.0.0.1 . 80 } }
        set interfaces { type ifname; elements = { \"tap1\" } }
        chain forward { type filter hook forward priority filter; policy accept;
            goto a-rather-long-name-of-a-chain }
        chain a-rather-long-name-of-a-chain {
            iifname @interfaces ip saddr . tcp dport @a-rather-long-name-of-a-set accept
            drop
        }
    }";
    let ruleset = parse("test", text).unwrap();
    let table = ruleset.tables.values().next().unwrap();
    let mut lowering = Lowering::default();
    let document = lowering.lower(table, &Touched::All).unwrap();
    let made = &document.tables[&(Family::V4, TableName::Filter)];
    for chain in made.chains.keys() {
        let of = lowering.chain(chain).unwrap().as_str();
        assert!(
            ["forward", "a-rather-long-name-of-a-chain"].contains(&of),
            "{chain}: {of}"
        );
    }
    for ipset in document.ipsets.keys() {
        let of = lowering.set(ipset).unwrap().as_str();
        assert_eq!(of, "a-rather-long-name-of-a-set");
    }
}

#[test]
fn two_objects_of_one_name_are_refused() {
    // What is behind the lookup of the first chain is called as the other one.
    let text = "table inet margay {
        chain forward { type filter hook forward priority filter; policy accept;
            goto forward.2
            meta l4proto != { tcp, udp } drop
            accept
        }
        chain forward.2 { drop }
    }";
    let ruleset = parse("test", text).unwrap();
    let refusal = lower(ruleset.tables.values().next().unwrap()).unwrap_err();
    assert_eq!(refusal.what, "two chains of the name mgy-forward.2");
}

#[test]
fn verdicts_that_jump_and_go_to_one_chain_have_an_ipset_each() {
    let objects = "chain there { drop }
        map both { type ipv4_addr . inet_service : verdict;
            elements = { 10.0.0.1 . 80 : jump there, 10.0.0.2 . 80 : goto there } }";
    let document = lowered(objects, "ip saddr . tcp dport vmap @both");
    let members: Vec<_> = document
        .ipsets
        .values()
        .map(|set| set.members.len())
        .collect();
    assert_eq!(members, [1, 1]);
}

#[test]
fn a_set_that_did_not_change_is_not_lowered_again() {
    let text = |members: &str| {
        format!(
            "table inet margay {{
                set group {{ type ipv4_addr; elements = {{ {members} }} }}
                set boxes {{ type ipv4_addr . inet_service; flags interval;
                    elements = {{ 10.0.0.1 . 80, 10.0.1.0/24 . 100-200 }} }}
                map refused {{ type ipv4_addr . inet_service : verdict; elements = {{ 10.0.0.3 . 22 : drop }} }}
                chain forward {{ type filter hook forward priority filter; policy accept;
                    ip saddr @group accept
                    ip saddr . tcp dport vmap @refused
                    ip saddr . tcp dport @boxes accept
                }}
            }}"
        )
    };
    let tables = ["10.0.0.1", "10.0.0.1, 10.0.0.2"].map(|members| {
        let mut tables = parse("test", &text(members)).unwrap().tables;
        Tracked::from(tables.pop_first().unwrap().1)
    });
    let [before, after] = tables;
    let commit = diff(Some(&before), &after, &fixture::key("margay"));
    let [step] = commit.steps.as_slice() else {
        panic!("{commit:?}");
    };
    let mut lowering = Lowering::default();
    let old = lowering.lower(before.table(), &Touched::All).unwrap();
    let new = lowering.lower(after.table(), &Touched::by(step)).unwrap();
    let same = |name| Arc::ptr_eq(&old.ipsets[name], &new.ipsets[name]);
    let lowered = new.ipsets.keys().filter(|name| !same(*name));
    assert_eq!(
        lowered.map(ToString::to_string).collect::<Vec<_>>(),
        ["mgy4-group"]
    );
    assert_eq!(new, lower(after.table()).unwrap());
}
