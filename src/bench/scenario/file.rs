//! Scenarios from files.

use std::path::Path;
use std::sync::LazyLock;

use super::{Axis, Phase, Scenario, Word};
use crate::bench::peer;
use crate::codec::Problem;
use crate::codec::scenario::{self, Vocabulary};

/// Everything that is wrong with a file.
#[derive(Debug, thiserror::Error)]
#[error("a scenario file with {} errors", .0.len())]
pub struct FileError(pub Vec<Problem>);

static AXES: LazyLock<Vec<&str>> = LazyLock::new(words::<Axis>);
static PHASES: LazyLock<Vec<&str>> = LazyLock::new(words::<Phase>);
static PEERS: LazyLock<Vec<&str>> =
    LazyLock::new(|| peer::all().iter().map(|peer| peer.name()).collect());

/// Reads the scenario of a file.
///
/// # Errors
/// What is wrong with it, each with its line and field.
pub fn read(path: &Path) -> Result<Scenario, FileError> {
    let words = Vocabulary {
        axes: &AXES,
        allowed: |axis| Axis::of(axis).map(Axis::allowed),
        phases: &PHASES,
        peers: &PEERS,
    };
    let document = scenario::read(path, &words).map_err(FileError)?;
    let axes = document.axes.into_iter();
    let phases = document.phases.into_iter();
    Ok(Scenario {
        name: document.name,
        about: document.about,
        seed: document.seed,
        axes: axes
            .filter_map(|(name, values)| Some((Axis::of(name)?, values)))
            .collect(),
        phases: phases.filter_map(Phase::of).collect(),
        peers: document.peers.into_iter().map(str::to_owned).collect(),
    })
}

fn words<W: Word>() -> Vec<&'static str> {
    W::all().iter().map(|word| word.word()).collect()
}
