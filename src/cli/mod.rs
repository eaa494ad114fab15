//! The command line: one file per command, no logic.

mod agent;
mod apply;
mod bench;
mod carrier;
mod check;
mod cleanup;
mod completions;
mod config;
mod confirm;
mod demo;
mod doctor;
mod exit;
mod keep;
mod kernel;
mod man;
mod migrate;
mod options;
mod owner;
mod plan;
mod policy;
mod problems;
pub mod refusal;
mod render;
mod rollback;
mod screen;
mod status;
mod through;
mod trace;

use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::{Exit, Failure};
use screen::{Screen, Tint};

/// A per-host network-policy agent: security groups compiled to one nftables table.
#[derive(Debug, Parser)]
#[command(name = "margay", version, propagate_version = true)]
#[command(max_term_width = 100, after_help = exit::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Agent(agent::Agent),
    Apply(apply::Apply),
    Bench(bench::Bench),
    Check(check::Check),
    Cleanup(cleanup::Cleanup),
    Completions(completions::Completions),
    Config(config::Config),
    Confirm(confirm::Confirm),
    Demo(demo::Demo),
    Doctor(doctor::Doctor),
    KeepUntilConfirmed(keep::KeepUntilConfirmed),
    Man(man::Man),
    Migrate(migrate::Migrate),
    Plan(plan::Plan),
    Render(render::Render),
    Rollback(rollback::Rollback),
    Status(status::Status),
    Trace(trace::Trace),
}

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse_from(words(std::env::args_os())) {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error).into(),
    };
    let screen = Screen::of_process();
    let done = match arguments.command {
        Command::Agent(agent) => agent.run(&screen),
        Command::Apply(apply) => apply.run(&screen),
        Command::Bench(bench) => bench.run(&screen),
        Command::Cleanup(cleanup) => cleanup.run(&screen),
        Command::Check(check) => check.run(&screen),
        Command::Completions(completions) => completions.run(&screen),
        Command::Config(config) => config.run(&screen),
        Command::Confirm(confirm) => confirm.run(&screen),
        Command::Demo(demo) => demo.run(&screen),
        Command::Doctor(doctor) => doctor.run(&screen),
        Command::KeepUntilConfirmed(keep) => keep.run(&screen),
        Command::Man(man) => man.run(&screen),
        Command::Migrate(migrate) => migrate.run(&screen),
        Command::Plan(plan) => plan.run(&screen),
        Command::Render(render) => render.run(&screen),
        Command::Rollback(rollback) => rollback.run(&screen),
        Command::Status(status) => status.run(&screen),
        Command::Trace(trace) => trace.run(&screen),
    };
    done.unwrap_or_else(|failure| report(&failure, &screen))
        .into()
}

/// The words of the command line. Whoever calls the program by Felix's name means the daemon.
fn words(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words: Vec<_> = words.collect();
    let called = words.first().map(Path::new).and_then(Path::file_name);
    if called == Some(OsStr::new("calico-felix")) {
        words.insert(1, "agent".into());
    }
    words
}

/// Help that was asked for is a result; anything else is a usage error.
fn usage(error: &clap::Error) -> Exit {
    // A closed pipe takes nothing, and there is nobody else to tell.
    let _printed = error.print();
    match error.use_stderr() {
        true => Exit::Usage,
        false => Exit::Done,
    }
}

fn report(failure: &Failure, screen: &Screen) -> Exit {
    if let Failure::Said(exit) = failure {
        return *exit;
    }
    let error = screen.diagnostic.tinted(Tint::Error, "error");
    screen.diagnostic(&format!("{error}: {failure}\n"));
    failure.exit()
}
