//! What ipset save printed, from libFuzzer.
#![no_main]

mod corpus;
mod parser;

libfuzzer_sys::fuzz_target!(
    init: corpus::plant(),
    |bytes: &[u8]| corpus::PARSER.take(bytes)
);
