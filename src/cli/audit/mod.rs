//! `regsize audit`: what is done with the history of published tags.

mod check_config;
mod diff;
mod export;
mod file;
mod history;
mod import;
mod init;
mod opened;
mod prune;
mod record;
mod run;
mod setup;
mod tell;
mod report;
mod verify;
mod watch;

use super::args::{AuditCommand, Cli, OutputFormat, PlaceArgs};
use super::exit::Exit;
use super::run::{format, terminal_options};
use super::{complain, write_report};
use crate::audit::watch::Stop;
use crate::history::{Access, Error as HistoryError, Store};
use crate::reference::{Reference, ReferenceError};
use crate::registry::{Error, ErrorKind};
use crate::report::{Failure, HistoryReport, render_history, render_history_failure};

pub(super) async fn run(cli: &Cli, command: &AuditCommand, stop: &Stop) -> Exit {
    let (name, result) = match command {
        AuditCommand::Watch(args) => ("watch", watch::run(cli, args, stop).await),
        AuditCommand::Run(args) => ("run", run::run(cli, args).await),
        AuditCommand::Init(args) => ("init", init::run(args)),
        AuditCommand::CheckConfig(args) => ("config", check_config::run(cli, args)),
        AuditCommand::Record(args) => ("record", record::run(cli, args).await),
        AuditCommand::History(args) => ("history", history::run(cli, args).await),
        AuditCommand::Report(args) => ("report", report::run(cli, args).await),
        AuditCommand::Diff(args) => ("diff", diff::run(cli, args).await),
        AuditCommand::Verify(args) => ("verify", verify::run(cli, &args.place).await),
        AuditCommand::Prune(args) => ("prune", prune::run(cli, args).await),
        AuditCommand::Export(args) => ("export", export::run(cli, args).await),
        AuditCommand::Import(args) => ("import", import::run(cli, args).await),
    };
    result.unwrap_or_else(|error| {
        complain(&error);
        if cli.output.format == OutputFormat::Json {
            write_report(|out| render_history_failure(name, &Failure::from(&error), out));
        }
        Exit::Unknown
    })
}

/// The repository that an argument names, and the tag if there is one: without one, all of them are
/// meant, and not the one that is implied for a pull.
fn target(typed: &str) -> Result<(String, Option<String>), Error> {
    let usage = |text: String| Error::new(ErrorKind::Usage, text);
    let reference: Reference =
        typed.parse().map_err(|error: ReferenceError| usage(error.to_string()))?;
    if reference.digest().is_some() {
        return Err(usage("a digest has no history: name a tag".to_owned()));
    }
    let tag = reference.tag().filter(|tag| typed.ends_with(&format!(":{tag}")));
    let repository = format!("{}/{}", reference.registry(), reference.repository());
    Ok((repository, tag.map(str::to_owned)))
}

fn unknown(typed: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("nothing is recorded of {typed}"))
        .hint("audit record, audit run and audit watch record what tags are")
}

/// Opens the history that the arguments name; tells its place, too.
async fn open(args: &PlaceArgs, access: Access) -> Result<(Store, String), Error> {
    let place = setup::place(args)?;
    let store = Store::open(&place, access).await.map_err(error)?;
    Ok((store, place.to_string()))
}

fn show(cli: &Cli, report: &HistoryReport<'_>) -> Exit {
    let (format, options) = (format(&cli.output), terminal_options(&cli.output));
    write_report(|out| render_history(report, format, &options, out))
}

/// An error of the history in the classes of errors of commands.
fn error(error: HistoryError) -> Error {
    use HistoryError as Of;
    let kind = match &error {
        Of::Place { .. } | Of::NotBuilt { .. } => ErrorKind::Usage,
        Of::Missing { .. } => ErrorKind::NotFound,
        Of::Corrupt { .. } | Of::Foreign { .. } | Of::Newer { .. } | Of::Import { .. } => {
            ErrorKind::BadData
        }
        Of::Unreachable { .. } => ErrorKind::Network,
        Of::Denied { .. } | Of::Forbidden { .. } => ErrorKind::Auth,
        _ => ErrorKind::Local,
    };
    let hint = error.what_to_do();
    let converted = Error::new(kind, error.to_string());
    let converted = match error {
        Of::File { source, .. } => converted.because(source),
        _ => converted,
    };
    match hint {
        Some(hint) => converted.hint(hint),
        None => converted,
    }
}
