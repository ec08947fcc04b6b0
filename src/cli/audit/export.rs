//! `regsize audit export`: all rows as a file or on stdout.

use std::io::{self, BufWriter, Write};
use std::path::Path;

use super::super::args::{Cli, ExportArgs, OutputFormat};
use super::super::exit::Exit;
use super::super::progress::line;
use super::file::{NewFile, unwritten};
use super::{error, open, show};
use crate::history::{Access, Error as HistoryError, Exported, Form, Store};
use crate::registry::{Error, ErrorKind};
use crate::report::HistoryReport;

pub(super) async fn run(cli: &Cli, args: &ExportArgs) -> Result<Exit, Error> {
    let form = form(cli.output.format, args.file.as_deref())?;
    let (mut store, place) = open(&args.place, Access::Read).await?;
    let exported = if let Some(file) = &args.file {
        to_file(&mut store, form, file).await?
    } else {
        match to_stdout(&mut store, form).await? {
            Some(exported) => exported,
            None => return Ok(Exit::Fine),
        }
    };
    store.close().await.map_err(error)?;
    if exported.damaged > 0 {
        line(&format!("warning: {} rows are damaged, and marked so", exported.damaged));
    }
    if args.file.is_none() {
        return Ok(Exit::Fine);
    }
    Ok(show(cli, &HistoryReport::Exported { place: &place, exported }))
}

/// Gives nothing where the reader left before the end, who had enough.
async fn to_stdout(store: &mut Store, form: Form) -> Result<Option<Exported>, Error> {
    let mut out = BufWriter::new(io::stdout());
    let exported = store.export(form, &mut out).await;
    let is_left = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
    match (exported, out.flush()) {
        (Err(HistoryError::File { source, .. }), _) if is_left(&source) => Ok(None),
        (Ok(_), Err(error)) if is_left(&error) => Ok(None),
        (Ok(_), Err(error)) => Err(unwritten("stdout", error)),
        (exported, _) => exported.map(Some).map_err(error),
    }
}

async fn to_file(store: &mut Store, form: Form, path: &Path) -> Result<Exported, Error> {
    let mut file = NewFile::create(path)?;
    let exported = store.export(form, file.out()).await.map_err(error)?;
    file.finish()?;
    Ok(exported)
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
