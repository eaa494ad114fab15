//! What every backend must refuse, with which error number, and that a refusal leaves nothing behind.

use margay::backend::memory::MemoryBackend;
use margay::backend::nft::{NftBackend, Ownership};
use margay::backend::{Backend, CommitError};
use margay::ruleset::transaction::{Commit, Operation, Phase, Step, Wait};
use margay::ruleset::{
    Chain, Datatype, Element, ElementData, Elements, Expression, Key, Match, Name, Operand,
    Operator, PayloadField, Rule, Set, Statement, Table, TableFamily, TableKey, Verdict,
    VmapSource, parse,
};
use rustix::io::Errno;

use crate::support::netns::in_netns;

/// The table that the cases are tried on.
const HELD: &str = "table inet contract {
	set members {
		type ipv4_addr
		elements = { 10.0.0.1 }
	}

	set two {
		type ipv4_addr
		size 2
	}

	set ranges {
		type ipv4_addr
		flags interval
		elements = { 10.0.0.0-10.0.0.9 }
	}

	map dispatch {
		type ipv4_addr : verdict
		elements = { 10.0.0.1 : goto pointed-at }
	}

	chain pointed-at {
	}

	chain used {
	}

	chain idle {
	}

	chain forward {
		type filter hook forward priority filter; policy accept;
		ip saddr @members jump used
		ip saddr vmap @dispatch
	}
}
";

/// Tries every case on a backend without tables.
pub(crate) fn contract(backend: &mut dyn Backend) {
    let table = parse("held", HELD).unwrap().tables.remove(&key()).unwrap();
    install(backend, &table);
    let held = backend.observe(&key()).unwrap();
    assert_eq!(held.as_ref(), Some(&table));
    for (what, operations) in accepted() {
        commit(backend, Phase::Populate, operations).unwrap_or_else(|e| panic!("{what}: {e}"));
        assert_eq!(backend.observe(&key()).unwrap(), held, "{what}");
    }
    for (what, operations, errno) in refused() {
        let generation = backend.generation().unwrap();
        let last = operations.len() - 1;
        let culprit = operations[last].clone();
        match commit(backend, Phase::Populate, operations) {
            Err(CommitError::Refused {
                errno: seen,
                culprit: named,
                ..
            }) => {
                assert_eq!(Errno::from_raw_os_error(seen), errno, "{what}");
                assert_eq!(named.operation, culprit, "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
        assert_eq!(backend.observe(&key()).unwrap(), held, "{what}");
        assert_eq!(backend.generation().unwrap(), generation, "{what}");
    }
}

/// Adding what is there already, as it is there, changes nothing.
fn accepted() -> Vec<(&'static str, Vec<Operation>)> {
    vec![
        ("the same table", vec![Operation::AddTable]),
        ("the same set", vec![add_set("members", Datatype::Ipv4Addr)]),
        ("the same chain", vec![add_chain("used")]),
        ("a base chain without its hook", vec![add_chain("forward")]),
        ("the same element", vec![add("members", vec![host(1)])]),
        ("the same range", vec![add("ranges", vec![range(0, 9)])]),
        ("the same map element", vec![map("pointed-at")]),
        (
            "a loop that nothing reaches",
            vec![
                add_rule("idle", jump("idle")),
                Operation::FlushChain(name("idle")),
            ],
        ),
    ]
}

fn refused() -> Vec<(&'static str, Vec<Operation>, Errno)> {
    let mut cases = missing();
    cases.extend(present());
    cases.extend(in_use());
    cases.extend([
        (
            "too many elements",
            vec![add("two", vec![host(1), host(2), host(3)])],
            Errno::NFILE,
        ),
        (
            "a jump to a base chain",
            vec![add_rule("idle", jump("forward"))],
            Errno::OPNOTSUPP,
        ),
        ("a loop", vec![add_rule("used", jump("used"))], Errno::MLINK),
        (
            "a loop through a map",
            vec![add_rule("pointed-at", dispatch())],
            Errno::MLINK,
        ),
        ("17 chains", deep(15), Errno::MLINK),
        (
            "something after something fine",
            vec![
                add("members", vec![host(7)]),
                Operation::DeleteSet(name("nowhere")),
            ],
            Errno::NOENT,
        ),
    ]);
    cases
}

fn missing() -> Vec<(&'static str, Vec<Operation>, Errno)> {
    [
        ("a jump to no chain", add_rule("idle", jump("nowhere"))),
        ("a lookup in no set", add_rule("idle", in_set("nowhere"))),
        ("a rule in no chain", add_rule("nowhere", jump("idle"))),
        (
            "a counter that is not there",
            add_rule("idle", Statement::NamedCounter(name("nothing"))),
        ),
        ("elements of no set", add("nowhere", vec![host(1)])),
        ("a map element to no chain", map("nowhere")),
        ("no set to delete", Operation::DeleteSet(name("nowhere"))),
        (
            "no chain to delete",
            Operation::DeleteChain(name("nowhere")),
        ),
        (
            "no element to delete",
            Operation::DeleteElements(name("members"), vec![host(9)]),
        ),
    ]
    .map(|(what, operation)| (what, vec![operation], Errno::NOENT))
    .to_vec()
}

fn present() -> Vec<(&'static str, Vec<Operation>, Errno)> {
    [
        (
            "a set of another type",
            add_set("members", Datatype::Ipv6Addr),
        ),
        ("a map element with another verdict", map("idle")),
        (
            "a range that begins inside",
            add("ranges", vec![range(5, 20)]),
        ),
        ("a range inside", add("ranges", vec![range(5, 6)])),
    ]
    .map(|(what, operation)| (what, vec![operation], Errno::EXIST))
    .to_vec()
}

fn in_use() -> Vec<(&'static str, Vec<Operation>, Errno)> {
    [
        (
            "a set that a rule looks up",
            Operation::DeleteSet(name("members")),
        ),
        (
            "a chain that a rule jumps to",
            Operation::DeleteChain(name("used")),
        ),
        (
            "a chain that a map leads to",
            Operation::DeleteChain(name("pointed-at")),
        ),
    ]
    .map(|(what, operation)| (what, vec![operation], Errno::BUSY))
    .to_vec()
}

/// `count` chains more below `used`, which is itself below a base chain.
fn deep(count: usize) -> Vec<Operation> {
    let chains: Vec<String> = (1..=count).map(|depth| format!("deep{depth}")).collect();
    let mut operations: Vec<Operation> = chains.iter().map(|chain| add_chain(chain)).collect();
    let links = chains.iter().zip(chains.iter().skip(1));
    operations.extend(links.map(|(from, to)| add_rule(from, jump(to))));
    operations.push(add_rule("used", jump(&chains[0])));
    operations
}

/// Builds a table where nothing reaches it, then its base chains' rules.
fn install(backend: &mut dyn Backend, table: &Table) {
    let mut populate = vec![Operation::AddTable];
    let mut switch = Vec::new();
    for (name, set) in &table.sets {
        let mut declared = set.clone();
        declared.elements.clear();
        populate.push(Operation::AddSet(name.clone(), Box::new(declared)));
    }
    for (name, chain) in &table.chains {
        let declared = Chain {
            rules: Vec::new(),
            ..chain.clone()
        };
        populate.push(Operation::AddChain(name.clone(), declared));
        let rules = chain
            .rules
            .iter()
            .map(|rule| Operation::AddRule(name.clone(), rule.clone()));
        if chain.hook.is_some() {
            switch.extend(rules);
        } else {
            populate.extend(rules);
        }
    }
    let filled = table
        .sets
        .iter()
        .filter(|(_, set)| !set.elements.is_empty());
    populate.extend(filled.map(|(n, s)| Operation::AddElements(n.clone(), s.elements.clone())));
    commit(backend, Phase::Populate, populate).unwrap();
    commit(backend, Phase::Switch, switch).unwrap();
}

fn commit(
    backend: &mut dyn Backend,
    phase: Phase,
    operations: Vec<Operation>,
) -> Result<(), CommitError> {
    let step = Step {
        phase,
        wait: Wait::None,
        operations,
    };
    backend.commit(&Commit {
        table: key(),
        steps: vec![step],
    })
}

fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

fn key() -> TableKey {
    TableKey {
        family: TableFamily::Inet,
        name: name("contract"),
    }
}

fn host(last: u8) -> Key {
    Key::value(&[10, 0, 0, last])
}

fn range(first: u8, last: u8) -> Key {
    Key::range(&[10, 0, 0, first], &[10, 0, 0, last])
}

fn add(set: &str, keys: Vec<Key>) -> Operation {
    let elements = keys.into_iter().map(|key| (key, Element::default()));
    Operation::AddElements(name(set), elements.collect())
}

fn map(chain: &str) -> Operation {
    let element = Element::of(ElementData::Verdict(Verdict::Goto(name(chain))));
    Operation::AddElements(name("dispatch"), Elements::from([(host(1), element)]))
}

fn add_set(set: &str, datatype: Datatype) -> Operation {
    Operation::AddSet(name(set), Box::new(Set::of(&[datatype])))
}

fn add_chain(chain: &str) -> Operation {
    Operation::AddChain(name(chain), Chain::default())
}

fn add_rule(chain: &str, statement: Statement) -> Operation {
    Operation::AddRule(name(chain), Rule::new(vec![statement]))
}

fn jump(chain: &str) -> Statement {
    Statement::Verdict(Verdict::Jump(name(chain)))
}

fn dispatch() -> Statement {
    Statement::Vmap {
        key: vec![Expression::Payload(PayloadField::IpSaddr)],
        map: VmapSource::Named(name("dispatch")),
    }
}

fn in_set(set: &str) -> Statement {
    Statement::Match(Match {
        left: vec![Expression::Payload(PayloadField::IpSaddr)],
        mask: None,
        operator: Operator::Eq,
        right: Operand::Set(name(set)),
    })
}

#[test]
fn the_memory_backend_keeps_the_contract() {
    contract(&mut MemoryBackend::default());
}

#[test]
fn the_kernel_keeps_the_contract() {
    in_netns("contract::the_kernel_keeps_the_contract", || {
        contract(&mut NftBackend::new(Ownership::None).unwrap());
    });
}
