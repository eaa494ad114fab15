//! Commits: what each kind of change becomes, and that histories leave no trace.

mod anonymous;
mod compiled;
mod edits;
mod history;
mod kinds;
mod members;
mod rules;
mod safety;
mod skeleton;
mod tracked;
mod world;
