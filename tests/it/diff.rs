//! Commits: what each kind of change becomes, and that histories leave no trace.

mod history;
mod kinds;
mod skeleton;
mod world;
