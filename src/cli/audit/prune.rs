//! `regsize audit prune`: the oldest rows go.

use jiff::{SignedDuration, Timestamp};

use super::super::args::{Cli, PruneStoreArgs};
use super::super::exit::Exit;
use super::{error, open, show};
use crate::history::Access;
use crate::registry::Error;
use crate::report::HistoryReport;

pub(super) async fn run(cli: &Cli, args: &PruneStoreArgs) -> Result<Exit, Error> {
    // A history is not made to be pruned.
    let (mut store, place) = open(&args.place, Access::Read).await?;
    let now = Timestamp::now();
    let kept = SignedDuration::from_hours(24 * i64::from(args.keep));
    let before = now.checked_sub(kept).unwrap_or(Timestamp::MIN);
    let pruned = if args.dry_run {
        store.prunable(before).await.map_err(error)?
    } else {
        store.close().await.map_err(error)?;
        (store, _) = open(&args.place, Access::Write).await?;
        store.prune(before, now).await.map_err(error)?
    };
    store.close().await.map_err(error)?;
    Ok(show(cli, &HistoryReport::Pruned { place: &place, pruned, dry_run: args.dry_run }))
}
