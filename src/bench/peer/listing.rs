//! How commands show what is in force, and what can be counted there at once.

use super::command::Job;
use super::program::Inventory;
use super::scripted::Listing;

/// Everything that nf_tables holds in the namespace, as JSON.
pub(super) const NFT: Listing = Listing {
    jobs: &[Job::asking("nft", &["-j", "list", "ruleset"])],
    agrees: nft,
};

/// The tables of both families, and all sets.
pub(super) const IPTABLES_LEGACY: Listing = Listing {
    jobs: &[
        Job::asking("iptables-legacy-save", &[]),
        Job::asking("ip6tables-legacy-save", &[]),
        Job::asking("ipset", &["save"]),
    ],
    agrees: saved,
};

/// The same over nf_tables.
pub(super) const IPTABLES_NFT: Listing = Listing {
    jobs: &[
        Job::asking("iptables-nft-save", &[]),
        Job::asking("ip6tables-nft-save", &[]),
        Job::asking("ipset", &["save"]),
    ],
    agrees: saved,
};

/// Objects are counted where they begin; reading the JSON would cost more than to make it.
fn nft(text: &str, expected: Inventory) -> bool {
    let objects = |kind: &str| text.matches(&format!("{{\"{kind}\": {{\"family\"")).count();
    objects("chain") == expected.chains
        && objects("rule") == expected.rules
        && objects("set") + objects("map") == expected.sets
}

/// Chains that are always there are saved as well, so they are not counted.
fn saved(text: &str, expected: Inventory) -> bool {
    let lines = |beginning: &str| text.lines().filter(|l| l.starts_with(beginning)).count();
    lines("-A ") == expected.rules
        && lines("create ") == expected.sets
        && lines("add ") == expected.elements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_from_a_listing_is_noticed() {
        let text = ":x - [0:0]\n-A x -j DROP\ncreate s hash:ip\nadd s 192.0.2.1\n";
        let there = Inventory {
            chains: 1,
            rules: 1,
            sets: 1,
            elements: 1,
        };
        assert!(saved(text, there));
        let more = Inventory {
            elements: 2,
            ..there
        };
        assert!(!saved(text, more));
        let json = r#"{"nftables": [{"chain": {"family": "ip"}}, {"rule": {"family": "ip", "expr": [{"set": [1]}]}}]}"#;
        let two = Inventory {
            sets: 0,
            elements: 0,
            ..there
        };
        assert!(nft(json, two));
        assert!(!nft(json, Inventory { rules: 2, ..two }));
    }
}
