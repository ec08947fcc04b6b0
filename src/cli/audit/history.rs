//! `regsize audit history`: what published tags were.

use super::super::args::{Cli, HistoryArgs};
use super::super::exit::Exit;
use super::{error, open, show, target, unknown};
use crate::history::{Access, Question};
use crate::registry::Error;
use crate::report::HistoryReport;

pub(super) async fn run(cli: &Cli, args: &HistoryArgs) -> Result<Exit, Error> {
    let (repository, tag) = target(&args.target)?;
    let (mut store, _) = open(&args.place, Access::Read).await?;
    let question = Question {
        repository: repository.clone(),
        tag: tag.clone(),
        platform: args.platform.as_ref().map(ToString::to_string),
        newest: args.last,
    };
    let timelines = store.timelines(&question).await.map_err(error)?;
    store.close().await.map_err(error)?;
    if timelines.is_empty() {
        return Err(unknown(&args.target));
    }
    let report = HistoryReport::Timelines {
        repository: &repository,
        tag: tag.as_deref(),
        timelines: &timelines,
    };
    Ok(show(cli, &report))
}
