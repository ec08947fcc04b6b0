//! `regsize audit verify`: whether a history is what was written.

use super::super::args::{Cli, PlaceArgs};
use super::super::exit::Exit;
use super::super::progress::line;
use super::{error, open, show};
use crate::history::Access;
use crate::registry::Error;
use crate::report::HistoryReport;

pub(super) async fn run(cli: &Cli, args: &PlaceArgs) -> Result<Exit, Error> {
    let (mut store, place) = open(args, Access::Read).await?;
    let verified = store.verify().await.map_err(error)?;
    store.close().await.map_err(error)?;
    let sound = verified.broken.is_none();
    let written = show(cli, &HistoryReport::Verified { place: &place, verified: &verified });
    if written == Exit::Fine && !sound {
        line(&format!("error: {place} is not what was written"));
        return Ok(Exit::Unknown);
    }
    Ok(written)
}
