//! The command line: parses arguments, makes one library call, renders, ends with an exit code.
//!
//! Only this module prints, reads the environment or ends the program. Stdout holds nothing but
//! the report; everything else goes to stderr.

mod args;
mod environment;
mod exit;
mod inspect;
mod pages;
mod progress;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind as ClapKind;
use tokio::signal::unix::{SignalKind, signal};

use crate::registry::{Error, ErrorKind};
use crate::report::usage_json;
use args::{Cli, Command};
use exit::Exit;
use progress::line;

/// Runs the program with its arguments, the first of which is its name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, asks_for_json(&arguments)).into(),
    };
    run(&cli).into()
}

fn run(cli: &Cli) -> Exit {
    match &cli.command {
        Command::Completions { shell } => write_out(&pages::completions(*shell)),
        Command::Man { command } => match pages::manual(command.as_deref()) {
            Ok(page) => write_out(&page),
            Err(error) => failed(&error),
        },
        Command::Inspect(inspect) => until_interrupted(inspect::run(cli, inspect)),
    }
}

/// Runs a command to its end or to a signal.
fn until_interrupted(command: impl Future<Output = Exit>) -> Exit {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => {
            return failed(
                &Error::new(ErrorKind::Local, "the program cannot start its threads")
                    .because(error),
            );
        }
    };
    let exit = runtime.block_on(async {
        tokio::select! {
            exit = command => exit,
            exit = interruption() => exit,
        }
    });
    // A name look-up that hangs must not hold up the end.
    runtime.shutdown_background();
    exit
}

async fn interruption() -> Exit {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    }
}

/// Prints what clap has to say: help on stdout, a complaint on stderr.
fn usage(error: &clap::Error, json: bool) -> Exit {
    let asked = matches!(error.kind(), ClapKind::DisplayHelp | ClapKind::DisplayVersion);
    if asked {
        let text = if environment::color(false) {
            error.render().ansi().to_string()
        } else {
            error.render().to_string()
        };
        return write_out(text.as_bytes());
    }
    // What was typed is repeated, so it goes through the encoder, line by line.
    let complaint = error.render().to_string();
    complaint.lines().for_each(line);
    if json {
        write_out(&usage_json(&complaint));
    }
    Exit::Unknown
}

/// Whether the arguments, which could not be parsed, want a report for programs.
fn asks_for_json(arguments: &[OsString]) -> bool {
    let follows = |pair: &[OsString]| pair[0] == "--format" && pair[1] == "json";
    arguments.windows(2).any(follows)
        || arguments.iter().any(|argument| argument == "--format=json")
}

/// Ends a run for an error.
fn failed(error: &Error) -> Exit {
    complain(error);
    Exit::Unknown
}

/// Prints an error with its causes and what to do about it.
fn complain(error: &Error) {
    line(&format!("error: {error}"));
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        line(&format!("  cause: {source}"));
        cause = source.source();
    }
    if let Some(hint) = error.what_to_do() {
        line(&format!("hint: {hint}"));
    }
}

/// Writes the report. A reader who left early got what they wanted.
fn write_out(bytes: &[u8]) -> Exit {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Ok(()) => Exit::Fine,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(error) => {
            failed(&Error::new(ErrorKind::Local, "the report cannot be written").because(error))
        }
    }
}
