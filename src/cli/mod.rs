//! The command line: parses arguments, makes one library call, renders, ends with an exit code.
//!
//! Only this module prints, reads the environment or ends the program. Stdout holds nothing but
//! the report; everything else goes to stderr.

mod analyze;
mod args;
mod audit;
mod cache;
mod check;
mod compare;
mod environment;
mod exit;
mod files;
mod help;
mod inspect;
mod kept;
mod packages;
mod pages;
mod progress;
mod rules;
mod run;
mod selection;
mod settings;
mod shared;
mod tags;

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use std::time::Duration;

use clap::builder::Resettable;
use clap::error::{ContextKind, ContextValue, ErrorKind as ClapKind};
use clap::{CommandFactory as _, FromArgMatches as _};
use tokio::signal::unix::{SignalKind, signal};

use crate::audit::watch::Stop;
use crate::reference::Source;
use crate::registry::{Error, ErrorKind};
use crate::report::{unknown_verdict, usage_json};
use args::{AuditCommand, Cli, Command, OutputFormat};
use exit::Exit;
use progress::line;

/// How long the program may wait, once a command is done, for threads that are still at work.
const LONGEST_END: Duration = Duration::from_millis(500);

/// Runs the program with its arguments, the first of which is its name.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let cli = match parsed(&arguments) {
        Ok(cli) => cli,
        Err(error) => return usage(&error, &arguments).into(),
    };
    run(&cli).into()
}

fn parsed(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let mut grammar = without_empty(Cli::command());
    let mut matches = grammar.try_get_matches_from_mut(arguments)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(&mut grammar))
}

/// A grammar in which a variable that is empty counts as one that is not set.
fn without_empty(command: clap::Command) -> clap::Command {
    let command = command.mut_args(|arg| {
        if arg.get_env().is_some_and(environment::is_empty) {
            arg.env(Resettable::Reset)
        } else {
            arg
        }
    });
    command.mut_subcommands(without_empty)
}

fn run(cli: &Cli) -> Exit {
    if let Err(error) = format_fits(cli) {
        if matches!(cli.command, Command::Check(_)) {
            write_out(no_verdict().as_bytes());
        }
        return failed(&error);
    }
    match &cli.command {
        Command::Completions { shell } => write_out(&pages::completions(*shell)),
        Command::Man { command } => match pages::manual(command.as_deref()) {
            Ok(page) => write_out(&page),
            Err(error) => failed(&error),
        },
        Command::Cache(command) => cache::run(cli, command),
        Command::Inspect(inspect) => until_interrupted(inspect::run(cli, inspect)),
        Command::Analyze(analyze) => until_interrupted(analyze::run(cli, analyze)),
        Command::Files(files) => until_interrupted(files::run(cli, files)),
        Command::Check(check) => until_interrupted(check::run(cli, check)),
        Command::Packages(packages) => until_interrupted(packages::run(cli, packages)),
        Command::Compare(compare) => until_interrupted(compare::run(cli, compare)),
        Command::Audit(command @ AuditCommand::Watch(_)) => {
            let stop = Stop::default();
            until(audit::run(cli, command, &stop), second_interruption(&stop))
        }
        Command::Audit(command) => until_interrupted(audit::run(cli, command, &Stop::default())),
        Command::Tags(tags) => until_interrupted(tags::run(cli, tags)),
        Command::Rules(rules) => rules::run(cli, rules),
    }
}

/// Whether the command writes the format that is asked for.
fn format_fits(cli: &Cli) -> Result<(), Error> {
    let usage = |text: &str| Error::new(ErrorKind::Usage, text);
    match (cli.output.format, &cli.command) {
        (OutputFormat::Manifest, Command::Packages(_))
        | (OutputFormat::Github | OutputFormat::Junit | OutputFormat::Sarif, Command::Check(_))
        | (OutputFormat::Html, Command::Audit(AuditCommand::Report(_)))
        | (OutputFormat::Jsonl | OutputFormat::Parquet, Command::Audit(AuditCommand::Export(_))) => {
            Ok(())
        }
        (OutputFormat::Html, _) => Err(usage("html is a format of `audit report` alone")
            .hint("regsize audit report --html FILE")),
        (OutputFormat::Manifest, _) => Err(usage("a manifest is a format of `packages` alone")
            .hint("regsize packages IMAGE --format manifest")),
        (OutputFormat::Github | OutputFormat::Junit | OutputFormat::Sarif, _) => {
            Err(usage("github, junit and sarif are formats of `check` alone")
                .hint("regsize check IMAGE --max-compressed 2GB --format github"))
        }
        (OutputFormat::Jsonl | OutputFormat::Parquet, _) => {
            Err(usage("jsonl and parquet are formats of `audit export` alone")
                .hint("regsize audit export FILE --format parquet"))
        }
        _ => Ok(()),
    }
}

/// Runs a command to its end or to a signal.
fn until_interrupted(command: impl Future<Output = Exit>) -> Exit {
    until(command, interruption())
}

/// Runs a command to its end or to that of `interruption`.
fn until(command: impl Future<Output = Exit>, interruption: impl Future<Output = Exit>) -> Exit {
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
        // Signals are listened to before the command begins.
        tokio::select! {
            biased;
            exit = interruption => exit,
            exit = command => exit,
        }
    });
    // Threads that write to the cache tidy up; a name look-up that hangs must not hold up the end.
    runtime.shutdown_timeout(LONGEST_END);
    exit
}

async fn interruption() -> Exit {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    // A limit on the length of files is to be an error of the write, not the end.
    let _too_long = signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()));
    tokio::select! {
        _ = interrupt.recv() => Exit::Interrupted,
        _ = terminate.recv() => Exit::Terminated,
    }
}

/// Asks to stop at the first signal; ends at the second.
async fn second_interruption(stop: &Stop) -> Exit {
    interruption().await;
    stop.ask();
    let exit = interruption().await;
    stop.ask();
    exit
}

/// Prints what clap has to say: help on stdout, a complaint on stderr.
fn usage(error: &clap::Error, arguments: &[OsString]) -> Exit {
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
    let hint = forgotten_command(error);
    if let Some(hint) = &hint {
        line(&format!("hint: {hint}"));
    }
    let format = format_of(arguments);
    let is_check = arguments.get(1).is_some_and(|command| command == "check");
    match format {
        Some("json") => {
            write_out(&usage_json(&complaint, hint.as_deref()));
        }
        _ if !is_check => {}
        Some("csv" | "junit" | "sarif") => line(no_verdict().trim_end()),
        _ => {
            write_out(no_verdict().as_bytes());
        }
    }
    Exit::Unknown
}

/// What to do if an image stands where a command should.
fn forgotten_command(error: &clap::Error) -> Option<String> {
    let Some(ContextValue::String(typed)) = error.get(ContextKind::InvalidSubcommand) else {
        return None;
    };
    let is_misspelt = error.get(ContextKind::SuggestedSubcommand).is_some();
    let is_image = !is_misspelt && typed.parse::<Source>().is_ok();
    is_image.then(|| {
        format!(
            "for an image, say what to do with it: `regsize inspect {typed}` for its sizes, or \
         `regsize analyze {typed}` for what is in its layers"
        )
    })
}

/// The last line of a check that was asked for in a way that cannot be understood.
fn no_verdict() -> String {
    unknown_verdict(ErrorKind::Usage.as_str()) + "\n"
}

/// The format that arguments ask for which could not be parsed.
fn format_of(arguments: &[OsString]) -> Option<&str> {
    let apart = arguments.windows(2).find(|pair| pair[0] == "--format");
    let joined = || arguments.iter().find_map(|word| word.to_str()?.strip_prefix("--format="));
    apart.and_then(|pair| pair[1].to_str()).or_else(joined)
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

/// Writes bytes to stdout.
fn write_out(bytes: &[u8]) -> Exit {
    write_report(|out| out.write_all(bytes))
}

/// Writes the report as it is made. A reader who left early got what they wanted.
fn write_report(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Exit {
    let mut out = BufWriter::new(io::stdout().lock());
    match write(&mut out).and_then(|()| out.flush()) {
        Ok(()) => Exit::Fine,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(error) => {
            failed(&Error::new(ErrorKind::Local, "the report cannot be written").because(error))
        }
    }
}
