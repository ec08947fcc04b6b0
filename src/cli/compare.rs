//! `regsize compare`: what differs between images, and what made the difference.

mod platforms;
mod subject;

use std::collections::BTreeSet;

use futures::future::{try_join, try_join_all};

use self::subject::{Subject, inspect, read, request};
use super::args::{Cli, CompareArgs, CompareTableKind};
use super::complain;
use super::exit::Exit;
use super::kept::{chosen, file_of};
use super::run::{Observers, finish, prepare, render_options};
use crate::collect::{LayerRequest, Session};
use crate::compare::{Comparison, Matrix, common, compare, matrix, shared};
use crate::image::Image;
use crate::oci::{Digest, Platform};
use crate::reference::{Source, without_password};
use crate::registry::{Error, ErrorKind};
use crate::report::{
    CompareOptions, CompareTable, Comparisons, Failure, Outcome, render_comparison,
};
use crate::snapshot::Snapshot;

pub(super) async fn run(cli: &Cli, args: &CompareArgs) -> Exit {
    let typed = args.images.iter().map(|typed| without_password(typed));
    let reference = typed.collect::<Vec<_>>().join(" ");
    let result = match &args.platforms {
        Some(wanted) => Box::pin(platforms::compared(cli, args, wanted)).await,
        None => Box::pin(compared(cli, args)).await,
    };
    let result = result.map_err(|error| {
        complain(&error);
        Failure::from(&error)
    });
    let outcome = Outcome { reference, result };
    let show = CompareOptions { top: args.top, table: table(args.table) };
    let options = render_options(cli, show);
    let render = |out: &mut dyn std::io::Write| render_comparison(&outcome, &options, out);
    finish(cli, std::slice::from_ref(&outcome), |_| false, render)
}

/// The table of a CSV report.
pub(super) fn table(kind: CompareTableKind) -> CompareTable {
    match kind {
        CompareTableKind::Layers => CompareTable::Layers,
        CompareTableKind::Causes => CompareTable::Causes,
        CompareTableKind::Packages => CompareTable::Packages,
        CompareTableKind::Components => CompareTable::Components,
        CompareTableKind::Paths => CompareTable::Paths,
    }
}

async fn compared(cli: &Cli, args: &CompareArgs) -> Result<Comparisons, Error> {
    check_count(args)?;
    let wanted = args.platform.platform.as_ref();
    let kept = |typed: &String| file_of(typed).map(|file| chosen(&file, wanted)).transpose();
    let kept: Vec<Option<Snapshot>> = args.images.iter().map(kept).collect::<Result<_, _>>()?;
    let known = kept.iter().flatten().find_map(|snapshot| snapshot.platform.parse().ok());
    let request = request(wanted.cloned().or(known));
    let published = args.images.iter().zip(&kept).filter(|(_, kept)| kept.is_none());
    let typed: Vec<String> = published.map(|(typed, _)| typed.clone()).collect();
    let prepared = prepare(cli, &typed)?;
    let ask = async |session: &Session, sources: Vec<Source>, observers: Observers<'_>| {
        let named = typed.iter().cloned().zip(sources);
        let inspected =
            try_join_all(named.map(|(typed, source)| inspect(session, typed, source, &request)));
        let mut inspected = inspected.await?.into_iter();
        let subjects = kept.into_iter().filter_map(|kept| match kept {
            Some(snapshot) => Some(Subject::Kept(Box::new(snapshot))),
            None => inspected.next(),
        });
        match <[Subject; 2]>::try_from(subjects.collect::<Vec<Subject>>()) {
            Ok([old, new]) => {
                let comparison = Box::pin(of_two(session, args, old, new, observers)).await?;
                Ok(Comparisons::Two(Box::new(comparison)))
            }
            Err(many) => of_many(session, args, many, observers).await.map(Comparisons::Many),
        }
    };
    Box::pin(prepared.together(&typed, ask)).await
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
        let wanted = wanted(args, || shared(&before, &after));
        let read = |subject| read(session, subject, &wanted, observers);
        let (old, new) = try_join(Box::pin(read(old)), Box::pin(read(new))).await?;
        compare(&old, &new)
    } else {
        compare(&before, &after)
    };
    if let Some(pull) = &mut comparison.next_pull {
        pull.documents = pull.documents.or(documents);
    }
    Ok(comparison)
}

/// Reads the layers that not all have, one image after the other: what they share is in the cache
/// after the first.
async fn of_many(
    session: &Session,
    args: &CompareArgs,
    subjects: Vec<Subject>,
    observers: Observers<'_>,
) -> Result<Matrix, Error> {
    let described: Vec<Snapshot> =
        subjects.iter().map(Subject::described).collect::<Result<_, _>>()?;
    for pair in described.windows(2) {
        check_platforms(&pair[0], &pair[1])?;
    }
    if args.manifest_only || !subjects.iter().all(Subject::has_layers) {
        return Ok(matrix(&described));
    }
    let wanted = wanted(args, || common(&described));
    let mut images = Vec::with_capacity(subjects.len());
    for subject in subjects {
        images.push(read(session, subject, &wanted, observers).await?);
    }
    Ok(matrix(&images))
}

/// Which layers to read: not those that say nothing, unless all are wanted.
fn wanted(args: &CompareArgs, except: impl FnOnce() -> BTreeSet<Digest>) -> LayerRequest {
    let except = if args.all_layers { BTreeSet::new() } else { except() };
    LayerRequest { except, no_toc: args.no_toc, captures: true, ..LayerRequest::default() }
}

fn check_count(args: &CompareArgs) -> Result<(), Error> {
    if args.images.len() > 1 {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Usage, "there is nothing to compare the image with")
        .hint("name two images or more, or compare its platforms: --platforms"))
}

/// Bytes of the manifest and the config that come with another image.
fn documents(old: &Snapshot, new: &Snapshot, image: Option<&Image>) -> Option<u64> {
    let image = image.filter(|_| old.image != new.image)?;
    Some(image.manifest_size.saturating_add(image.config_size))
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
    let text = format!("one image is for {}, another one for {}", old.platform, new.platform);
    Err(Error::new(ErrorKind::Usage, text)
        .hint("compare images of one platform: --platform OS/ARCH"))
}
