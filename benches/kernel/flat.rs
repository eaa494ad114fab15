//! Rules and lookups on the longest path, counted: no kernel, no clock.

use margay::ruleset::cost::longest_path;
use margay::scenario::Flat;
use margay::scenario::flat::flat;

use crate::record::Record;
use crate::worlds;

/// Counts for growing rules, endpoints and groups.
pub(crate) fn count(record: &mut Record) {
    record.title("flat: rules and lookups on the longest path of any packet");
    for rules in [10, 1_000, 10_000, 100_000] {
        let size = Flat {
            rules,
            ..Flat::default()
        };
        line(record, &format!("{rules} rules"), size);
    }
    for endpoints in [10, 1_000, 10_000] {
        let size = Flat {
            endpoints,
            ..Flat::default()
        };
        line(record, &format!("{endpoints} endpoints"), size);
    }
    for groups_named in [1, 20, 500] {
        let size = Flat {
            groups_named,
            ..Flat::default()
        };
        line(record, &format!("{groups_named} groups named"), size);
    }
}

fn line(record: &mut Record, subject: &str, size: Flat) {
    let path = longest_path(&worlds::compiled(&flat(size, 1))).unwrap();
    record.count(subject, "rules", path.cost.rules);
    record.count(subject, "lookups", path.cost.lookups);
}
