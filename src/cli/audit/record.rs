//! `regsize audit record`: what tags are now, in rows of the history.

use jiff::Timestamp;

use super::super::args::{Cli, RecordArgs};
use super::super::environment;
use super::super::exit::Exit;
use super::super::run::{layers_request, parse, prepare};
use super::opened::{complain_unsaved, open, replay};
use super::{error, setup, show};
use crate::analysis::{AnalysisOptions, analyze};
use crate::audit::pass::{Journal, Opened, Unsaved};
use crate::collect::{LayerObserver, LayerRequest, Request, Session};
use crate::history::{New, Target};
use crate::reference::{Reference, Source};
use crate::registry::{Error, ErrorKind};
use crate::report::{Failure, HistoryReport, Outcome, Recorded};
use crate::snapshot::Snapshot;

/// Tags that are read at the same time.
const TAGS: usize = 32;

pub(super) async fn run(cli: &Cli, args: &RecordArgs) -> Result<Exit, Error> {
    let tags = args.references.iter().map(|typed| tag(typed)).collect::<Result<Vec<_>, _>>()?;
    let (place, now) = (setup::place(&args.place)?, Timestamp::now());
    let spools = environment::spools(&args.spool, &place);
    // A history that cannot be written is told before anything is read.
    let (opened, is_damaged) = match open(&place).await? {
        Opened::Readable(_, reason) => return Err(error(reason)),
        opened => replay(opened, spools.as_ref()).await,
    };
    let prepared = prepare(cli, &args.references)?;
    let ask = async |session: &Session, source: Source, observer| {
        read(session, &source, args, &observer).await
    };
    let mut journal = Journal::new(opened, spools, now);
    let (mut tags, mut failed) = (tags.into_iter(), 0);
    let take = async |outcome: Outcome<Vec<Snapshot>>| {
        let Some((repository, tag)) = tags.next() else { return };
        failed += usize::from(outcome.result.is_err());
        put_down(&mut journal, now, repository, tag, outcome.result).await;
    };
    prepared.each(&args.references, TAGS, ask, take).await;
    journal.flush().await;
    let saved = journal.saved();
    let (store, mut unsaved) = journal.close().await;
    if let Some(store) = store {
        let closed = store.close().await.err();
        unsaved = unsaved.or_else(|| closed.map(Unsaved::because));
    }
    let recorded = Recorded { changed: saved.changed, same: saved.same, failed };
    let place = place.to_string();
    let shown = show(cli, &HistoryReport::Recorded { place: &place, recorded });
    let is_whole = failed == 0 && unsaved.is_none() && !is_damaged;
    if let Some(unsaved) = unsaved {
        complain_unsaved(unsaved);
    }
    Ok(if is_whole { shown } else { Exit::Unknown })
}

/// Records what a tag is, or that it could not be read.
async fn put_down(
    journal: &mut Journal,
    at: Timestamp,
    repository: String,
    tag: String,
    found: Result<Vec<Snapshot>, Failure>,
) {
    match found {
        Ok(snapshots) => {
            for snapshot in &snapshots {
                match New::image(&repository, &tag, at, snapshot) {
                    Ok(new) => journal.push(new).await,
                    Err(error) => journal.broke(error),
                }
            }
        }
        Err(failure) => {
            let target = Target { repository, tag, platform: String::new() };
            let (kind, message) = (failure.kind.to_owned(), failure.message);
            journal.push(New::Failed { target, at, kind, message }).await;
        }
    }
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
