//! How commands show what is in force, and what can be counted there at once.

use super::PeerError;
use super::command::Job;
use super::program::Inventory;

/// How one sees what is in force.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listing {
    jobs: &'static [Job],
    count: fn(&str) -> Inventory,
}

impl Listing {
    /// Whether there is so much of everything. That a chain is there says nothing of what is in it, so
    /// chains are not counted for themselves.
    ///
    /// # Errors
    /// It could not be listed.
    pub(super) fn shows(self, expected: Inventory) -> Result<bool, PeerError> {
        let mut listed = String::new();
        for job in self.jobs {
            listed.push_str(&String::from_utf8_lossy(&job.run()?));
        }
        Ok((self.count)(&listed) == expected)
    }
}

/// Everything that nf_tables holds in the namespace, as JSON.
pub(super) const NFT: Listing = Listing {
    jobs: &[Job::asking("nft", &["-j", "list", "ruleset"])],
    count: nft,
};

/// The tables of both families, and all sets.
pub(super) const IPTABLES_LEGACY: Listing = Listing {
    jobs: &[
        Job::asking("iptables-legacy-save", &[]),
        Job::asking("ip6tables-legacy-save", &[]),
        Job::asking("ipset", &["save"]),
    ],
    count: saved,
};

/// The same over nf_tables.
pub(super) const IPTABLES_NFT: Listing = Listing {
    jobs: &[
        Job::asking("iptables-nft-save", &[]),
        Job::asking("ip6tables-nft-save", &[]),
        Job::asking("ipset", &["save"]),
    ],
    count: saved,
};

/// Objects are counted where they begin: to read the JSON would cost more than to make it.
fn nft(text: &str) -> Inventory {
    let objects = |kind: &str| text.matches(&format!("{{\"{kind}\": {{\"family\"")).count();
    let lists = text.split("\"elem\": [").skip(1);
    Inventory {
        rules: objects("rule"),
        sets: objects("set") + objects("map"),
        elements: lists.map(items).sum(),
    }
}

/// How many items a JSON list has of which the opening bracket was read.
fn items(text: &str) -> usize {
    let (mut depth, mut commas, mut is_empty) = (0_usize, 0, true);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' if depth == 0 => break,
            b']' | b'}' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => commas += 1,
            _ => {}
        }
        is_empty = false;
    }
    match is_empty {
        true => 0,
        false => commas + 1,
    }
}

fn saved(text: &str) -> Inventory {
    let lines = |beginning: &str| text.lines().filter(|l| l.starts_with(beginning)).count();
    Inventory {
        rules: lines("-A "),
        sets: lines("create "),
        elements: lines("add "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_listed_is_counted() {
        let text = ":x - [0:0]\n-A x -j DROP\ncreate s hash:ip\nadd s 192.0.2.1\nadd s 192.0.2.2\n";
        let expected = Inventory {
            rules: 1,
            sets: 1,
            elements: 2,
        };
        assert_eq!(saved(text), expected);
        let json = r#"{"nftables": [{"rule": {"family": "ip", "expr": [{"set": [1, 2, 3]}]}},
            {"map": {"family": "ip", "elem": [["tap0", {"goto": {"target": "x"}}], ["tap1", {"drop": null}]]}}]}"#;
        assert_eq!(nft(json), expected);
        assert_eq!(items("]"), 0);
        assert_eq!(items(r#"{"concat": [1, 2]}, "x"], 7"#), 2);
    }
}
