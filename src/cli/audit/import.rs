//! `regsize audit import`: the rows of an export that are not there yet.

use super::super::args::{Cli, ImportArgs};
use super::super::exit::Exit;
use super::{error, open, show};
use crate::history::Access;
use crate::registry::{Error, ErrorKind};
use crate::report::HistoryReport;

pub(super) async fn run(cli: &Cli, args: &ImportArgs) -> Result<Exit, Error> {
    let file = &args.file;
    if !file.exists() {
        let text = format!("there is no file {}", file.display());
        return Err(Error::new(ErrorKind::Local, text));
    }
    let (mut store, place) = open(&args.place, Access::Write).await?;
    let imported = store.import(file).await.map_err(error)?;
    store.close().await.map_err(error)?;
    let is_whole = imported.damaged == 0;
    let shown = show(cli, &HistoryReport::Imported { place: &place, imported });
    // What was left out is missing from a history that is sound by itself.
    Ok(if shown == Exit::Fine && !is_whole { Exit::Unknown } else { shown })
}
