//! `regsize audit history`: what published tags were.

use super::super::args::{Cli, HistoryArgs};
use super::super::exit::Exit;
use super::{error, open, show};
use crate::history::{Access, Question};
use crate::reference::Reference;
use crate::registry::{Error, ErrorKind};
use crate::report::HistoryReport;

pub(super) async fn run(cli: &Cli, args: &HistoryArgs) -> Result<Exit, Error> {
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
    let (mut store, _) = open(&args.store, Access::Read).await?;
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
