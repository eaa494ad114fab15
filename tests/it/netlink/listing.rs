//! What nft lists of our tables: it loads it again and lists the same, but it leaves things out.

use margay::ruleset::{Rule, Ruleset, SetFlags, parse};

use super::program::program;
use super::raw;
use crate::golden;
use crate::support::netns::{in_netns, nft};

/// What is left of a ruleset in nft's listing.
///
/// nft lists no size of a constant set, and takes the family for implied where ICMP is tested next,
/// though ICMP's number can stand in a packet of the other family.
pub(super) fn listable(mut ruleset: Ruleset) -> Ruleset {
    for table in ruleset.tables.values_mut() {
        for set in table.sets.values_mut() {
            set.size = set.size.filter(|_| !set.flags.contains(SetFlags::CONSTANT));
        }
        let chains = table.chains.values_mut();
        for rule in chains.flat_map(|chain| &mut chain.rules) {
            leave_out_implied_family(rule);
        }
    }
    ruleset
}

fn leave_out_implied_family(rule: &mut Rule) {
    let implied = rule.statements.windows(2).position(|pair| {
        let text = format!("{} {}", pair[0], pair[1]);
        ["ipv4 meta l4proto icmp", "ipv6 meta l4proto ipv6-icmp"]
            .iter()
            .any(|family| text == format!("meta nfproto {family}"))
    });
    if let Some(at) = implied {
        rule.statements.remove(at);
    }
}

/// What nft listed. It calls the ports of two more protocols by names that our text has not.
pub(super) fn listed(listing: &str) -> Ruleset {
    let mut text = listing.to_owned();
    for protocol in ["sctp", "udplite"] {
        for port in ["sport", "dport"] {
            let ours = format!("meta l4proto {protocol} th {port}");
            text = text.replace(&format!("{protocol} {port}"), &ours);
        }
    }
    parse("nft list ruleset", &text).unwrap()
}

/// A listing as sorted words, without the time that elements have left.
///
/// The order of rules is in the attributes; that of a hash set's elements is by chance.
pub(super) fn words(listing: &str) -> Vec<&str> {
    let mut words: Vec<&str> = listing.split([' ', ',', '\n', '\t']).collect();
    while let Some(at) = words.iter().position(|word| *word == "expires") {
        words.drain(at..at + 2);
    }
    words.sort_unstable();
    words
}

/// A listing, and what the kernel held when it was made.
struct Seen {
    listing: String,
    attributes: Vec<String>,
}

impl Seen {
    fn now() -> Self {
        Self {
            listing: nft(&["list", "ruleset"], ""),
            attributes: raw::everything(),
        }
    }
}

#[test]
fn the_listings_of_golden_cases_are_fixed_points() {
    let test = "netlink::listing::the_listings_of_golden_cases_are_fixed_points";
    let mut loaded = 0;
    for case in golden::cases() {
        let mut seen: Vec<Seen> = Vec::new();
        in_netns(test, || {
            program(&golden::compiled(&case));
            seen.push(Seen::now());
        });
        // Without a kernel nothing was listed, which has been said.
        let Some(first) = seen.pop() else { return };
        in_netns(test, || {
            nft(&["-f", "-"], &first.listing);
            seen.push(Seen::now());
        });
        let second = seen.pop().unwrap();
        let name = case.display();
        // The kernel lists a hash set in any order; that of chains and rules is in what is parsed.
        assert_eq!(words(&second.listing), words(&first.listing), "{name}");
        let (of_first, of_second) = (listed(&first.listing), listed(&second.listing));
        assert_eq!(of_first, of_second, "{name}");
        // The compiler avoids what nft would leave out.
        assert_eq!(of_first, golden::compiled(&case), "{name}");
        assert_eq!(second.attributes, first.attributes, "{name}");
        loaded += 1;
    }
    println!("{loaded} listings loaded and listed again");
}
