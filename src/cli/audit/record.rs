//! `regsize audit record`: what tags are now, in rows of the history.

use jiff::Timestamp;

use super::super::args::{Cli, RecordArgs};
use super::super::exit::Exit;
use super::super::run::{layers_request, parse, prepare};
use super::{error, open, show};
use crate::analysis::{AnalysisOptions, analyze};
use crate::collect::{LayerObserver, LayerRequest, Request, Session};
use crate::history::{Access, New, Outcome as Became, Target};
use crate::reference::{Reference, Source};
use crate::registry::{Error, ErrorKind};
use crate::report::{HistoryReport, Recorded};
use crate::snapshot::Snapshot;

pub(super) async fn run(cli: &Cli, args: &RecordArgs) -> Result<Exit, Error> {
    let tags = args.references.iter().map(|typed| tag(typed)).collect::<Result<Vec<_>, _>>()?;
    // A history that cannot be written is told before anything is read.
    let (mut store, place) = open(&args.store, Access::Write).await?;
    let prepared = prepare(cli, &args.references)?;
    let ask = async |session: &Session, source: Source, observer| {
        read(session, &source, args, &observer).await
    };
    let read = prepared.outcomes(&args.references, ask).await;
    let now = Timestamp::now();
    let mut news = Vec::new();
    let mut failed = 0;
    for ((repository, tag), outcome) in tags.iter().zip(read) {
        match outcome.result {
            Ok(snapshots) => {
                for snapshot in &snapshots {
                    news.push(New::image(repository, tag, now, snapshot).map_err(error)?);
                }
            }
            Err(failure) => {
                failed += 1;
                let target = Target {
                    repository: repository.clone(),
                    tag: tag.clone(),
                    platform: String::new(),
                };
                let (kind, message) = (failure.kind.to_owned(), failure.message);
                news.push(New::Failed { target, at: now, kind, message });
            }
        }
    }
    let became = store.append(&news).await.map_err(error)?;
    store.close().await.map_err(error)?;
    let count = |wanted: Became| {
        let images = news.iter().zip(&became).filter(|(new, _)| matches!(new, New::Point { .. }));
        images.filter(|(_, became)| **became == wanted).count()
    };
    let recorded = Recorded { changed: count(Became::Recorded), same: count(Became::Same), failed };
    let shown = show(cli, &HistoryReport::Recorded { place: &place, recorded });
    Ok(if failed > 0 { Exit::Unknown } else { shown })
}

/// The repository and the tag that a reference names.
fn tag(typed: &str) -> Result<(String, String), Error> {
    let refused = |what: &str| {
        let text = format!("{typed:?} cannot be recorded: {what}");
        Error::new(ErrorKind::Usage, text).hint("name a tag, as in ghcr.io/owner/name:latest")
    };
    let source = parse(typed)?;
    let reference: &Reference =
        source.registry().ok_or_else(|| refused("it is in files, which have no tags"))?;
    match (reference.digest(), reference.tag()) {
        (None, Some(tag)) => {
            let repository = format!("{}/{}", reference.registry(), reference.repository());
            Ok((repository, tag.to_owned()))
        }
        _ => Err(refused("a digest never changes")),
    }
}

async fn read(
    session: &Session,
    source: &Source,
    args: &RecordArgs,
    observer: &LayerObserver,
) -> Result<Vec<Snapshot>, Error> {
    let all = args.platform.platform.is_none();
    let request = Request { detail_all: all, ..layers_request(&args.platform) };
    if args.manifest_only {
        let inspection = session.inspect(source, &request).await?;
        let images = inspection.images.iter().enumerate();
        let images = images.filter(|(at, _)| all || *at == inspection.shown);
        return Ok(images.map(|(_, image)| Snapshot::of_inspection(&inspection, image)).collect());
    }
    let wanted = LayerRequest { all_platforms: all, captures: true, ..LayerRequest::default() };
    let layers = session.layers(source, &request, &wanted, observer).await?;
    let options = AnalysisOptions { paths: true, ..AnalysisOptions::default() };
    Ok(Snapshot::all_of(&analyze(layers, &options)))
}
