//! `regsize compare`: what differs between images, and what made the difference.

mod baseline;

use std::collections::BTreeSet;

use futures::future::{try_join, try_join_all};

use self::baseline::{chosen, file_of};
use super::args::{Cli, CompareArgs, CompareTableKind};
use super::complain;
use super::exit::Exit;
use super::run::{Observers, finish, prepare, render_options};
use crate::analysis::{AnalysisOptions, analyze};
use crate::collect::{BaseSource, LayerRequest, Request, Session};
use crate::compare::{Comparison, compare, shared};
use crate::image::{Image, Inspection};
use crate::oci::Platform;
use crate::reference::{Reference, without_password};
use crate::registry::{Error, ErrorKind};
use crate::report::{CompareOptions, CompareTable, Failure, Outcome, render_comparison};
use crate::snapshot::Snapshot;

pub(super) async fn run(cli: &Cli, args: &CompareArgs) -> Exit {
    let typed = args.images.iter().map(|typed| without_password(typed));
    let reference = typed.collect::<Vec<_>>().join(" ");
    let result = comparison(cli, args).await.map_err(|error| {
        complain(&error);
        Failure::from(&error)
    });
    let outcome = Outcome { reference, result };
    let show = CompareOptions { top: args.top, table: table(args.table) };
    let options = render_options(cli, show);
    let render = |out: &mut dyn std::io::Write| render_comparison(&outcome, &options, out);
    finish(cli, std::slice::from_ref(&outcome), |_| false, render)
}

fn table(kind: CompareTableKind) -> CompareTable {
    match kind {
        CompareTableKind::Layers => CompareTable::Layers,
        CompareTableKind::Causes => CompareTable::Causes,
        CompareTableKind::Packages => CompareTable::Packages,
        CompareTableKind::Components => CompareTable::Components,
        CompareTableKind::Paths => CompareTable::Paths,
    }
}

/// One of the images.
enum Subject {
    /// In a registry, as its documents tell.
    Published { typed: String, reference: Reference, inspection: Box<Inspection> },
    /// In a report that was written before.
    Kept(Box<Snapshot>),
}

impl Subject {
    fn image(&self) -> Option<&Image> {
        match self {
            Self::Published { inspection, .. } => inspection.images.get(inspection.shown),
            Self::Kept(_) => None,
        }
    }

    /// What is known of it before layers are read.
    fn described(&self) -> Result<Snapshot, Error> {
        match self {
            Self::Kept(snapshot) => Ok((**snapshot).clone()),
            Self::Published { typed, inspection, .. } => {
                let image = self.image().ok_or_else(|| no_image(typed))?;
                Ok(Snapshot::of_inspection(inspection, image))
            }
        }
    }

    /// Whether it can be told what is in the layers.
    fn has_layers(&self) -> bool {
        match self {
            Self::Published { .. } => true,
            Self::Kept(snapshot) => snapshot.layers.iter().any(|layer| layer.contents.is_some()),
        }
    }
}

fn no_image(typed: &str) -> Error {
    Error::new(ErrorKind::NotFound, "there is no image in it").about(&without_password(typed))
}

async fn comparison(cli: &Cli, args: &CompareArgs) -> Result<Comparison, Error> {
    let wanted = args.platform.platform.as_ref();
    let kept = |typed: &String| file_of(typed).map(|file| chosen(&file, wanted)).transpose();
    let kept: Vec<Option<Snapshot>> = args.images.iter().map(kept).collect::<Result<_, _>>()?;
    let known = kept.iter().flatten().find_map(|snapshot| snapshot.platform.parse().ok());
    let request = request(wanted.cloned().or(known));
    let published = args.images.iter().zip(&kept).filter(|(_, kept)| kept.is_none());
    let typed: Vec<String> = published.map(|(typed, _)| typed.clone()).collect();
    let prepared = prepare(cli, &typed)?;
    let ask = async |session: &Session, references: Vec<Reference>, observers: Observers<'_>| {
        let references = typed.iter().cloned().zip(references);
        let inspected = try_join_all(
            references.map(|(typed, reference)| inspect(session, typed, reference, &request)),
        );
        let mut inspected = inspected.await?.into_iter();
        let subjects = kept.into_iter().filter_map(|kept| match kept {
            Some(snapshot) => Some(Subject::Kept(Box::new(snapshot))),
            None => inspected.next(),
        });
        let mut subjects = subjects;
        let (Some(old), Some(new)) = (subjects.next(), subjects.next()) else {
            return Err(Error::new(ErrorKind::Usage, "two images are compared"));
        };
        of_two(session, args, old, new, observers).await
    };
    prepared.together(&typed, ask).await
}

async fn inspect(
    session: &Session,
    typed: String,
    reference: Reference,
    request: &Request,
) -> Result<Subject, Error> {
    match session.inspect(&reference, request).await {
        Ok(inspection) => {
            Ok(Subject::Published { typed, reference, inspection: Box::new(inspection) })
        }
        Err(error) => Err(error.about(&without_password(&typed))),
    }
}

/// Reads the layers that differ, and compares.
async fn of_two(
    session: &Session,
    args: &CompareArgs,
    old: Subject,
    new: Subject,
    observers: Observers<'_>,
) -> Result<Comparison, Error> {
    let (before, after) = (old.described()?, new.described()?);
    check_platforms(&before, &after)?;
    let documents = documents(&before, &after, new.image());
    let is_read =
        !args.manifest_only && before.image != after.image && old.has_layers() && new.has_layers();
    let mut comparison = if is_read {
        let except = if args.all_layers { BTreeSet::new() } else { shared(&before, &after) };
        let wanted =
            LayerRequest { except, no_toc: args.no_toc, captures: true, ..LayerRequest::default() };
        let read = |subject| read(session, subject, &wanted, observers);
        let (old, new) = try_join(read(old), read(new)).await?;
        compare(&old, &new)
    } else {
        compare(&before, &after)
    };
    comparison.next_pull.documents = comparison.next_pull.documents.or(documents);
    Ok(comparison)
}

/// Bytes of the manifest and the config that come with another image.
fn documents(old: &Snapshot, new: &Snapshot, image: Option<&Image>) -> Option<u64> {
    let image = image.filter(|_| old.image != new.image)?;
    Some(image.manifest_size.saturating_add(image.config_size))
}

async fn read(
    session: &Session,
    subject: Subject,
    wanted: &LayerRequest,
    observers: Observers<'_>,
) -> Result<Snapshot, Error> {
    let Subject::Published { typed, reference, inspection } = subject else {
        return subject.described();
    };
    let about = |error: Error| error.about(&without_password(&typed));
    let read = session.read(&reference, *inspection, wanted, &observers()).await.map_err(about)?;
    let options = AnalysisOptions { paths: true, partial: true, ..AnalysisOptions::default() };
    let analysis = analyze(read, &options);
    Snapshot::all_of(&analysis).into_iter().next().ok_or_else(|| no_image(&typed))
}

fn request(platform: Option<Platform>) -> Request {
    Request {
        platform,
        preferred: Platform::host(),
        detail_all: false,
        tails: false,
        base: BaseSource::Evidence,
        referrers: false,
    }
}

fn check_platforms(old: &Snapshot, new: &Snapshot) -> Result<(), Error> {
    let platform = |snapshot: &Snapshot| snapshot.platform.parse::<Platform>().ok();
    let is_one = old.platform == new.platform
        || platform(old)
            .zip(platform(new))
            .is_some_and(|(old, new)| old.satisfies(&new) || new.satisfies(&old));
    if is_one {
        return Ok(());
    }
    let text = format!("the old image is for {}, the new one for {}", old.platform, new.platform);
    Err(Error::new(ErrorKind::Usage, text)
        .hint("compare images of one platform: --platform OS/ARCH"))
}
