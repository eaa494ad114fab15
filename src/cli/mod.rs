//! The command line: one file per command, no logic.

mod check;
mod completions;
mod exit;
mod man;
mod options;
mod policy;
mod problems;
mod render;
mod screen;
mod trace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use exit::{Exit, Failure};
use screen::{Screen, Tint};

/// A per-host network-policy agent: security groups compiled to one nftables table.
#[derive(Debug, Parser)]
#[command(name = "margay", version, max_term_width = 100, after_help = exit::HELP)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Check(check::Check),
    Completions(completions::Completions),
    Man(man::Man),
    Render(render::Render),
    Trace(trace::Trace),
}

/// Reads the command line and does what it says.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return usage(&error).into(),
    };
    let screen = Screen::of_process();
    let done = match arguments.command {
        Command::Check(check) => check.run(&screen),
        Command::Completions(completions) => completions.run(&screen),
        Command::Man(man) => man.run(&screen),
        Command::Render(render) => render.run(&screen),
        Command::Trace(trace) => trace.run(&screen),
    };
    done.unwrap_or_else(|failure| report(&failure, &screen))
        .into()
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
    match failure {
        Failure::Said(exit) => return *exit,
        Failure::Unwritten(_) | Failure::Skeleton(_) | Failure::Inquiry(_) => {}
    }
    let error = screen.diagnostic.tinted(Tint::Error, "error");
    screen.diagnostic(&format!("{error}: {failure}\n"));
    Exit::Failed
}
