//! One host's table over its life: founded, changed, refused in parts, taken over again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use margay::agent::book::Book;
use margay::agent::dataplane::Dataplane;
use margay::agent::store::KeyChange;
use margay::backend::memory::MemoryBackend;
use margay::backend::{Backend, CommitError, Culprit, ObserveError};
use margay::codec::{self, Keys};
use margay::compile::compile;
use margay::compile::skeleton::{Skeleton, table_key};
use margay::model::{Event, Object, State};
use margay::ruleset::diff::normalised;
use margay::ruleset::transaction::{Commit, Operation, Phase};
use margay::ruleset::{Ruleset, Table, TableKey};

/// Tables in memory, behind a kernel that does not take everything.
#[derive(Debug, Default)]
struct Kernel {
    inner: MemoryBackend,
    refuses: Refuses,
    /// How often somebody else still comes between.
    contends: usize,
    /// How many answers are still lost of commits that were made.
    loses: usize,
    /// How many commits are still lost, and their answers with them.
    swallows: usize,
    health: Health,
}

/// Whether what packets can see may change at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Health {
    #[default]
    Well,
    /// It may not, whoever is to blame.
    Sick,
    /// It may, and nothing can be read.
    Blind,
}

impl Kernel {
    fn uncontended(&mut self) -> Result<(), CommitError> {
        match self.contends.checked_sub(1) {
            Some(left) => {
                self.contends = left;
                Err(CommitError::Contended)
            }
            None => Ok(()),
        }
    }
}

/// What is refused, where it is added: what has such a part in its name.
#[derive(Debug, Clone, Copy, Default)]
enum Refuses {
    #[default]
    Nothing,
    Named(&'static str),
    /// Rules alone, and of those the ones that allow.
    Allowing(&'static str),
}

impl Refuses {
    fn refuses(self, operation: &Operation) -> bool {
        let adds = matches!(
            operation,
            Operation::AddRule(..) | Operation::AddChain(..) | Operation::AddElements(..)
        );
        let is_named = |part| {
            let name = operation.subject();
            adds && name.is_some_and(|name| name.logical().contains(part))
        };
        match (self, operation) {
            (Self::Nothing, _) => false,
            (Self::Named(part), _) => is_named(part),
            (Self::Allowing(part), Operation::AddRule(_, rule)) => {
                is_named(part) && format!("{rule:?}").contains("allowed")
            }
            (Self::Allowing(_), _) => false,
        }
    }
}

impl Backend for Kernel {
    fn commit(&mut self, commit: &Commit) -> Result<(), CommitError> {
        self.uncontended()?;
        if let (Some(left), false) = (self.swallows.checked_sub(1), commit.is_empty()) {
            self.swallows = left;
            return Err(CommitError::Unanswered);
        }
        for step in &commit.steps {
            let is_seen = ![Phase::Populate, Phase::Collect].contains(&step.phase);
            if is_seen && self.health == Health::Sick {
                return Err(std::io::Error::from_raw_os_error(12).into());
            }
            let mut operations = step.operations.iter();
            if let Some(operation) = operations.find(|operation| self.refuses.refuses(operation)) {
                return Err(CommitError::Refused {
                    phase: step.phase,
                    operation: operation.to_string(),
                    culprit: Box::new(Culprit {
                        operation: operation.clone(),
                        element: None,
                    }),
                    errno: 12,
                    reason: "out of memory".to_owned(),
                });
            }
            let one = Commit {
                table: commit.table.clone(),
                steps: vec![margay::ruleset::transaction::Step {
                    wait: margay::ruleset::transaction::Wait::Grace,
                    ..step.clone()
                }],
            };
            self.inner.commit(&one)?;
        }
        match self.loses.checked_sub(1) {
            Some(left) if !commit.is_empty() => {
                self.loses = left;
                Err(CommitError::Unanswered)
            }
            Some(_) | None => Ok(()),
        }
    }

    fn adopt(&mut self, table: &TableKey) -> Result<(), CommitError> {
        self.uncontended()?;
        self.inner.adopt(table)
    }

    fn is_owned(&self) -> bool {
        self.inner.is_owned()
    }

    fn observe(&mut self, table: &TableKey) -> Result<Option<Table>, ObserveError> {
        match self.health {
            Health::Blind => Err(std::io::Error::from_raw_os_error(12).into()),
            Health::Well | Health::Sick => self.inner.observe(table),
        }
    }

    fn has_moved(&mut self) -> Result<bool, ObserveError> {
        self.inner.has_moved()
    }

    fn generation(&mut self) -> Result<u32, ObserveError> {
        self.inner.generation()
    }
}

const HOST: &str = "h";

fn state(text: &str) -> State {
    let loaded = codec::parse("agent.yaml", text);
    assert!(!loaded.has_errors(), "{:?}", loaded.problems);
    loaded.state
}

/// The events that make a state of nothing.
fn events(state: &State) -> Vec<Event> {
    let groups = state.groups.values().cloned().map(Event::Group);
    let endpoints = state.endpoints.values().cloned();
    let endpoints = endpoints.map(|endpoint| Event::Endpoint(Box::new(endpoint)));
    let policies = state.policies.values().cloned();
    let policies = policies.map(|policy| Event::Policy(Box::new(policy)));
    groups.chain(endpoints).chain(policies).collect()
}

fn group(name: &str, port: u16) -> String {
    format!(
        "---\napiVersion: margay/v1\nkind: SecurityGroup\nname: {name}\nrules:\n  ingress:\n    \
         - allow IPv4 tcp {port} from 0.0.0.0/0\n  egress: []\n"
    )
}

fn endpoint(name: &str, last: u8, groups: &str) -> String {
    format!(
        "---\napiVersion: margay/v1\nkind: Endpoint\nname: {name}\nhost: {HOST}\ninterface: tap{last}\n\
         addresses: [10.0.0.{last}]\ngroups: [{groups}]\n"
    )
}

fn two() -> String {
    [
        group("web", 80),
        group("db", 5432),
        endpoint("a", 1, "web"),
        endpoint("b", 2, "db"),
    ]
    .concat()
}

fn started(kernel: Kernel) -> Dataplane<Kernel> {
    Dataplane::start(kernel, HOST, Skeleton::builtin().unwrap(), State::default()).unwrap()
}

fn in_force(dataplane: &mut Dataplane<Kernel>) -> Table {
    dataplane.backend().observe(&table_key()).unwrap().unwrap()
}

fn desired(state: &State) -> Table {
    let Ruleset { mut tables } = compile(state, HOST, &Skeleton::builtin().unwrap());
    tables.remove(&table_key()).unwrap()
}

fn assert_in_force(dataplane: &mut Dataplane<Kernel>, state: &State) {
    let held = in_force(dataplane);
    assert_eq!(normalised(&held), normalised(&desired(state)));
}

#[test]
fn nothing_passes_before_anything_is_known() {
    let mut dataplane = started(Kernel::default());
    assert_in_force(&mut dataplane, &State::default());
    dataplane.take(events(&state(&two())));
    assert_in_force(&mut dataplane, &State::default());
    let done = dataplane.program(Instant::now()).unwrap();
    assert_eq!(done.commits.len(), 1);
    assert_in_force(&mut dataplane, &state(&two()));
}

#[test]
fn interfaces_that_change_hands_are_with_who_has_them_then() {
    let mut dataplane = started(Kernel::default());
    dataplane.take(events(&state(&two())));
    dataplane.program(Instant::now()).unwrap();
    let swapped = [
        group("web", 80),
        group("db", 5432),
        endpoint("a", 2, "web"),
        endpoint("b", 1, "db"),
    ]
    .concat();
    // A name before the other's claims the same interface and address.
    let claimed = swapped.clone() + &endpoint("ab", 1, "web");
    for text in [swapped, claimed] {
        dataplane.take(events(&state(&text)));
        dataplane.program(Instant::now()).unwrap();
        assert_in_force(&mut dataplane, &state(&text));
    }
}

#[test]
fn a_restart_over_a_correct_table_changes_nothing() {
    let mut dataplane = started(Kernel::default());
    dataplane.take(events(&state(&two())));
    dataplane.program(Instant::now()).unwrap();
    let kernel = std::mem::take(dataplane.backend());
    let generation = kernel.inner.clone().generation().unwrap();
    let mut again = started(kernel);
    again.take(events(&state(&two())));
    assert!(again.program(Instant::now()).unwrap().commits.is_empty());
    assert_eq!(again.backend().generation().unwrap(), generation);
}

#[test]
fn rules_that_moved_to_other_lines_are_told_and_nothing_is_sent() {
    let mut book = Book::new(Keys::Files, BTreeMap::new());
    let mut dataplane = started(Kernel::default());
    dataplane.take(book.take(KeyChange::value("p/a.yaml", two())));
    dataplane.program(Instant::now()).unwrap();
    let line = |dataplane: &Dataplane<Kernel>| {
        let web = &dataplane.state().groups[&"web".parse().unwrap()];
        web.ingress.iter().next().unwrap().origin.line
    };
    let before = line(&dataplane);
    let again = book.take(KeyChange::value(
        "p/a.yaml",
        format!("# A line.\n{}", two()),
    ));
    assert!(again.iter().all(|event| matches!(event, Event::Group(_))));
    dataplane.take(again);
    assert!(
        dataplane
            .program(Instant::now())
            .unwrap()
            .commits
            .is_empty()
    );
    assert_eq!(line(&dataplane), before + 1);
}

#[test]
fn others_who_commit_while_it_starts_are_no_reason_to_end() {
    let mut dataplane = started(Kernel {
        contends: 3,
        ..Kernel::default()
    });
    assert_in_force(&mut dataplane, &State::default());
    let mut kernel = std::mem::take(dataplane.backend());
    kernel.contends = 3;
    let mut again = started(kernel);
    assert_in_force(&mut again, &State::default());
}

#[test]
fn a_commit_whose_answer_is_lost_is_looked_up() {
    let loses = 1;
    let mut dataplane = started(Kernel {
        loses,
        ..Kernel::default()
    });
    assert_eq!(dataplane.backend().loses, 0);
    assert_in_force(&mut dataplane, &State::default());
    dataplane.backend().loses = loses;
    dataplane.take(events(&state(&two())));
    dataplane.program(Instant::now()).unwrap();
    assert_eq!(dataplane.backend().loses, 0);
    assert_in_force(&mut dataplane, &state(&two()));
}

#[test]
fn a_commit_that_is_lost_with_its_answer_is_sent_again_until_it_is_given_up() {
    let mut dataplane = started(Kernel::default());
    dataplane.backend().swallows = 2;
    dataplane.take(events(&state(&two())));
    dataplane.program(Instant::now()).unwrap();
    assert_in_force(&mut dataplane, &state(&two()));
    let mut dataplane = started(Kernel::default());
    dataplane.backend().swallows = usize::MAX;
    dataplane.take(events(&state(&two())));
    let given_up = dataplane.program(Instant::now()).unwrap_err();
    assert!(given_up.to_string().contains("was lost"), "{given_up}");
    assert_in_force(&mut dataplane, &State::default());
}

#[test]
fn one_group_that_is_refused_is_shut_and_the_rest_is_in_force() {
    let mut dataplane = started(Kernel {
        refuses: Refuses::Named("policy/db"),
        ..Kernel::default()
    });
    let now = Instant::now();
    dataplane.take(events(&state(&two())));
    let done = dataplane.program(now).unwrap();
    let db = Object::Group("db".parse().unwrap());
    assert_eq!(done.aside.keys().collect::<Vec<_>>(), [&db]);
    let mut without = state(&two());
    without.groups.remove(&"db".parse().unwrap());
    assert_in_force(&mut dataplane, &without);
    // Not before its time, and then twice as late.
    dataplane.program(now + Duration::from_secs(9)).unwrap();
    assert_eq!(
        dataplane.quarantine().next(),
        Some(now + Duration::from_secs(10))
    );
    let later = now + Duration::from_secs(10);
    dataplane.program(later).unwrap();
    assert_eq!(
        dataplane.quarantine().next(),
        Some(later + Duration::from_secs(20))
    );
    dataplane.backend().refuses = Refuses::Nothing;
    dataplane.program(later + Duration::from_secs(20)).unwrap();
    assert_eq!(dataplane.quarantine().next(), None);
    assert_in_force(&mut dataplane, &state(&two()));
}

#[test]
fn a_change_that_is_refused_leaves_what_was_in_force() {
    let mut dataplane = started(Kernel::default());
    dataplane.take(events(&state(&two())));
    dataplane.program(Instant::now()).unwrap();
    dataplane.backend().refuses = Refuses::Named("policy/db");
    let changed = two().replace("5432", "5433") + &endpoint("c", 3, "web");
    dataplane.take(events(&state(&changed)));
    let _before = dataplane.suspects();
    let done = dataplane.program(Instant::now()).unwrap();
    assert_eq!(done.aside.len(), 1);
    // What failed may have come some way, and denied somebody.
    assert!(!dataplane.suspects().is_empty());
    assert!(dataplane.suspects().is_empty(), "once");
    assert_in_force(&mut dataplane, &state(&(two() + &endpoint("c", 3, "web"))));
    // What is said next is tried at once.
    dataplane.backend().refuses = Refuses::Nothing;
    dataplane.take(events(&state(&two().replace("5432", "5434"))));
    let done = dataplane.program(Instant::now()).unwrap();
    assert!(done.aside.is_empty());
    let last = two().replace("5432", "5434") + &endpoint("c", 3, "web");
    assert_in_force(&mut dataplane, &state(&last));
}

#[test]
fn a_change_that_is_refused_again_leaves_what_was_in_force() {
    let mut dataplane = started(Kernel::default());
    dataplane.take(events(&state(&two())));
    let now = Instant::now();
    dataplane.program(now).unwrap();
    dataplane.backend().refuses = Refuses::Named("policy/db");
    dataplane.take(events(&state(&two().replace("5432", "5433"))));
    dataplane.program(now).unwrap();
    for seconds in [10, 30, 70] {
        let later = now + Duration::from_secs(seconds);
        let done = dataplane.program(later).unwrap();
        assert_eq!(done.aside.len(), 1, "{seconds}");
        assert_in_force(&mut dataplane, &state(&two()));
    }
    dataplane.backend().refuses = Refuses::Nothing;
    dataplane.program(now + Duration::from_secs(150)).unwrap();
    assert_eq!(dataplane.quarantine().next(), None);
    assert_in_force(&mut dataplane, &state(&two().replace("5432", "5433")));
}

fn policy(action: &str) -> State {
    state(&format!(
        "---\napiVersion: projectcalico.org/v3\nkind: GlobalNetworkPolicy\nmetadata: {{name: bad}}\n\
         spec: {{selector: all(), types: [Ingress], ingress: [{{action: {action}}}]}}\n\
         ---\napiVersion: projectcalico.org/v3\nkind: WorkloadEndpoint\nmetadata: {{name: h-k8s-p-eth0, \
         namespace: ns}}\nspec: {{orchestrator: k8s, node: h, pod: p, endpoint: eth0, interfaceName: cali1, \
         ipNetworks: [10.0.0.9/32]}}\n"
    ))
}

#[test]
fn a_policy_that_is_refused_denies() {
    let mut dataplane = started(Kernel {
        refuses: Refuses::Allowing("gnp/"),
        ..Kernel::default()
    });
    dataplane.take(events(&policy("Allow")));
    let done = dataplane.program(Instant::now()).unwrap();
    assert_eq!(done.aside.len(), 1);
    assert_in_force(&mut dataplane, &policy("Deny"));
}

#[test]
fn what_is_refused_whatever_is_made_of_it_leaves_all_as_it_was() {
    let mut dataplane = started(Kernel {
        refuses: Refuses::Named("gnp/"),
        ..Kernel::default()
    });
    dataplane.take(events(&policy("Allow")));
    assert!(dataplane.program(Instant::now()).is_err());
    assert_in_force(&mut dataplane, &State::default());
    dataplane.backend().refuses = Refuses::Nothing;
    let later = Instant::now() + Duration::from_secs(3600);
    dataplane.program(later).unwrap();
    assert_in_force(&mut dataplane, &policy("Allow"));
}

#[test]
fn a_table_that_could_not_be_read_is_read_in_the_next_round() {
    let mut dataplane = started(Kernel::default());
    dataplane.take(events(&state(&two())));
    dataplane.program(Instant::now()).unwrap();
    assert_eq!([dataplane.take_looks(), dataplane.take_looks()], [1, 0]);
    dataplane.backend().health = Health::Blind;
    assert!(dataplane.look().is_err());
    assert!(dataplane.program(Instant::now()).is_err());
    // Somebody took the table away meanwhile.
    *dataplane.backend() = Kernel::default();
    dataplane.program(Instant::now()).unwrap();
    assert_in_force(&mut dataplane, &state(&two()));
    dataplane.program(Instant::now()).unwrap();
    assert_eq!(dataplane.take_looks(), 3);
}

#[test]
fn tries_that_fail_for_nobody_in_particular_leave_no_more_and_more_behind() {
    let mut dataplane = started(Kernel::default());
    dataplane.take(events(&state(&two())));
    dataplane.program(Instant::now()).unwrap();
    dataplane.backend().health = Health::Sick;
    let with = |port: u16| {
        let name = format!("g{port}");
        state(&(two() + &group(&name, port) + &endpoint("c", 3, &name)))
    };
    let mut sizes = Vec::new();
    for port in 6_000..6_005 {
        dataplane.take(events(&with(port)));
        assert!(dataplane.program(Instant::now()).is_err());
        let held = in_force(&mut dataplane);
        sizes.push(held.sets.len() + held.chains.len());
    }
    let without = desired(&state(&two()));
    let least = without.sets.len() + without.chains.len();
    assert!(sizes[0] > least, "{sizes:?} and {least}");
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
    dataplane.backend().health = Health::Well;
    dataplane.program(Instant::now()).unwrap();
    assert_in_force(&mut dataplane, &with(6_004));
}
