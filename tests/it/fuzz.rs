//! What `make fuzz` looks for, for a moment: every parser, its seeds, and the seeds with a few bytes wrong.

#[path = "../fuzz/parser/mod.rs"]
mod parser;

use std::path::Path;

use margay::scenario::Random;
use parser::Parser;

/// How many wrong versions of all its seeds together a parser is given.
const VERSIONS: usize = 2_000;

/// Bytes that mean something to a parser.
const LOUD: &[u8] =
    b"{}[]()\"'\n\r\t ;,.:-/@*!=&|^#\\<>%~0129azAZ_\x00\x01\x02\x04\x08\x10\x7f\x80\xc3\xff";

#[test]
fn seeds_are_taken() {
    for (parser, seeds) in seeds() {
        for seed in &seeds {
            parser.take(seed);
        }
    }
}

#[test]
fn wrong_bytes_are_taken() {
    for (parser, seeds) in seeds() {
        let mut random = Random::new(1);
        for _ in 0..VERSIONS {
            let mut bytes = random.pick(&seeds).clone();
            for _ in 0..=random.below(4) {
                spoil(&mut bytes, &mut random);
            }
            parser.take(&bytes);
        }
    }
}

fn seeds() -> impl Iterator<Item = (Parser, Vec<Vec<u8>>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    Parser::ALL.into_iter().map(move |parser| {
        let seeds = parser.seeds(root);
        assert!(!seeds.is_empty(), "no seeds of {}", parser.name());
        (parser, seeds)
    })
}

/// Makes one thing wrong: a byte, or a run of bytes that is lost, doubled or moved.
fn spoil(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = random.below(bytes.len());
    let end = (at + 1 + random.below(12)).min(bytes.len());
    let run = bytes.get(at..end).unwrap_or_default().to_vec();
    match random.below(5) {
        0 => drop(bytes.splice(at..at, [*random.pick(LOUD)])),
        1 => drop(bytes.splice(at..end, [*random.pick(LOUD)])),
        2 => drop(bytes.splice(at..end, [])),
        3 => drop(bytes.splice(at..at, run)),
        _ => {
            let to = random.below(bytes.len());
            drop(bytes.splice(to..to, run));
        }
    }
}
