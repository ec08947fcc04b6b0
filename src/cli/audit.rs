//! `regsize audit`: what is done with the history of published tags.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use super::args::{AuditCommand, Cli, ExportArgs, HistoryArgs, OutputFormat, StoreArgs};
use super::exit::Exit;
use super::progress::line;
use super::run::{failure, format, terminal_options};
use super::{complain, environment, write_report};
use crate::history::{self, Access, Exported, Form, Place, Question, Store};
use crate::reference::Reference;
use crate::registry::{Error, ErrorKind};
use crate::report::{HistoryReport, render_history, render_history_failure};

pub(super) async fn run(cli: &Cli, command: &AuditCommand) -> Exit {
    let (name, result) = match command {
        AuditCommand::History(args) => ("history", history(cli, args).await),
        AuditCommand::Verify(args) => ("verify", verify(cli, &args.store).await),
        AuditCommand::Prune(args) => {
            ("prune", prune(cli, &args.store, args.keep, args.dry_run).await)
        }
        AuditCommand::Export(args) => ("export", export(cli, args).await),
        AuditCommand::Import(args) => ("import", import(cli, &args.store, &args.file).await),
    };
    result.unwrap_or_else(|error| {
        complain(&error);
        if cli.output.format == OutputFormat::Json {
            write_report(|out| render_history_failure(name, &failure(&error), out));
        }
        Exit::Unknown
    })
}

async fn history(cli: &Cli, args: &HistoryArgs) -> Result<Exit, Error> {
    // Without a tag all of them are meant, and not the one that is implied for a pull.
    let is_tagged = |reference: &Reference| {
        reference.tag().is_some_and(|tag| args.target.ends_with(&format!(":{tag}")))
    };
    let reference: Reference = args.target.parse().map_err(|error| {
        let error: crate::reference::ReferenceError = error;
        Error::new(ErrorKind::Usage, error.to_string())
    })?;
    if reference.digest().is_some() {
        return Err(Error::new(ErrorKind::Usage, "a digest has no history: name a tag"));
    }
    let repository = format!("{}/{}", reference.registry(), reference.repository());
    let tag = reference.tag().filter(|_| is_tagged(&reference));
    let mut store = open(&args.store, Access::Read).await?;
    let question = Question {
        repository: repository.clone(),
        tag: tag.map(str::to_owned),
        platform: args.platform.as_ref().map(ToString::to_string),
        newest: args.last,
    };
    let timelines = store.timelines(&question).await.map_err(error)?;
    store.close().await.map_err(error)?;
    if timelines.is_empty() {
        let text = format!("nothing is recorded of {}", args.target);
        return Err(Error::new(ErrorKind::NotFound, text));
    }
    let report = HistoryReport::Timelines { repository: &repository, tag, timelines: &timelines };
    Ok(show(cli, &report))
}

async fn verify(cli: &Cli, args: &StoreArgs) -> Result<Exit, Error> {
    let place = environment::store(args)?;
    let mut store = Store::open(&place, Access::Read).await.map_err(error)?;
    let verified = store.verify().await.map_err(error)?;
    store.close().await.map_err(error)?;
    let sound = verified.broken.is_none();
    let written =
        show(cli, &HistoryReport::Verified { place: &place.to_string(), verified: &verified });
    if written == Exit::Fine && !sound {
        line(&format!("error: {place} is not what was written"));
        return Ok(Exit::Unknown);
    }
    Ok(written)
}

async fn prune(cli: &Cli, args: &StoreArgs, keep: u32, dry_run: bool) -> Result<Exit, Error> {
    let place = environment::store(args)?;
    // A history is not made to be pruned.
    let mut store = Store::open(&place, Access::Read).await.map_err(error)?;
    let now = Timestamp::now();
    let kept = SignedDuration::from_hours(24 * i64::from(keep));
    let before = now.checked_sub(kept).unwrap_or(Timestamp::MIN);
    let pruned = if dry_run {
        store.prunable(before).await.map_err(error)?
    } else {
        store.close().await.map_err(error)?;
        store = Store::open(&place, Access::Write).await.map_err(error)?;
        store.prune(before, now).await.map_err(error)?
    };
    store.close().await.map_err(error)?;
    Ok(show(cli, &HistoryReport::Pruned { place: &place.to_string(), pruned, dry_run }))
}

async fn export(cli: &Cli, args: &ExportArgs) -> Result<Exit, Error> {
    let form = form(cli.output.format, args.file.as_deref())?;
    let place = environment::store(&args.store)?;
    let mut store = Store::open(&place, Access::Read).await.map_err(error)?;
    let exported = match &args.file {
        Some(file) => to_file(&mut store, form, file).await?,
        None => {
            let mut out = BufWriter::new(io::stdout());
            let exported = store.export(form, &mut out).await.map_err(error)?;
            out.flush().map_err(|error| unwritten("stdout", error))?;
            exported
        }
    };
    store.close().await.map_err(error)?;
    if exported.damaged > 0 {
        line(&format!("warning: {} rows are damaged, and marked so", exported.damaged));
    }
    if args.file.is_none() {
        return Ok(Exit::Fine);
    }
    Ok(show(cli, &HistoryReport::Exported { place: &place.to_string(), exported }))
}

/// Writes a file beside its place and gives it its name at the end, so that it is never half of one.
async fn to_file(store: &mut Store, form: Form, path: &Path) -> Result<Exported, Error> {
    let shown = path.display().to_string();
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty());
    let new = tempfile::Builder::new()
        .prefix(".regsize-")
        .tempfile_in(directory.unwrap_or(Path::new(".")))
        .map_err(|error| unwritten(&shown, error))?;
    let mut out = BufWriter::new(new);
    let exported = store.export(form, &mut out).await.map_err(error)?;
    let new = out.into_inner().map_err(|error| unwritten(&shown, error.into_error()))?;
    let finished = new.as_file().sync_all().and_then(|()| new.persist(path).map_err(|e| e.error));
    finished.map(|_: File| exported).map_err(|error| unwritten(&shown, error))
}

async fn import(cli: &Cli, args: &StoreArgs, file: &Path) -> Result<Exit, Error> {
    let place = environment::store(args)?;
    if !file.exists() {
        let text = format!("there is no file {}", file.display());
        return Err(Error::new(ErrorKind::Local, text));
    }
    let mut store = Store::open(&place, Access::Write).await.map_err(error)?;
    let imported = store.import(file).await.map_err(error)?;
    store.close().await.map_err(error)?;
    Ok(show(cli, &HistoryReport::Imported { place: &place.to_string(), imported }))
}

async fn open(args: &StoreArgs, access: Access) -> Result<Store, Error> {
    let place: Place = environment::store(args)?;
    Store::open(&place, access).await.map_err(error)
}

/// The form of an export: as asked for, or as the file's name says.
fn form(asked: OutputFormat, file: Option<&Path>) -> Result<Form, Error> {
    match asked {
        OutputFormat::Parquet => Ok(Form::Parquet),
        OutputFormat::Jsonl => Ok(Form::JsonLines),
        // What is printed about the export may have any form.
        _ if file.and_then(Path::extension).is_some_and(|end| end == "parquet") => {
            Ok(Form::Parquet)
        }
        OutputFormat::Csv | OutputFormat::Markdown if file.is_none() => {
            let text = "an export is JSON lines or Parquet";
            Err(Error::new(ErrorKind::Usage, text).hint("--format jsonl, --format parquet"))
        }
        _ => Ok(Form::JsonLines),
    }
}

fn show(cli: &Cli, report: &HistoryReport<'_>) -> Exit {
    let (format, options) = (format(&cli.output), terminal_options(&cli.output));
    write_report(|out| render_history(report, format, &options, out))
}

fn unwritten(name: &str, error: io::Error) -> Error {
    Error::new(ErrorKind::Local, format!("{name} cannot be written")).because(error)
}

/// An error of the history in the classes of errors of commands.
fn error(error: history::Error) -> Error {
    use history::Error as Of;
    let kind = match &error {
        Of::Place { .. } | Of::NotBuilt { .. } => ErrorKind::Usage,
        Of::Missing { .. } => ErrorKind::NotFound,
        Of::Corrupt { .. } | Of::Foreign { .. } | Of::Newer { .. } | Of::Import { .. } => {
            ErrorKind::BadData
        }
        Of::Unreachable { .. } => ErrorKind::Network,
        Of::Denied { .. } => ErrorKind::Auth,
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
