//! A small world of network namespaces in which real packets obey a policy.
//!
//! ```text
//! documents --> policy --------------> kernel of the namespace margay-demo-host
//! expected.txt --> matrix --> layout --> namespaces --> packets --> report
//! ```
//!
//! Three rounds of the same packets: without a table all pass, so what stops them later is ours;
//! with the skeleton alone none does; with the policy those that the matrix names.

pub mod expected;
pub mod flow;
pub mod matrix;
pub mod namespace;
pub mod private;
pub mod program;
pub mod report;
pub mod world;

mod layout;
mod packet;
mod round;
mod socket;

use std::time::{Duration, Instant};

use crate::codec;
use crate::model::State;
use expected::ExpectedError;
use flow::Seen;
use layout::Layout;
use matrix::{Flow, Matrix};
use namespace::IpError;
use program::{Program, ProgramError};
use report::{Report, Row};
use round::Round;
use world::WorldError;

/// The policy of the demo.
const DOCUMENTS: &str = concat!(
    include_str!("../../examples/demo/settings.yaml"),
    "\n---\n",
    include_str!("../../examples/demo/red.yaml"),
    "\n---\n",
    include_str!("../../examples/demo/blue.yaml"),
    "\n---\n",
    include_str!("../../examples/demo/green.yaml"),
);

/// The expected matrix of the demo.
pub const EXPECTED: &str = include_str!("../../examples/demo/expected.txt");

/// How long each attempt of a packet is waited for where some should pass.
const PATIENCE: Duration = Duration::from_millis(200);

/// The same where none should: the slowest packet of the first round took far less.
const SHORT_PATIENCE: Duration = Duration::from_millis(60);

/// What becomes of the namespaces in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// They are removed.
    Remove,
    /// They stay, to be looked at.
    Keep,
}

/// Why the demo came to no result.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The policy cannot be read.
    #[error("the policy of the demo: {0}")]
    Policy(String),
    /// The matrix cannot be read.
    #[error("the expected matrix: {0}")]
    Expected(#[from] ExpectedError),
    /// The matrix names what does not exist or cannot be.
    #[error("the expected matrix: {0}")]
    Layout(String),
    /// Namespaces may not be made here.
    #[error(transparent)]
    Refused(#[from] private::Refused),
    /// The world cannot be built.
    #[error("cannot build the namespaces: {0}")]
    World(#[from] WorldError),
    /// The policy cannot be programmed.
    #[error("cannot program the policy: {0}")]
    Program(#[from] ProgramError),
    /// The listeners cannot be started.
    #[error("cannot listen: {0}")]
    Listeners(#[from] std::io::Error),
}

impl From<IpError> for DemoError {
    fn from(error: IpError) -> Self {
        Self::World(error.into())
    }
}

/// Builds the world, sends the packets, and removes the world again unless it is to be kept.
///
/// # Errors
/// The matrix cannot be read, or the world cannot be built, programmed or removed.
pub fn run(
    expected: &str,
    afterwards: Afterwards,
    say: &dyn Fn(&str),
) -> Result<Report, DemoError> {
    let state = policy()?;
    let matrix = expected::parse(expected)?;
    let layout = Layout::new(&matrix, &state).map_err(DemoError::Layout)?;
    let outcome = rounds(&state, &matrix, &layout, say);
    match afterwards {
        Afterwards::Keep => outcome,
        Afterwards::Remove => {
            let removed = world::remove();
            let report = outcome?;
            removed?;
            Ok(report)
        }
    }
}

fn policy() -> Result<State, DemoError> {
    let loaded = codec::parse("examples/demo", DOCUMENTS);
    if !loaded.has_errors() {
        return Ok(loaded.state);
    }
    let problems: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    Err(DemoError::Policy(problems.join("; ")))
}

fn rounds(
    state: &State,
    matrix: &Matrix,
    layout: &Layout,
    say: &dyn Fn(&str),
) -> Result<Report, DemoError> {
    let began = Instant::now();
    let count = matrix.flows.len();
    say(&format!(
        "building {} network namespaces",
        layout.namespaces().len()
    ));
    world::build(layout)?;
    let mut program = Program::new(&layout.host)?;
    let mut round = Round::new(matrix, layout)?;

    say(&format!("sending {count} flows without a table"));
    let open = round.run(PATIENCE);

    program.skeleton(state)?;
    say(&format!("sending {count} flows against the skeleton alone"));
    let closed = round.run(SHORT_PATIENCE);
    world::forget_neighbours(layout)?;

    program.policy(state)?;
    say(&format!("sending {count} flows against the policy"));
    let seen = round.run(PATIENCE);

    let rows = matrix
        .flows
        .iter()
        .cloned()
        .zip(seen)
        .map(|(flow, seen)| Row { flow, seen });
    Ok(Report {
        rows: rows.collect(),
        open: unlike(matrix, open, |_, seen| *seen == Seen::Allow),
        closed: unlike(matrix, closed, is_stopped),
        took: began.elapsed(),
    })
}

/// What the host itself sends is not policed; what a workload answers is.
fn is_stopped(flow: &Flow, seen: &Seen) -> bool {
    *seen == Seen::Deny || (flow.from == "host" && *seen == Seen::Unanswered)
}

/// The flows that did not fare as all of a round should.
fn unlike(matrix: &Matrix, seen: Vec<Seen>, right: fn(&Flow, &Seen) -> bool) -> Vec<Row> {
    let rows = matrix.flows.iter().cloned().zip(seen);
    rows.filter(|(flow, seen)| !right(flow, seen))
        .map(|(flow, seen)| Row { flow, seen })
        .collect()
}
