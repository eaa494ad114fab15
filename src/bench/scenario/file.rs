//! Scenarios from files.

use std::path::Path;
use std::sync::LazyLock;

use super::{Axis, Phase, Scenario, Word};
use crate::bench::peer;
use crate::codec::Problem;
use crate::codec::scenario::{self, ScenarioDocument, Vocabulary};

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
    let document = scenario::read(path, &vocabulary());
    document.map(known).map_err(FileError)
}

/// Reads the scenario of a text.
///
/// # Errors
/// What is wrong with it, each with its line and field.
pub fn parse(name: &str, text: &str) -> Result<Scenario, FileError> {
    let document = scenario::parse(name, text, &vocabulary());
    document.map(known).map_err(FileError)
}

fn vocabulary() -> Vocabulary {
    Vocabulary {
        axes: &AXES,
        allowed: |axis| Axis::of(axis).map_or("", Axis::allowed),
        fits: |axis, number| Axis::of(axis).is_some_and(|axis| axis.fits(number)),
        phases: &PHASES,
        peers: &PEERS,
    }
}

fn known(document: ScenarioDocument) -> Scenario {
    let axes = document.axes.into_iter();
    let phases = document.phases.into_iter();
    Scenario {
        name: document.name,
        about: document.about,
        seed: document.seed,
        axes: axes
            .filter_map(|(name, values)| Some((Axis::of(name)?, values)))
            .collect(),
        phases: phases.filter_map(Phase::of).collect(),
        peers: document.peers.into_iter().map(str::to_owned).collect(),
    }
}

fn words<W: Word>() -> Vec<&'static str> {
    W::all().iter().map(|word| word.word()).collect()
}
