//! The parser of a target, and where libFuzzer begins and goes on with it: in `target/fuzz/<parser>`,
//! seeds that every run makes anew and a corpus that it keeps.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use crate::parser::Parser;

/// The parser that the target is named after.
pub(crate) static PARSER: LazyLock<Parser> = LazyLock::new(|| {
    let mut parsers = Parser::ALL.into_iter();
    let named = parsers.find(|parser| parser.name() == env!("CARGO_BIN_NAME"));
    named.expect("a target named after a parser")
});

/// Writes the seeds of the parser, each into a file.
pub(crate) fn plant() {
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    let folder = root.join("target/fuzz").join(PARSER.name());
    let [seeds, corpus] = ["seeds", "corpus"].map(|name| folder.join(name));
    fs::create_dir_all(&seeds).expect("a folder for seeds");
    fs::create_dir_all(corpus).expect("a folder for what is found");
    for (number, seed) in PARSER.seeds(root).into_iter().enumerate() {
        fs::write(seeds.join(number.to_string()), seed).expect("a file for a seed");
    }
}
