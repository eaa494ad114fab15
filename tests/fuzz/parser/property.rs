//! What must hold whatever a parser is given: no panic, every fault in its place, and what is read
//! prints as what reads back the same.

use std::fmt::{Debug, Display};
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::LazyLock;

use margay::backend::Backend;
use margay::backend::memory::MemoryBackend;
use margay::backend::nft::{Catalog, Ownership, decode, encode, notation};
use margay::bench::outline::Outline;
use margay::bench::{csv, html, jsonl, markdown};
use margay::codec;
use margay::compile::compile;
use margay::compile::inquiry::Who;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::config::{Config, SETTINGS};
use margay::demo::expected;
use margay::host::Flow;
use margay::model::{Direction, EndpointName, GroupName, InterfacePrefix, Origin};
use margay::net::{Cidr, Family, InterfaceName, MacAddress, PortRange, Protocol};
use margay::ruleset::diff::{between, rebuilt};
use margay::ruleset::digest::Digest;
use margay::ruleset::{Name, Ruleset, Tracked, json, parse};

static SKELETON: LazyLock<Skeleton> = LazyLock::new(|| Skeleton::builtin().unwrap());

/// Documents without a fault compile to what the memory backend takes; faults show in the text.
pub(crate) fn documents(source: &str, text: &str) {
    let loaded = codec::parse(source, text);
    for problem in &loaded.problems {
        // YAML ends a line at a carriage return too.
        let lines = text.split(['\n', '\r']).count();
        let line = usize::try_from(problem.line).unwrap();
        assert!((1..=lines).contains(&line), "{problem}");
        assert!(
            problem.column > 0 && !problem.message.is_empty(),
            "{problem}"
        );
    }
    if loaded.has_errors() {
        return;
    }
    let host = loaded.state.endpoints.values().next();
    let host = host.map_or("nowhere", |endpoint| endpoint.host.as_str());
    let ruleset = compile(&loaded.state, host, &SKELETON);
    reads_back(&ruleset);
    let commit = between(None, &ruleset.tables[&table_key()], &table_key());
    let mut backend = MemoryBackend::default();
    backend.commit(&commit).unwrap();
}

/// A value of any classic key declares something or is at fault, never both.
pub(crate) fn classic(bytes: &[u8]) {
    for form in [
        "Ready",
        "config/InterfacePrefix",
        "config/MetadataPort",
        "host/h/workload/o/w/endpoint/e",
        "host/h/endpoint/e",
        "policy/profile/p/rules",
        "policy/profile/p/tags",
        "policy/profile/p/labels",
        "policy/tier/t/metadata",
        "policy/tier/t/policy/p",
    ] {
        let key = format!("/calico/v1/{form}");
        let read = codec::Keys::Classic.read(&[(&key, bytes)]);
        let mut problems = read.problems.iter();
        assert!(problems.all(|problem| !problem.message.is_empty()));
        assert!(!read.has_errors() || read.events.is_empty(), "{key}");
    }
}

/// A rule that is read prints as what reads back the same; a fault lies in the text.
pub(crate) fn rule(text: &str) {
    for direction in Direction::ALL {
        match codec::rule::parse(text, direction, Origin::default()) {
            Ok(rule) => {
                let printed = rule.text(direction);
                let again = codec::rule::parse(&printed, direction, Origin::default());
                assert_eq!(again, Ok(rule), "{printed}");
            }
            Err(fault) => {
                assert!(text.is_char_boundary(fault.offset), "{fault:?}");
                assert!(!fault.to_string().is_empty());
            }
        }
    }
}

/// A ruleset that is read prints as what reads back the same, and says itself in every other form.
pub(crate) fn ruleset(text: &str) {
    match parse("a.nft", text) {
        Ok(ruleset) => {
            reads_back(&ruleset);
            says_itself(&ruleset);
        }
        Err(fault) => {
            assert!(
                (1..=text.lines().count() + 1).contains(&fault.line),
                "{fault}"
            );
            assert!(fault.column > 0 && !fault.message.is_empty(), "{fault}");
        }
    }
}

/// What a kernel says is a table that prints as what reads back the same, or foreign.
pub(crate) fn netlink(bytes: &[u8]) {
    match decode(&table_key(), bytes) {
        Ok(Some(table)) => {
            let ruleset = Ruleset {
                tables: [(table_key(), table)].into(),
            };
            reads_back(&ruleset);
            says_itself(&ruleset);
        }
        Ok(None) => {}
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}

/// A flow that is read prints as what reads back the same; a fault lies in the text.
pub(crate) fn expected(text: &str) {
    match expected::parse(text) {
        Ok(matrix) => {
            for mut flow in matrix.flows {
                let printed = format!("{flow} : {}", flow.expected);
                let again = expected::parse(&printed).unwrap_or_else(|e| panic!("{printed}: {e}"));
                (flow.line, flow.section) = (1, String::new());
                assert_eq!(again.flows, [flow], "{printed}");
            }
        }
        Err(fault) => assert!((1..=text.lines().count()).contains(&fault.line), "{fault}"),
    }
}

/// A file that is read gives a configuration that can be shown, without a secret; a fault names its place.
pub(crate) fn configuration(text: &str) {
    match Config::resolve([], Some(("felix.cfg", text)), "host") {
        Ok(resolved) => {
            for setting in SETTINGS {
                assert!(!(setting.text)(&resolved.config).is_empty());
            }
        }
        Err(fault) => assert!(!fault.to_string().is_empty()),
    }
}

/// A connection that is read has addresses of its family alone.
pub(crate) fn connection(bytes: &[u8]) {
    let Some(flow) = Flow::read(bytes) else {
        return;
    };
    for tuple in [&flow.original, &flow.reply] {
        for address in [tuple.source, tuple.destination] {
            assert_eq!(Family::of(address), flow.family);
        }
    }
}

/// A value that is read prints as what reads back the same.
pub(crate) fn value(text: &str) {
    value_of::<Cidr>(text);
    value_of::<PortRange>(text);
    value_of::<Protocol>(text);
    value_of::<InterfaceName>(text);
    value_of::<InterfacePrefix>(text);
    value_of::<MacAddress>(text);
    value_of::<GroupName>(text);
    value_of::<EndpointName>(text);
    value_of::<Who>(text);
    value_of::<IpAddr>(text);
    if let Ok(name) = Name::new(text) {
        assert_eq!(Name::new(&name.to_string()), Ok(name.clone()));
        let next = name.with_generation(7);
        assert_eq!((next.logical(), next.generation()), (name.logical(), 7));
    }
}

fn value_of<T: FromStr + Display + Debug + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        let printed = value.to_string();
        assert_eq!(printed.parse::<T>().ok(), Some(value), "{printed}");
    }
}

fn reads_back(ruleset: &Ruleset) {
    let text = ruleset.to_string();
    let again = parse("rendered", &text).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
    for (key, table) in &ruleset.tables {
        let again = &again.tables[key];
        assert_eq!(again.chains, table.chains, "{text}");
        assert_eq!(again.sets, table.sets, "{text}");
    }
    assert!(again == *ruleset, "{text}");
}

/// Everything that else is made of a table, of which nothing may panic.
fn says_itself(ruleset: &Ruleset) {
    assert!(json::document(ruleset).is_object());
    drop(notation::of(ruleset));
    for (key, table) in &ruleset.tables {
        assert!(!Digest::of(table).to_string().is_empty());
        drop(between(Some(table), SKELETON.table(), key));
        for step in rebuilt(&Tracked::from(table.clone()), key).steps {
            let mut catalog = Catalog::default();
            if let Ok(batch) = encode(key, Ownership::None, &mut catalog, &step.operations) {
                drop(decode(key, batch.bytes()));
            }
        }
    }
}

/// A run that is read is written as what reads back the same, and has a page in every form.
pub(crate) fn results(text: &str) {
    match jsonl::read("a.jsonl", text) {
        Ok(run) => {
            let written = jsonl::write(&run);
            let again = jsonl::read("again.jsonl", &written).unwrap();
            assert_eq!(jsonl::write(&again), written);
            let outline = Outline::of(&run);
            let page = html::render(&run, &outline);
            assert!(page.ends_with("</html>\n") && !page.contains("<script"));
            assert!(csv::render(&outline).lines().count() > 0);
            assert!(markdown::render(&run, &outline).starts_with("# "));
        }
        Err(error) => assert!(error.to_string().contains("; allowed: ")),
    }
}
